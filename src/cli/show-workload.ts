/** What `workload` prints of one schedule: its counts, its rate over time, its gaps, as tables or drawn. */
import { bar, plotColumns, plotMarks } from "#cli/terminal-plot.ts";
import { showTable } from "#cli/text-table.ts";
import type { Workload } from "#experiment/resolved.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { formatDuration } from "#stdx/quantity.ts";
import type { GapDistribution } from "#workload/gap-distribution.ts";
import type { ScheduleSummary } from "#workload/schedule-summary.ts";

/** Slices of a schedule: columns of the plot, of which the table joins several into each of its rows. */
export const SLICES = 72;
const ROWS = 12;
const PLOT_HEIGHT = 10;
const BAR_WIDTH = 40;

const PERCENTILES = [
  ["p1", 0.01],
  ["p10", 0.1],
  ["p50", 0.5],
  ["p90", 0.9],
  ["p99", 0.99],
  ["p99.9", 0.999],
] as const;

const count = (value: number): string => Math.round(value).toLocaleString("en-US");

const precise = (value: number): string =>
  value === 0 ? "0" : value.toLocaleString("en-US", { maximumSignificantDigits: 4 });

const perS = (value: number): string => `${precise(value)}/s`;

/** A time for people: four digits, in the unit that suits it. */
const time = (value: number): string => {
  if (value >= 1e9) return `${precise(value / 1e9)} s`;
  if (value >= 1e6) return `${precise(value / 1e6)} ms`;
  return value >= 1e3 ? `${precise(value / 1e3)} µs` : `${precise(value)} ns`;
};

const indented = (lines: readonly string[]): readonly string[] => lines.map((line) => `  ${line}`);

const countLines = (
  summary: ScheduleSummary,
  { durationNs }: Workload,
  isExact: boolean,
): readonly string[] => {
  const { requests, measured, announced, instances, users } = summary;
  const rate = perS((measured * 1e9) / durationNs);
  const due =
    announced === null ? "" : `; announced ${count(announced)}${isExact ? "" : " on average"}`;
  return [
    `requests   ${count(requests)}`,
    `measured   ${count(measured)} in ${formatDuration(durationNs)}: ${rate}${due}`,
    `instances  ${count(instances)} asked, by ${count(users)} ${users === 1 ? "user" : "users"}`,
  ];
};

const classLines = ({ classes, requests }: ScheduleSummary): readonly string[] =>
  classes.length < 2
    ? []
    : showTable(
        [
          ["class", "requests", "share", "gap mean", "gap CV"],
          ...classes.map(({ className, requests: own, gaps }) => [
            className,
            count(own),
            `${precise((own / requests) * 100)} %`,
            time(gaps.meanNs),
            gaps.cv === null ? "–" : precise(gaps.cv),
          ]),
        ],
        new Set([1, 2, 3, 4]),
      );

const gapLines = (gaps: GapDistribution): readonly string[] => {
  if (gaps.count === 0) return ["fewer than two requests: no gaps"];
  const cv = gaps.cv === null ? "–" : precise(gaps.cv);
  const quantiles = PERCENTILES.map(
    ([name, share]) => [name, time(gaps.quantileNs(share) ?? 0)] as const,
  );
  return [
    `mean ${time(gaps.meanNs)}, CV ${cv}`,
    ...showTable(
      [
        [...quantiles.map(([name]) => name), "max"],
        [...quantiles.map(([, value]) => value), time(gaps.maxNs)],
      ],
      new Set(Array.from({ length: PERCENTILES.length + 1 }, (_, i) => i)),
    ),
  ];
};

