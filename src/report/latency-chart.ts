/** The distribution of latency, with an axis of nines. */
import type { TopLevelSpec } from "vega-lite";
import type { TailPoint } from "#query/analysis.ts";
import { isLong, type Layer, legendPlace, specOf } from "#report/chart-spec.ts";
import { CHART_WIDTH, COLOUR, orderedColours } from "#report/theme.ts";

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
  readonly subtitle: readonly string[];
  readonly series: readonly CdfSeries[];
}): TopLevelSpec => {
  const labels = chart.series.map(({ label }) => label);
  const rows = cdfRows(chart.series);
  const top = Math.max(1, ...rows.map((row) => row.y));
  const colours = labels.length > 1 ? orderedColours(labels.length) : [COLOUR.blue];
  const legend =
    labels.length > 1 ? { title: null, ...legendPlace(labels), symbolType: "stroke" } : null;
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
    legend: labels.length > 1 ? { title: null } : null,
  };
  const xs = [
    ...rows.map((row) => row.x),
    ...chart.series.flatMap(({ sloNs }) => (sloNs === null ? [] : [sloNs / 1e6])),
  ];
  const low = Math.min(...xs);
  const high = Math.max(...xs);
  return specOf({
    width: labels.length > 1 && !isLong(labels) ? CHART_WIDTH - 110 : CHART_WIDTH,
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
