/** Batch sizes of one run, and of several side by side. */
import type { TopLevelSpec } from "vega-lite";
import type { BatchSizeRow } from "#query/analysis.ts";
import { specOf } from "#report/chart-spec.ts";
import { percentage } from "#report/format.ts";
import { CHART_WIDTH, COLOUR, orderedColours } from "#report/theme.ts";

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
    label: percentage(row.actions / total),
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
        axis: { labelLimit: 0, labelColor: COLOUR.text },
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
