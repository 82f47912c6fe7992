/** The figure at the top: the metric that the experiment is about, against what it sweeps. */

import { keyName, plural, quantity, writtenValue } from "#report/format.ts";
import type { HeadlineChart, HeadlinePoint } from "#report/headline-chart.ts";
import { pointLabel } from "#report/labels.ts";
import { isUsable, type ReportedRun, type ReportInput, type SweptValue } from "#report/model.ts";
import { spreadOf } from "#stats/spread.ts";

interface Placed {
  readonly run: ReportedRun;
  readonly swept: SweptValue;
  readonly x: number | string;
  readonly xLabel: string;
  readonly series: string;
  readonly value: number | null;
}

const place = (input: ReportInput, headline: { metric: string; against: string }): Placed[] => {
  const isNumeric = input.runs.every((run) =>
    run.point.some(({ path, position }) => path === headline.against && position !== null),
  );
  return input.runs.flatMap((run) => {
    const swept = run.point.find(({ path }) => path === headline.against);
    if (swept === undefined) return [];
    const metric = isUsable(run) ? run.analysis.metrics[headline.metric] : undefined;
    const xLabel = writtenValue(swept.value);
    const x = isNumeric ? (swept.position as number) : xLabel;
    const series = pointLabel(run, headline.against);
    return [{ run, swept, x, xLabel, series, value: metric?.value ?? null }];
  });
};

/** Numbers ascend; other values keep the order of the plan. */
const byPosition = (a: Placed, b: Placed): number =>
  typeof a.x === "number" && typeof b.x === "number" ? a.x - b.x : 0;

const mediansOf = (placed: readonly Placed[]): HeadlinePoint[] => {
  const groups = new Map<string, Placed[]>();
  for (const point of placed) {
    const key = JSON.stringify([point.series, point.x]);
    groups.set(key, [...(groups.get(key) ?? []), point]);
  }
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const values = [first, ...others].map(({ value }) => value).filter((value) => value !== null);
    const spread = spreadOf(values);
    if (spread === null) return [];
    return [{ x: first.x, xLabel: first.xLabel, series: first.series, value: spread.median }];
  });
};

const offeredAt = (placed: readonly Placed[]): { x: number | string; value: number }[] => {
  const positions = [...new Set(placed.map(({ x }) => x))];
  return positions.flatMap((x) => {
    const loads = placed
      .filter((point) => point.x === x && isUsable(point.run))
      .map((point) => point.run.analysis.metrics["offered_load"]?.value)
      .filter((value) => value !== undefined);
    const spread = spreadOf(loads);
    return spread === null ? [] : [{ x, value: spread.median }];
  });
};

/** Bounds that hold for every run; a bound on some runs only would mislead as a line across the figure. */
const boundsOf = (input: ReportInput, metric: string): { value: number; label: string }[] => {
  const results = input.checks.filter((result) => result.metric === metric);
  const bounds = new Map<string, { value: number; label: string }>();
  for (const result of results) {
    const count = results.filter(({ check }) => check === result.check).length;
    if (count !== input.runs.length) continue;
    for (const [value, words] of [
      [result.atLeast, "at least"],
      [result.atMost, "at most"],
    ] as const) {
      if (value === null) continue;
      const label = `${words} ${quantity(value, result.unit)}`;
      bounds.set(label, { value, label });
    }
  }
  return [...bounds.values()];
};

const isRate = (metric: string): boolean => metric === "goodput" || metric === "throughput";

const subtitleOf = (input: ReportInput, valued: readonly Placed[]): readonly string[] => {
  const invalid = input.runs.filter((run) => run.isDone && !isUsable(run)).length;
  const isSuspect = valued.some(({ run }) => run.verdict === "SUSPECT");
  const joined = (parts: readonly string[]): string =>
    parts.filter((part) => part !== "").join("; ");
  const lines = [
    joined([
      `${plural(valued.length, "run")}, one dot each`,
      input.repetitions > 1 ? "the line joins the medians" : "",
    ]),
    joined([
      isSuspect ? "dots with a hole: SUSPECT" : "",
      invalid > 0 ? `${plural(invalid, "run")} INVALID, left out` : "",
    ]),
  ];
  return lines.filter((line) => line !== "");
};

/** The headline as a chart; null when the experiment names none or no run has a value. */
export const headlineOf = (input: ReportInput): HeadlineChart | null => {
  const { headline } = input;
  if (headline === null) return null;
  const placed = place(input, headline).sort(byPosition);
  const valued = placed.filter((point) => point.value !== null);
  const unit = valued[0]?.run.analysis.metrics[headline.metric]?.unit;
  if (unit === undefined) return null;
  const metricTitle = input.analysis.metricTitles[headline.metric] ?? headline.metric;
  const positions = new Set(valued.map(({ x }) => x));
  const missing = new Map(
    placed.filter(({ x }) => !positions.has(x)).map((point) => [point.x, point]),
  );
  return {
    title: `${metricTitle} against ${keyName(headline.against)}`,
    subtitle: subtitleOf(input, valued),
    unit,
    metricTitle,
    xTitle: keyName(headline.against),
    positions: [...new Map(placed.map(({ x, xLabel }) => [x, { x, xLabel }])).values()],
    points: valued.map((point) => ({
      ...point,
      value: point.value as number,
      isSuspect: point.run.verdict === "SUSPECT",
    })),
    medians: mediansOf(valued),
    missing: [...missing.values()].map(({ x, xLabel, run }) => ({
      x,
      xLabel,
      reason: run.isDone && run.verdict === "INVALID" ? "INVALID" : "no result",
    })),
    reference: isRate(headline.metric) ? offeredAt(placed) : [],
    bounds: boundsOf(input, headline.metric),
  };
};
