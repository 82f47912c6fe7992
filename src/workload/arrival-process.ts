/** Makes the arrival process that a workload asks for. */
import type { Load, MixPart, Problem, System, Workload } from "#experiment/resolved.ts";
import { assert, assertNever } from "#stdx/assert.ts";
import type { Nanos } from "#stdx/nanos.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { Rng } from "#stdx/rng.ts";
import type { ArrivalProcess } from "#workload/arrival.ts";
import type { WindowTrace } from "#workload/client-windows.ts";
import { ClosedLoopArrivals } from "#workload/closed-loop.ts";
import { type CountTable, parseCountTable } from "#workload/count-table.ts";
import { MarkovModulatedArrivals } from "#workload/markov-modulated.ts";
import { MixArrivals, type MixedPart } from "#workload/mix.ts";
import { RenewalArrivals } from "#workload/open-loop.ts";
import { RecordedReplay, recordedProblems } from "#workload/recorded-replay.ts";
import { RequestReplay, replayProblems } from "#workload/request-replay.ts";
import type { RequestTrace } from "#workload/request-trace.ts";
import { type Share, SharedArrivals, shareFrom } from "#workload/share.ts";
import { formatTraceProblems, type TraceProblems } from "#workload/trace-problems.ts";
import { TraceReplay } from "#workload/trace-replay.ts";
import { sendDuration, traceProblems } from "#workload/trace-schedule.ts";
import { WindowReplay, windowProblems } from "#workload/window-replay.ts";

/** Models and their instances, in the order in which the run numbers them. */
export type ServedModels = System["models"];

export interface ArrivalProcessOptions {
  readonly workload: Workload;
  /** The run's seed; the same seed gives the same schedule, bit for bit. */
  readonly seed: number;
  readonly models: ServedModels;
  /** Text of the trace file; trace replay needs it, unless `trace` is given. */
  readonly traceCsv?: string;
  /** The trace file, parsed. */
  readonly trace?: CountTable;
  /** The trace of arrivals "trace" and "recorded", which need it. */
  readonly requestTrace?: RequestTrace;
  /** The client windows of arrivals "servegen", which need them. */
  readonly windowTrace?: WindowTrace;
  /** The part of the schedule that one of several generators sends; all of it when absent. */
  readonly share?: Share;
}

export const countInstances = (models: ServedModels): number =>
  models.reduce((sum, { instances }) => sum + instances, 0);

interface LoadOptions {
  readonly seed: number;
  readonly instances: number;
  readonly end: Nanos;
  readonly share: Share | undefined;
}

/** What one of several generators sends. Closed loops and mixes deal themselves out; every other sequence is dealt out here. */
const shareOf = (
  process: ArrivalProcess,
  arrivals: Workload["arrivals"],
  share: Share | undefined,
): ArrivalProcess =>
  share === undefined || arrivals === "closed-loop" || arrivals === "mix"
    ? process
    : new SharedArrivals(process, share);

const createLoad = (load: Load, { share, ...options }: LoadOptions): ArrivalProcess => {
  switch (load.arrivals) {
    case "constant":
    case "poisson":
    case "gamma":
    case "weibull":
      return new RenewalArrivals({ load, ...options });
    case "markov-modulated":
      return new MarkovModulatedArrivals({ load, ...options });
    case "closed-loop": {
      const { concurrency, thinkTimeNs: thinkTime } = load;
      const own = share === undefined ? {} : { share };
      return new ClosedLoopArrivals({ concurrency, thinkTime, ...options, ...own });
    }
    default:
      return assertNever(load);
  }
};

/** The run's indices of the instances of these models; of all when `names` is null. */
const instancesOf = (models: ServedModels, names: readonly string[] | null): Uint32Array => {
  const indices: number[] = [];
  let next = 0;
  for (const { model, instances } of models) {
    const isAsked = names === null || names.includes(model);
    for (let i = 0; i < instances; i++) if (isAsked) indices.push(next + i);
    next += instances;
  }
  return Uint32Array.from(indices);
};

/** Users of a load: those it draws from, or the slots of a closed loop. */
const usersOf = (load: Load): number =>
  load.arrivals === "closed-loop" ? load.concurrency : (load.users ?? 1);

/** A seed of the part's own, by its name: a part that is added, removed or moved changes no other. */
const partSeed = (seed: number, name: string): number => {
  const rng = Rng.of(seed, `mix/${name}`);
  return (rng.uint32() >>> 11) * 2 ** 32 + rng.uint32();
};

const createPart = (
  { name, models: names, load }: MixPart,
  { seed, models, end, share }: Omit<LoadOptions, "instances"> & { models: ServedModels },
): MixedPart => {
  const instances = instancesOf(models, names);
  const options = { seed: partSeed(seed, name), instances: instances.length, end, share };
  const process = shareOf(createLoad(load, options), load.arrivals, share);
  return { name, process, instances, users: usersOf(load) };
};

const createProcess = (
  options: ArrivalProcessOptions,
): Result<ArrivalProcess, readonly Problem[]> => {
  const { workload, seed, models, share } = options;
  const end = sendDuration(workload);
  const instances = countInstances(models);
  if (workload.arrivals === "mix") {
    // Each part is shared by itself: with closed loops among them nobody knows their common order in advance.
    const parts = workload.parts.map((part, index) =>
      createPart(part, { seed, models, end, share: share && shareFrom(share, index) }),
    );
    return ok(new MixArrivals(parts));
  }
  if (workload.arrivals === "trace") {
    const { requestTrace: trace } = options;
    assert(trace !== undefined, "a trace is read before it is replayed");
    const problems = replayProblems(workload, trace);
    return problems.length > 0
      ? err(problems)
      : ok(new RequestReplay({ workload, trace, seed, instances }));
  }
  if (workload.arrivals === "servegen") {
    const { windowTrace: trace } = options;
    assert(trace !== undefined, "client windows are read before they are replayed");
    const problems = windowProblems(workload, trace);
    return problems.length > 0
      ? err(problems)
      : ok(new WindowReplay({ workload, trace, seed, instances }));
  }
  if (workload.arrivals === "recorded") {
    const { requestTrace: trace } = options;
    assert(trace !== undefined, "a recorded schedule is read before it is replayed");
    const problems = recordedProblems(workload, trace, instances);
    return problems.length > 0 ? err(problems) : ok(new RecordedReplay(workload, trace));
  }
  if (workload.arrivals !== "azure-functions-2019") {
    return ok(createLoad(workload, { seed, instances, end, share }));
  }
  const parsed =
    options.trace === undefined ? parseCountTable(options.traceCsv ?? "") : ok(options.trace);
  if (!parsed.ok) return err([unusableTrace(workload.trace, parsed.error)]);
  const problems = traceProblems(workload, parsed.value);
  if (problems.length > 0) return err(problems);
  return ok(new TraceReplay({ workload, trace: parsed.value, seed, instances }));
};

/** The process from the start of the warm-up to the end of the cool-down; problems when its trace cannot serve it. */
export const createArrivalProcess = (
  options: ArrivalProcessOptions,
): Result<ArrivalProcess, readonly Problem[]> => {
  const made = createProcess(options);
  return made.ok ? ok(shareOf(made.value, options.workload.arrivals, options.share)) : made;
};

const unusableTrace = (path: string, found: TraceProblems): Problem => ({
  path: "workload.trace",
  value: JSON.stringify(path),
  message: formatTraceProblems(path, found),
  remedy: "use a trace in the published format",
});
