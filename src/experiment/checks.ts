/** Judges checks and the headline: bounds in the metric's unit, conditions and axes that the sweep really has. */
import { METRIC_UNITS, type MetricUnit } from "#experiment/metric-units.ts";
import { showValue } from "#experiment/problem.ts";
import { duration, type Mistake, type Reader, rate } from "#experiment/reading.ts";
import type { Check, Problem } from "#experiment/resolved.ts";
import type { ParsedCheck } from "#experiment/schema.ts";
import { canonical, nearestPath, type RawSweep } from "#experiment/sweep.ts";
import { err, ok, type Result } from "#stdx/result.ts";

interface BoundedMetric {
  readonly metric: string;
  readonly unit: MetricUnit;
}

const number = (metric: string, unit: "share" | "count"): Reader<number> => ({
  kind: "bound",
  read: (value): Result<number, Mistake> => {
    const due = unit === "share" ? "a share from 0 to 1" : "a plain number, at least 0";
    const remedy = `${metric} is ${due}, such as ${unit === "share" ? "0.95" : "4"}`;
    if (typeof value !== "number") return err({ message: `${due} is due`, remedy });
    const isPercent = unit === "share" && value > 1 && value <= 100;
    const most = unit === "share" ? 1 : Infinity;
    if (value >= 0 && value <= most) return ok(value);
    return err({
      message: `${value} is not ${due}`,
      remedy: isPercent ? `write ${value / 100}` : remedy,
    });
  },
});

const boundReader = ({ metric, unit }: BoundedMetric): Reader<number> => {
  if (unit === "rate") return rate();
  return unit === "duration" ? duration("zero") : number(metric, unit);
};

export interface Judged<T> {
  readonly problems: readonly Problem[];
  readonly value: T;
}

/** One bound in the metric's unit; null when absent or wrong. */
export const bound = (
  path: string,
  bounded: BoundedMetric,
  value: unknown,
): Judged<number | null> => {
  if (value === undefined) return { problems: [], value: null };
  const reading = boundReader(bounded).read(value);
  if (reading.ok) return { problems: [], value: reading.value };
  const message = `${reading.error.message} (for ${bounded.metric})`;
  return {
    problems: [{ path, value: showValue(value), message, remedy: reading.error.remedy }],
    value: null,
  };
};

const sweptRemedy = (path: string, sweep: RawSweep): string => {
  const swept = Object.keys(sweep);
  if (swept.length === 0) return `add a sweep of "${path}", or remove this`;
  const near = nearestPath(path, swept);
  return near === null
    ? `swept paths: ${swept.join(", ")}`
    : `write "${near}"; swept paths: ${swept.join(", ")}`;
};

/** The condition with the sweep's own spelling of its values. */
const conditions = (
  path: string,
  when: ParsedCheck["when"],
  sweep: RawSweep,
): Judged<Check["when"]> => {
  const problems: Problem[] = [];
  const value: Check["when"][number][] = [];
  for (const [swept, wanted] of Object.entries(when ?? {})) {
    const where = `${path}.when.${swept}`;
    const values = Object.hasOwn(sweep, swept) ? sweep[swept] : undefined;
    const found = values?.find((each) => canonical(swept, each) === canonical(swept, wanted));
    if (found !== undefined) {
      value.push({ path: swept, value: found });
    } else if (values === undefined) {
      problems.push({
        path: where,
        value: showValue(wanted),
        message: `"${swept}" is not swept`,
        remedy: sweptRemedy(swept, sweep),
      });
    } else if (values.length > 0) {
      const remedy = `one of ${values.map(showValue).join(", ")}`;
      problems.push({
        path: where,
        value: showValue(wanted),
        message: "the sweep has no such value",
        remedy,
      });
    }
  }
  return { problems, value };
};

/** What checks may refer to. */
export interface CheckScope {
  readonly sweep: RawSweep;
  /** Unit of the load that is searched over; null without a search. */
  readonly capacity: "rate" | "count" | null;
}

const CHECK_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,78}[A-Za-z0-9])?$/;

/** One check resolved, with everything that is wrong with it. */
const judgeCheck = (
  name: string,
  check: ParsedCheck,
  { sweep, capacity }: CheckScope,
): Judged<Check> => {
  const path = `checks.${name}`;
  const unit = check.metric === "capacity" ? (capacity ?? "count") : METRIC_UNITS[check.metric];
  const isJudged = check.metric !== "capacity" || capacity !== null;
  const boundOf = (side: "atLeast" | "atMost"): Judged<number | null> =>
    isJudged
      ? bound(`${path}.${side}`, { metric: check.metric, unit }, check[side])
      : { problems: [], value: null };
  const atLeast = boundOf("atLeast");
  const atMost = boundOf("atMost");
  const when = conditions(path, check.when, sweep);
  const problems = [...atLeast.problems, ...atMost.problems, ...when.problems];
  if (!isJudged) {
    problems.push({
      path: `${path}.metric`,
      value: showValue(check.metric),
      message: "nothing is searched for, so no capacity is found",
      remedy: "add a search, or name another metric",
    });
  }
  if (!CHECK_NAME.test(name)) {
    problems.push({
      path,
      value: showValue(name),
      message: "not a name for a check",
      remedy: "letters, digits, spaces, - and _; at most 80 characters",
    });
  }
  if (check.atLeast === undefined && check.atMost === undefined) {
    problems.push({
      path,
      value: showValue(check),
      message: "the check has no bound, so it claims nothing",
      remedy: "add atLeast or atMost",
    });
  }
  if (atLeast.value !== null && atMost.value !== null && atLeast.value > atMost.value) {
    const message = `atLeast ${showValue(check.atLeast)} is above atMost ${showValue(check.atMost)}: no value passes`;
    problems.push({ path, value: showValue(check), message, remedy: "atLeast at or below atMost" });
  }
  const value = {
    name,
    metric: check.metric,
    atLeast: atLeast.value,
    atMost: atMost.value,
    when: when.value,
  };
  return { problems, value };
};

/** All checks in the order written, with their problems. */
export const judgeChecks = (
  checks: Readonly<Record<string, ParsedCheck>> | undefined,
  scope: CheckScope,
): Judged<readonly Check[]> => {
  const judged = Object.entries(checks ?? {}).map(([name, check]) =>
    judgeCheck(name, check, scope),
  );
  return {
    problems: judged.flatMap(({ problems }) => problems),
    value: judged.map(({ value }) => value),
  };
};

/** The headline's axis has to be a path that the sweep varies. */
export const headlineProblems = (
  against: string | undefined,
  sweep: RawSweep,
): readonly Problem[] => {
  if (against === undefined || Object.hasOwn(sweep, against)) return [];
  const message = `"${against}" is not swept, so nothing can be drawn against it`;
  return [
    {
      path: "report.headline.against",
      value: showValue(against),
      message,
      remedy: sweptRemedy(against, sweep),
    },
  ];
};
