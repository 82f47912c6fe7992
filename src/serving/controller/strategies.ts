/** The scheduling strategies by name; a new one is added here and nowhere else. */
import { createInfer4 } from "#serving/controller/infer4.ts";
import { createInfer5 } from "#serving/controller/infer5.ts";
import type { StrategyFactory } from "#serving/controller/strategy.ts";

export interface StrategyKind {
  readonly create: StrategyFactory;
  /** Largest batch unless the user names another. */
  readonly maxBatchSize: number;
}

export const STRATEGIES: ReadonlyMap<string, StrategyKind> = new Map([
  ["INFER4", { create: createInfer4, maxBatchSize: 16 }],
  ["INFER5", { create: createInfer5, maxBatchSize: 8 }],
]);

/** Types of the original that are not available yet. */
export const PLANNED_STRATEGIES: readonly string[] = ["ECHO", "DIRECT"];
