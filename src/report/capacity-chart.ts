/**
 * A search for a capacity: the goal's metric against the load, every run, the goal, and the bracket that was found. Runs
 * that are INVALID have a mark at their load, and no value.
 */
import type { TopLevelSpec } from "vega-lite";
import type { Capacity, Trial } from "#judge/capacity.ts";
import { goalsText, loadText } from "#report/capacity-text.ts";
import { axisTitle, axisValue, isWide, type Layer, specOf } from "#report/chart-spec.ts";
import { keyName, quantity } from "#report/format.ts";
import { shareDomain } from "#report/headline-chart.ts";
import { CHART_WIDTH, COLOUR } from "#report/theme.ts";

const HEIGHT = 280;

type ChartGoal = Capacity["goals"][number];

const STANDINGS = ["meets the goal", "misses the goal", "not clear", "INVALID"] as const;

const standingOf = (capacity: Capacity, trial: Trial): (typeof STANDINGS)[number] => {
  const state = capacity.view.states[trial.load];
  if (state?.kind !== "judged" || !state.isClear) return "not clear";
  return state.meets ? "meets the goal" : "misses the goal";
};

const rowsOf = (capacity: Capacity, { metric, unit }: ChartGoal) =>
  capacity.trials.flatMap((trial) => {
    const value = trial.run.metrics[metric]?.value;
    const x = capacity.loads[trial.load]?.load;
    if (trial.run.verdict === "INVALID" || value === undefined || x === undefined) return [];
    return [{ x, y: axisValue(value, unit), standing: standingOf(capacity, trial) }];
  });

const invalidOf = (capacity: Capacity) =>
  capacity.trials.flatMap(({ run, load }) => {
    const x = capacity.loads[load]?.load;
    const standing: (typeof STANDINGS)[number] = "INVALID";
    return run.verdict === "INVALID" && x !== undefined ? [{ x, standing }] : [];
  });

type Row = ReturnType<typeof rowsOf>[number];

/** From the lowest to the highest run of each load that has several. */
const spreadsOf = (rows: readonly Row[]) =>
  [...Map.groupBy(rows, ({ x }) => x)].flatMap(([x, all]) => {
    const values = all.map(({ y }) => y);
    return values.length < 2 ? [] : [{ x, low: Math.min(...values), high: Math.max(...values) }];
  });

const yScale = (rows: readonly Row[], goal: ChartGoal, bound: number): Record<string, unknown> => {
  const values = [...rows.map(({ y }) => y), bound];
  if (goal.unit === "share") return { zero: false, nice: false, domain: shareDomain(values) };
  if (goal.unit === "ns" && isWide(values) && Math.min(...values) > 0)
    return { type: "log", nice: true };
  return { zero: true, nice: true };
};

const xOf = (
  capacity: Capacity,
  rows: readonly { readonly x: number }[],
): Record<string, unknown> => {
  const tried = rows.map(({ x }) => x);
  const [low, high] = [Math.min(...tried), Math.max(...tried)];
  const isLog = isWide([low, high]);
  const pad = isLog ? (high / low) ** 0.06 : (high - low || low) * 0.06;
  const unit = typeof capacity.loads[0]?.value === "string" ? " (requests/s)" : "";
  return {
    field: "x",
    type: "quantitative",
    scale: {
      type: isLog ? "log" : "linear",
      zero: false,
      nice: false,
      domain: isLog ? [low / pad, high * pad] : [low - pad, high + pad],
    },
    axis: { title: `${keyName(capacity.over)}${unit}`, labelAngle: 0, labelOverlap: "greedy" },
  };
};

/** The bracket as a shade behind everything, named at its top. */
const bracketLayers = (capacity: Capacity, x: Record<string, unknown>): Layer[] => {
  const { low, high } = capacity.view.bracket;
  if (low === null || high === null) return [];
  const [from, to] = [capacity.loads[low]?.load, capacity.loads[high]?.load];
  const label = `${loadText(capacity, low)} to ${loadText(capacity, high)}`;
  const values = [{ x: from, to, label }];
  return [
    {
      data: { values },
      mark: { type: "rect", color: COLOUR.blueFill },
      encoding: { x, x2: { field: "to" } },
    },
    {
      data: { values },
      mark: { type: "text", color: COLOUR.text, align: "right", baseline: "top", dx: -5 },
      encoding: { x, y: { value: 4 }, text: { field: "label" } },
    },
  ];
};

