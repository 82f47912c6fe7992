/** Each chart of the report as a Vega-Lite specification, from typed rows; nothing is read and nothing is drawn here. */
import type { TopLevelSpec } from "vega-lite";
import type {
  BatchSizeRow,
  IntervalRow,
  MetricUnit,
  RunWindow,
  TailPoint,
} from "#query/analysis.ts";
import { CHART_WIDTH, COLOUR, orderedColours } from "#report/theme.ts";

type Layer = Record<string, unknown>;

const specOf = (spec: Record<string, unknown>): TopLevelSpec => spec as unknown as TopLevelSpec;

/** ns to what an axis shows: ms, a share in percent, or the value itself. */
export const axisValue = (value: number, unit: MetricUnit): number => {
  if (unit === "ns") return value / 1e6;
  return unit === "share" ? value * 100 : value;
};

export const axisTitle = (title: string, unit: MetricUnit): string => {
  const suffix = { ns: " (ms)", per_s: " (requests/s)", share: " (%)", count: "" }[unit];
  return `${title}${suffix}`;
};

const isWide = (values: readonly number[]): boolean => {
  const positive = values.filter((value) => value > 0);
  return positive.length > 1 && Math.max(...positive) / Math.min(...positive) >= 12;
};

export interface HeadlinePoint {
  /** Numeric where the parameter is a quantity, else its text. */
  readonly x: number | string;
  readonly xLabel: string;
  readonly value: number;
  /** The other swept parameters, in words; "" when there is only one. */
  readonly series: string;
}

export interface HeadlineChart {
  readonly title: string;
  readonly subtitle: string;
  readonly unit: MetricUnit;
  readonly metricTitle: string;
  readonly xTitle: string;
  /** One per run that has the metric. */
  readonly points: readonly HeadlinePoint[];
  /** Medians over repetitions, in order of x. */
  readonly medians: readonly HeadlinePoint[];
  /** Positions whose runs all lack the metric. */
  readonly missing: readonly { readonly x: number | string; readonly xLabel: string }[];
  /** Offered load at each position, for rates; empty otherwise. */
  readonly reference: readonly { readonly x: number | string; readonly value: number }[];
  readonly bounds: readonly { readonly value: number; readonly label: string }[];
}

