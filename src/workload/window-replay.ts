/** Offers what ServeGen's client windows describe: every client with its own rate and law of gaps in each window. */
import type { Problem, ScalingDistance, Workload } from "#experiment/resolved.ts";
import { assert } from "#stdx/assert.ts";
import { type Nanos, ns, ZERO_NS } from "#stdx/nanos.ts";
import { formatDuration } from "#stdx/quantity.ts";
import { Rng } from "#stdx/rng.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import type { ClientWindows, WindowTrace } from "#workload/client-windows.ts";
import { GapDistribution } from "#workload/gap-distribution.ts";
import { InstantHeap } from "#workload/instant-heap.ts";
import { inSeconds } from "#workload/load-text.ts";
import { distanceBetween, type Gathered } from "#workload/scaling-distance.ts";
import { dealFunctions, sendDuration } from "#workload/trace-schedule.ts";
import { gammaGapsOfShape, type UnitGaps, weibullGapsOfShape } from "#workload/unit-gaps.ts";

export type WindowWorkload = Extract<Workload, { readonly arrivals: "servegen" }>;

export interface WindowReplayOptions {
  readonly workload: WindowWorkload;
  readonly trace: WindowTrace;
  readonly seed: number;
  readonly instances: number;
}

/** What keeps a workload from being replayed from these windows; empty when nothing does. */
export const windowProblems = (
  workload: WindowWorkload,
  { windowS, windowCount }: WindowTrace,
): readonly Problem[] => {
  const length = windowS * windowCount * 1e9;
  const needed = sendDuration(workload) * workload.timeCompression;
  if (workload.startNs + needed <= length) return [];
  const has = `the trace has ${windowCount} windows of ${windowS} s: ${inSeconds(length)}`;
  if (workload.startNs >= length) {
    const value = JSON.stringify(formatDuration(workload.startNs));
    return [{ path: "workload.start", value, message: has, remedy: "an earlier start" }];
  }
  const seconds = sendDuration(workload) / 1e9;
  const longest = Math.floor((length - workload.startNs) / workload.timeCompression / 1e6) / 1e3;
  const message = `warm-up, measurement and cool-down take ${seconds} s and ${needed / 1e9} s of the trace, but ${has}`;
  const remedy = `keep the three at ${longest} s or less together, start earlier, or lower workload.timeCompression`;
  return [{ path: "workload.duration", value: `"${seconds}s"`, message, remedy }];
};

/** Where the windows lie in workload time, and how fast their requests come there. */
class WindowClock {
  readonly #workload: WindowWorkload;
  readonly #windowNs: number;

  constructor({ workload, trace }: WindowReplayOptions) {
    this.#workload = workload;
    this.#windowNs = trace.windowS * 1e9;
  }