const goalLayers = (goal: ChartGoal, y: Record<string, unknown>, bound: number): Layer[] => {
  const words = goal.atLeast === null ? "at most" : "at least";
  const label = `goal: ${words} ${quantity(goal.atLeast ?? goal.atMost ?? 0, goal.unit)}`;
  return [
    {
      data: { values: [{ y: bound, label }] },
      layer: [
        {
          mark: { type: "rule", color: COLOUR.vermilion, strokeDash: [5, 4], strokeWidth: 1.2 },
          encoding: { y },
        },
        {
          mark: {
            type: "text",
            color: COLOUR.vermilion,
            align: "left",
            baseline: "top",
            dx: 2,
            dy: 4,
          },
          encoding: { y, x: { value: 0 }, text: { field: "label" } },
        },
      ],
    },
  ];
};

const STANDING_COLOURS = {
  "meets the goal": COLOUR.blue,
  "misses the goal": COLOUR.vermilion,
  "not clear": COLOUR.muted,
  INVALID: COLOUR.axis,
};

/** Colour and shape of each run's dot; the legend names only the standings that there are. */
const standingEncoding = (
  dots: readonly { readonly standing: (typeof STANDINGS)[number] }[],
): Record<string, unknown> => {
  const domain = STANDINGS.filter((each) => dots.some(({ standing }) => standing === each));
  const legend = { title: null, orient: "bottom", direction: "horizontal" };
  const range = domain.map((each) => STANDING_COLOURS[each]);
  const shapes = domain.map((each) => (each === "INVALID" ? "cross" : "circle"));
  return {
    color: { field: "standing", type: "nominal", scale: { domain, range }, legend },
    shape: { field: "standing", type: "nominal", scale: { domain, range: shapes }, legend },
  };
};

/** Null where no run has the metric. */
export const capacityChart = (
  capacity: Capacity,
  goal: ChartGoal,
  {
    titles,
    subtitle,
  }: { readonly titles: Readonly<Record<string, string>>; readonly subtitle: string },
): TopLevelSpec | null => {
  const rows = rowsOf(capacity, goal);
  if (rows.length === 0) return null;
  const title = titles[goal.metric] ?? goal.metric;
  const bound = axisValue(goal.atLeast ?? goal.atMost ?? 0, goal.unit);
  const invalid = invalidOf(capacity);
  const x = xOf(capacity, [...rows, ...invalid]);
  const y = {
    field: "y",
    type: "quantitative",
    title: axisTitle(title, goal.unit),
    scale: yScale(rows, goal, bound),
    axis: { tickCount: 6 },
  };
  const standing = standingEncoding([...rows, ...invalid]);
  return specOf({
    width: CHART_WIDTH,
    height: HEIGHT,
    title: { text: `${title} against ${keyName(capacity.over)}`, subtitle },
    layer: [
      ...bracketLayers(capacity, x),
      ...goalLayers(goal, y, bound),
      {
        data: { values: spreadsOf(rows) },
        mark: { type: "rule", color: COLOUR.axis, strokeWidth: 2 },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" } },
      },
      {
        data: { values: rows },
        mark: { type: "point", filled: true, size: 62, opacity: 1 },
        encoding: { x, y, ...standing },
      },
      {
        data: { values: invalid },
        mark: { type: "point", filled: true, size: 62, opacity: 1 },
        encoding: { x, y: { value: HEIGHT - 7 }, ...standing },
      },
    ],
  });
};

/** What the whole chart is about, for readers that do not see it. */
export const capacityAlt = (capacity: Capacity, titles: Readonly<Record<string, string>>): string =>
  `Runs of the search for the highest load that meets ${goalsText(capacity, titles)}`;
