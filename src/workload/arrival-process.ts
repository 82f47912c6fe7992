/** Makes the arrival process that a workload asks for. */
import type { Problem, Workload } from "#experiment/resolved.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import type { ArrivalProcess } from "#workload/arrival.ts";
import {
  type AzureTrace,
  formatTraceProblems,
  parseAzureTrace,
  type TraceProblems,
} from "#workload/azure-trace.ts";
import { ClosedLoopArrivals } from "#workload/closed-loop.ts";
import { ConstantArrivals, PoissonArrivals } from "#workload/open-loop.ts";
import { TraceReplay } from "#workload/trace-replay.ts";
import { sendDuration, traceProblems } from "#workload/trace-schedule.ts";

export interface ArrivalProcessOptions {
  readonly workload: Workload;
  /** The run's seed; the same seed gives the same schedule, bit for bit. */
  readonly seed: number;
  /** Number of model instances, over all models. */
  readonly instances: number;
  /** Text of the trace file; trace replay needs it, unless `trace` is given. */
  readonly traceCsv?: string;
  /** The trace file, parsed. */
  readonly trace?: AzureTrace;
}

/** The process from the start of the warm-up to the end of the cool-down; problems when its trace cannot serve it. */
export const createArrivalProcess = (
  options: ArrivalProcessOptions,
): Result<ArrivalProcess, readonly Problem[]> => {
  const { workload, seed, instances } = options;
  const end = sendDuration(workload);
  switch (workload.arrivals) {
    case "constant":
      return ok(new ConstantArrivals({ ratePerS: workload.ratePerS, instances, end, seed }));
    case "poisson":
      return ok(new PoissonArrivals({ ratePerS: workload.ratePerS, instances, end, seed }));
    case "closed-loop": {
      const { concurrency, thinkTimeNs: thinkTime } = workload;
      return ok(new ClosedLoopArrivals({ concurrency, thinkTime, instances, end }));
    }
    case "azure-functions-2019": {
      const parsed =
        options.trace === undefined ? parseAzureTrace(options.traceCsv ?? "") : ok(options.trace);
      if (!parsed.ok) return err([unusableTrace(workload.trace, parsed.error)]);
      const problems = traceProblems(workload, parsed.value);
      if (problems.length > 0) return err(problems);
      return ok(new TraceReplay({ workload, trace: parsed.value, seed, instances }));
    }
  }
};

const unusableTrace = (path: string, found: TraceProblems): Problem => ({
  path: "workload.trace",
  value: JSON.stringify(path),
  message: formatTraceProblems(path, found),
  remedy: "use a trace in the published format",
});
