/** Replays a trace with one row per request, reading it as it goes: scaled in time, thinned, put in order. */
import type { Problem, ScalingDistance } from "#experiment/resolved.ts";
import { assert } from "#stdx/assert.ts";
import { type Nanos, ns, ZERO_NS } from "#stdx/nanos.ts";
import { formatDuration } from "#stdx/quantity.ts";
import { Rng } from "#stdx/rng.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import { GapDistribution } from "#workload/gap-distribution.ts";
import { inSeconds } from "#workload/load-text.ts";
import {
  namesFunctions,
  type RequestTrace,
  RequestTraceReader,
  type RequestTraceWorkload,
} from "#workload/request-trace.ts";
import { distanceBetween, type Gathered } from "#workload/scaling-distance.ts";
import { sampledFunctions, sendDuration } from "#workload/trace-schedule.ts";

export interface RequestReplayOptions {
  readonly workload: RequestTraceWorkload;
  readonly trace: RequestTrace;
  readonly seed: number;
  readonly instances: number;
}

/** What keeps a workload from being replayed from this trace; empty when nothing does. */
export const replayProblems = (
  workload: RequestTraceWorkload,
  { facts }: RequestTrace,
): readonly Problem[] => {
  const length = facts.lastNs - facts.firstNs;
  const shownLength = `the trace has ${inSeconds(length)} from its first request to its last`;
  if (workload.startNs > length) {
    const value = JSON.stringify(formatDuration(workload.startNs));
    const remedy = "an earlier start";
    return [{ path: "workload.start", value, message: shownLength, remedy }];
  }
  const needed = sendDuration(workload) * workload.timeCompression;
  const available = length - workload.startNs;
  if (needed <= available) return [];
  const seconds = sendDuration(workload) / 1e9;
  const longest = Math.floor(available / workload.timeCompression / 1e6) / 1e3;
  const message =
    `warm-up, measurement and cool-down take ${seconds} s and replay ${needed / 1e9} s of the trace ` +
    `at compression ${workload.timeCompression}, but ${shownLength}`;
  const remedy = `keep the three at ${longest} s or less together, start earlier, or lower workload.timeCompression`;
  return [{ path: "workload.duration", value: `"${seconds}s"`, message, remedy }];
};

/** A request in workload time. */
interface Due {
  readonly at: number;
  /** Position of its source among those of the trace, in order of appearance. */
  readonly source: number;
  readonly className: string;
  /** Position in the file: breaks ties. */
  readonly row: number;
}

/** The requests of a replay in order of time; rows that stand too late are held back until their turn. */
class DueRequests {
  readonly #options: RequestReplayOptions;
  readonly #reader: RequestTraceReader;
  readonly #thinning: Rng;
  readonly #sources = new Map<string, number>();
  /** By position of the source; null when all take part. */
  readonly #sample: Uint8Array | null;
  /** A heap, the earliest on top; it never holds more than begin within the trace's disorder. */
  readonly #held: Due[] = [];
  #row = 0;
  #latest = Number.NEGATIVE_INFINITY;
  #isRead = false;

  constructor(options: RequestReplayOptions) {
    this.#options = options;
    this.#reader = new RequestTraceReader(options.workload, options.trace.open());
    this.#thinning = Rng.of(options.seed, "trace/thinning");
    const { workload, trace, seed } = options;
    this.#sample = sampledFunctions(workload, trace.facts.sources, seed);
  }

  /** The next request before the end of sending; null when there is none. */
  next(): Due | null {
    const { facts } = this.#options.trace;
    for (;;) {
      const [top] = this.#held;
      // No row to come can be earlier than the latest one so far by more than the disorder.
      const isSafe = top !== undefined && top.at < this.#scaled(this.#latest - facts.disorderNs);
      if (top !== undefined && (isSafe || this.#isRead || facts.disorderNs === 0)) {
        this.#pop();
        return top.at < sendDuration(this.#options.workload) ? top : null;
      }
      if (this.#isRead) return null;
      this.#readRow();
    }
  }

  #readRow(): void {
    const { workload } = this.#options;
    const row = this.#reader.next();
    if (row === null) {
      this.#isRead = true;
      return;
    }
    this.#row++;
    this.#latest = Math.max(this.#latest, row.atNs);
    let source = this.#sources.get(row.source);
    if (source === undefined) {
      source = this.#sources.size;
      this.#sources.set(row.source, source);
    }
    // Drawn for every row, so that it depends on the row alone and not on where the replay begins.
    const isDrawn = workload.loadFactor === 1 || this.#thinning.uniform() < workload.loadFactor;
    const isKept = isDrawn && this.#sample?.[source] !== 0;
    const at = Math.floor(this.#scaled(row.atNs));
    if (isKept && at >= 0) this.#push({ at, source, className: row.className, row: this.#row });
  }

  /** An instant of the file in workload time. */
  #scaled(atNs: number): number {
    const { workload, trace } = this.#options;
    return (atNs - trace.facts.firstNs - workload.startNs) / workload.timeCompression;
  }

  #push(due: Due): void {
    const heap = this.#held;
    heap.push(due);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at], heap[parent])) return;
      swap(heap, at, parent);
      at = parent;
    }
  }

  #pop(): void {
    const heap = this.#held;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) return;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], heap[at])) return;
      swap(heap, at, child);
      at = child;
    }
  }
}

