/** The figure at the top: a metric against what the experiment sweeps. */
import type { TopLevelSpec } from "vega-lite";
import type { MetricUnit } from "#query/analysis.ts";
import {
  axisTitle,
  axisValue,
  isLong,
  isWide,
  type Layer,
  legendPlace,
  specOf,
} from "#report/chart-spec.ts";
import { quantity } from "#report/format.ts";
import { shortLabel } from "#report/labels.ts";
import { CHART_WIDTH, COLOUR, orderedColours } from "#report/theme.ts";

export interface HeadlinePoint {
  /** Numeric where the parameter is a quantity, else its text. */
  readonly x: number | string;
  readonly xLabel: string;
  readonly value: number;
  /** The other swept parameters, in words; "" when there is only one. */
  readonly series: string;
  /** Of a run whose numbers may be slightly off, which the chart marks. */
  readonly isSuspect?: boolean;
}

export interface HeadlineChart {
  readonly title: string;
  /** Lines: long ones make the figure wider than its plot. */
  readonly subtitle: readonly string[];
  readonly unit: MetricUnit;
  readonly metricTitle: string;
  readonly xTitle: string;
  /** One per run that has the metric. */
  readonly points: readonly HeadlinePoint[];
  /** Medians over repetitions, in order of x. */
  readonly medians: readonly HeadlinePoint[];
  /** In the order of the plan, or rising; those without a value too, where the line has a gap. */
  readonly positions: readonly { readonly x: number | string; readonly xLabel: string }[];
  /** Positions without a value, and why. */
  readonly missing: readonly {
    readonly x: number | string;
    readonly xLabel: string;
    readonly reason: string;
  }[];
  /** Offered load at each position, for rates; empty otherwise. */
  readonly reference: readonly { readonly x: number | string; readonly value: number }[];
  readonly bounds: readonly { readonly value: number; readonly label: string }[];
}

const headlineX = (chart: HeadlineChart): Record<string, unknown> => {
  const all = chart.positions;
  const labels = Object.fromEntries(all.map((point) => [String(point.x), point.xLabel]));
  const numbers = all.map((point) => point.x).filter((x) => typeof x === "number");
  const axis = {
    title: chart.xTitle,
    labelExpr: `(${JSON.stringify(labels)})[toString(datum.value)]`,
    labelAngle: 0,
    labelOverlap: "greedy",
  };
  if (numbers.length !== all.length) {
    const order = all.map((position) => position.x);
    return {
      field: "x",
      type: "ordinal",
      sort: order,
      axis: { ...axis, labelExpr: "datum.value" },
    };
  }
  const values = [...new Set(numbers)].sort((a, b) => a - b);
  const isLog = isWide(values) && (values[0] ?? 0) > 0;
  const low = values[0] ?? 0;
  const high = values.at(-1) ?? 1;
  const pad = isLog ? (high / low) ** 0.06 : (high - low || Math.abs(high) || 1) * 0.06;
  return {
    field: "x",
    type: "quantitative",
    scale: {
      type: isLog ? "log" : "linear",
      ...(isLog ? {} : { zero: false }),
      nice: false,
      domain: isLog ? [low / pad, high * pad] : [low - pad, high + pad],
    },
    axis: { ...axis, values },
  };
};

/** Shares that all lie high are told apart by an axis that starts at the ten below them; dots need no zero. */
export const shareDomain = (values: readonly number[]): readonly [number, number] => {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (high <= 50) return [0, high === 0 ? 1 : high * 1.14];
  const start = low < 60 ? 0 : Math.floor((low - 1) / 10) * 10;
  return [start, 100 + (100 - start) * 0.09];
};

/** Beyond this many points their values would run into each other. */
const LABELLED_POINTS = 10;

/** A value stands above its point, or below where the line comes from above on every side. */
const isValley = (points: readonly { readonly y: number }[], index: number): boolean => {
  const [before, here, after] = [points[index - 1], points[index], points[index + 1]];
  if (here === undefined || (before === undefined && after === undefined)) return false;
  return (
    (before?.y ?? Number.POSITIVE_INFINITY) > here.y &&
    (after?.y ?? Number.POSITIVE_INFINITY) > here.y
  );
};

const valueLabels = (
  chart: HeadlineChart,
  x: Record<string, unknown>,
  y: Record<string, unknown>,
): Layer[] => {
  const series = new Set(chart.medians.map((point) => point.series));
  if (series.size > 1 || chart.medians.length > LABELLED_POINTS) return [];
  const values = chart.medians.map((point) => ({
    x: point.x,
    y: axisValue(point.value, chart.unit),
    label: quantity(point.value, chart.unit),
  }));
  const { domain } = y["scale"] as { readonly domain?: readonly [number, number] };
  const floor =
    domain === undefined ? Number.POSITIVE_INFINITY : domain[0] + (domain[1] - domain[0]) * 0.1;
  const isBelow = values.map((row, index) => row.y > floor && isValley(values, index));
  const encoding = { x, y, text: { field: "label" } };
  const above = { type: "text", baseline: "bottom", dy: -8 };
  const below = { type: "text", baseline: "top", dy: 9 };
  // A halo of background keeps the values apart from a line that passes behind them.
  const halo = { color: COLOUR.background, stroke: COLOUR.background, strokeWidth: 4 };
  return [above, below].flatMap((place) => {
    const data = { values: values.filter((_, index) => isBelow[index] === (place === below)) };
    return data.values.length === 0
      ? []
      : [
          { data, mark: { ...place, ...halo }, encoding },
          { data, mark: { ...place, color: COLOUR.text }, encoding },
        ];
  });
};

