/** Holds an experiment's claims against the metrics of its runs. */
import type { MetricName } from "#experiment/language.ts";
import { type MetricUnit as BoundUnit, METRIC_UNITS } from "#experiment/metric-units.ts";
import type { Check, Point } from "#experiment/resolved.ts";
import type { Verdict } from "#judge/verdict.ts";
import type { MetricUnit, MetricValue } from "#query/analysis.ts";

/** What judging needs to know of one run. */
export interface JudgedRun {
  readonly index: number;
  readonly name: string;
  readonly point: Point;
  readonly isDone: boolean;
  readonly verdict: Verdict;
  readonly metrics: Readonly<Record<string, MetricValue>>;
}

/** One check on one run. A claim that could not be looked at does not hold. */
export interface CheckResult {
  readonly check: string;
  readonly metric: string;
  readonly atLeast: number | null;
  readonly atMost: number | null;
  /** Null when no run fits the check's `when`; without an index the point of a search, which has many runs. */
  readonly run: { readonly index: number | null; readonly name: string } | null;
  readonly status: "pass" | "fail" | "not-evaluated";
  readonly observed: number | null;
  readonly unit: MetricUnit;
  readonly samples: number;
  /** Why it could not be evaluated; "" otherwise. */
  readonly reason: string;
}

const applies = (check: Check, run: JudgedRun): boolean =>
  check.when.every(({ path, value }) =>
    run.point.some((swept) => swept.path === path && swept.value === value),
  );

const isWithin = (check: Check, value: number): boolean =>
  (check.atLeast === null || value >= check.atLeast) &&
  (check.atMost === null || value <= check.atMost);

/** Units of bounds as metrics have them. */
export const BOUND_UNITS: Readonly<Record<BoundUnit, MetricUnit>> = {
  rate: "per_s",
  duration: "ns",
  share: "share",
  count: "count",
};

/** A claim about a metric of every run. */
type RunCheck = Check & { readonly metric: MetricName };

const isRunCheck = (check: Check): check is RunCheck => check.metric !== "capacity";

const claimOf = (check: RunCheck) => ({
  check: check.name,
  metric: check.metric,
  unit: BOUND_UNITS[METRIC_UNITS[check.metric]],
  atLeast: check.atLeast,
  atMost: check.atMost,
});

const notEvaluated = (check: RunCheck, run: JudgedRun | null, reason: string): CheckResult => ({
  ...claimOf(check),
  run: run === null ? null : { index: run.index, name: run.name },
  status: "not-evaluated",
  observed: null,
  samples: 0,
  reason,
});

const judgeRun = (check: RunCheck, run: JudgedRun): CheckResult => {
  if (!run.isDone) return notEvaluated(check, run, "the run did not finish");
  if (run.verdict === "INVALID") return notEvaluated(check, run, "the run is INVALID");
  const metric = run.metrics[check.metric];
  if (metric === undefined) return notEvaluated(check, run, `the run has no ${check.metric}`);
  return {
    ...claimOf(check),
    run: { index: run.index, name: run.name },
    status: isWithin(check, metric.value) ? "pass" : "fail",
    observed: metric.value,
    samples: metric.samples,
    reason: "",
  };
};

/** One result per check of a run's metric and run that it applies to, in the order of the checks, then of the runs. */
export const judgeChecks = (
  checks: readonly Check[],
  runs: readonly JudgedRun[],
): readonly CheckResult[] =>
  checks.filter(isRunCheck).flatMap((check) => {
    const concerned = runs.filter((run) => applies(check, run));
    return concerned.length === 0
      ? [notEvaluated(check, null, "no run has the values of its `when`")]
      : concerned.map((run) => judgeRun(check, run));
  });

/** A check holds when it holds on every run that it applies to. */
export const checkNames = (
  results: readonly CheckResult[],
): { readonly passed: readonly string[]; readonly failed: readonly string[] } => {
  const names = [...new Set(results.map((result) => result.check))];
  const isFailed = (name: string): boolean =>
    results.some((result) => result.check === name && result.status !== "pass");
  return {
    passed: names.filter((name) => !isFailed(name)),
    failed: names.filter(isFailed),
  };
};
