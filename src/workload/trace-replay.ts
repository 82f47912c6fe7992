/** Replays a trace: every function's requests in turn, merged in order of time without holding more than one each. */
import { assert } from "#stdx/assert.ts";
import { power } from "#stdx/elementary.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import type { AzureTrace } from "#workload/azure-trace.ts";
import {
  dealFunctions,
  type FunctionSchedule,
  minuteStart,
  scheduleFunctions,
  sendDuration,
  type TraceWorkload,
} from "#workload/trace-schedule.ts";

export interface TraceReplayOptions {
  readonly workload: TraceWorkload;
  readonly trace: AzureTrace;
  readonly seed: number;
  readonly instances: number;
}

/** Places the requests of one function: where in workload time the next one falls. */
interface FunctionCursor {
  /** Instant of the next request, which becomes the current one; Infinity after the last. */
  advance(): number;
  /** Requests before `instant`: exact for even placement, the mean for Poisson placement; with uniform placement the mean in the minute that `instant` cuts. */
  countBefore(instant: number): number;
}

/** Start and whole length of each used minute, in workload time. */
class Minutes {
  readonly #workload: TraceWorkload;

  constructor(workload: TraceWorkload) {
    this.#workload = workload;
  }

  start(index: number): number {
    return minuteStart(this.#workload, index);
  }

  length(index: number): number {
    return this.start(index + 1) - this.start(index);
  }
}

/** Request i of k at (i + phase) / k of its minute; the phase differs from function to function. */
class EvenCursor implements FunctionCursor {
  readonly #schedule: FunctionSchedule;
  readonly #minutes: Minutes;
  readonly #phase: number;
  #position = 0;
  #index = 0;
  #start = 0;
  #length = 0;
  #count = 0;

  constructor(schedule: FunctionSchedule, minutes: Minutes, phase: number) {
    this.#schedule = schedule;
    this.#minutes = minutes;
    this.#phase = phase;
    this.#enter(0);
  }

  advance(): number {
    while (this.#index >= this.#count) {
      if (this.#position + 1 >= this.#schedule.minutes.length) return Number.POSITIVE_INFINITY;
      this.#enter(this.#position + 1);
    }
    const within = this.#place(this.#index++, this.#count, this.#length);
    return this.#start + within;
  }

  countBefore(instant: number): number {
    let total = 0;
    for (const [position, minute] of this.#schedule.minutes.entries()) {
      const start = this.#minutes.start(minute);
      if (start >= instant) break;
      const count = this.#schedule.counts[position] ?? 0;
      total += this.#countWithin(count, this.#minutes.length(minute), instant - start);
    }
    return total;
  }

  #enter(position: number): void {
    const minute = this.#schedule.minutes[position] ?? 0;
    this.#position = position;
    this.#index = 0;
    this.#start = this.#minutes.start(minute);
    this.#length = this.#minutes.length(minute);
    this.#count = this.#schedule.counts[position] ?? 0;
  }

