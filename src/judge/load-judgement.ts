/** Whether one load meets the goals of a search, from the few runs that tried it, and whether that is clear yet. */
import { METRIC_UNITS } from "#experiment/metric-units.ts";
import type { Goal } from "#experiment/resolved.ts";
import { meanSureness, type Sureness, shareSureness } from "#stats/one-sided.ts";

/** What one run says about its load. */
export type Observation =
  | {
      readonly kind: "measured";
      /** One for each goal, in their order. */
      readonly values: readonly { readonly value: number; readonly samples: number }[];
    }
  /** It misses the goals, whatever its metrics: a stop rule ended it, or nothing was answered. */
  | { readonly kind: "missed" }
  /** It counts neither way: it failed, or its verdict is INVALID. */
  | { readonly kind: "void"; readonly isGenerator: boolean };

export interface LoadJudgement {
  readonly meets: boolean;
  /** Whether the confidence that was asked for is reached. */
  readonly isClear: boolean;
}

/**
 * Requests that count as one independent trial where a single run is all there is: those that miss their SLO come in
 * clumps, as long as the queue that they wait in.
 */
const CLUMP = 4;
/** A single run decides on anything but a share only from so many spreads away … */
const SINGLE_RUN_SPREADS = 3;
/** … of which one is at least this part of the bound. */
const SPREAD_FLOOR = 0.1;

type Measured = Extract<Observation, { readonly kind: "measured" }>;

const boundOf = ({ atLeast, atMost }: Goal): number => atLeast ?? atMost ?? 0;

const isMet = (goal: Goal, value: number): boolean =>
  goal.atLeast === null ? value <= boundOf(goal) : value >= boundOf(goal);

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** One run by itself. */
const singleSureness = (
  goal: Goal,
  { value, samples }: Measured["values"][number],
  spread: number,
): Sureness => {
  const bound = boundOf(goal);
  if (METRIC_UNITS[goal.metric] === "share") {
    const trials = Math.max(1, samples / CLUMP);
    return shareSureness(value * trials, trials, bound);
  }
  const reach = SINGLE_RUN_SPREADS * Math.max(spread, SPREAD_FLOOR) * bound;
  return { above: value - bound >= reach ? 1 : 0, below: bound - value >= reach ? 1 : 0 };
};

/**
 * Several runs. Shares that are all alike, such as 100 %, show no spread, but so they do by chance: unless they are the
 * bound itself, all requests together decide.
 */
const severalSureness = (
  goal: Goal,
  found: readonly Measured["values"][number][],
): Sureness | null => {
  const values = found.map(({ value }) => value);
  const [first] = values;
  const bound = boundOf(goal);
  const isAlike = values.length > 1 && values.every((value) => value === first);
  if (!isAlike || first === undefined || first === bound || METRIC_UNITS[goal.metric] !== "share")
    return meanSureness(values, bound);
  const samples = found.reduce((sum, run) => sum + run.samples, 0);
  return singleSureness(goal, { value: first, samples }, 0);
};

const judgeGoal = (
  goal: Goal,
  found: readonly Measured["values"][number][],
  { confidence, spread }: JudgeSettings,
): LoadJudgement => {
  const values = found.map(({ value }) => value);
  const [only] = found;
  const sureness =
    severalSureness(goal, found) ??
    (only === undefined ? null : singleSureness(goal, only, spread));
  const meets = isMet(goal, meanOf(values));
  if (sureness === null) return { meets, isClear: false };
  const isAbove = meets === (goal.atLeast !== null);
  return { meets, isClear: (isAbove ? sureness.above : sureness.below) >= confidence };
};

export interface JudgeSettings {
  readonly confidence: number;
  /** Standard deviation ÷ mean between runs of the same load, as far as seen; 0 while nothing is. */
  readonly spread: number;
}

const isMiss = (goals: readonly Goal[], run: Observation): boolean =>
  run.kind === "missed" ||
  (run.kind === "measured" &&
    goals.some((goal, index) => !isMet(goal, run.values[index]?.value ?? Number.NaN)));

/** Runs without a value have no mean: the majority decides, and one voice against it makes it unclear. */
const judgeByVotes = (goals: readonly Goal[], counted: readonly Observation[]): LoadJudgement => {
  const misses = counted.filter((run) => isMiss(goals, run)).length;
  return { meets: misses * 2 < counted.length, isClear: misses === counted.length };
};

/** Judges one load by the runs that count; null when none does. */
export const judgeLoad = (
  goals: readonly Goal[],
  observations: readonly Observation[],
  settings: JudgeSettings,
): LoadJudgement | null => {
  const counted = observations.filter(({ kind }) => kind !== "void");
  if (counted.length === 0) return null;
  const measured = counted.filter((each): each is Measured => each.kind === "measured");
  if (measured.length < counted.length) return judgeByVotes(goals, counted);
  const judged = goals.map((goal, index) =>
    judgeGoal(
      goal,
      measured.flatMap(({ values }) => values[index] ?? []),
      settings,
    ),
  );
  const meets = judged.every((goal) => goal.meets);
  const isClear = meets
    ? judged.every((goal) => goal.isClear)
    : judged.some((goal) => !goal.meets && goal.isClear);
  return { meets, isClear };
};

/** The spread between runs of the same load, pooled over the loads that have several; shares have bounds of their own. */
export const spreadSeen = (
  goals: readonly Goal[],
  loads: readonly (readonly Observation[])[],
): number => {
  let [squares, degrees] = [0, 0];
  for (const observations of loads) {
    const measured = observations.filter((each): each is Measured => each.kind === "measured");
    for (const [index, { metric }] of goals.entries()) {
      if (METRIC_UNITS[metric] === "share") continue;
      const values = measured.flatMap(({ values: all }) => all[index]?.value ?? []);
      const mean = meanOf(values);
      if (values.length < 2 || mean === 0) continue;
      squares += values.reduce((sum, value) => sum + (value / mean - 1) ** 2, 0);
      degrees += values.length - 1;
    }
  }
  return degrees === 0 ? 0 : Math.sqrt(squares / degrees);
};
