/** Walks through a whole schedule, without keeping it, and says what it holds. */
import type { Workload } from "#experiment/resolved.ts";
import { ns } from "#stdx/nanos.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import { GapDistribution } from "#workload/gap-distribution.ts";
import { sendDuration } from "#workload/trace-schedule.ts";

/** The requests of one class. */
export interface ClassSummary {
  readonly className: string;
  readonly requests: number;
  readonly gaps: GapDistribution;
}

export interface ScheduleSummary {
  readonly requests: number;
  /** Of them in the measurement window. */
  readonly measured: number;
  /** What the process announced for the measurement window; a mean where it draws. */
  readonly announced: number | null;
  /** Requests in slices of equal length, from the start of the warm-up to the end of the cool-down. */
  readonly perSlice: Float64Array;
  readonly sliceNs: number;
  readonly gaps: GapDistribution;
  /** In order of first appearance. */
  readonly classes: readonly ClassSummary[];
  /** Model instances and users that any request names. */
  readonly instances: number;
  readonly users: number;
}

export interface SummaryOptions {
  readonly slices: number;
  /** Sees every arrival, in order. */
  readonly onArrival?: (arrival: Arrival) => void;
}

/** Takes every arrival of an open loop; a closed loop gives only what is due before any response. */
export const summariseSchedule = (
  process: ArrivalProcess,
  workload: Workload,
  { slices, onArrival }: SummaryOptions,
): ScheduleSummary => {
  const end = sendDuration(workload);
  const from = workload.warmUpNs;
  const to = ns(from + workload.durationNs);
  const announced = process.expectedCount(from, to);
  const sliceNs = end / slices;
  const perSlice = new Float64Array(slices);
  const gaps = new GapDistribution();
  const classes = new Map<string, { requests: number; readonly gaps: GapDistribution }>();
  const [instances, users] = [new Set<number>(), new Set<number>()];
  let [requests, measured] = [0, 0];
  while (process.nextAt() !== null) {
    const arrival = process.take();
    const { at, className } = arrival;
    const slice = Math.min(slices - 1, Math.floor(at / sliceNs));
    perSlice[slice] = (perSlice[slice] ?? 0) + 1;
    requests++;
    if (at >= from && at < to) measured++;
    gaps.add(at);
    instances.add(arrival.instance);
    users.add(arrival.user);
    let own = classes.get(className);
    if (own === undefined) {
      own = { requests: 0, gaps: new GapDistribution() };
      classes.set(className, own);
    }
    own.requests++;
    own.gaps.add(at);
    onArrival?.(arrival);
  }
  return {
    requests,
    measured,
    announced,
    perSlice,
    sliceNs,
    gaps,
    classes: [...classes].map(([className, own]) => ({ className, ...own })),
    instances: instances.size,
    users: users.size,
  };
};

const HEADER = "at_ns,instance,user,class";

const quoted = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** Writes a schedule as CSV, piece by piece; equal schedules give equal bytes. */
export class ScheduleWriter {
  readonly #write: (text: string) => void;
  #lines: string[] = [HEADER];

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  add({ at, instance, user, className }: Arrival): void {
    this.#lines.push(`${at},${instance},${user},${quoted(className)}`);
    if (this.#lines.length === LINES_HELD) this.finish();
  }

  finish(): void {
    if (this.#lines.length > 0) this.#write(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
  }
}

/** Lines that are handed on together. */
const LINES_HELD = 4096;
