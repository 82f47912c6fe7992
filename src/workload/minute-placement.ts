/** Where in its minute each request of a function falls: evenly spaced, anywhere, or as a Poisson process. */
import { power } from "#stdx/elementary.ts";
import { Rng } from "#stdx/rng.ts";
import type { CountTable } from "#workload/count-table.ts";
import type { OfferedMinute, TraceWorkload } from "#workload/trace-schedule.ts";

/** Places the requests of one minute after another; a function is named by its position in the minute's list. */
export interface MinutePlacement {
  /** Begins with a minute; the one before is over. */
  enter(minute: OfferedMinute): void;
  /** Instant of the next request of a function, in workload time; Infinity when the minute has no more. */
  next(position: number): number;
}

/** Request `index` of `count` at (index + phase) / count of the minute, as ns from its start. */
const evenPlace = (minute: OfferedMinute, position: number, [index, phase]: Place): number => {
  const within = ((index + phase) / (minute.counts[position] ?? 0)) * minute.lengthNs;
  return Math.min(Math.floor(within), minute.lengthNs - 1);
};

type Place = readonly [index: number, phase: number];

/** The phase of each function, so that functions do not fire in lock-step. */
const phasesOf = (functions: number, seed: number): Float64Array => {
  const rng = Rng.of(seed, "azure-functions-2019/phase");
  return Float64Array.from({ length: functions }, () => rng.uint32() / 2 ** 32);
};

class EvenPlacement implements MinutePlacement {
  readonly #phases: Float64Array;
  #minute: OfferedMinute | null = null;
  /** Requests placed so far, by position. */
  #placed = new Float64Array(0);

  constructor(phases: Float64Array) {
    this.#phases = phases;
  }

  enter(minute: OfferedMinute): void {
    this.#minute = minute;
    this.#placed = new Float64Array(minute.size);
  }

  next(position: number): number {
    const minute = this.#minute;
    const placed = this.#placed[position] ?? 0;
    if (minute === null || placed >= (minute.counts[position] ?? 0)) {
      return Number.POSITIVE_INFINITY;
    }
    this.#placed[position] = placed + 1;
    // The formula of `evenPlace`, written out: this is called for every request.
    const phase = this.#phases[minute.functions[position] ?? 0] ?? 0;
    const within = ((placed + phase) / (minute.counts[position] ?? 0)) * minute.lengthNs;
    return minute.startNs + Math.min(Math.floor(within), minute.lengthNs - 1);
  }
}

/** A stream for each function that has any requests, made when it has its first. */
class FunctionStreams {
  readonly #rng: Rng;
  readonly #streams: Rng[] = [];

  constructor(seed: number, name: string) {
    this.#rng = Rng.of(seed, name);
  }

  of(fn: number): Rng {
    let stream = this.#streams[fn];
    if (stream === undefined) {
      stream = this.#rng.split(String(fn));
      this.#streams[fn] = stream;
    }
    return stream;
  }
}

/** The k requests of a minute each anywhere in it, drawn in rising order so that none but the next is held. */
class UniformPlacement implements MinutePlacement {
  readonly #streams: FunctionStreams;
  #minute: OfferedMinute | null = null;
  /** By position: requests to come, and the part of the minute that has passed. */
  #left = new Float64Array(0);
  #passed = new Float64Array(0);

  constructor(seed: number) {
    this.#streams = new FunctionStreams(seed, "azure-functions-2019/places");
  }

  enter(minute: OfferedMinute): void {
    this.#minute = minute;
    this.#left = minute.counts.slice(0, minute.size);
    this.#passed = new Float64Array(minute.size);
  }

