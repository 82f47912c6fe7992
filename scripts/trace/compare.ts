/** How far a trace is from the published statistics, as a table that goes into the README beside it. */
import type { AzureTrace, TraceFunction } from "#workload/azure-trace.ts";
import {
  BUSY_MINUTE_CV,
  FUNCTIONS_PER_APP,
  FUNCTIONS_UP_TO_PER_DAY,
  INVOCATIONS_OF_BUSIEST,
  MINUTE_CV_MEDIAN,
  TIMER_GAP_SHARES,
  TRIGGER_MIX,
  TRIGGERS,
} from "./published.ts";

export interface Comparison {
  readonly statistic: string;
  readonly published: string;
  readonly generated: string;
}

const MINUTES_PER_DAY = 1440;

const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

const totalOf = (fn: TraceFunction): number => sum(fn.counts);

/** Mean and variance of a function's counts over all minutes, silent ones included. */
const momentsOf = (fn: TraceFunction, minutes: number): readonly [number, number] => {
  const mean = totalOf(fn) / minutes;
  const squares = sum(fn.counts.map((count) => count * count)) / minutes;
  return [mean, Math.max(0, squares - mean * mean)];
};

const cvOf = (fn: TraceFunction, minutes: number): number => {
  const [mean, variance] = momentsOf(fn, minutes);
  return Math.sqrt(variance) / mean;
};

const quantile = (values: readonly number[], share: number): number | null => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
};

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const number = (value: number | null): string => (value === null ? "none" : value.toFixed(2));

const triggerRows = ({ functions }: AzureTrace): readonly Comparison[] => {
  const volume = sum(functions.map(totalOf));
  return TRIGGERS.map((trigger) => {
    const own = functions.filter((fn) => fn.trigger === trigger);
    const mix = TRIGGER_MIX[trigger];
    return {
      statistic: `trigger ${trigger}: share of functions / of invocations`,
      published: `${percent(mix.functions)} / ${percent(mix.invocations)}`,
      generated: `${percent(own.length / functions.length)} / ${percent(sum(own.map(totalOf)) / volume)}`,
    };
  });
};

const rateRows = ({ functions, minuteCount }: AzureTrace): readonly Comparison[] =>
  FUNCTIONS_UP_TO_PER_DAY.map(({ share, value }) => {
    const perDay = (fn: TraceFunction): number => (totalOf(fn) / minuteCount) * MINUTES_PER_DAY;
    const below = functions.filter((fn) => perDay(fn) <= value).length;
    return {
      statistic: `functions with at most ${value.toLocaleString("en-US")} invocations a day`,
      published: percent(share),
      generated: percent(below / functions.length),
    };
  });

const skewRows = ({ functions }: AzureTrace): readonly Comparison[] => {
  const totals = functions.map(totalOf).toSorted((a, b) => b - a);
  const volume = sum(totals);
  return INVOCATIONS_OF_BUSIEST.map(({ share, value }) => {
    const busiest = totals.slice(0, Math.max(1, Math.round(share * totals.length)));
    return {
      statistic: `share of invocations of the busiest ${percent(share)} of functions`,
      published: percent(value),
      generated: percent(sum(busiest) / volume),
    };
  });
};

const appRows = ({ functions }: AzureTrace): readonly Comparison[] => {
  const sizes = new Map<string, number>();
  for (const { app } of functions) sizes.set(app, (sizes.get(app) ?? 0) + 1);
  return FUNCTIONS_PER_APP.map(({ least, most, share }) => {
    const isLast = least > 10;
    const own = [...sizes.values()].filter((size) => size >= least && (isLast || size <= most));
    const range = isLast
      ? `${least} and more`
      : least === most
        ? String(least)
        : `${least} to ${most}`;
    return {
      statistic: `applications with ${range} functions`,
      published: percent(share),
      generated: percent(own.length / sizes.size),
    };
  });
};

const burstRows = ({ functions, minuteCount }: AzureTrace): readonly Comparison[] => {
  const active = functions.filter((fn) => totalOf(fn) > 0);
  const byTrigger = TRIGGERS.flatMap((trigger) => {
    const published = MINUTE_CV_MEDIAN[trigger];
    if (published === undefined) return [];
    const values = active.filter((fn) => fn.trigger === trigger).map((fn) => cvOf(fn, minuteCount));
    return [
      {
        statistic: `variation of counts per minute, median of active ${trigger} functions`,
        published: number(published),
        generated: number(quantile(values, 0.5)),
      },
    ];
  });
  const busy = active.filter((fn) => totalOf(fn) >= minuteCount);
  const values = busy.map((fn) => cvOf(fn, minuteCount));
  const ofBusy = BUSY_MINUTE_CV.map(({ share, value }) => ({
    statistic: `the same, ${percent(share)} point of functions with an invocation a minute or more`,
    published: number(value),
    generated: number(quantile(values, share)),
  }));
  return [...byTrigger, ...ofBusy];
};

/** The commonest distance between active minutes; null with fewer than two. */
const modalGap = ({ columns }: TraceFunction): number | null => {
  const gaps = new Map<number, number>();
  for (let i = 1; i < columns.length; i++) {
    const gap = (columns[i] ?? 0) - (columns[i - 1] ?? 0);
    gaps.set(gap, (gaps.get(gap) ?? 0) + 1);
  }
  const ordered = [...gaps].toSorted((a, b) => b[1] - a[1] || a[0] - b[0]);
  return ordered[0]?.[0] ?? null;
};

const timerRows = ({ functions }: AzureTrace): readonly Comparison[] => {
  const timers = functions.filter((fn) => fn.trigger === "timer");
  const gaps = timers.map(modalGap);
  return TIMER_GAP_SHARES.map(({ minutes, share }) => ({
    statistic: `timers that fire every ${minutes} min`,
    published: percent(share),
    generated: percent(gaps.filter((gap) => gap === minutes).length / timers.length),
  }));
};

const aggregateRow = ({ functions, minuteCount }: AzureTrace): Comparison => {
  const totals = new Float64Array(minuteCount);
  for (const fn of functions) {
    for (const [i, column] of fn.columns.entries()) {
      totals[column] = (totals[column] ?? 0) + (fn.counts[i] ?? 0);
    }
  }
  const mean = sum(totals) / minuteCount;
  const variance = sum(totals.map((total) => (total - mean) ** 2)) / minuteCount;
  return {
    statistic: "variation of the total per minute",
    published: "0.10",
    generated: number(Math.sqrt(variance) / mean),
  };
};

/** Every statistic that was published or measured, beside what the trace has. */
export const compareWithPublished = (trace: AzureTrace): readonly Comparison[] => [
  ...triggerRows(trace),
  ...rateRows(trace),
  ...skewRows(trace),
  ...appRows(trace),
  ...burstRows(trace),
  ...timerRows(trace),
  aggregateRow(trace),
];

/** The comparison as a Markdown table. */
export const formatComparison = (rows: readonly Comparison[]): string =>
  [
    "| statistic | published | generated |",
    "|---|---:|---:|",
    ...rows.map(
      ({ statistic, published, generated }) => `| ${statistic} | ${published} | ${generated} |`,
    ),
  ].join("\n");
