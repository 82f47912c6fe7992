/** The types of controller that can be named on a command line, what each one needs, and how it is made. */
import { Controller } from "#serving/controller/controller.ts";
import { DirectController } from "#serving/controller/direct.ts";
import type { ControllerEffect, ControllerEvent } from "#serving/controller/events.ts";
import { type ControllerOptions, DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import { type Nanos, ns, SECOND } from "#stdx/nanos.ts";

/** A controller of any type, as whoever drives it sees it. */
export interface ControllerMachine {
  /**
   * Advances to `now`, which never decreases between calls, and returns what is to be done, in order. Events that came
   * together belong into one call: requests that did may go as one batch.
   */
  step(now: Nanos, ...events: readonly ControllerEvent[]): readonly ControllerEffect[];
  /** When `step` must be called with a timer at the latest; null while only events can make something happen. */
  nextTimeout(): Nanos | null;
}

export type ControllerLog = "requests" | "actions" | "batches" | "windows";

export interface ControllerType {
  readonly maxBatchSize: number;
  readonly maxExec: Nanos;
  /** Null where there is no load stage. */
  readonly loadStageTimeout: Nanos | null;
  readonly logs: readonly ControllerLog[];
}

/** What ECHO and DIRECT ask workers to leave out of a model; they schedule nothing and have no options for it. */
const UNSCHEDULED = { maxBatchSize: 32, maxExec: SECOND } as const;

const SCHEDULERS = [...STRATEGIES].map(([name, { maxBatchSize }]): [string, ControllerType] => {
  const { maxExec, loadStageTimeout } = DEFAULT_OPTIONS;
  const logs = ["requests", "actions", "batches", "windows"] as const;
  return [name, { maxBatchSize, maxExec, loadStageTimeout, logs }];
});

export const CONTROLLER_TYPES: ReadonlyMap<string, ControllerType> = new Map([
  ...SCHEDULERS,
  ["ECHO", { ...UNSCHEDULED, loadStageTimeout: ns(10 * SECOND), logs: ["requests"] }],
  ["DIRECT", { ...UNSCHEDULED, loadStageTimeout: null, logs: [] }],
]);

/** Types of the original that there are not to be here, and why. */
export const DECLINED_TYPES: ReadonlyMap<string, string> = new Map([
  [
    "SMART",
    "it answers with ids of its own instead of the client's and drops requests that still have time; INFER4 replaced it",
  ],
  [
    "STRESS",
    "it serves no clients and loads one model from its developer's home directory; an experiment makes any load",
  ],
]);

/** `options.strategy` must be one of `CONTROLLER_TYPES`. */
export const createController = (options: ControllerOptions): ControllerMachine =>
  options.strategy === "DIRECT" ? new DirectController(options) : new Controller(options);