const rateRows = ({ perSlice, sliceNs }: ScheduleSummary): readonly string[] => {
  const joined = perSlice.length / ROWS;
  const rows = Array.from({ length: ROWS }, (_, row) => {
    const slices = perSlice.subarray(row * joined, (row + 1) * joined);
    const requests = slices.reduce((sum, each) => sum + each, 0);
    const rates = Array.from(slices, (each) => (each * 1e9) / sliceNs);
    return [
      time(row * joined * sliceNs),
      count(requests),
      perS((requests * 1e9) / (joined * sliceNs)),
      `${perS(Math.min(...rates))} to ${perS(Math.max(...rates))}`,
    ];
  });
  return showTable(
    [["from", "requests", "rate", `within ${time(sliceNs)}`], ...rows],
    new Set([0, 1, 2, 3]),
  );
};

const ratePlot = (
  { perSlice, sliceNs }: ScheduleSummary,
  workload: Workload,
): readonly string[] => {
  const values = Array.from(perSlice, (each) => (each * 1e9) / sliceNs);
  const lines = plotColumns({ values, height: PLOT_HEIGHT, label: perS });
  const indent = (lines.at(-1) ?? "").indexOf("└") + 1;
  const columnOf = (at: Nanos): number => Math.min(SLICES - 1, Math.round(at / sliceNs));
  const { warmUpNs, durationNs, coolDownNs } = workload;
  const measureEnd = ns(warmUpNs + durationNs);
  const span = (value: Nanos): string => (value === 0 ? "0s" : formatDuration(value));
  const marks = [
    [0, warmUpNs > 0 ? "0" : "0 measured"],
    ...(warmUpNs > 0 ? [[columnOf(warmUpNs), `│${span(warmUpNs)} measured`] as const] : []),
    ...(coolDownNs > 0 ? [[columnOf(measureEnd), `│${span(measureEnd)}`] as const] : []),
  ] as const;
  return [...lines, plotMarks(marks, indent)];
};

/** Bins around the mean, each up to twice the gap of the one before, beside what exponential gaps would put there. */
const gapPlot = (gaps: GapDistribution): readonly string[] => {
  if (gaps.count === 0 || gaps.meanNs === 0) return gapLines(gaps);
  const edges = Array.from({ length: GAP_BINS - 1 }, (_, i) => gaps.meanNs * 2 ** (i - 6));
  const limits = [0, ...edges, Number.POSITIVE_INFINITY];
  const poisson = (limit: number): number => 1 - Math.exp(-limit / gaps.meanNs);
  const rows = limits.slice(1).map((high, i) => {
    const low = limits[i] ?? 0;
    const below = (limit: number): number =>
      limit === Number.POSITIVE_INFINITY ? 1 : gaps.shareBelow(limit);
    return { low, high, share: below(high) - below(low), due: poisson(high) - poisson(low) };
  });
  const most = Math.max(...rows.map(({ share, due }) => Math.max(share, due)));
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  return showTable(
    [
      ["gap", "share", "Poisson's", ""],
      ...rows.map(({ low, high, share, due }) => [
        high === Number.POSITIVE_INFINITY ? `≥ ${time(low)}` : `< ${time(high)}`,
        percent(share),
        percent(due),
        bar(share / most, BAR_WIDTH),
      ]),
    ],
    new Set([0, 1, 2]),
  );
};

/** From a 64th of the mean to 16 times the mean, and what lies outside. */
const GAP_BINS = 12;

export interface ShowScheduleOptions {
  readonly workload: Workload;
  /** Whether the announced count is exact. */
  readonly isExact: boolean;
  readonly plot: boolean;
  /** SHA-256 of the schedule; null when it was not asked for. */
  readonly hash: string | null;
}

/** One schedule for a terminal. */
export const showSchedule = (
  summary: ScheduleSummary,
  { workload, isExact, plot, hash }: ShowScheduleOptions,
): readonly string[] => [
  "Schedule",
  ...indented(countLines(summary, workload, isExact)),
  ...(hash === null ? [] : [`  SHA-256    ${hash}`]),
  ...indented(classLines(summary)),
  "Rate over time",
  ...indented(plot ? ratePlot(summary, workload) : rateRows(summary)),
  "Gaps between requests",
  ...indented(gapLines(summary.gaps)),
  ...(plot ? indented(gapPlot(summary.gaps)) : []),
];
