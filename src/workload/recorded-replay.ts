/** Replays a recorded schedule as it was: the same instants, instances, users and classes; nothing is drawn or scaled. */
import type { Problem, Workload } from "#experiment/resolved.ts";
import { assert } from "#stdx/assert.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import {
  type RequestTrace,
  RequestTraceReader,
  type TracedRequest,
  type TraceLayout,
} from "#workload/request-trace.ts";
import { sendDuration } from "#workload/trace-schedule.ts";

export type RecordedWorkload = Extract<Workload, { readonly arrivals: "recorded" }>;

/** How a recorded schedule is written; `ScheduleWriter` writes it so. */
export const RECORDED_LAYOUT: TraceLayout = { format: "recorded", column: null, unit: "ns" };

/** What keeps a recorded schedule from being replayed; empty when nothing does. */
export const recordedProblems = (
  workload: RecordedWorkload,
  { facts }: RequestTrace,
  instances: number,
): readonly Problem[] => {
  if (facts.instances > instances) {
    const message = `the recorded schedule asks for model instance ${facts.instances - 1}, and the system has ${instances}`;
    const remedy = "the models and instances of the run that was recorded, or more";
    return [{ path: "workload.trace", value: JSON.stringify(workload.trace), message, remedy }];
  }
  const end = sendDuration(workload);
  if (facts.firstNs < end) return [];
  const message = `the first recorded request is due ${facts.firstNs / 1e9} s after the start, when sending has ended`;
  const remedy = "warm-up, measurement and cool-down of the run that was recorded";
  return [{ path: "workload.duration", value: `"${end / 1e9}s"`, message, remedy }];
};

export class RecordedReplay implements ArrivalProcess {
  readonly #trace: RequestTrace;
  readonly #reader: RequestTraceReader;
  readonly #end: Nanos;
  #next: TracedRequest | null;

  /** The workload must fit the trace: `recordedProblems` is empty. */
  constructor(workload: RecordedWorkload, trace: RequestTrace) {
    this.#trace = trace;
    this.#reader = new RequestTraceReader(RECORDED_LAYOUT, trace.open());
    this.#end = sendDuration(workload);
    this.#next = this.#reader.next();
  }

  /** Exact: the schedule is read once more for it, as far as `to`. */
  expectedCount(from: Nanos, to: Nanos): number {
    const high = Math.min(to, this.#end);
    const { facts, open } = this.#trace;
    if (from <= facts.firstNs && high > facts.lastNs) return facts.requests;
    const reader = new RequestTraceReader(RECORDED_LAYOUT, open());
    let count = 0;
    for (let row = reader.next(); row !== null && row.atNs < high; row = reader.next()) {
      if (row.atNs >= from) count++;
    }
    return count;
  }

  nextAt(): Nanos | null {
    const at = this.#next?.atNs ?? Number.POSITIVE_INFINITY;
    return at < this.#end ? ns(at) : null;
  }

  take(): Arrival {
    const next = this.#next;
    assert(next !== null, "no arrival is due");
    this.#next = this.#reader.next();
    const { atNs, instance = 0, user = 0, className } = next;
    return { at: ns(atNs), instance, user, className };
  }

  onEnded(): void {}
}
