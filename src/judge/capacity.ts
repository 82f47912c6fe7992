/** What the runs of a search say so far: one result for each point of the sweep, with the path that led to it. */
import { METRIC_UNITS } from "#experiment/metric-units.ts";
import type { Goal, Plan, Point, Search } from "#experiment/resolved.ts";
import { type Reason, type SearchView, viewSearch } from "#judge/capacity-search.ts";
import { BOUND_UNITS } from "#judge/checks.ts";
import type { Finding } from "#judge/finding.ts";
import type { Observation } from "#judge/load-judgement.ts";
import type { FindingKind } from "#judge/thresholds.ts";
import type { RunVerdict, Verdict } from "#judge/verdict.ts";
import type { MetricUnit, RunAnalysis } from "#query/analysis.ts";

/** One run that was executed for a search. */
export interface SearchedRun {
  readonly index: number;
  readonly name: string;
  readonly point: Point;
  /** Orders the runs as they were executed: the instant of their first state, in ns since the Unix epoch. */
  readonly startedNs: bigint;
  readonly metrics: RunAnalysis["metrics"];
  readonly verdict: Verdict;
  /** Whether anything speaks against it beside what an overload and a stop rule do by themselves. */
  readonly isDisturbed: boolean;
  /** Why it counts neither way, or misses the goals whatever its metrics are; null when they decide. */
  readonly exception:
    | { readonly kind: "void"; readonly isGenerator: boolean; readonly reason: string }
    | { readonly kind: "missed"; readonly reason: string }
    | null;
}

/** One step of the search. */
export interface Trial {
  readonly run: SearchedRun;
  /** Position in the ladder. */
  readonly load: number;
  /** Why it was run; null for a run that the search did not ask for at that moment, as after `--resume`. */
  readonly reason: Reason | null;
  readonly observation: Observation;
}

/** The search of one point of the sweep. */
export interface Capacity extends Pick<Search, "over" | "loads" | "confidence"> {
  readonly goals: readonly (Goal & { readonly unit: MetricUnit })[];
  /** Without the load. */
  readonly point: Point;
  readonly view: SearchView;
  /** In the order of execution. */
  readonly trials: readonly Trial[];
}

/** Findings that are the load generator's own doing; what else makes a run INVALID has another reason. */
const GENERATOR_KINDS: readonly FindingKind[] = [
  "dropped",
  "missed-rate",
  "late-misses",
  "send-lateness",
  "receive-lateness",
  "generator-cpu",
];

/** Findings that a load causes which the system cannot bear: no reason to doubt that it cannot. */
const OVERLOAD_KINDS: readonly FindingKind[] = ["unknown", "server-errors"];

/** Findings that a stop rule causes which ends a run before much was measured: no reason to try again. */
const STOP_KINDS: readonly FindingKind[] = ["no-requests", "expected-share", "expected-sigmas"];

const stopOf = (run: RunAnalysis) =>
  run.stored?.state === "done" ? (run.stored.stopped ?? null) : null;

/** What is no disturbance in this run. */
const expectedKinds = (run: RunAnalysis): readonly FindingKind[] =>
  stopOf(run) === null ? OVERLOAD_KINDS : [...OVERLOAD_KINDS, ...STOP_KINDS, "stopped-early"];

const evidenceOf = (findings: readonly Finding[]): string => findings[0]?.evidence ?? "";

const exceptionOf = (run: RunAnalysis, { findings }: RunVerdict): SearchedRun["exception"] => {
  const stopped = stopOf(run);
  const expected = expectedKinds(run);
  const invalid = findings.filter(({ severity }) => severity === "invalid");
  const own = invalid.filter(({ kind }) => !expected.includes(kind));
  if (own.length > 0) {
    const isGenerator = own.every(({ kind }) => GENERATOR_KINDS.includes(kind));
    return { kind: "void", isGenerator, reason: evidenceOf(own) };
  }
  if (stopped !== null) return { kind: "missed", reason: stopped.evidence };
  return invalid.length > 0 ? { kind: "missed", reason: evidenceOf(invalid) } : null;
};

/** What a search makes of a run that was analysed and judged. */
export const toSearchedRun = (
  plan: Pick<Plan, "runs">,
  run: RunAnalysis,
  verdict: RunVerdict,
): SearchedRun => ({
  index: run.index,
  name: run.name,
  point: plan.runs.find(({ index }) => index === run.index)?.point ?? [],
  startedNs: BigInt(run.stored?.states[0]?.at_ns ?? 0),
  metrics: run.metrics,
  verdict: verdict.verdict,
  isDisturbed: verdict.findings.some(({ kind }) => !expectedKinds(run).includes(kind)),
  exception: exceptionOf(run, verdict),
});

const observe = (search: Search, { exception, metrics }: SearchedRun): Observation => {
  if (exception !== null) return exception;
  const values = search.goals.flatMap(({ metric }) => metrics[metric] ?? []);
  // Without a single success there is no latency: as bad as it gets.
  return values.length < search.goals.length ? { kind: "missed" } : { kind: "measured", values };
};

const byStart = (a: SearchedRun, b: SearchedRun): number =>
  a.startedNs < b.startedNs ? -1 : a.startedNs > b.startedNs ? 1 : a.index - b.index;

const capacityAt = (search: Search, point: Point, runs: readonly SearchedRun[]): Capacity => {
  const evidence: Observation[][] = search.loads.map(() => []);
  const trials: Trial[] = [];
  for (const run of runs.toSorted(byStart)) {
    const value = run.point.find(({ path }) => path === search.over)?.value;
    const load = search.loads.findIndex((each) => each.value === value);
    if (load === -1) continue;
    const { step } = viewSearch(search, evidence);
    const reason = step.kind === "run" && step.load === load ? step.reason : null;
    const observation = observe(search, run);
    trials.push({ run, load, reason, observation });
    evidence[load]?.push(observation);
  }
  const { over, loads, confidence } = search;
  const goals = search.goals.map((goal) => ({
    ...goal,
    unit: BOUND_UNITS[METRIC_UNITS[goal.metric]],
  }));
  return { over, loads, confidence, goals, point, trials, view: viewSearch(search, evidence) };
};

/** A run's point without the load. */
export const pointBeside = ({ over }: Pick<Search, "over">, point: Point): Point =>
  point.filter(({ path }) => path !== over);

const keyOf = (point: Point): string => JSON.stringify(point);

/** The results of all searches of a plan, in its order; empty for a plan without a search. */
export const findCapacities = (
  { search, runs: planned }: Pick<Plan, "search" | "runs">,
  runs: readonly SearchedRun[],
): readonly Capacity[] => {
  if (search === undefined) return [];
  const points = new Map(
    planned.map(({ point }) => {
      const beside = pointBeside(search, point);
      return [keyOf(beside), beside] as const;
    }),
  );
  const groups = Map.groupBy(runs, ({ point }) => keyOf(pointBeside(search, point)));
  return [...points].map(([key, point]) => capacityAt(search, point, groups.get(key) ?? []));
};

/** Whether a search came to its end at loads that were all measured. */
export const isAnswered = ({ view: { step, states, bracket } }: Capacity): boolean =>
  step.kind === "done" && (bracket.high === null || states[bracket.high]?.kind === "judged");
