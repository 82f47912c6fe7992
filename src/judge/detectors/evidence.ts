/** What should have been measured and was not: nothing is VALID for want of evidence. */
import { type ExaminedRun, type Finding, finding, isDoneRun, isSimulated } from "#judge/finding.ts";
import type { RunHealth } from "#query/analysis.ts";

/** Fewer samples than this in the window make no difference of two. */
const LEAST_SAMPLES = 2;
/** A role speaks once a second: with less, it was silent for more than the window's two edges. */
const EDGES_NS = 2.5e9;
/** Every process is sampled whenever its host is: one that is there half of the time only has gaps. */
const LEAST_SHARE = 0.5;

const missingHealth = (
  health: RunHealth,
  names: readonly string[],
  windowNs: number,
): readonly string[] => {
  const most = Math.max(0, ...health.hosts.map(({ samples }) => samples));
  const least = Math.max(LEAST_SAMPLES, LEAST_SHARE * most);
  const unsampled = names.filter(
    (name) =>
      !health.processes.some(({ process, samples }) => process === name && samples >= least),
  );
  const silent = names.filter(
    (name) =>
      !health.loops.some(
        ({ process, samples, intervalNs }) =>
          process === name && samples >= LEAST_SAMPLES && intervalNs >= windowNs - EDGES_NS,
      ),
  );
  return [
    ...(health.hosts.some(({ samples }) => samples >= LEAST_SAMPLES) ? [] : ["how the host fared"]),
    ...(unsampled.length === 0
      ? []
      : [`whether ${unsampled.join(" and ")} had a processor when it was needed`]),
    ...(silent.length === 0 ? [] : [`how busy ${silent.join(" and ")} was`]),
  ];
};

const missingIn = (run: ExaminedRun): readonly string[] => {
  const { view, health, metrics, stored, window } = run.analysis;
  const missing: string[] = [];
  if (view === "controller") missing.push("when requests were due and sent (no client's log)");
  if (view === "client" && metrics["receive_lateness_p99"] === undefined) {
    // Nothing was answered: then there is no lateness of receipts either.
    if (metrics["service_time_p50"] !== undefined) {
      missing.push("when the controller sent its responses");
    }
  }
  if (isSimulated(run)) return missing;
  if (health === null) missing.push("how hosts and processes fared");
  else {
    const names = (stored?.processes ?? []).map(({ name }) => name);
    const windowNs = window === null ? 0 : window.measureEndNs - window.measureStartNs;
    missing.push(...missingHealth(health, names, windowNs));
  }
  return missing;
};

export const evidenceFindings = (run: ExaminedRun): readonly Finding[] => {
  // A run that left no rows has worse findings than this one.
  if (run.analysis.view === null || (run.analysis.stored !== null && !isDoneRun(run))) return [];
  const missing = missingIn(run);
  if (missing.length === 0) return [];
  return [
    finding("evidence", "suspect", {
      evidence: `not enough evidence: nothing says ${missing.join(", nor ")}`,
      remedy: "run it again with this version, and leave its supervisor alone",
    }),
  ];
};
