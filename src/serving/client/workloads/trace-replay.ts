/**
 * The original's replay of one function of a trace: a Poisson process whose rate is that of the interval, with the work
 * that an interval leaves undone carried over exactly. The rate is the interval's count per minute, however long an
 * interval takes.
 */
import type { Draws } from "#serving/client/workloads/draws.ts";
import type { Workload, WorkloadEngine } from "#serving/client/workloads/engine.ts";
import { MINUTE, type Nanos, ns, ZERO_NS } from "#stdx/nanos.ts";

/** Requests per minute by interval. */
export interface RateSchedule {
  readonly intervals: number;
  /** A whole number, 0 or more. */
  rateAt(interval: number): number;
}

/** A schedule of which only the intervals with a rate are kept. */
export class SparseRates implements RateSchedule {
  readonly intervals: number;
  /** Ascending. */
  readonly #columns: Uint16Array;
  readonly #counts: Float64Array;

  constructor(intervals: number, columns: Uint16Array, counts: Float64Array) {
    this.intervals = intervals;
    this.#columns = columns;
    this.#counts = counts;
  }

  rateAt(interval: number): number {
    const columns = this.#columns;
    let low = 0;
    let high = columns.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((columns[middle] ?? 0) < interval) low = middle + 1;
      else high = middle;
    }
    return columns[low] === interval ? (this.#counts[low] ?? 0) : 0;
  }
}

/** Where in the schedule a replay begins: with the first interval; where the original's `randomise` leads; or anywhere. */
export type ReplayStart = "first" | "original-random" | "random";

/** 2^64 − 1, which stands for "anywhere" in the original and is then taken as a number. */
const UINT64_MAX = 2n ** 64n - 1n;

export interface TraceReplayOptions {
  readonly id: number;
  readonly instance: number;
  readonly draws: Draws;
  readonly rates: RateSchedule;
  /** Multiplies every rate. */
  readonly scale: number;
  readonly interval: Nanos;
  readonly start: ReplayStart;
}

export class TraceReplay implements Workload {
  readonly id: number;
  readonly className = "trace";
  readonly instances: readonly number[];
  readonly #options: TraceReplayOptions;
  #scale: number;
  #index = 0;
  /** Of the current interval, as far as timers have been set. */
  #remaining: Nanos = ZERO_NS;
  /** Until the next request, in ns at a rate of 1. */
  #work = 0;

  constructor(options: TraceReplayOptions) {
    this.id = options.id;
    this.instances = [options.instance];
    this.#options = options;
    this.#scale = options.scale;
  }

  /** Counts from the next request on. */
  setScale(scale: number): void {
    this.#scale = scale;
  }

  start(engine: WorkloadEngine): void {
    const { draws, rates, interval, start } = this.#options;
    this.#remaining = interval;
    if (start === "original-random") {
      this.#index = Number(UINT64_MAX % BigInt(rates.intervals));
      this.#remaining = ns(draws.below(interval));
    } else if (start === "random") {
      this.#index = draws.below(rates.intervals);
      this.#remaining = ns(draws.below(interval));
    }
    this.#drawWork();
    this.#step(engine);
  }

  #drawWork(): void {
    this.#work = this.#options.draws.exponential(this.#scale / MINUTE);
  }

  /** Sets a timer for the next request, or for the interval after those that pass without one. */
  #step(engine: WorkloadEngine): void {
    const { rates, interval, instance } = this.#options;
    let wait = 0;
    // A whole round without any rate: there never is one.
    for (let silent = 0; silent <= rates.intervals; silent++) {
      const rate = rates.rateAt(this.#index);
      const gap = rate > 0 ? Math.floor(this.#work / rate) : Number.POSITIVE_INFINITY;
      if (gap <= this.#remaining) {
        this.#remaining = ns(this.#remaining - gap);
        engine.after(ns(wait + gap), () => {
          engine.infer(this, instance);
          this.#drawWork();
          this.#step(engine);
        });
        return;
      }
      wait += this.#remaining;
      if (rate > 0) {
        this.#work = (gap - this.#remaining) * rate;
        silent = 0;
      }
      this.#index = (this.#index + 1) % rates.intervals;
      this.#remaining = interval;
    }
  }
}
