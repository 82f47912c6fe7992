/** Which minutes of a trace a workload replays, how long each lasts, and how many requests each function offers in it. */
import type { Problem, Workload } from "#experiment/resolved.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import type { CountTable } from "#workload/count-table.ts";

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

/** Which minutes a trace has. */
export type TraceMinutes = Pick<CountTable, "firstMinute" | "minuteCount">;

/** 0-based column of the minute at which sending starts. */
export const startColumn = (workload: TraceWorkload, trace: TraceMinutes): number =>
  workload.startMinute === null ? 0 : workload.startMinute - trace.firstMinute;

/** What keeps a workload from being replayed from this trace; empty when nothing does. */
export const traceProblems = (workload: TraceWorkload, trace: TraceMinutes): readonly Problem[] => {
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

/** The functions that take part, when only some of a trace's are replayed; null for all. */
export const sampledFunctions = (
  { sampleFunctions: wanted }: Pick<TraceWorkload, "sampleFunctions">,
  functions: number,
  seed: number,
): Uint8Array | null => {
  if (wanted === undefined || wanted >= functions) return null;
  const rng = Rng.of(seed, "azure-functions-2019/sample");
  if (wanted < 1) return Uint8Array.from({ length: functions }, () => +(rng.uniform() < wanted));
  const isIn = new Uint8Array(functions);
  // Every set of so many functions is as likely as any other (Floyd): each step adds one that is not in yet.
  for (let last = functions - wanted; last < functions; last++) {
    const drawn = rng.below(last + 1);
    isIn[isIn[drawn] === 1 ? last : drawn] = 1;
  }
  return isIn;
};

/** What the functions offer in one used minute; the arrays are longer than `size` and are used again. */
export interface OfferedMinute {
  /** 0-based position among the used minutes. */
  readonly index: number;
  /** In workload time. */
  readonly startNs: number;
  readonly lengthNs: number;
  readonly size: number;
  readonly functions: Uint32Array;
  /** Whole numbers; with Poisson placement the mean, perhaps fractional. */
  readonly counts: Float64Array;
}

/**
 * Goes through the used minutes of a trace and scales their counts. A factor carries the fraction from minute to
 * minute, so that at any time a function has offered its scaled total to within one request; where it starts is drawn,
 * so that rare functions are neither all lost nor all kept when the load is scaled down.
 */
export class OfferedMinutes {
  readonly #workload: TraceWorkload;
  readonly #table: CountTable;
  readonly #isIn: Uint8Array | null;
  /** Of each function, where counts have to be whole: invocations seen and requests given so far. */
  readonly #carry: Float64Array | null;
  readonly #seen: Float64Array;
  readonly #given: Float64Array;
  readonly #first: number;
  readonly #end: number;
  #index = 0;
  #functions = new Uint32Array(0);
  #counts = new Float64Array(0);

  constructor(workload: TraceWorkload, table: CountTable, seed: number) {
    this.#workload = workload;
    this.#table = table;
    const { functionCount } = table;
    this.#isIn = sampledFunctions(workload, functionCount, seed);
    const mustCarry = workload.loadFactor !== 1 && workload.placement !== "poisson";
    const rng = Rng.of(seed, "azure-functions-2019/load-factor");
    // 20 bits keep the sums below exact.
    this.#carry = mustCarry
      ? Float64Array.from({ length: functionCount }, () => (rng.uint32() >>> 12) / 2 ** 20)
      : null;
    this.#seen = new Float64Array(mustCarry ? functionCount : 0);
    this.#given = new Float64Array(mustCarry ? functionCount : 0);
    this.#first = startColumn(workload, table);
    this.#end = minutesNeeded(workload);
  }

  /** The next used minute; null after the last. Valid until the next call. */
  next(): OfferedMinute | null {
    if (this.#index >= this.#end) return null;
    const index = this.#index++;
    const cells = this.#table.cellsOf(this.#first + index);
    if (this.#functions.length < cells.size) {
      this.#functions = new Uint32Array(2 * cells.size);
      this.#counts = new Float64Array(2 * cells.size);
    }
    let size = 0;
    for (let i = 0; i < cells.size; i++) {
      const fn = cells.functions[i] ?? 0;
      if (this.#isIn !== null && this.#isIn[fn] === 0) continue;
      const count = this.#scaled(fn, cells.counts[i] ?? 0);
      if (count === 0) continue;
      this.#functions[size] = fn;
      this.#counts[size] = count;
      size++;
    }
    const startNs = minuteStart(this.#workload, index);
    const lengthNs = minuteStart(this.#workload, index + 1) - startNs;
    return { index, startNs, lengthNs, size, functions: this.#functions, counts: this.#counts };
  }

  #scaled(fn: number, count: number): number {
    const { loadFactor } = this.#workload;
    if (this.#carry === null) return count * loadFactor;
    const seen = (this.#seen[fn] ?? 0) + count;
    this.#seen[fn] = seen;
    const due = Math.floor(seen * loadFactor + (this.#carry[fn] ?? 0));
    const now = due - (this.#given[fn] ?? 0);
    this.#given[fn] = due;
    return now;
  }
}

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
