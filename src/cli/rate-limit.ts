/** Refuses rates beyond what a load generator on this machine can do, before anything is started. */
import type { LoadedExperiment } from "#cli/load-experiment.ts";
import { workloadInputs } from "#cli/workload-lines.ts";
import { countOf } from "#experiment/problem.ts";
import type { PlannedRun, Problem, Workload } from "#experiment/resolved.ts";
import { assert } from "#stdx/assert.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { peakOfArrivals, peakOfLoad } from "#workload/peak-rate.ts";
import { generatorsOf } from "#workload/share.ts";

/** What any machine can do that can run the rest; below it nothing is measured. */
const SAFE_PER_S = 5_000;
/** Busy for half of its time a generator still keeps its instants; what is beyond that adds up to lateness. */
const LOAD_MAX = 0.5;
/** Arrivals of a trace that are looked at: a second of work or so. */
const ARRIVALS_MAX = 3_000_000;

export interface RateLimitOptions {
  /** Requests per second of one generator that does nothing else; null when that could not be measured. */
  readonly measure: () => Promise<number | null>;
  /** Processor cores of this machine. */
  readonly cores: number;
}

type Loaded = Pick<LoadedExperiment, "plan" | "traces" | "requestTraces">;

const peakOf = (run: PlannedRun, loaded: Loaded): number => {
  const { workload } = run;
  switch (workload.arrivals) {
    case "mix":
      return workload.parts.reduce((sum, { load }) => sum + peakOfLoad(load), 0);
    case "azure-functions-2019":
    case "trace":
    case "servegen":
    case "recorded": {
      const made = createArrivalProcess({ workload, ...workloadInputs(run, loaded) });
      assert(made.ok, "a planned workload has a schedule");
      return peakOfArrivals(made.value, ARRIVALS_MAX);
    }
    default:
      return peakOfLoad(workload);
  }
};

/** The key that makes a workload's peak, and its value for people. */
const placeOf = (workload: Workload, peakPerS: number): readonly [path: string, value: string] => {
  switch (workload.arrivals) {
    case "mix":
      return ["workload.parts", workload.parts.map(({ name }) => name).join(", ")];
    case "markov-modulated":
      return ["workload.states", countOf(workload.states.length, "state")];
    case "closed-loop":
      return ["workload.concurrency", String(workload.concurrency)];
    case "azure-functions-2019":
    case "trace":
    case "servegen":
    case "recorded":
      return ["workload.trace", JSON.stringify(workload.trace)];
    default:
      return workload.shape === undefined
        ? ["workload.rate", `"${peakPerS}/s"`]
        : ["workload.shape", `"${workload.shape.kind}"`];
  }
};

interface Demand {
  readonly path: string;
  readonly value: string;
  readonly peakPerS: number;
  readonly generators: number;
}

/** What each workload of the plan asks of one of its generators; the same key and value once. */
const demandsOf = (loaded: Loaded): readonly Demand[] => {
  const peaks = new Map<string, number>();
  const demands = new Map<string, Demand>();
  for (const run of loaded.plan.runs) {
    const identity = JSON.stringify(run.workload);
    const peakPerS = peaks.get(identity) ?? peakOf(run, loaded);
    peaks.set(identity, peakPerS);
    const [path, value] = placeOf(run.workload, peakPerS);
    const swept = loaded.plan.sweep.find((each) => each.path === path);
    const entry = run.point.find((each) => each.path === path);
    const index = swept?.values.indexOf(entry?.value ?? "") ?? -1;
    const demand = {
      path: index < 0 ? path : `sweep["${path}"][${index}]`,
      value,
      peakPerS,
      generators: generatorsOf(run.workload),
    };
    demands.set(JSON.stringify(demand), demand);
  }
  return [...demands.values()];
};

/** Two digits, because the measurement is no better; rounded down, so that the rate that is named is let pass. */
const rounded = (perS: number): number => {
  const unit = 10 ** (Math.floor(Math.log10(perS)) - 1);
  return Math.floor(perS / unit) * unit;
};

const shown = (perS: number): string => Math.round(perS).toLocaleString("en-US");

const toProblem = (demand: Demand, limit: number, cores: number): Problem => {
  const { path, value, peakPerS, generators } = demand;
  const needed = Math.ceil(peakPerS / limit);
  const among = generators === 1 ? "" : ` among ${generators} generators`;
  const lower = `at most ${shown(limit * generators)} per second`;
  return {
    path,
    value,
    message: `up to ${shown(peakPerS)} requests per second${among}, but one load generator on this machine keeps up with ${shown(limit)}`,
    remedy:
      needed <= cores
        ? `${lower}, or workload.generators: ${needed}`
        : `${lower}; its ${cores} cores have room for ${cores} generators`,
  };
};

/** Mistakes of the plan: rates that this machine cannot offer. It is measured only when a rate gives reason to. */
export const findRateProblems = async (
  loaded: Loaded,
  { measure, cores }: RateLimitOptions,
): Promise<readonly Problem[]> => {
  // A search finds out by itself where the generator gives up.
  if (loaded.plan.search !== undefined) return [];
  const perGenerator = ({ peakPerS, generators }: Demand): number => peakPerS / generators;
  const doubtful = demandsOf(loaded).filter((demand) => perGenerator(demand) > SAFE_PER_S);
  if (doubtful.length === 0) return [];
  const measured = await measure();
  if (measured === null) return [];
  const limit = rounded(Math.max(SAFE_PER_S, measured * LOAD_MAX));
  return doubtful
    .filter((demand) => perGenerator(demand) > limit)
    .map((demand) => toProblem(demand, limit, cores));
};
