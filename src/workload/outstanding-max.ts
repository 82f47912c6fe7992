/** How many requests a load generator may have outstanding before it drops what is due. */
import type { Workload } from "#experiment/resolved.ts";
import { countInstances, type ServedModels } from "#workload/arrival-process.ts";

/** A run that gets there has long failed its SLO. */
const OUTSTANDING_MAX = 100_000;

/** Requests that closed loops keep open by themselves must not count as a client that cannot keep up. */
export const outstandingMax = (workload: Workload, models: ServedModels): number => {
  const loads = workload.arrivals === "mix" ? workload.parts.map(({ load }) => load) : [workload];
  const perInstance = loads.reduce(
    (sum, load) => sum + (load.arrivals === "closed-loop" ? load.concurrency : 0),
    0,
  );
  return Math.max(OUTSTANDING_MAX, perInstance * countInstances(models));
};
