/** Which minutes of a trace a workload replays, how long each lasts, and how many requests each function offers in it. */
import type { Problem, Workload } from "#experiment/resolved.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import type { AzureTrace, TraceFunction } from "#workload/azure-trace.ts";

export type TraceWorkload = Extract<Workload, { readonly arrivals: "azure-functions-2019" }>;

const TRACED_MINUTE_NS = 60_000_000_000;

/** From the first send of the warm-up to the last of the cool-down. */
export const sendDuration = (workload: Workload): Nanos =>
  ns(workload.warmUpNs + workload.durationNs + workload.coolDownNs);

/** How long one traced minute lasts in the experiment; a fraction of a nanosecond is possible. */
export const minuteLengthNs = (workload: TraceWorkload): number =>
  TRACED_MINUTE_NS / workload.timeCompression;

/** Start of the used minute with this 0-based index, in workload time. */
export const minuteStart = (workload: TraceWorkload, index: number): number =>
  Math.round(index * minuteLengthNs(workload));

/** Minutes of the trace that the workload touches; the last may be touched in part. */
export const minutesNeeded = (workload: TraceWorkload): number => {
  const total = sendDuration(workload);
  let count = Math.ceil(total / minuteLengthNs(workload));
  // Rounding may put the start of a minute on either side of the end.
  while (count > 0 && minuteStart(workload, count - 1) >= total) count--;
  while (minuteStart(workload, count) < total) count++;
  return count;
};

/** 0-based column of the minute at which sending starts. */
export const startColumn = (workload: TraceWorkload, trace: AzureTrace): number =>
  workload.startMinute === null ? 0 : workload.startMinute - trace.firstMinute;

/** What keeps a workload from being replayed from this trace; empty when nothing does. */
export const traceProblems = (workload: TraceWorkload, trace: AzureTrace): readonly Problem[] => {
  const last = trace.firstMinute + trace.minuteCount - 1;
  const has = `the trace has minutes ${trace.firstMinute} to ${last}`;
  const start = startColumn(workload, trace);
  if (start < 0 || start >= trace.minuteCount) {
    const remedy = `choose a minute from ${trace.firstMinute} to ${last}`;
    const value = JSON.stringify(workload.startMinute);
    return [{ path: "workload.startMinute", value, message: has, remedy }];
  }
  const needed = minutesNeeded(workload);
  const available = trace.minuteCount - start;
  if (needed <= available) return [];
  const seconds = sendDuration(workload) / 1e9;
  const longest = Math.floor((available * minuteLengthNs(workload)) / 1e6) / 1e3;
  const message =
    `warm-up, measurement and cool-down take ${seconds} s and replay ${needed} traced minutes ` +
    `at compression ${workload.timeCompression}, but ${has}, ${available} from the start minute on`;
  const remedy = `keep the three below ${longest} s together, start earlier, or lower workload.timeCompression`;
  return [{ path: "workload.duration", value: `"${seconds}s"`, message, remedy }];
};

/** Requests that one function offers in each used minute, in order; minutes without requests are left out. */
export interface FunctionSchedule {
  /** 0-based row of the trace. */
  readonly row: number;
  /** 0-based indices of used minutes, ascending. */
  readonly minutes: Uint32Array;
  /** Whole numbers; with Poisson placement the mean, perhaps fractional. */
  readonly counts: Float64Array;
}

/**
 * Scales one function's counts. A factor carries the fraction from minute to minute, so that at any time the function
 * has offered its scaled total to within one request; where it starts is drawn, so that rare functions are neither all
 * lost nor all kept when the load is scaled down.
 */
const scaleCounts = (
  workload: TraceWorkload,
  counts: Float64Array,
  carry: number,
): Float64Array => {
  const factor = workload.loadFactor;
  if (factor === 1) return counts;
  if (workload.placement === "poisson") return counts.map((count) => count * factor);
  let seen = 0;
  let given = 0;
  return counts.map((count) => {
    seen += count;
    const due = Math.floor(seen * factor + carry);
    const now = due - given;
    given = due;
    return now;
  });
};

const cut = (fn: TraceFunction, from: number, to: number): readonly [number, number] => {
  let low = 0;
  while (low < fn.columns.length && (fn.columns[low] ?? 0) < from) low++;
  let high = low;
  while (high < fn.columns.length && (fn.columns[high] ?? 0) < to) high++;
  return [low, high];
};

/** The schedule of every function that offers anything in the used minutes, in file order. */
export const scheduleFunctions = (
  workload: TraceWorkload,
  trace: AzureTrace,
  seed: number,
): readonly FunctionSchedule[] => {
  const start = startColumn(workload, trace);
  const end = start + minutesNeeded(workload);
  const rng = Rng.of(seed, "azure-functions-2019/load-factor");
  const schedules: FunctionSchedule[] = [];
  for (const [row, fn] of trace.functions.entries()) {
    // Drawn for silent functions too, so that it depends on the row alone; 20 bits keep the sums below exact.
    const carry = (rng.uint32() >>> 12) / 2 ** 20;
    const [low, high] = cut(fn, start, end);
    const counts = scaleCounts(workload, fn.counts.subarray(low, high), carry);
    const offered: number[] = [];
    for (const [i, count] of counts.entries()) if (count > 0) offered.push(i);
    if (offered.length === 0) continue;
    schedules.push({
      row,
      minutes: Uint32Array.from(offered, (i) => (fn.columns[low + i] ?? 0) - start),
      counts: Float64Array.from(offered, (i) => counts[i] ?? 0),
    });
  }
  return schedules;
};

/**
 * The model instance of each function, by row: the functions are shuffled with the seed and dealt out in turn. The
 * trace's own imbalance is kept; dealing by load would replace it with one that no real system has.
 */
export const dealFunctions = (functions: number, instances: number, seed: number): Uint32Array => {
  const rng = Rng.of(seed, "azure-functions-2019/instances");
  const order = Uint32Array.from({ length: functions }, (_, i) => i);
  for (let i = functions - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    const other = order[j] ?? 0;
    order[j] = order[i] ?? 0;
    order[i] = other;
  }
  const dealt = new Uint32Array(functions);
  for (const [position, row] of order.entries()) dealt[row] = position % instances;
  return dealt;
};
