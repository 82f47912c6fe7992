/** What all charts share: the form of a specification, and how values appear on an axis. */
import type { TopLevelSpec } from "vega-lite";
import type { MetricUnit } from "#query/analysis.ts";

/** One layer of a chart; Vega-Lite's own types are too deep to build up piece by piece. */
export type Layer = Record<string, unknown>;

/** Takes a specification as Vega-Lite's. */
export const specOf = (spec: Record<string, unknown>): TopLevelSpec =>
  spec as unknown as TopLevelSpec;

/** ns to what an axis shows: ms, a share in percent, or the value itself. */
export const axisValue = (value: number, unit: MetricUnit): number => {
  if (unit === "ns") return value / 1e6;
  return unit === "share" ? value * 100 : value;
};

/** A title with the unit of its axis. */
export const axisTitle = (title: string, unit: MetricUnit): string => {
  const suffix = { ns: " (ms)", per_s: " (requests/s)", share: " (%)", count: "" }[unit];
  return `${title}${suffix}`;
};

/** Whether values span so much that a logarithmic scale serves them better. */
export const isWide = (values: readonly number[]): boolean => {
  const positive = values.filter((value) => value > 0);
  return positive.length > 1 && Math.max(...positive) / Math.min(...positive) >= 8;
};

/** Whether any label would take a chart's width from its content if it stood beside it. */
export const isLong = (labels: readonly string[]): boolean =>
  labels.some((label) => label.length > 22);

/** Short labels stand beside a chart, long ones below it. */
export const legendPlace = (labels: readonly string[]): Record<string, unknown> =>
  isLong(labels)
    ? { orient: "bottom", direction: "vertical", columns: labels.length > 4 ? 2 : 1, labelLimit: 0 }
    : { orient: "right", labelLimit: 0 };
