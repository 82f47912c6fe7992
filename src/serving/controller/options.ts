/** What a user may choose about the controller, and the fixed allowances of the original's schedulers. */
import type { RequestLimits } from "#serving/controller/outstanding.ts";
import type { Payload } from "#serving/messages.ts";
import { MILLISECOND, type Nanos, ns, SECOND } from "#stdx/nanos.ts";

/** Options of a scheduling strategy, as on the original's command line. */
export interface SchedulerOptions {
  /** How far ahead of a GPU's next free instant work is given to it; also the width of action windows. */
  readonly scheduleAhead: Nanos;
  /** SLO of requests that state none. */
  readonly defaultSlo: Nanos;
  /** Batch sizes (other than 1) that take longer than this are not used. */
  readonly maxExec: Nanos;
  readonly maxBatchSize: number;
  /** GPUs used at most, over all workers. */
  readonly maxGpus: number;
  /** Invents an input for a request that came without one; null forwards what the client sent, even if empty. */
  readonly inputFor: ((inputBytes: number) => Payload) | null;
  /** An action is overdue this long after the latest instant at which it was expected to end. */
  readonly overdueAfter: Nanos;
  /** A worker that owes results is disconnected once nothing has come from it for this long. */
  readonly silenceTimeout: Nanos;
}

export interface ControllerOptions extends SchedulerOptions {
  /** What the controller does once it has started: a name of `STRATEGIES`, or ECHO. */
  readonly strategy: string;
  readonly workerCount: number;
  /** The load stage ends after this long without a load or a result, once there was one. */
  readonly loadStageTimeout: Nanos;
  /** What clients may have outstanding. */
  readonly requestLimits: RequestLimits;
  /** Model instances that clients may load, all together. */
  readonly modelsMax: number;
  /** Models that the workers hold already begin the load stage, so that it ends without a load. */
  readonly startsWarm: boolean;
}

/** The original's defaults for INFER5; INFER4 differs in its largest batch, see `STRATEGIES`. */
export const DEFAULT_OPTIONS = {
  scheduleAhead: ns(10 * MILLISECOND),
  defaultSlo: ns(100 * MILLISECOND),
  maxExec: ns(250 * MILLISECOND),
  maxBatchSize: 8,
  maxGpus: 100,
  inputFor: null,
  overdueAfter: ns(100 * MILLISECOND),
  silenceTimeout: ns(10 * SECOND),
  loadStageTimeout: SECOND,
  // The original's own workloads keep 100,000 requests outstanding (single-spam), hold 6.02 GB of inputs (spam), and
  // load 4,026 instances (azure).
  requestLimits: {
    requestsMax: 2 ** 18,
    requestsPerConnectionMax: 2 ** 17,
    requestsPerUserMax: null,
    inputBytesMax: 8 * 2 ** 30,
  },
  modelsMax: 2 ** 14,
  startsWarm: false,
} as const satisfies Omit<ControllerOptions, "strategy" | "workerCount">;

/** Clock assumed of a GPU before its first result, in MHz. */
export const DEFAULT_CLOCK_MHZ = 1380;
/** Requests are scheduled to end this long before their deadline. */
export const DEADLINE_BUFFER = ns(5 * MILLISECOND);
/** Samples that an estimate looks back on. */
export const ESTIMATE_WINDOW = 10;
export const ESTIMATE_PERCENTILE = 0.99;
/** How late a worker may be before its queue is thought to be stalled. */
export const WORKER_LAG = ns(10 * MILLISECOND);
/** Least lead time between a decision and the start of what was decided. */
export const LEAD_TIME = MILLISECOND;
/** Cap on the time within which a request asks for its model's weights. */
export const MAX_WEIGHTS_SLO = ns(25 * MILLISECOND);
/** Sends in progress at a time, over all workers. */
export const NETWORK_SLOTS = 2;
/** A send that takes longer counts against its own worker only. */
export const SEND_BLOCKED_AFTER = ns(100 * MILLISECOND);
/** A worker that came back is asked what it holds after this long, when loads of its earlier life have ended. */
export const REJOIN_SETTLE = ns(200 * MILLISECOND);
/** How long a worker may take for one load from disk where nothing else tells whether it is still there. */
export const LOAD_PATIENCE = ns(300 * SECOND);
/** A worker is asked again what it holds this long after the last time, at the earliest. */
export const RESYNC_SPACING = SECOND;
/** An infer action must be on its way this long before its window closes. */
export const LATE_SEND_MARGIN = ns(5 * MILLISECOND);
/** INFER4: LoadWeights outstanding on a GPU at a time. */
export const LOADS_PER_GPU = 2;
/** INFER4: least time between two loads of a GPU. */
export const LOAD_SPACING = ns(MILLISECOND / 10);
/** Ended requests of a model that no GPU holds are cleared away once its queue is this long. */
export const QUEUE_SWEEP_AT = 1024;
/** Console summaries come this often. */
export const SUMMARY_INTERVAL = ns(10 * SECOND);
/** Requests that arrive during start-up wait this long for its end before they are turned away. */
export const BOUNCE_AFTER = ns(12 * SECOND);
/** Loads from disk in progress at a time, per worker. */
export const LOADS_PER_WORKER = 4;
/** Model ids are int32 on the wire. */
export const MODEL_ID_MAX = 2 ** 31 - 1;
/** An SLO is never longer than this (about 13 days), whatever factor a client sends. */
export const LONGEST_SLO = ns(2 ** 50);
