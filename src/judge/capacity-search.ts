/**
 * The search for the highest load that meets its goals: doubles the load until one misses, halves the bracket down to
 * two neighbours, and confirms both. It holds no state: what comes next follows from what was observed.
 */
import type { Search } from "#experiment/resolved.ts";
import {
  judgeLoad,
  type LoadJudgement,
  type Observation,
  spreadSeen,
} from "#judge/load-judgement.ts";

/** Runs that count which either end of the final bracket has, unless `repetitionsMax` forbids. */
export const CONFIRMATIONS = 3;
/** Runs that count for nothing after which a load without any other is given up. */
const VOID_RUNS_MAX = 3;

/** Why a run is the next one. */
export type Reason = "lowest" | "double" | "halve" | "unclear" | "void" | "confirm";

/** How one load stands. */
export type LoadState =
  | { readonly kind: "untried" }
  /** Decided or not, with what is known so far. */
  | ({ readonly kind: "judged"; readonly isFinal: boolean } & LoadJudgement)
  /** No run of it counted, and none will be tried again. */
  | { readonly kind: "given-up"; readonly isGenerator: boolean }
  | { readonly kind: "void" };

/** Positions in the ladder of loads; null where there is none. */
export interface Bracket {
  /** The highest load below `high` that meets the goals. */
  readonly low: number | null;
  /** The lowest load that misses them or had to be given up. */
  readonly high: number | null;
}

export type SearchStep =
  | { readonly kind: "run"; readonly load: number; readonly reason: Reason }
  | { readonly kind: "done" };

export interface SearchView {
  readonly states: readonly LoadState[];
  readonly bracket: Bracket;
  /** The same with ends that are clear, and so maybe wider: what can be claimed with the confidence that was asked for. */
  readonly clear: Bracket;
  readonly step: SearchStep;
  /** Loads that miss the goals although a higher one meets them. */
  readonly nonMonotone: readonly number[];
}

/** What was observed at each load of the ladder, in the order of the runs. */
export type Evidence = readonly (readonly Observation[])[];

const stateOf = (
  search: Search,
  observations: readonly Observation[],
  spread: number,
): LoadState => {
  if (observations.length === 0) return { kind: "untried" };
  const { goals, confidence, repetitionsMax } = search;
  const judgement = judgeLoad(goals, observations, { confidence, spread });
  if (judgement !== null) {
    const isFinal = judgement.isClear || observations.length >= repetitionsMax;
    return { kind: "judged", isFinal, ...judgement };
  }
  const isGenerator = observations.every((each) => each.kind === "void" && each.isGenerator);
  return observations.length >= Math.min(VOID_RUNS_MAX, repetitionsMax)
    ? { kind: "given-up", isGenerator }
    : { kind: "void" };
};

const isMeeting = (state: LoadState | undefined): boolean =>
  state?.kind === "judged" && state.meets;

const isLimit = (state: LoadState | undefined): boolean =>
  state?.kind === "given-up" || (state?.kind === "judged" && !state.meets);

const bracketOf = (states: readonly LoadState[]): Bracket => {
  const high = states.findIndex(isLimit);
  const low = (high === -1 ? states : states.slice(0, high)).findLastIndex(isMeeting);
  return { low: low === -1 ? null : low, high: high === -1 ? null : high };
};

const isClear = (state: LoadState): boolean =>
  state.kind === "given-up" || (state.kind === "judged" && state.isClear);

const clearBracketOf = (states: readonly LoadState[], { low, high }: Bracket): Bracket => {
  const below = states.findLastIndex(
    (state, index) => low !== null && index <= low && isMeeting(state) && isClear(state),
  );
  const above = states.findIndex(
    (state, index) => high !== null && index >= high && isLimit(state) && isClear(state),
  );
  return { low: below === -1 ? null : below, high: above === -1 ? null : above };
};

const run = (load: number, reason: Reason): SearchStep => ({ kind: "run", load, reason });

/** The first load that is twice the given one, or the last. */
const doubled = ({ loads }: Search, from: number): number => {
  const twice = (loads[from]?.load ?? 0) * 2;
  const found = loads.findIndex(({ load }, index) => index > from && load >= twice);
  return found === -1 ? loads.length - 1 : found;
};

/** One more run for the end of the bracket that has the fewer, as long as one lacks confirmation. */
const confirm = (
  { repetitionsMax }: Search,
  evidence: Evidence,
  ends: readonly number[],
): SearchStep => {
  const lacking = ends
    .map((load) => ({ load, runs: evidence[load] ?? [] }))
    .filter(({ runs }) => runs.length < repetitionsMax)
    .map(({ load, runs }) => ({ load, count: runs.filter(({ kind }) => kind !== "void").length }))
    .filter(({ count }) => count < CONFIRMATIONS)
    .sort((a, b) => a.count - b.count);
  const [first] = lacking;
  return first === undefined ? { kind: "done" } : run(first.load, "confirm");
};

const stepOf = (
  search: Search,
  evidence: Evidence,
  { states, bracket }: Pick<SearchView, "states" | "bracket">,
): SearchStep => {
  const { low, high } = bracket;
  const open = states.findIndex(
    (state) => state.kind === "void" || (state.kind === "judged" && !state.isFinal),
  );
  if (open !== -1) return run(open, states[open]?.kind === "void" ? "void" : "unclear");
  if (low === null && high === null) return run(0, "lowest");
  const last = states.length - 1;
  if (high === null && low !== null && low < last) return run(doubled(search, low), "double");
  const below = low ?? -1;
  if (high !== null && high - below > 1) return run(Math.floor((below + high) / 2), "halve");
  const ends = [low, high].filter((end) => end !== null && states[end]?.kind === "judged");
  return confirm(search, evidence, ends as readonly number[]);
};

/** How the search stands after what was observed, and what it wants next. */
export const viewSearch = (search: Search, evidence: Evidence): SearchView => {
  const spread = spreadSeen(search.goals, evidence);
  const states = search.loads.map((_, index) => stateOf(search, evidence[index] ?? [], spread));
  const bracket = bracketOf(states);
  const highest = states.findLastIndex(isMeeting);
  const nonMonotone = states.flatMap((state, index) =>
    state.kind === "judged" && !state.meets && index < highest ? [index] : [],
  );
  return {
    states,
    bracket,
    clear: clearBracketOf(states, bracket),
    nonMonotone,
    step: stepOf(search, evidence, { states, bracket }),
  };
};

/** Runs of a search on a ladder: about as many as it will take, and as many if every load that it tries is hard to tell. */
export const expectedRuns = (search: Search): { readonly about: number; readonly most: number } => {
  let doublings = 1;
  let widest = 0;
  for (let load = 0; load < search.loads.length - 1; doublings++) {
    const next = doubled(search, load);
    widest = Math.max(widest, next - load);
    load = next;
  }
  const halvings = Math.ceil(Math.log2(Math.max(1, widest)));
  const tried = Math.min(search.loads.length, doublings + halvings);
  const confirmations = Math.min(CONFIRMATIONS, search.repetitionsMax);
  // The ends count once as tried already; one load in the neighbourhood is usually hard to tell.
  const about = tried + 2 * (confirmations - 1) + 2;
  const most = tried * search.repetitionsMax;
  return { about: Math.min(about, most), most };
};
