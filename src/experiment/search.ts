/** The search for a capacity: its ladder of loads, its goals, and what is wrong with them. */
import { bound, type Judged } from "#experiment/checks.ts";
import { METRIC_NAMES, type MetricName } from "#experiment/language.ts";
import { METRIC_UNITS } from "#experiment/metric-units.ts";
import { showValue, suggest } from "#experiment/problem.ts";
import type { Goal, Problem, Search } from "#experiment/resolved.ts";
import { type ParsedSearch, sweepableKind } from "#experiment/schema.ts";
import {
  canonical,
  findSweepProblems,
  pathProblem,
  type RawSweep,
  RUNS_MAX,
  type SweepScope,
} from "#experiment/sweep.ts";
import { parseRate } from "#stdx/quantity.ts";

/** Values of keys that a search leaves out. */
export const SEARCH_DEFAULTS = { resolution: 0.05, confidence: 0.95, repetitionsMax: 6 } as const;

/** Loads in between are rounded to so many digits, which people can read and no resolution gets lost in. */
const LOAD_DIGITS = 4;

const OVER_REMEDY = 'the path of a rate or a number, such as "workload.rate"';

type Load = Search["loads"][number];

const loadOf = (value: unknown): number | null => {
  if (typeof value === "number") return value;
  return typeof value === "string" ? parseRate(value) : null;
};

/** Loads from one end to the other, each about `resolution` above the last, in equal ratios; whole numbers where the key counts. */
export const ladderOf = (from: Load, to: Load, { over, resolution }: LadderStep): Load[] => {
  const isRate = sweepableKind(over) === "rate";
  const isCount = sweepableKind(over) === "count";
  const span = Math.log(to.load / from.load);
  const steps = Math.max(1, Math.ceil(span / Math.log1p(resolution) - 1e-9));
  const loads = [from];
  for (let step = 1; step < steps; step++) {
    const exact = from.load * Math.exp((span * step) / steps);
    const load = isCount ? Math.round(exact) : Number(exact.toPrecision(LOAD_DIGITS));
    const last = loads.at(-1)?.load ?? 0;
    if (load > last && load < to.load) loads.push({ load, value: isRate ? `${load}/s` : load });
  }
  return [...loads, to];
};

interface LadderStep {
  readonly over: string;
  readonly resolution: number;
}

const isSearchable = (path: string): boolean =>
  ["rate", "number", "count"].includes(sweepableKind(path) ?? "");

/** Unit of the loads that a search goes over. */
export const loadUnit = (over: unknown): "rate" | "count" =>
  typeof over === "string" && sweepableKind(over) === "rate" ? "rate" : "count";

const overProblems = (
  search: ParsedSearch,
  sweep: RawSweep,
  { raw }: SweepScope,
): readonly Problem[] => {
  const { over } = search;
  const at = { path: "search.over", value: showValue(over) };
  const wrong = pathProblem(over, sweep, raw);
  if (wrong !== null) {
    const isHelpful = /^(?:write|remove) /.test(wrong.remedy);
    return [{ ...at, message: wrong.message, remedy: isHelpful ? wrong.remedy : OVER_REMEDY }];
  }
  if (!isSearchable(over))
    return [{ ...at, message: `${over} is neither a rate nor a number`, remedy: OVER_REMEDY }];
  if (!Object.hasOwn(sweep, over)) return [];
  return [
    {
      path: `sweep["${over}"]`,
      value: showValue(sweep[over]),
      message: `"${over}" is searched, too`,
      remedy: `remove it here, or search over another key`,
    },
  ];
};

/** Both ends as loads; problems where they are none, or in the wrong order. */
const judgeEnds = ({ from, to }: ParsedSearch): Judged<readonly [Load, Load] | null> => {
  const low = loadOf(from);
  const high = loadOf(to);
  // What they are instead is said where the key itself judges them.
  if (low === null || high === null || low <= 0) return { problems: [], value: null };
  const ends = [
    { value: from as string | number, load: low },
    { value: to as string | number, load: high },
  ] as const;
  if (low < high) return { problems: [], value: ends };
  const message = `the search ends at ${showValue(to)}, which is not above ${showValue(from)}, where it begins`;
  const remedy = "from the lowest load of interest to one that is certainly too high";
  return { problems: [{ path: "search.to", value: showValue(to), message, remedy }], value: null };
};

