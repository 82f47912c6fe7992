/** The scheduling strategies by name; a new one is added here and nowhere else. */
import { createInfer5 } from "#serving/controller/infer5.ts";
import type { StrategyFactory } from "#serving/controller/strategy.ts";

export const STRATEGIES: ReadonlyMap<string, StrategyFactory> = new Map([["INFER5", createInfer5]]);

/** Types of the original that are not available yet. */
export const PLANNED_STRATEGIES: readonly string[] = ["INFER4", "ECHO", "DIRECT"];