const isBefore = (a: Due | undefined, b: Due | undefined): boolean =>
  a !== undefined && b !== undefined && (a.at < b.at || (a.at === b.at && a.row < b.row));

const swap = (heap: Due[], a: number, b: number): void => {
  const [first, second] = [heap[a], heap[b]];
  if (first === undefined || second === undefined) return;
  heap[a] = second;
  heap[b] = first;
};

/** The instances in an order drawn with the seed; sources take them in turn. */
const shuffled = (instances: number, seed: number): Uint32Array => {
  const rng = Rng.of(seed, "trace/instances");
  const order = Uint32Array.from({ length: instances }, (_, i) => i);
  for (let i = instances - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    const other = order[j] ?? 0;
    order[j] = order[i] ?? 0;
    order[i] = other;
  }
  return order;
};

export class RequestReplay implements ArrivalProcess {
  readonly #options: RequestReplayOptions;
  readonly #due: DueRequests;
  readonly #order: Uint32Array;
  readonly #choice: Rng;
  #next: Due | null;

  /** The workload must fit the trace: `replayProblems` is empty. */
  constructor(options: RequestReplayOptions) {
    this.#options = options;
    this.#due = new DueRequests(options);
    this.#order = shuffled(options.instances, options.seed);
    this.#choice = Rng.of(options.seed, "trace/choice");
    this.#next = this.#due.next();
  }

  /** Exact: the trace is read once more for it, as far as `to`. */
  expectedCount(from: Nanos, to: Nanos): number {
    const due = new DueRequests(this.#options);
    let count = 0;
    for (let each = due.next(); each !== null && each.at < to; each = due.next()) {
      if (each.at >= from) count++;
    }
    return count;
  }

  nextAt(): Nanos | null {
    return this.#next === null ? null : ns(this.#next.at);
  }

  take(): Arrival {
    const due = this.#next;
    assert(due !== null, "no arrival is due");
    this.#next = this.#due.next();
    const { instances, workload } = this.#options;
    // Without functions there is nobody whose requests belong together.
    const instance = namesFunctions(workload)
      ? (this.#order[due.source % instances] ?? 0)
      : this.#choice.below(instances);
    return { at: ns(due.at), instance, user: due.source, className: due.className };
  }

  onEnded(): void {}
}

/** Parts of the replayed time in which instants are counted. */
const PARTS = 1000;

/** Gaps and instants of a replay, for comparison. */
const gather = (options: RequestReplayOptions): Gathered => {
  const due = new DueRequests(options);
  const end = sendDuration(options.workload);
  const gaps = new GapDistribution();
  const counts = new Float64Array(PARTS);
  for (let each = due.next(); each !== null; each = due.next()) {
    gaps.add(each.at);
    const part = Math.min(PARTS - 1, Math.floor((each.at / end) * PARTS));
    counts[part] = (counts[part] ?? 0) + 1;
  }
  return { gaps, counts };
};

/** How far a replay is from the same stretch of its trace, unscaled; null where nothing is scaled. */
export const scalingDistance = (
  options: Omit<RequestReplayOptions, "instances">,
): ScalingDistance | null => {
  const { workload, trace } = options;
  const { loadFactor, timeCompression, sampleFunctions, ...unsampled } = workload;
  const isSampled = (sampleFunctions ?? trace.facts.sources) < trace.facts.sources;
  if (loadFactor === 1 && timeCompression === 1 && !isSampled) return null;
  const length = ns(Math.round(sendDuration(workload) * timeCompression));
  const original: RequestTraceWorkload = {
    ...unsampled,
    warmUpNs: ZERO_NS,
    durationNs: length,
    coolDownNs: ZERO_NS,
    loadFactor: 1,
    timeCompression: 1,
  };
  const before = gather({ ...options, workload: original, instances: 1 });
  const after = gather({ ...options, instances: 1 });
  return distanceBetween(before, after);
};