const judgeGoal = (name: string, goal: ParsedSearch["goal"][string]): Judged<readonly Goal[]> => {
  const path = `search.goal.${name}`;
  const metric = METRIC_NAMES.find((each) => each === name);
  const shown = { path, value: showValue(goal) };
  if (metric === undefined) {
    const message = `"${name}" is no known metric`;
    return { problems: [{ ...shown, message, remedy: suggest(name, METRIC_NAMES) }], value: [] };
  }
  const count = [goal.atLeast, goal.atMost].filter((each) => each !== undefined).length;
  if (count !== 1) {
    const message = count === 0 ? "the goal has no bound" : "the goal has two bounds";
    const remedy = `${exampleGoal(metric)}: one of atLeast and atMost`;
    return { problems: [{ ...shown, message, remedy }], value: [] };
  }
  const bounded = { metric, unit: METRIC_UNITS[metric] };
  const atLeast = bound(`${path}.atLeast`, bounded, goal.atLeast);
  const atMost = bound(`${path}.atMost`, bounded, goal.atMost);
  const value = { metric, atLeast: atLeast.value, atMost: atMost.value };
  return { problems: [...atLeast.problems, ...atMost.problems], value: [value] };
};

const exampleGoal = (metric: MetricName): string =>
  metric.startsWith("latency_") ? `${metric}: { atMost: ms(100) }` : `${metric}: { atLeast: 0.99 }`;

const judgeGoals = ({ goal }: ParsedSearch): Judged<readonly Goal[]> => {
  const judged = Object.entries(goal).map(([name, each]) => judgeGoal(name, each));
  const problems = judged.flatMap((each) => each.problems);
  if (judged.length === 0) {
    const message = "there is no goal, so every load would do";
    const remedy = "{ slo_attainment: { atLeast: 0.99 } }";
    problems.push({ path: "search.goal", value: "{}", message, remedy });
  }
  return { problems, value: judged.flatMap(({ value }) => value) };
};

/** Problems of both ends where the key itself, or another one together with them, does not take them. */
const endProblems = (
  search: ParsedSearch,
  sweep: RawSweep,
  scope: SweepScope,
): readonly Problem[] => {
  const { over, from, to } = search;
  const own = `sweep["${over}"]`;
  const ends = new Map([
    [`${own}[0]`, "search.from"],
    [`${own}[1]`, "search.to"],
  ]);
  const combined = canonical(over, from) === canonical(over, to) ? [from] : [from, to];
  return findSweepProblems({ ...sweep, [over]: combined }, 1, scope).map((problem) => ({
    ...problem,
    path: ends.get(problem.path) ?? problem.path,
  }));
};

const sizeProblems = (
  loads: number,
  repetitionsMax: number,
  sweep: RawSweep,
): readonly Problem[] => {
  const points = Object.values(sweep).reduce((product, values) => product * values.length, 1);
  const runs = points * loads * repetitionsMax;
  if (runs <= RUNS_MAX) return [];
  const message = `${points} points × ${loads} loads × ${repetitionsMax} repetitions are too many runs to plan`;
  const remedy = `at most ${RUNS_MAX}: a larger search.resolution, a narrower search, or fewer points`;
  return [{ path: "search", value: `${runs} runs`, message, remedy }];
};

/** A search resolved, with everything that is wrong with it and with the sweep around it. */
export const judgeSearch = (
  search: ParsedSearch,
  sweep: RawSweep,
  scope: SweepScope,
): Judged<Search | null> => {
  const over = overProblems(search, sweep, scope);
  const goals = judgeGoals(search);
  const { [search.over]: _, ...others } = sweep;
  const around =
    over.length > 0 ? findSweepProblems(others, 1, scope) : endProblems(search, others, scope);
  const problems = [...over, ...around, ...goals.problems];
  const ends = judgeEnds(search);
  problems.push(...ends.problems);
  if (ends.value === null || problems.length > 0) return { problems, value: null };
  const { resolution, confidence, repetitionsMax } = { ...SEARCH_DEFAULTS, ...definedOf(search) };
  const [from, to] = ends.value;
  const loads = ladderOf(from, to, { over: search.over, resolution });
  const value = { over: search.over, loads, goals: goals.value, confidence, repetitionsMax };
  return { problems: sizeProblems(loads.length, repetitionsMax, sweep), value };
};

const definedOf = ({ resolution, confidence, repetitionsMax }: ParsedSearch) => ({
  ...(resolution === undefined ? {} : { resolution }),
  ...(confidence === undefined ? {} : { confidence }),
  ...(repetitionsMax === undefined ? {} : { repetitionsMax }),
});