  #place(index: number, count: number, length: number): number {
    return Math.min(Math.floor(((index + this.#phase) / count) * length), length - 1);
  }

  /** Requests of a minute that fall in its first `within` nanoseconds, by the very formula that places them. */
  #countWithin(count: number, length: number, within: number): number {
    if (within >= length) return count;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#place(middle, count, length) < within) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * A Poisson process whose rate is constant within a minute and changes from minute to minute: gaps of a unit process,
 * stretched by the rate. Equal to drawing each minute's count from a Poisson law and placing it uniformly.
 */
class PoissonCursor implements FunctionCursor {
  readonly #schedule: FunctionSchedule;
  readonly #minutes: Minutes;
  readonly #rng: Rng;
  #position = 0;
  /** Part of the current minute that has passed, in [0, 1]. */
  #passed = 0;

  constructor(schedule: FunctionSchedule, minutes: Minutes, rng: Rng) {
    this.#schedule = schedule;
    this.#minutes = minutes;
    this.#rng = rng;
  }

  advance(): number {
    let gap = this.#rng.exponential(1);
    for (;;) {
      const minute = this.#schedule.minutes[this.#position];
      if (minute === undefined) return Number.POSITIVE_INFINITY;
      const mean = this.#schedule.counts[this.#position] ?? 0;
      const left = mean * (1 - this.#passed);
      if (gap < left) {
        this.#passed += gap / mean;
        const length = this.#minutes.length(minute);
        const within = Math.min(Math.floor(this.#passed * length), length - 1);
        return this.#minutes.start(minute) + within;
      }
      gap -= left;
      this.#position++;
      this.#passed = 0;
    }
  }

  countBefore(instant: number): number {
    return meanBefore(this.#schedule, this.#minutes, instant);
  }
}

/** Requests before `instant` when those of each minute are spread over it without preference. */
const meanBefore = (schedule: FunctionSchedule, minutes: Minutes, instant: number): number => {
  let total = 0;
  for (const [position, minute] of schedule.minutes.entries()) {
    const start = minutes.start(minute);
    if (start >= instant) break;
    const share = Math.min(1, (instant - start) / minutes.length(minute));
    total += (schedule.counts[position] ?? 0) * share;
  }
  return total;
};

/** The k requests of a minute each anywhere in it, drawn in rising order so that none but the next is held. */
class UniformCursor implements FunctionCursor {
  readonly #schedule: FunctionSchedule;
  readonly #minutes: Minutes;
  readonly #rng: Rng;
  #position = -1;
  /** Requests of the current minute that are still to come. */
  #left = 0;
  /** Part of the current minute that has passed, in [0, 1]. */
  #passed = 0;

  constructor(schedule: FunctionSchedule, minutes: Minutes, rng: Rng) {
    this.#schedule = schedule;
    this.#minutes = minutes;
    this.#rng = rng;
  }

  advance(): number {
    while (this.#left === 0) {
      this.#position++;
      this.#left = this.#schedule.counts[this.#position] ?? 0;
      this.#passed = 0;
      if (this.#position >= this.#schedule.minutes.length) return Number.POSITIVE_INFINITY;
    }
    // The least of n uniform draws is above x with probability (1 − x)^n.
    const least = 1 - power(1 - this.#rng.uniform(), 1 / this.#left);
    this.#passed += (1 - this.#passed) * least;
    this.#left--;
    const minute = this.#schedule.minutes[this.#position] ?? 0;
    const length = this.#minutes.length(minute);
    return this.#minutes.start(minute) + Math.min(Math.floor(this.#passed * length), length - 1);
  }

  countBefore(instant: number): number {
    return meanBefore(this.#schedule, this.#minutes, instant);
  }
}

/** The functions that still have requests, the one due first on top; equal instants go by row. */
class FunctionHeap {
  readonly #next: Float64Array;
  readonly #heap: Uint32Array;
  #size: number;

  constructor(next: Float64Array) {
    this.#next = next;
    this.#heap = Uint32Array.from(next, (_, index) => index).filter(
      (index) => next[index] !== Number.POSITIVE_INFINITY,
    );
    this.#size = this.#heap.length;
    for (let at = (this.#size >>> 1) - 1; at >= 0; at--) this.#siftDown(at);
  }

  /** Index of the function that is due first, or −1. */
  top(): number {
    return this.#size === 0 ? -1 : (this.#heap[0] ?? -1);
  }

  /** Restores the order after the top function's instant rose; removes the function when it has no more. */
  settle(): void {
    if (this.#next[this.#heap[0] ?? 0] === Number.POSITIVE_INFINITY) {
      this.#size--;
      this.#heap[0] = this.#heap[this.#size] ?? 0;
    }
    this.#siftDown(0);
  }

  #isBefore(a: number, b: number): boolean {
    const atA = this.#next[a] ?? 0;
    const atB = this.#next[b] ?? 0;
    return atA < atB || (atA === atB && a < b);
  }

  #siftDown(from: number): void {
    const heap = this.#heap;
    const moved = heap[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#isBefore(heap[child + 1] ?? 0, heap[child] ?? 0)) child++;
      if (!this.#isBefore(heap[child] ?? 0, moved)) break;
      heap[at] = heap[child] ?? 0;
      at = child;
    }
    if (at < heap.length) heap[at] = moved;
  }
}

/** What an arrival says of the function it comes from. */
interface Caller {
  readonly row: number;
  readonly instance: number;
  readonly className: string;
}

export class TraceReplay implements ArrivalProcess {
  readonly #end: number;
  readonly #callers: readonly Caller[];
  readonly #cursors: readonly FunctionCursor[];
  readonly #next: Float64Array;
  readonly #heap: FunctionHeap;

  /** The workload must fit the trace: `traceProblems` is empty. */
  constructor(options: TraceReplayOptions) {
    const { workload, trace, seed, instances } = options;
    this.#end = sendDuration(workload);
    const schedules = scheduleFunctions(workload, trace, seed);
    const dealt = dealFunctions(trace.functions.length, instances, seed);
    this.#callers = schedules.map(({ row }) => {
      const trigger = trace.functions[row]?.trigger ?? "";
      const className = trigger === "" ? "azure-functions-2019" : trigger;
      return { row, instance: dealt[row] ?? 0, className };
    });
    this.#cursors = makeCursors(options, schedules);
    this.#next = Float64Array.from(this.#cursors, (cursor) => this.#limit(cursor.advance()));
    this.#heap = new FunctionHeap(this.#next);
  }

  expectedCount(from: Nanos, to: Nanos): number {
    const low = Math.min(Math.max(from, 0), this.#end);
    const high = Math.min(Math.max(to, low), this.#end);
    let total = 0;
    for (const cursor of this.#cursors) total += cursor.countBefore(high) - cursor.countBefore(low);
    return total;
  }

  nextAt(): Nanos | null {
    const top = this.#heap.top();
    return top < 0 ? null : ns(this.#next[top] ?? 0);
  }

  take(): Arrival {
    const top = this.#heap.top();
    const caller = this.#callers[top];
    const cursor = this.#cursors[top];
    assert(caller !== undefined && cursor !== undefined, "no arrival is due");
    const at = ns(this.#next[top] ?? 0);
    this.#next[top] = this.#limit(cursor.advance());
    this.#heap.settle();
    return { at, instance: caller.instance, user: caller.row, className: caller.className };
  }

  onEnded(): void {}

  #limit(at: number): number {
    return at < this.#end ? at : Number.POSITIVE_INFINITY;
  }
}

const makeCursors = (
  { workload, trace, seed }: TraceReplayOptions,
  schedules: readonly FunctionSchedule[],
): readonly FunctionCursor[] => {
  const minutes = new Minutes(workload);
  if (workload.placement === "poisson") {
    const rng = Rng.of(seed, "azure-functions-2019/gaps");
    return schedules.map(
      (schedule) => new PoissonCursor(schedule, minutes, rng.split(String(schedule.row))),
    );
  }
  if (workload.placement === "uniform") {
    const rng = Rng.of(seed, "azure-functions-2019/places");
    return schedules.map(
      (schedule) => new UniformCursor(schedule, minutes, rng.split(String(schedule.row))),
    );
  }
  const rng = Rng.of(seed, "azure-functions-2019/phase");
  const phases = Float64Array.from(trace.functions, () => rng.uint32() / 2 ** 32);
  return schedules.map((schedule) => new EvenCursor(schedule, minutes, phases[schedule.row] ?? 0));
};