const headlineX = (chart: HeadlineChart): Record<string, unknown> => {
  const all = [...chart.points, ...chart.missing];
  const labels = Object.fromEntries(all.map((point) => [String(point.x), point.xLabel]));
  const numbers = all.map((point) => point.x).filter((x) => typeof x === "number");
  const axis = {
    title: chart.xTitle,
    labelExpr: `(${JSON.stringify(labels)})[toString(datum.value)]`,
    labelAngle: 0,
    labelOverlap: "greedy",
  };
  if (numbers.length !== all.length) {
    return { field: "x", type: "ordinal", sort: null, axis: { ...axis, labelExpr: "datum.value" } };
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

const headlineY = (chart: HeadlineChart): Record<string, unknown> => {
  const values = [
    ...chart.points.map((point) => point.value),
    ...chart.reference.map((point) => point.value),
    ...chart.bounds.map((bound) => bound.value),
  ].map((value) => axisValue(value, chart.unit));
  const isLog = chart.unit === "ns" && isWide(values) && Math.min(...values) > 0;
  const top = Math.max(...values, 0);
  const domain = chart.unit === "share" && top > 50 ? [0, 105] : [0, top === 0 ? 1 : top * 1.12];
  return {
    field: "y",
    type: "quantitative",
    title: axisTitle(chart.metricTitle, chart.unit),
    scale: isLog ? { type: "log", nice: true } : { zero: true, nice: false, domain },
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

/** The metric of the headline against the swept parameter: a dot per run, a line through the medians. */
export const headlineChart = (chart: HeadlineChart): TopLevelSpec => {
  const x = headlineX(chart);
  const y = headlineY(chart);
  const series = [...new Set(chart.medians.map((point) => point.series))];
  const toRow = (point: HeadlinePoint) => ({
    x: point.x,
    y: axisValue(point.value, chart.unit),
    series: point.series,
  });
  const colours = series.length > 1 ? orderedColours(series.length) : [COLOUR.blue];
  const color = {
    field: "series",
    type: "nominal",
    sort: null,
    scale: { domain: series, range: colours },
    legend: series.length > 1 ? { title: null, orient: "top-left" } : null,
  };
  const missing = chart.missing.map((point) => ({ x: point.x, label: "no result" }));
  return specOf({
    width: CHART_WIDTH,
    height: 300,
    title: { text: chart.title, subtitle: chart.subtitle },
    layer: [
      ...boundLayers(chart, y),
      ...referenceLayers(chart, x, y),
      {
        data: { values: chart.medians.map(toRow) },
        mark: { type: "line", strokeWidth: 2.2 },
        encoding: { x, y, color },
      },
      {
        data: { values: chart.points.map(toRow) },
        mark: { type: "point", filled: true, size: 62, opacity: 1 },
        encoding: { x, y, color },
      },
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

export interface CdfSeries {
  readonly label: string;
  readonly points: readonly TailPoint[];
  /** In ns; null where requests have none or several. */
  readonly sloNs: number | null;
}

const TAIL_LABELS =
  "datum.value == 0 ? '0 %' : datum.value < 1 ? '50 %' : datum.value == 1 ? '90 %' : datum.value == 2 ? '99 %' : '99.' + slice('99999999', 0, datum.value - 2) + ' %'";

const cdfRows = (series: readonly CdfSeries[]) =>
  series.flatMap(({ label, points }) =>
    points
      .filter((point) => point.latencyNs > 0)
      .map((point) => ({ label, x: point.latencyNs / 1e6, y: -Math.log10(point.tail) })),
  );

// The median's tick is worth its uneven place on an axis of nines.
const tailTicks = (top: number): readonly number[] => [
  0,
  Math.log10(2),
  ...Array.from({ length: Math.floor(top) }, (_, decade) => decade + 1),
];

const sloLayers = (series: readonly CdfSeries[], color: Record<string, unknown>): Layer[] => {
  const slos = [...new Set(series.map(({ sloNs }) => sloNs).filter((slo) => slo !== null))];
  const x = { field: "x", type: "quantitative" };
  const only = slos[0];
  if (slos.length === 1 && only !== undefined) {
    const data = { values: [{ x: only / 1e6, label: `SLO ${only / 1e6} ms` }] };
    return [
      {
        data,
        mark: { type: "rule", color: COLOUR.vermilion, strokeDash: [5, 4], strokeWidth: 1.2 },
        encoding: { x },
      },
      {
        data,
        mark: { type: "text", color: COLOUR.vermilion, align: "right", baseline: "top", dx: -5 },
        encoding: { x, y: { value: 2 }, text: { field: "label" } },
      },
    ];
  }
  return slos.length === 0
    ? []
    : [
        {
          data: {
            values: series
              .filter(({ sloNs }) => sloNs !== null)
              .map(({ label, sloNs }) => ({ label, x: (sloNs as number) / 1e6 })),
          },
          mark: { type: "rule", strokeDash: [5, 4], strokeWidth: 1.2, opacity: 0.8 },
          encoding: { x, color },
        },
      ];
};

const DASHES = [
  [1, 0],
  [7, 3],
  [2, 2],
  [9, 3, 2, 3],
  [4, 2],
  [12, 3],
];

/** Latency of successful responses, with an axis of nines: 90 %, 99 %, 99.9 % lie a step apart. */
export const latencyCdfChart = (chart: {
  readonly title: string;
  readonly subtitle: string;
  readonly seriesTitle: string | null;
  readonly series: readonly CdfSeries[];
}): TopLevelSpec => {
  const labels = chart.series.map(({ label }) => label);
  const rows = cdfRows(chart.series);
  const top = Math.max(1, ...rows.map((row) => row.y));
  const colours = labels.length > 1 ? orderedColours(labels.length) : [COLOUR.blue];
  const legend =
    labels.length > 1
      ? { title: chart.seriesTitle, orient: "right", symbolType: "stroke", labelLimit: 220 }
      : null;
  const color = {
    field: "label",
    type: "nominal",
    sort: null,
    scale: { domain: labels, range: colours },
    legend,
  };
  const dashes = labels.map((_, index) => DASHES[index % DASHES.length]);
  const strokeDash = {
    field: "label",
    type: "nominal",
    sort: null,
    scale: { domain: labels, range: dashes },
    legend: labels.length > 1 ? { title: chart.seriesTitle } : null,
  };
  const xs = [
    ...rows.map((row) => row.x),
    ...chart.series.flatMap(({ sloNs }) => (sloNs === null ? [] : [sloNs / 1e6])),
  ];
  const low = Math.min(...xs);
  const high = Math.max(...xs);
  return specOf({
    width: labels.length > 1 ? CHART_WIDTH - 110 : CHART_WIDTH,
    height: 320,
    title: { text: chart.title, subtitle: chart.subtitle },
    layer: [
      ...sloLayers(chart.series, color),
      {
        data: { values: rows },
        mark: { type: "line", interpolate: "step-after", strokeWidth: 2, clip: true },
        encoding: {
          x: {
            field: "x",
            type: "quantitative",
            title: "Latency (ms, logarithmic)",
            scale: { type: "log", nice: false, domain: [low * 0.93, high * 1.12] },
            axis: { grid: true, tickCount: 8, format: "~r" },
          },
          y: {
            field: "y",
            type: "quantitative",
            title: "Share of responses within",
            scale: { domain: [0, top * 1.03], nice: false },
            axis: { values: tailTicks(top), labelExpr: TAIL_LABELS },
          },
          color,
          strokeDash,
        },
      },
    ],
  });
};

export interface OverTimeChart {
  readonly title: string;
  readonly subtitle: readonly string[];
  readonly intervals: readonly IntervalRow[];
  readonly window: RunWindow;
}

const shadeOutside = (window: RunWindow): Layer[] => {
  const values = [
    { from: 0, to: window.measureStartNs / 1e9, label: "warm-up" },
    { from: window.measureEndNs / 1e9, to: window.sendEndNs / 1e9, label: "cool-down" },
  ].filter(({ from, to }) => to > from);
  if (values.length === 0) return [];
  const isNarrow = (window.sendEndNs / 1e9) * 0.08;
  const named = values.filter(({ from, to }) => to - from >= isNarrow);
  return [
    {
      data: { values },
      mark: { type: "rect", color: COLOUR.shade },
      encoding: { x: { field: "from", type: "quantitative" }, x2: { field: "to" } },
    },
    {
      data: { values: named },
      mark: {
        type: "text",
        color: COLOUR.muted,
        align: "left",
        baseline: "top",
        dx: 5,
        fontSize: 10.5,
      },
      encoding: {
        x: { field: "from", type: "quantitative" },
        y: { value: 4 },
        text: { field: "label" },
      },
    },
  ];
};

/** Steps need the last interval's end as well. */
const stepRows = (intervals: readonly IntervalRow[]) => {
  const rows = intervals.map((row) => ({
    x: row.startNs / 1e9,
    offered: (row.scheduled * 1e9) / row.lengthNs,
    good: (row.good * 1e9) / row.lengthNs,
  }));
  const last = intervals.at(-1);
  const lastRow = rows.at(-1);
  return last === undefined || lastRow === undefined
    ? rows
    : [...rows, { ...lastRow, x: (last.startNs + last.lengthNs) / 1e9 }];
};

/** Offered load and goodput in intervals of the run; the gap between them is what missed its SLO. */
export const overTimeChart = (chart: OverTimeChart): TopLevelSpec => {
  const rows = stepRows(chart.intervals);
  const long = rows.flatMap((row) => [
    { x: row.x, y: row.offered, series: "offered" },
    { x: row.x, y: row.good, series: "goodput" },
  ]);
  const top = Math.max(1, ...rows.map((row) => row.offered)) * 1.15;
  const end = chart.window.sendEndNs / 1e9;
  const x = {
    field: "x",
    type: "quantitative",
    title: "Time since the start of sending (s)",
    scale: { domain: [0, end], nice: false },
    axis: { tickCount: 10 },
  };
  const y = {
    field: "y",
    type: "quantitative",
    title: "Requests/s",
    scale: { domain: [0, top], nice: false },
    axis: { tickCount: 5 },
  };
  const color = {
    field: "series",
    type: "nominal",
    scale: { domain: ["offered", "goodput"], range: [COLOUR.axis, COLOUR.blue] },
    legend: {
      title: null,
      orient: "top",
      direction: "horizontal",
      symbolType: "stroke",
      offset: 4,
    },
  };
  return specOf({
    width: CHART_WIDTH,
    height: 200,
    title: { text: chart.title, subtitle: chart.subtitle },
    layer: [
      ...shadeOutside(chart.window),
      {
        data: { values: rows },
        mark: { type: "area", interpolate: "step-after", color: COLOUR.vermilionFill },
        encoding: {
          x,
          y: { ...y, field: "offered" },
          y2: { field: "good" },
        },
      },
      {
        data: { values: rows },
        mark: { type: "area", interpolate: "step-after", color: COLOUR.blueFill },
        encoding: { x, y: { ...y, field: "good" } },
      },
      {
        data: { values: long },
        mark: { type: "line", interpolate: "step-after", strokeWidth: 1.6 },
        encoding: { x, y, color },
      },
    ],
  });
};

export interface BatchChart {
  readonly title: string;
  readonly subtitle: string;
  readonly runs: readonly { readonly label: string; readonly sizes: readonly BatchSizeRow[] }[];
}

/** How many of the infer actions had which batch size: bars for one run. */
export const batchSizesChart = (chart: BatchChart): TopLevelSpec => {
  const [run] = chart.runs;
  const sizes = run?.sizes ?? [];
  const total = sizes.reduce((sum, row) => sum + row.actions, 0);
  const values = sizes.map((row) => ({
    size: String(row.batchSize),
    share: (row.actions * 100) / total,
    label: `${((row.actions * 100) / total).toFixed(1)} %`,
  }));
  const x = {
    field: "size",
    type: "ordinal",
    sort: null,
    title: "Batch size (requests per infer action)",
    axis: { labelAngle: 0 },
  };
  const y = {
    field: "share",
    type: "quantitative",
    title: "Share of infer actions (%)",
    scale: { domain: [0, Math.max(1, ...values.map((row) => row.share)) * 1.12], nice: false },
    axis: { tickCount: 5 },
  };
  return specOf({
    width: CHART_WIDTH,
    height: 180,
    title: { text: chart.title, subtitle: chart.subtitle },
    data: { values },
    layer: [
      {
        mark: {
          type: "bar",
          color: COLOUR.blue,
          width: { band: Math.min(0.6, 0.12 * values.length) },
        },
        encoding: { x, y },
      },
      {
        mark: { type: "text", baseline: "bottom", dy: -3, color: COLOUR.text },
        encoding: { x, y, text: { field: "label" } },
      },
    ],
  });
};

/** The same for several runs: one bar per run, divided by batch size. */
export const batchSharesChart = (chart: BatchChart): TopLevelSpec => {
  const sizes = [
    ...new Set(chart.runs.flatMap((run) => run.sizes.map((row) => row.batchSize))),
  ].sort((a, b) => a - b);
  const values = chart.runs.flatMap(({ label, sizes: rows }) => {
    const total = rows.reduce((sum, row) => sum + row.actions, 0);
    return rows.map((row) => ({
      run: label,
      size: String(row.batchSize),
      order: row.batchSize,
      share: (row.actions * 100) / total,
    }));
  });
  return specOf({
    width: CHART_WIDTH - 60,
    height: { step: 26 },
    title: { text: chart.title, subtitle: chart.subtitle },
    data: { values },
    mark: { type: "bar", height: { band: 0.72 }, stroke: COLOUR.background, strokeWidth: 0.8 },
    encoding: {
      y: {
        field: "run",
        type: "ordinal",
        sort: chart.runs.map(({ label }) => label),
        title: null,
        axis: { labelLimit: 220, labelColor: COLOUR.text },
      },
      x: {
        field: "share",
        type: "quantitative",
        title: "Share of infer actions (%)",
        scale: { domain: [0, 100], nice: false },
        axis: { grid: true },
      },
      color: {
        field: "size",
        type: "nominal",
        sort: null,
        scale: { domain: sizes.map(String), range: orderedColours(sizes.length) },
        legend: { title: "batch size", orient: "right", symbolType: "square" },
      },
      order: { field: "order" },
    },
  });
};