  /** Window in which sending starts. */
  get first(): number {
    return Math.floor(this.#workload.startNs / this.#windowNs);
  }

  startOf(window: number): number {
    const { startNs, timeCompression } = this.#workload;
    return Math.max(0, (window * this.#windowNs - startNs) / timeCompression);
  }

  /** Requests per ns of workload time. */
  ratePerNs(ratePerS: number): number {
    return (ratePerS * this.#workload.loadFactor * this.#workload.timeCompression) / 1e9;
  }
}

/** One client: a renewal process in each window, which begins as if it had been running for ever. */
class WindowClient {
  readonly #windows: ClientWindows;
  readonly #clock: WindowClock;
  readonly #rng: Rng;
  readonly #end: number;
  #window: number;
  #gaps: UnitGaps | null = null;
  #at = 0;

  constructor(windows: ClientWindows, options: WindowReplayOptions, rng: Rng) {
    this.#windows = windows;
    this.#clock = new WindowClock(options);
    this.#rng = rng;
    this.#end = sendDuration(options.workload);
    this.#window = this.#clock.first - 1;
  }

  /** The next instant, fractions cut off; Infinity after the last. */
  next(): number {
    for (;;) {
      if (this.#gaps !== null) {
        const rate = this.#clock.ratePerNs(this.#windows.ratesPerS[this.#window] ?? 0);
        this.#at += this.#gaps.next(this.#rng) / rate;
        if (this.#at < this.#clock.startOf(this.#window + 1)) return Math.floor(this.#at);
      }
      const first = this.#enter();
      if (first !== null) return first;
    }
  }

  /** Begins with the next window; its first instant, Infinity after the last window, null when it has no request. */
  #enter(): number | null {
    this.#window++;
    this.#gaps = null;
    const start = this.#clock.startOf(this.#window);
    if (this.#window >= this.#windows.shapes.length || start >= this.#end) {
      return Number.POSITIVE_INFINITY;
    }
    const shape = this.#windows.shapes[this.#window] ?? 0;
    if (shape === 0) return null;
    this.#gaps = shape > 0 ? gammaGapsOfShape(shape) : weibullGapsOfShape(-shape);
    const rate = this.#clock.ratePerNs(this.#windows.ratesPerS[this.#window] ?? 0);
    this.#at = start + this.#gaps.first(this.#rng) / rate;
    if (this.#at < this.#clock.startOf(this.#window + 1)) return Math.floor(this.#at);
    this.#gaps = null;
    return null;
  }
}

export class WindowReplay implements ArrivalProcess {
  readonly #options: WindowReplayOptions;
  readonly #end: number;
  readonly #clients: readonly WindowClient[];
  readonly #dealt: Uint32Array;
  readonly #next: Float64Array;
  readonly #heap: InstantHeap;

  /** The workload must fit the trace: `windowProblems` is empty. */
  constructor(options: WindowReplayOptions) {
    const { workload, trace, seed, instances } = options;
    this.#options = options;
    this.#end = sendDuration(workload);
    const rng = Rng.of(seed, "servegen/gaps");
    this.#clients = trace.clients.map(
      (windows, index) => new WindowClient(windows, options, rng.split(String(index))),
    );
    this.#dealt = dealFunctions(trace.clients.length, instances, seed);
    this.#next = Float64Array.from(this.#clients, (client) => this.#limit(client.next()));
    this.#heap = new InstantHeap(
      this.#next,
      Uint32Array.from(this.#clients, (_, index) => index),
    );
  }

  /** The mean. */
  expectedCount(from: Nanos, to: Nanos): number {
    const { trace } = this.#options;
    const clock = new WindowClock(this.#options);
    const low = Math.min(Math.max(from, 0), this.#end);
    const high = Math.min(Math.max(to, low), this.#end);
    let total = 0;
    for (let window = clock.first; window < trace.windowCount; window++) {
      const start = Math.max(low, clock.startOf(window));
      const stop = Math.min(high, clock.startOf(window + 1));
      if (stop <= start) continue;
      for (const { ratesPerS } of trace.clients) {
        total += clock.ratePerNs(ratesPerS[window] ?? 0) * (stop - start);
      }
    }
    return total;
  }

  nextAt(): Nanos | null {
    const top = this.#heap.top();
    return top < 0 ? null : ns(this.#next[top] ?? 0);
  }

  take(): Arrival {
    const user = this.#heap.top();
    const client = this.#clients[user];
    assert(client !== undefined, "no arrival is due");
    const at = ns(this.#next[user] ?? 0);
    this.#next[user] = this.#limit(client.next());
    this.#heap.settle();
    return { at, instance: this.#dealt[user] ?? 0, user, className: "servegen" };
  }

  onEnded(): void {}

  #limit(at: number): number {
    return at < this.#end ? at : Number.POSITIVE_INFINITY;
  }
}

/** Parts of the replayed time in which instants are counted. */
const PARTS = 1000;
/** Gaps that are looked at on either side, as many as for a trace of counts. */
const GAPS_MAX = 200_000;

/** The rate curve from the announced means, which is free of chance; the gaps from what is drawn. */
const gather = (options: Omit<WindowReplayOptions, "instances">): Gathered => {
  const replay = new WindowReplay({ ...options, instances: 1 });
  const end = sendDuration(options.workload);
  const counts = Float64Array.from({ length: PARTS }, (_, part) =>
    replay.expectedCount(
      ns(Math.floor((end * part) / PARTS)),
      ns(Math.floor((end * (part + 1)) / PARTS)),
    ),
  );
  const gaps = new GapDistribution();
  while (gaps.count < GAPS_MAX && replay.nextAt() !== null) gaps.add(replay.take().at);
  return { gaps, counts };
};

/** How far a scaled replay is from the same stretch of its windows, unscaled; null where nothing is scaled. */
export const windowDistance = (
  options: Omit<WindowReplayOptions, "instances">,
): ScalingDistance | null => {
  const { workload } = options;
  const { loadFactor, timeCompression } = workload;
  if (loadFactor === 1 && timeCompression === 1) return null;
  const original: WindowWorkload = {
    ...workload,
    warmUpNs: ZERO_NS,
    durationNs: ns(Math.round(sendDuration(workload) * timeCompression)),
    coolDownNs: ZERO_NS,
    loadFactor: 1,
    timeCompression: 1,
  };
  return distanceBetween(gather({ ...options, workload: original }), gather(options));
};
