/** A planned run's workload in sentences, for the plan and the `workload` command. */
import type { LoadedExperiment } from "#cli/load-experiment.ts";
import { isReplay } from "#cli/trace-files.ts";
import type { PlannedRun } from "#experiment/resolved.ts";
import { formatDuration } from "#stdx/quantity.ts";
import { type DescribeOptions, describeWorkload } from "#workload/describe-workload.ts";

/** What a run's workload is described with: its seed and models, and the trace that it replays. */
export const workloadInputs = (
  { workload, seed, system }: PlannedRun,
  { traces, requestTraces }: Pick<LoadedExperiment, "traces" | "requestTraces">,
): DescribeOptions => {
  const { models } = system;
  if (isReplay(workload)) {
    const read = requestTraces.of(workload);
    return { seed, models, ...(read.ok ? { requestTrace: read.value } : {}) };
  }
  if (workload.arrivals === "servegen") {
    const read = requestTraces.windowsOf(workload);
    return { seed, models, ...(read.ok ? { windowTrace: read.value } : {}) };
  }
  const trace =
    workload.arrivals === "azure-functions-2019" ? traces.get(workload.trace) : undefined;
  return { seed, models, ...(trace === undefined ? {} : { trace }) };
};

/** Phases and arrivals of a run. */
export const workloadLines = (run: PlannedRun, loaded: LoadedExperiment): readonly string[] => {
  const { warmUpNs, durationNs, coolDownNs } = run.workload;
  const times = `Warm-up ${formatDuration(warmUpNs)}, measurement ${formatDuration(durationNs)}, cool-down ${formatDuration(coolDownNs)}.`;
  return [times, ...describeWorkload(run.workload, workloadInputs(run, loaded))];
};
