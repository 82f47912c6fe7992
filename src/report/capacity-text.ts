/** The search for a capacity in words: the answer, the path, and what a single run added to it. */
import type { Capacity, Trial } from "#judge/capacity.ts";
import { keyName, percentage, plural, quantity, writtenValue } from "#report/format.ts";

type Titles = Readonly<Record<string, string>>;

/** A load as it was written: "735/s". */
export const loadText = ({ loads }: Pick<Capacity, "loads">, load: number): string =>
  writtenValue(loads[load]?.value ?? "");

const goalText = (goal: Capacity["goals"][number], titles: Titles): string => {
  const { atLeast, atMost, unit } = goal;
  const side = atLeast === null ? "at most" : "at least";
  return `${titles[goal.metric] ?? goal.metric} of ${side} ${quantity(atLeast ?? atMost ?? 0, unit)}`;
};

/** "SLO attainment of at least 99.00 % and Latency p99 of at most 80.0 ms". */
export const goalsText = ({ goals }: Capacity, titles: Titles): string =>
  goals.map((goal) => goalText(goal, titles)).join(" and ");

/** The swept values of a search, "SLO 25 ms"; "" without a sweep. */
export const pointText = ({ point }: Capacity): string =>
  point.map(({ path, value }) => `${keyName(path)} ${writtenValue(value)}`).join(", ");

const voidReason = ({ trials }: Capacity, load: number): string => {
  const found = trials.find((trial) => trial.load === load && trial.run.exception?.kind === "void");
  return found?.run.exception?.reason ?? "none of its runs counts";
};

/** Where the search ended at a load that could not be measured. */
const describeLimit = (capacity: Capacity, high: number): string => {
  const { states, bracket } = capacity.view;
  const state = states[high];
  const at = loadText(capacity, high);
  const least =
    bracket.low === null
      ? "so nothing is known of the capacity"
      : `so the capacity is **at least ${loadText(capacity, bracket.low)}**`;
  const evidence = voidReason(capacity, high);
  return state?.kind === "given-up" && state.isGenerator
    ? `**The load generator is what gives up first**: at ${at} no run can be trusted, ${least}. Evidence: ${evidence}. Use more generators or a machine with more cores to see further.`
    : `**At ${at} no run could be used**, ${least}. Evidence: ${evidence}.`;
};

const claim = (capacity: Capacity): string => {
  const { bracket, clear } = capacity.view;
  const confidence = percentage(capacity.confidence).replace(".00", "");
  const show = (load: number): string => loadText(capacity, load);
  if (bracket.low === clear.low && bracket.high === clear.high)
    return ` (${confidence} confidence at either end)`;
  const parts = [
    clear.low === null ? "" : `it is at least ${show(clear.low)}`,
    clear.high === null ? "" : `it is below ${show(clear.high)}`,
  ].filter((part) => part !== "");
  const certain = parts.length === 0 ? "nothing can be said" : parts.join(" and ");
  return ` by the means of the runs; with ${confidence} confidence ${certain}. More \`search.repetitionsMax\` or longer runs narrow it down`;
};

/** What was disturbed misses its goal more easily: where that is all that is known of a load, the capacity may be higher. */
const describeDoubt = ({ view, trials, ...ladder }: Capacity): string => {
  const { high } = view.bracket;
  if (view.step.kind !== "done" || high === null) return "";
  const counted = trials.filter(
    ({ load, observation }) => load === high && observation.kind !== "void",
  );
  if (counted.length === 0) return "";
  const at = loadText(ladder, high);
  if (counted.every(({ run }) => run.isDisturbed)) {
    const isInvalid = counted.some(({ run }) => run.verdict === "INVALID");
    return ` **All runs at ${at} are SUSPECT${isInvalid ? " or INVALID" : ""}**: what disturbed them may have made the capacity too low.`;
  }
  const [first] = counted;
  return counted.every(({ run }) => run.verdict === "INVALID")
    ? ` All runs at ${at} are INVALID, in a way that counts as a miss: ${first?.run.exception?.reason ?? ""}.`
    : "";
};

const describeEnd = (capacity: Capacity, goals: string): string => {
  const { low, high } = capacity.view.bracket;
  if (high !== null && capacity.view.states[high]?.kind === "given-up")
    return describeLimit(capacity, high);
  if (high === null) {
    const last = loadText(capacity, capacity.loads.length - 1);
    return `Even the highest load, **${last}**, meets ${goals}: the capacity is at least that. Raise \`search.to\`.`;
  }
  if (low === null) {
    const first = loadText(capacity, 0);
    return `Even the lowest load, **${first}**, misses ${goals}: the capacity is below it. Lower \`search.from\`.`;
  }
  const between = `**between ${loadText(capacity, low)} and ${loadText(capacity, high)}**`;
  return `The highest load that meets ${goals} is ${between}${claim(capacity)}.`;
};

