/** Workloads and traces for the tests of this folder. */

import type { RateShape } from "#experiment/resolved.ts";
import { ns, SECOND } from "#stdx/nanos.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import { type CountTable, parseCountTable } from "#workload/count-table.ts";
import type { TextSource } from "#workload/trace-lines.ts";
import type { TraceWorkload } from "#workload/trace-schedule.ts";

/** A replay of `minutes` traced minutes at one minute per second, without warm-up and cool-down. */
export const replay = (minutes: number, changes: Partial<TraceWorkload> = {}): TraceWorkload => ({
  arrivals: "azure-functions-2019",
  trace: "trace.csv",
  startMinute: null,
  loadFactor: 1,
  timeCompression: 60,
  placement: "even",
  warmUpNs: ns(0),
  durationNs: ns(minutes * SECOND),
  coolDownNs: ns(0),
  inputs: false,
  ...changes,
});

/** A trace whose functions have these counts per minute, the first minute being 1 unless said. */
export const traceOf = (counts: readonly (readonly number[])[], firstMinute = 1): CountTable => {
  const minutes = (counts[0] ?? []).map((_, index) => firstMinute + index);
  const lines = counts.map((row, index) => `o${index},a${index},f${index},http,${row.join(",")}`);
  const header = `HashOwner,HashApp,HashFunction,Trigger,${minutes.join(",")}`;
  const parsed = parseCountTable(`${[header, ...lines].join("\n")}\n`);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
};

/** Everything that an open loop offers, in order. */
export const takeAll = (process: ArrivalProcess): Arrival[] => {
  const arrivals: Arrival[] = [];
  while (process.nextAt() !== null) arrivals.push(process.take());
  return arrivals;
};

/** Counts per traced minute (row) and function (column), at one minute per second. */
export const countPerMinute = (
  arrivals: readonly Arrival[],
  size: { readonly functions: number; readonly minutes: number },
): number[][] => {
  const counts = Array.from({ length: size.functions }, () =>
    Array.from({ length: size.minutes }, () => 0),
  );
  for (const { user, at } of arrivals) {
    const row = counts[user];
    const minute = Math.floor(at / SECOND);
    if (row !== undefined) row[minute] = (row[minute] ?? 0) + 1;
  }
  return counts;
};

/** One shape of each kind, for a base rate of 100/s; rate-curve.test.ts works out what they come to. */
export const SHAPES = {
  ramp: { kind: "ramp", toPerS: 300, startNs: ns(SECOND), overNs: ns(2 * SECOND) },
  steps: {
    kind: "steps",
    steps: [
      { atNs: ns(SECOND), ratePerS: 300 },
      { atNs: ns(2 * SECOND), ratePerS: 0 },
      { atNs: ns(3 * SECOND), ratePerS: 50 },
    ],
  },
  bursts: {
    kind: "bursts",
    peakPerS: 500,
    everyNs: ns(SECOND),
    lengthNs: ns(SECOND / 5),
    firstNs: ns(SECOND / 2),
  },
  sine: { kind: "sine", amplitude: 0.5, periodNs: ns(4 * SECOND), phase: 0 },
} as const satisfies Record<RateShape["kind"], RateShape>;

/** A text that is read in pieces of this length, as often as it is opened. */
export const piecesOf = (text: string, length: number) => (): TextSource => {
  let at = 0;
  return {
    read: () => {
      if (at >= text.length) return null;
      at += length;
      return text.slice(at - length, at);
    },
  };
};
