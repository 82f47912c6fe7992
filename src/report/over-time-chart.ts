/** The course of a run: offered load and goodput over time. */
import type { TopLevelSpec } from "vega-lite";
import type { IntervalRow, RunWindow } from "#query/analysis.ts";
import { type Layer, specOf } from "#report/chart-spec.ts";
import { CHART_WIDTH, COLOUR } from "#report/theme.ts";

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
