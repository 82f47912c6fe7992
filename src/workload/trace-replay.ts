/** Replays a trace of counts: minute by minute, every function's requests merged in order of time, one of each held. */
import { assert } from "#stdx/assert.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import type { CountTable } from "#workload/count-table.ts";
import { InstantHeap } from "#workload/instant-heap.ts";
import {
  MinuteCounter,
  type MinutePlacement,
  minutePlacement,
} from "#workload/minute-placement.ts";
import {
  dealFunctions,
  OfferedMinutes,
  sampledFunctions,
  sendDuration,
  type TraceWorkload,
} from "#workload/trace-schedule.ts";

export interface TraceReplayOptions {
  readonly workload: TraceWorkload;
  readonly trace: CountTable;
  readonly seed: number;
  readonly instances: number;
}

/** The model instance of each function, dealt among those that take part. */
const dealtInstances = ({ workload, trace, seed, instances }: TraceReplayOptions): Uint32Array => {
  const { functionCount } = trace;
  const isIn = sampledFunctions(workload, functionCount, seed);
  if (isIn === null) return dealFunctions(functionCount, instances, seed);
  const taken = isIn.reduce((sum, each) => sum + each, 0);
  const dealt = dealFunctions(taken, instances, seed);
  let position = 0;
  return Uint32Array.from(isIn, (each) => (each === 1 ? (dealt[position++] ?? 0) : 0));
};

export class TraceReplay implements ArrivalProcess {
  readonly #options: TraceReplayOptions;
  readonly #end: number;
  readonly #dealt: Uint32Array;
  readonly #minutes: OfferedMinutes;
  readonly #placement: MinutePlacement;
  /** Of the current minute: the functions in it, the next instant of each, and their order. */
  #functions = new Uint32Array(0);
  #next = new Float64Array(0);
  #heap = new InstantHeap(this.#next, this.#functions);

  /** The workload must fit the trace: `traceProblems` is empty. */
  constructor(options: TraceReplayOptions) {
    const { workload, trace, seed } = options;
    this.#options = options;
    this.#end = sendDuration(workload);
    this.#dealt = dealtInstances(options);
    this.#minutes = new OfferedMinutes(workload, trace, seed);
    this.#placement = minutePlacement(workload, trace, seed);
    this.#enterMinute();
  }

  expectedCount(from: Nanos, to: Nanos): number {
    const { workload, trace, seed } = this.#options;
    const low = Math.min(Math.max(from, 0), this.#end);
    const high = Math.min(Math.max(to, low), this.#end);
    const minutes = new OfferedMinutes(workload, trace, seed);
    const counter = new MinuteCounter(workload, trace, seed);
    let total = 0;
    for (let minute = minutes.next(); minute !== null; minute = minutes.next()) {
      if (minute.startNs >= high) break;
      total += counter.count(minute, low, high);
    }
    return total;
  }

  nextAt(): Nanos | null {
    const top = this.#heap.top();
    return top < 0 ? null : ns(this.#next[top] ?? 0);
  }

  take(): Arrival {
    const top = this.#heap.top();
    assert(top >= 0, "no arrival is due");
    const at = ns(this.#next[top] ?? 0);
    const user = this.#functions[top] ?? 0;
    this.#next[top] = this.#limit(this.#placement.next(top));
    this.#heap.settle();
    if (this.#heap.top() < 0) this.#enterMinute();
    const trigger = this.#options.trace.triggerOf(user);
    const className = trigger === "" ? "azure-functions-2019" : trigger;
    return { at, instance: this.#dealt[user] ?? 0, user, className };
  }

  onEnded(): void {}

  /** Goes on to the next minute that has a request. */
  #enterMinute(): void {
    while (this.#heap.top() < 0) {
      const minute = this.#minutes.next();
      if (minute === null) return;
      this.#placement.enter(minute);
      this.#functions = minute.functions.slice(0, minute.size);
      this.#next = Float64Array.from({ length: minute.size }, (_, position) =>
        this.#limit(this.#placement.next(position)),
      );
      this.#heap = new InstantHeap(this.#next, this.#functions);
    }
  }

  #limit(at: number): number {
    return at < this.#end ? at : Number.POSITIVE_INFINITY;
  }
}