  next(position: number): number {
    const minute = this.#minute;
    const left = this.#left[position] ?? 0;
    if (minute === null || left === 0) return Number.POSITIVE_INFINITY;
    const rng = this.#streams.of(minute.functions[position] ?? 0);
    // The least of n uniform draws is above x with probability (1 − x)^n.
    const least = 1 - power(1 - rng.uniform(), 1 / left);
    const before = this.#passed[position] ?? 0;
    const passed = before + (1 - before) * least;
    this.#passed[position] = passed;
    this.#left[position] = left - 1;
    return minute.startNs + Math.min(Math.floor(passed * minute.lengthNs), minute.lengthNs - 1);
  }
}

/**
 * A Poisson process whose rate is constant within a minute and changes from minute to minute: gaps of a unit process,
 * stretched by the rate. Equal to drawing each minute's count from a Poisson law and placing it uniformly.
 */
class PoissonPlacement implements MinutePlacement {
  readonly #streams: FunctionStreams;
  #minute: OfferedMinute | null = null;
  /** What is left of each function's gap, over minutes; NaN where none is drawn. */
  readonly #gaps: Float64Array;
  /** By position: the part of the minute that has passed. */
  #passed = new Float64Array(0);

  constructor(functions: number, seed: number) {
    this.#streams = new FunctionStreams(seed, "azure-functions-2019/gaps");
    this.#gaps = new Float64Array(functions).fill(Number.NaN);
  }

  enter(minute: OfferedMinute): void {
    this.#minute = minute;
    this.#passed = new Float64Array(minute.size);
  }

  next(position: number): number {
    const minute = this.#minute;
    if (minute === null) return Number.POSITIVE_INFINITY;
    const fn = minute.functions[position] ?? 0;
    const kept = this.#gaps[fn] ?? Number.NaN;
    const gap = Number.isNaN(kept) ? this.#streams.of(fn).exponential(1) : kept;
    const mean = minute.counts[position] ?? 0;
    const before = this.#passed[position] ?? 0;
    const left = mean * (1 - before);
    if (gap >= left) {
      this.#gaps[fn] = gap - left;
      return Number.POSITIVE_INFINITY;
    }
    const passed = before + gap / mean;
    this.#passed[position] = passed;
    this.#gaps[fn] = Number.NaN;
    return minute.startNs + Math.min(Math.floor(passed * minute.lengthNs), minute.lengthNs - 1);
  }
}

export const minutePlacement = (
  { placement }: TraceWorkload,
  { functionCount }: CountTable,
  seed: number,
): MinutePlacement => {
  switch (placement) {
    case "even":
      return new EvenPlacement(phasesOf(functionCount, seed));
    case "uniform":
      return new UniformPlacement(seed);
    case "poisson":
      return new PoissonPlacement(functionCount, seed);
  }
};

/** Requests of a minute in its first `withinNs`: exact for even placement, the mean for the others. */
const countWithin = (
  minute: OfferedMinute,
  withinNs: number,
  phases: Float64Array | null,
): number => {
  let total = 0;
  for (let position = 0; position < minute.size; position++) {
    const count = minute.counts[position] ?? 0;
    if (withinNs >= minute.lengthNs) total += count;
    else if (phases === null) total += (count * Math.max(0, withinNs)) / minute.lengthNs;
    else {
      const phase = phases[minute.functions[position] ?? 0] ?? 0;
      let [low, high] = [0, count];
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (evenPlace(minute, position, [middle, phase]) < withinNs) low = middle + 1;
        else high = middle;
      }
      total += low;
    }
  }
  return total;
};

/** Counts the requests of minutes in [from, to); exact for even placement, a mean in minutes that are cut for the others. */
export class MinuteCounter {
  readonly #phases: Float64Array | null;

  constructor({ placement }: TraceWorkload, { functionCount }: CountTable, seed: number) {
    this.#phases = placement === "even" ? phasesOf(functionCount, seed) : null;
  }

  count(minute: OfferedMinute, from: number, to: number): number {
    const { startNs, lengthNs } = minute;
    if (to <= startNs || from >= startNs + lengthNs || to <= from) return 0;
    const before = countWithin(minute, Math.max(0, from - startNs), this.#phases);
    return countWithin(minute, to - startNs, this.#phases) - before;
  }
}