const describeUnfinished = (capacity: Capacity): string => {
  const { low, high } = capacity.view.bracket;
  const ends = [
    low === null ? "" : `at least ${loadText(capacity, low)}`,
    high === null ? "" : `below ${loadText(capacity, high)}`,
  ].filter((end) => end !== "");
  const known = ends.length === 0 ? "nothing is known yet" : `so far it is ${ends.join(" and ")}`;
  return `The search for the capacity is not finished: ${known}.`;
};

const describeContradiction = (capacity: Capacity): string => {
  const { nonMonotone } = capacity.view;
  if (nonMonotone.length === 0) return "";
  const loads = nonMonotone.map((load) => loadText(capacity, load)).join(", ");
  return ` **Not monotone**: ${loads} ${nonMonotone.length === 1 ? "misses" : "miss"} the goal although a higher load meets it, so there is more than one such load; the lowest is told.`;
};

/** What the search found, in a sentence or two. */
export const describeCapacity = (capacity: Capacity, titles: Titles): string => {
  const goals = goalsText(capacity, titles);
  const { step } = capacity.view;
  const found = step.kind === "done" ? describeEnd(capacity, goals) : describeUnfinished(capacity);
  return `${found}${describeDoubt(capacity)}${describeContradiction(capacity)}`;
};

/** The same in a table's cell. */
export const shortCapacity = (capacity: Capacity): string => {
  const { step, bracket, states } = capacity.view;
  const { low, high } = bracket;
  if (step.kind !== "done") return "not finished";
  if (high !== null && states[high]?.kind === "given-up")
    return low === null ? "–" : `at least ${loadText(capacity, low)}`;
  if (high === null) return `at least ${loadText(capacity, capacity.loads.length - 1)}`;
  if (low === null) return `below ${loadText(capacity, 0)}`;
  return `${loadText(capacity, low)} to ${loadText(capacity, high)}`;
};

const REASONS = {
  lowest: "the lowest load",
  double: "twice the load",
  halve: "half way between the ends",
  unclear: "again: not clear yet",
  void: "again: the run before does not count",
  confirm: "confirms an end",
} as const;

export const reasonText = (trial: Trial): string =>
  trial.reason === null ? "of an earlier attempt" : REASONS[trial.reason];

/** What a run's metrics say of the goals: "SLO attainment 99.97 %". */
export const observedText = (capacity: Capacity, { run }: Trial, titles: Titles): string =>
  capacity.goals
    .map(({ metric, unit }) => {
      const value = run.metrics[metric]?.value;
      return `${titles[metric] ?? metric} ${value === undefined ? "–" : quantity(value, unit)}`;
    })
    .join(", ");

/** Why a run counts neither way, or misses without its numbers; null where these decide. */
export const exceptionText = ({ run: { exception } }: Trial): string | null =>
  exception === null
    ? null
    : `${exception.kind === "void" ? "does not count" : "misses"}: ${exception.reason}`;

/** How a load stands in the end: "meets", "misses, not clear". */
export const stateText = (capacity: Capacity, load: number): string => {
  const state = capacity.view.states[load];
  if (state?.kind === "given-up") return "given up";
  if (state?.kind !== "judged") return "not decided";
  const side = state.meets ? "meets" : "misses";
  return state.isClear ? side : `${side}, not clear`;
};

/** For the terminal: what a run said, where its load stands now, and what comes next. */
export const describeTrial = (capacity: Capacity, trial: Trial, titles: Titles): string => {
  const { step } = capacity.view;
  const said =
    exceptionText(trial) ??
    `${observedText(capacity, trial, titles)}; ${stateText(capacity, trial.load)}`;
  const next = step.kind === "run" ? `next ${loadText(capacity, step.load)}` : "found";
  const where = [pointText(capacity), loadText(capacity, trial.load)].filter((word) => word !== "");
  return `  search: ${where.join(", ")}: ${said} → ${next}`;
};

/** "16 runs at 9 of 58 loads". */
export const effortText = ({ trials, loads }: Capacity): string => {
  const tried = new Set(trials.map(({ load }) => load)).size;
  return `${plural(trials.length, "run")} at ${tried} of ${plural(loads.length, "load")}`;
};
