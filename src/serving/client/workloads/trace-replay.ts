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
  /** Intervals without a rate from this one on, after the last the first again; infinite when none has one. */
  silenceFrom(interval: number): number;
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
    const at = this.#firstFrom(interval);
    return this.#columns[at] === interval ? (this.#counts[at] ?? 0) : 0;
  }

  silenceFrom(interval: number): number {
    const next = this.#columns[this.#firstFrom(interval)];
    if (next !== undefined) return next - interval;
    const first = this.#columns[0];
    return first === undefined ? Number.POSITIVE_INFINITY : this.intervals - interval + first;
  }

  /** Position of the first column at or after `interval`. */
  #firstFrom(interval: number): number {
    const columns = this.#columns;
    let low = 0;
    let high = columns.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((columns[middle] ?? 0) < interval) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Where in the schedule a replay begins: with the first interval; where the original's `randomise` leads; or anywhere. */
export type ReplayStart = "first" | "original-random" | "random";

/** 2^64 − 1, which stands for "anywhere" in the original and is then taken as a number. */
const UINT64_MAX = 2n ** 64n - 1n;

/** 26 days: a request that is further away never comes. */
const WAIT_NS_MAX = 2 ** 51;

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

  /** Sets a timer for the next request, over all intervals that pass without one. */
  #step(engine: WorkloadEngine): void {
    const { rates, interval, instance } = this.#options;
    let wait = 0;
    while (wait < WAIT_NS_MAX) {
      const silence = rates.silenceFrom(this.#index);
      if (silence > 0) {
        wait += this.#remaining + (silence - 1) * interval;
        this.#index = (this.#index + silence) % rates.intervals;
        this.#remaining = interval;
        continue;
      }
      const rate = rates.rateAt(this.#index);
      const gap = Math.floor(this.#work / rate);
      if (gap <= this.#remaining) {
        this.#remaining = ns(this.#remaining - gap);
        engine.after(ns(wait + gap), () => {
          engine.infer(this, instance);
          this.#drawWork();
          this.#step(engine);
        });
        return;
      }
      this.#work = (gap - this.#remaining) * rate;
      wait += this.#remaining;
      this.#index = (this.#index + 1) % rates.intervals;
      this.#remaining = interval;
    }
  }
}
