/** What goes into and comes out of the controller's state machine, and the facts it leaves for the logs. */
import type { Action, ActionResult, ClientRequest, ClientResponse } from "#serving/messages.ts";
import type { ActionKind } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";

/** A worker's result of an action. */
export interface ReceivedResult {
  readonly worker: number;
  /** When the whole result had been read; at most `now`. */
  readonly received: Nanos;
  readonly result: ActionResult;
}

export type ControllerEvent =
  | {
      readonly kind: "request";
      readonly connectionId: number;
      /** The client's correlation id on that connection. */
      readonly messageId: number;
      /** When the whole request had been read; at most `now`. */
      readonly arrival: Nanos;
      readonly request: ClientRequest;
    }
  | { readonly kind: "client_down"; readonly connectionId: number }
  /** Connected; for a worker that was down before, anew. */
  | { readonly kind: "worker_up"; readonly worker: number }
  | { readonly kind: "worker_down"; readonly worker: number; readonly reason: string }
  | (ReceivedResult & { readonly kind: "result" })
  /** The network layer has taken the whole action; frees a send slot. */
  | { readonly kind: "action_sent"; readonly worker: number; readonly actionId: number }
  | { readonly kind: "timer" }
  /** The process is ending: everything that is open is answered and recorded now. Nothing is sent to workers after it. */
  | { readonly kind: "stop" };

export type ControllerEffect =
  | { readonly kind: "send_action"; readonly worker: number; readonly action: Action }
  | {
      readonly kind: "respond";
      readonly connectionId: number;
      readonly messageId: number;
      readonly response: ClientResponse;
    }
  | { readonly kind: "request_done"; readonly record: RequestRecord }
  | { readonly kind: "action_done"; readonly record: ActionRecord }
  /** One line for the console: start-up markers and summaries. */
  | { readonly kind: "print"; readonly line: string }
  /** The worker's connection is to be ended; `worker_down` follows, and perhaps `worker_up` later. */
  | { readonly kind: "close_worker"; readonly worker: number; readonly reason: string }
  /** Every worker has reported its state: model loads are taken from now on. Once. */
  | { readonly kind: "ready" }
  /** Start-up cannot succeed (a worker is unusable or gone); `message` is for the user. Nothing follows. */
  | { readonly kind: "fatal"; readonly message: string };

/** Everything the request log needs to know of one inference request; instants are the controller's. */
export interface RequestRecord {
  /** The controller's id: 0, 1, 2, … in order of arrival, unique in its life. */
  readonly requestId: number;
  readonly connectionId: number;
  readonly userRequestId: number;
  readonly userId: number;
  readonly modelId: number;
  readonly modelExists: boolean;
  readonly sloFactor: number;
  /** Bytes of the input that came with it. */
  readonly inputBytes: number;
  readonly result: number;
  readonly arrival: Nanos;
  /** When the response was handed to the network layer. */
  readonly departure: Nanos;
  /** The SLO used; null when none applied. */
  readonly slo: Nanos | null;
  /** Workers (and, for the original's dialect, GPUs) that held the model at arrival and departure. */
  readonly arrivalWorkers: number;
  readonly departureWorkers: number;
  readonly arrivalGpus: number;
  readonly departureGpus: number;
}

/** One request of an infer action's batch. */
export interface BatchMember {
  readonly requestId: number;
  readonly connectionId: number;
  readonly userRequestId: number;
  readonly arrival: Nanos;
  readonly departure: Nanos;
  readonly slo: Nanos;
  readonly met: boolean;
}

/** Everything the action log needs to know of one action; instants are on the controller's clock, absent ones null. */
export interface ActionRecord {
  /** Unique in the controller's life; ids on the wire count from 0 again for each stage of start-up and after it. */
  readonly actionId: number;
  readonly action: ActionKind;
  readonly status: number;
  readonly worker: number;
  readonly gpuId: number;
  readonly modelId: number;
  readonly batchSize: number;
  /** Handed to the network layer; for status 45 the instant of the decision to drop it. */
  readonly sent: Nanos;
  /** When the action was built (the original's `sent` of infer actions). */
  readonly built: Nanos;
  /** The window in which the worker may start it; null where it is open. */
  readonly earliest: Nanos | null;
  readonly latest: Nanos | null;
  readonly received: Nanos;
  readonly processed: Nanos;
  readonly expectedDuration: Nanos | null;
  readonly expectedComplete: Nanos | null;
  readonly expectedGpuClockMhz: number;
  readonly workerDuration: Nanos | null;
  readonly workerExecComplete: Nanos | null;
  readonly workerCopyOutputComplete: Nanos | null;
  readonly workerActionReceived: Nanos | null;
  readonly workerResultSent: Nanos | null;
  readonly gpuClockBeforeMhz: number;
  readonly gpuClockMhz: number;
  readonly requestsQueued: number;
  /** Copies when the action was built, counted in workers and in GPUs. */
  readonly copiesWorkers: number;
  readonly copiesGpus: number;
  /** The batch of an infer action, in batch order; empty for other actions. */
  readonly batch: readonly BatchMember[];
}
