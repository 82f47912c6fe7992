/** How far the number of requests that a load offers strays from the mean that it announces. */
import type { Load, Workload } from "#experiment/resolved.ts";
import { markovMeanPerS } from "#workload/markov-modulated.ts";

/**
 * Of long spans: the squared CV of the gaps for independent ones (Cox, Renewal Theory, section 3.3); for rates that
 * change in turn what the states' exponential times add to the Poisson process's 1. Shorter spans stray less.
 */
const loadDispersion = (load: Load): number => {
  if (load.arrivals === "gamma" || load.arrivals === "weibull") return Math.max(1, load.cv ** 2);
  if (load.arrivals !== "markov-modulated") return 1;
  const mean = markovMeanPerS(load);
  let [strayed, expected] = [0, 0];
  for (const { ratePerS, meanNs } of load.states) {
    strayed += ((ratePerS - mean) * (meanNs / 1e9)) ** 2;
    expected += ratePerS * (meanNs / 1e9);
  }
  return expected === 0 ? 1 : 1 + strayed / expected;
};

/**
 * At most this is the variance of the number of requests ÷ its mean: 1 for Poisson arrivals, as much for whatever
 * strays less. Null where only the trace's files would tell.
 */
export const countDispersion = (workload: Workload): number | null => {
  if (workload.arrivals === "servegen") return null;
  if ("trace" in workload) return 1;
  if (workload.arrivals !== "mix") return loadDispersion(workload);
  return Math.max(...workload.parts.map(({ load }) => loadDispersion(load)));
};
