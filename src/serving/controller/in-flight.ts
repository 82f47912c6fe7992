/** Actions of the scheduler between their making and their result, and the records they leave. */
import type { ActionRecord, BatchMember } from "#serving/controller/events.ts";
import type { Gpu } from "#serving/controller/gpu.ts";
import type { Model } from "#serving/controller/model.ts";
import type { Request } from "#serving/controller/request-book.ts";
import type { Action, ActionResult, Timing } from "#serving/messages.ts";
import type { Nanos } from "#stdx/nanos.ts";

export type GpuAction = Extract<
  Action,
  { readonly kind: "infer" | "load_weights" | "evict_weights" }
>;

/** What was expected when an action was made, for windows and for the log. */
export interface Expectation {
  readonly duration: Nanos;
  readonly complete: Nanos;
  readonly gpuClockMhz: number;
}

/** An action's id on the wire, and in the logs. */
export interface ActionIds {
  readonly actionId: number;
  readonly loggedId: number;
}

export interface InFlight extends ActionIds {
  readonly worker: number;
  readonly action: GpuAction;
  readonly gpu: Gpu;
  readonly model: Model;
  /** Version of the model's weights on the GPU that the action was made for. */
  readonly version: number;
  /** Empty unless the action is an infer. */
  readonly batch: readonly Request[];
  readonly built: Nanos;
  /** Null until it was handed to the network layer. */
  sent: Nanos | null;
  readonly expected: Expectation | null;
  readonly sendBy: Nanos | null;
  readonly reportErrorAt: Nanos;
  /** When it counts as overdue; set when it is sent. */
  overdueAt: Nanos;
  isOverdue: boolean;
  readonly requestsQueued: number;
  readonly copiesWorkers: number;
  readonly copiesGpus: number;
}

/** How an action ended, for its record. */
export interface ActionEnding {
  readonly status: number;
  readonly received: Nanos;
  readonly processed: Nanos;
  /** Null when there is none: not sent, or lost with its worker. */
  readonly result: ActionResult | null;
}

const membersOf = (batch: readonly Request[], processed: Nanos): readonly BatchMember[] =>
  batch.map((request) => ({
    requestId: request.requestId,
    connectionId: request.connectionId,
    userRequestId: request.userRequestId,
    arrival: request.arrival,
    departure: request.departure ?? processed,
    slo: request.times.slo,
    met: request.met,
  }));

const timingOf = (result: ActionResult | null): Timing | null => {
  switch (result?.kind) {
    case "infer":
      return result.exec;
    case "load_weights":
    case "evict_weights":
    case "load_model":
      return result.timing;
    default:
      return null;
  }
};

/** What a worker's result says, as the action log wants it; nothing where there is no result. */
export const workerFacts = (
  result: ActionResult | null,
): Pick<
  ActionRecord,
  | "workerDuration"
  | "workerExecComplete"
  | "workerCopyOutputComplete"
  | "workerActionReceived"
  | "workerResultSent"
  | "gpuClockBeforeMhz"
  | "gpuClockMhz"
> => {
  const timing = timingOf(result);
  const infer = result?.kind === "infer" ? result : null;
  return {
    workerDuration: timing?.duration ?? null,
    workerExecComplete: timing?.end ?? null,
    workerCopyOutputComplete: infer?.copyOutput.end ?? null,
    workerActionReceived: result?.actionReceived ?? null,
    workerResultSent: result?.resultSent ?? null,
    gpuClockBeforeMhz: infer?.gpuClockBeforeMhz ?? 0,
    gpuClockMhz: infer?.gpuClockMhz ?? 0,
  };
};

/** The record of a scheduler's action. One that was never sent has the instant of that decision as `sent`. */
export const actionRecord = (entry: InFlight, ending: ActionEnding): ActionRecord => ({
  actionId: entry.loggedId,
  action: entry.action.kind,
  status: ending.status,
  worker: entry.worker,
  gpuId: entry.gpu.gpuId,
  modelId: entry.model.modelId,
  batchSize: entry.action.kind === "infer" ? entry.batch.length : 1,
  sent: entry.sent ?? ending.received,
  built: entry.built,
  earliest: entry.action.earliest,
  latest: entry.action.latest,
  received: ending.received,
  processed: ending.processed,
  expectedDuration: entry.expected?.duration ?? null,
  expectedComplete: entry.expected?.complete ?? null,
  expectedGpuClockMhz: entry.expected?.gpuClockMhz ?? 0,
  ...workerFacts(ending.result),
  requestsQueued: entry.requestsQueued,
  copiesWorkers: entry.copiesWorkers,
  copiesGpus: entry.copiesGpus,
  batch: membersOf(entry.batch, ending.processed),
});

/** The record of an action of start-up, which belongs to no GPU and was planned by no scheduler. */
export const startupRecord = (
  facts: Pick<ActionRecord, "actionId" | "action" | "worker" | "modelId" | "sent" | "built">,
  ending: ActionEnding,
): ActionRecord => ({
  ...facts,
  status: ending.status,
  gpuId: 0,
  batchSize: 0,
  earliest: null,
  latest: null,
  received: ending.received,
  processed: ending.processed,
  expectedDuration: null,
  expectedComplete: null,
  expectedGpuClockMhz: 0,
  ...workerFacts(ending.result),
  requestsQueued: 0,
  copiesWorkers: 0,
  copiesGpus: 0,
  batch: [],
});
