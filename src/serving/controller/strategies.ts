/** The scheduling strategies by name; a new one is added here and nowhere else. */
import { createInfer4 } from "#serving/controller/infer4.ts";
import { createInfer5 } from "#serving/controller/infer5.ts";
import type { StrategyFactory } from "#serving/controller/strategy.ts";
import { MILLISECOND, type Nanos, ns } from "#stdx/nanos.ts";

export interface StrategyKind {
  readonly create: StrategyFactory;
  /** Largest batch unless the user names another. */
  readonly maxBatchSize: number;
  /** How far ahead GPUs are given work unless the user says, when the controller has inputs to make. */
  readonly scheduleAheadWithInputs: Nanos;
}

export const STRATEGIES: ReadonlyMap<string, StrategyKind> = new Map([
  [
    "INFER4",
    { create: createInfer4, maxBatchSize: 16, scheduleAheadWithInputs: ns(10 * MILLISECOND) },
  ],
  [
    "INFER5",
    { create: createInfer5, maxBatchSize: 8, scheduleAheadWithInputs: ns(15 * MILLISECOND) },
  ],
]);
