/** What a scheduling strategy must offer; a new one is a file that exports a `StrategyFactory`, named in strategies.ts. */
import type { Cluster } from "#serving/controller/cluster.ts";
import type { Gpu } from "#serving/controller/gpu.ts";
import type { InFlight } from "#serving/controller/in-flight.ts";
import type { Model } from "#serving/controller/model.ts";
import type { Request } from "#serving/controller/request-book.ts";
import type { Nanos } from "#stdx/nanos.ts";

/**
 * Decides which requests go into which action, and which weights are loaded where. It acts by calling the cluster's
 * `infer`, `load` and `evict`; the cluster keeps the books (time-outs, pages, predictions, responses, records) and
 * tells the strategy what happened through `on…`. Calls to `on…` only note what changed: `schedule` follows each event.
 */
export interface Strategy {
  /** A request was admitted: its model exists. */
  onAdmitted(now: Nanos, request: Request): void;
  /** A request's deadline came while it waited; it is answered already. */
  onTimedOut(now: Nanos, request: Request): void;
  /** An infer action ended, well or not; its requests are answered already. */
  onBatchEnded(now: Nanos, batch: InFlight): void;
  /** A LoadWeights action ended; the books say whether the weights are there. */
  onLoadEnded(now: Nanos, gpu: Gpu, model: Model): void;
  /** Weights that were thought to be on the GPU are not. */
  onWeightsLost(now: Nanos, gpu: Gpu, model: Model): void;
  /** The GPU is gone with its worker; nothing may be sent to it until it is back. */
  onGpuGone(now: Nanos, gpu: Gpu): void;
  /** The GPU is in use again, or not empty from the start; the books say what it holds. */
  onGpuBack(now: Nanos, gpu: Gpu): void;
  /** Issues every action that is due; afterwards nothing is due before an event or `nextTimeout`. */
  schedule(now: Nanos): void;
  /** When `schedule` should next run if no event comes; null when only an event can make something due. */
  nextTimeout(): Nanos | null;
}

export type StrategyFactory = (cluster: Cluster) => Strategy;