const headlineY = (chart: HeadlineChart): Record<string, unknown> => {
  const values = [
    ...chart.points.map((point) => point.value),
    ...chart.reference.map((point) => point.value),
    ...chart.bounds.map((bound) => bound.value),
  ].map((value) => axisValue(value, chart.unit));
  const isLog = chart.unit === "ns" && isWide(values) && Math.min(...values) > 0;
  const top = Math.max(...values, 0);
  const domain = chart.unit === "share" ? shareDomain(values) : [0, top === 0 ? 1 : top * 1.14];
  return {
    field: "y",
    type: "quantitative",
    title: axisTitle(chart.metricTitle, chart.unit),
    scale: isLog ? { type: "log", nice: true } : { zero: false, nice: false, domain },
    axis: { tickCount: 6 },
  };
};

const BASELINE_LABEL = { align: "left", baseline: "bottom", dx: 2, dy: -3 };

const boundLayers = (chart: HeadlineChart, y: Record<string, unknown>): Layer[] =>
  chart.bounds.length === 0
    ? []
    : [
        {
          data: {
            values: chart.bounds.map((bound) => ({
              y: axisValue(bound.value, chart.unit),
              label: bound.label,
            })),
          },
          layer: [
            {
              mark: { type: "rule", color: COLOUR.vermilion, strokeDash: [5, 4], strokeWidth: 1.2 },
              encoding: { y },
            },
            {
              mark: { type: "text", color: COLOUR.vermilion, ...BASELINE_LABEL },
              encoding: { y, x: { value: 0 }, text: { field: "label" } },
            },
          ],
        },
      ];

const referenceLayers = (
  chart: HeadlineChart,
  x: Record<string, unknown>,
  y: Record<string, unknown>,
): Layer[] => {
  const values = chart.reference.map((point) => ({ x: point.x, y: point.value }));
  const last = values.at(-1);
  if (last === undefined) return [];
  return [
    {
      data: { values },
      mark: { type: "line", color: COLOUR.axis, strokeDash: [2, 3], strokeWidth: 1.5 },
      encoding: { x, y },
    },
    {
      data: { values: [last] },
      mark: { type: "text", color: COLOUR.muted, align: "right", baseline: "bottom", dy: -6 },
      encoding: { x, y, text: { value: "offered load" } },
    },
  ];
};

/** Every curve with a row at every position: where it has no value, the line is broken and not drawn across. */
const lineRows = (chart: HeadlineChart) =>
  [...new Set(chart.medians.map((point) => point.series))].flatMap((series) =>
    chart.positions.map(({ x }) => {
      const found = chart.medians.find((point) => point.series === series && point.x === x);
      const y = found === undefined ? null : axisValue(found.value, chart.unit);
      return { x, y, series: shortLabel(series) };
    }),
  );

/** The metric of the headline against the swept parameter: a dot per run, a line through the medians. */
export const headlineChart = (chart: HeadlineChart): TopLevelSpec => {
  const x = headlineX(chart);
  const y = headlineY(chart);
  const series = [...new Set(chart.medians.map((point) => shortLabel(point.series)))];
  const toRow = (point: HeadlinePoint) => ({
    x: point.x,
    y: axisValue(point.value, chart.unit),
    series: shortLabel(point.series),
  });
  const colours = series.length > 1 ? orderedColours(series.length) : [COLOUR.blue];
  const color = {
    field: "series",
    type: "nominal",
    sort: null,
    scale: { domain: series, range: colours },
    legend: series.length > 1 ? { title: null, ...legendPlace(series) } : null,
  };
  const missing = chart.missing.map((point) => ({ x: point.x, label: point.reason }));
  const suspect = chart.points.filter((point) => point.isSuspect === true);
  return specOf({
    width: series.length > 1 && !isLong(series) ? CHART_WIDTH - 110 : CHART_WIDTH,
    height: 300,
    title: { text: chart.title, subtitle: chart.subtitle },
    layer: [
      ...boundLayers(chart, y),
      ...referenceLayers(chart, x, y),
      {
        data: { values: lineRows(chart) },
        mark: { type: "line", strokeWidth: 2.2, invalid: "break-paths-show-path-domains" },
        encoding: { x, y, color },
      },
      {
        data: { values: chart.points.map(toRow) },
        mark: { type: "point", filled: true, size: 62, opacity: 1 },
        encoding: { x, y, color },
      },
      // A dot with a hole: its value may be slightly off.
      {
        data: { values: suspect.map(toRow) },
        mark: { type: "point", filled: true, size: 18, opacity: 1, color: COLOUR.background },
        encoding: { x, y },
      },
      ...valueLabels(chart, x, y),
      ...(missing.length === 0
        ? []
        : [
            {
              data: { values: missing },
              mark: { type: "text", color: COLOUR.vermilion, baseline: "bottom", dy: -4 },
              encoding: {
                x,
                y: { value: 300 },
                text: { field: "label" },
              },
            },
          ]),
    ],
  });
};
