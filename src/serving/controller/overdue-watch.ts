/**
 * Notices actions that do not end: their GPUs get no more until they do, requests in them wait no longer than their
 * deadline, and a worker that owes results and is silent is disconnected.
 */
import type { ControllerEffect } from "#serving/controller/events.ts";
import type { InFlight } from "#serving/controller/in-flight.ts";
import { LEAD_TIME, type SchedulerOptions, WORKER_LAG } from "#serving/controller/options.ts";
import type { Request } from "#serving/controller/request-book.ts";
import { addNs, earliestNs, maxNs, type Nanos, ZERO_NS } from "#stdx/nanos.ts";

export interface OverdueWatchParts {
  readonly inFlight: ReadonlyMap<number, InFlight>;
  readonly options: SchedulerOptions;
  readonly emit: (effect: ControllerEffect) => void;
  /** The request's deadline came while it was in an action of a GPU that has stopped; it is to be answered. */
  readonly onStranded: (now: Nanos, request: Request, entry: InFlight) => void;
}

/** The promised instant, which is later than what scheduling aims at. */
const deadlineOf = ({ arrival, times }: Request): Nanos => addNs(arrival, times.slo);

export class OverdueWatch {
  readonly #parts: OverdueWatchParts;
  /** When anything last came from each worker. */
  readonly #heardFrom = new Map<number, Nanos>();
  /** Workers that are being disconnected. */
  readonly #closing = new Set<number>();
  /** Nothing can be found before; null while nothing is in flight. */
  #checkAt: Nanos | null = null;
  /** The look after one that came late; see `check`. */
  #isSecondLook = false;

  constructor(parts: OverdueWatchParts) {
    this.#parts = parts;
  }

  onHeard(now: Nanos, worker: number): void {
    this.#heardFrom.set(worker, now);
  }

  onSent(now: Nanos, entry: InFlight): void {
    const { reportErrorAt, expected } = entry;
    // An evict is not timed; on the worker it waits for what is being loaded.
    const ends = expected === null ? entry.gpu.loads.available(now) : reportErrorAt;
    entry.overdueAt = addNs(maxNs(ends, now), this.#parts.options.overdueAfter);
    // Left as it is while it is sooner: to move it with every action would cost more than to look in vain.
    this.#checkAt = earliestNs(this.#checkAt, entry.overdueAt);
  }

  onEnded(entry: InFlight): void {
    if (!entry.isOverdue) return;
    entry.isOverdue = false;
    const { gpu } = entry;
    gpu.overdue -= 1;
    if (gpu.overdue === 0 && gpu.isUp) this.#print(`${placeOf(entry)} answers again`);
  }

  onWorkerDown(worker: number): void {
    this.#closing.delete(worker);
  }

  nextTimeout(): Nanos | null {
    return this.#checkAt;
  }

  check(now: Nanos): void {
    const due = this.#checkAt;
    if (due === null || now < due) return;
    if (now > due + WORKER_LAG && !this.#isSecondLook) {
      // Who looks this late has stood still itself, and results may wait to be read: they come first.
      this.#isSecondLook = true;
      this.#checkAt = addNs(now, LEAD_TIME);
      return;
    }
    this.#isSecondLook = false;
    this.#checkAt = null;
    for (const entry of this.#parts.inFlight.values()) {
      if (entry.sent !== null) this.#look(now, entry);
    }
    for (const entry of this.#parts.inFlight.values()) {
      if (entry.gpu.overdue > 0) this.#strand(now, entry);
    }
  }

  #look(now: Nanos, entry: InFlight): void {
    if (entry.overdueAt > now) {
      this.#checkAt = earliestNs(this.#checkAt, entry.overdueAt);
      return;
    }
    const { gpu, action, worker, actionId } = entry;
    if (!entry.isOverdue) {
      entry.isOverdue = true;
      gpu.overdue += 1;
      if (gpu.overdue === 1) {
        this.#print(`${placeOf(entry)} is overdue with A${actionId} (${action.kind})`);
      }
    }
    if (this.#closing.has(worker)) return;
    const { silenceTimeout } = this.#parts.options;
    const lastSign = maxNs(this.#heardFrom.get(worker) ?? ZERO_NS, entry.sent ?? now);
    const givenUpAt = addNs(lastSign, silenceTimeout);
    if (givenUpAt > now) {
      this.#checkAt = earliestNs(this.#checkAt, givenUpAt);
      return;
    }
    this.#closing.add(worker);
    const reason = `it owes results and has been silent for ${silenceTimeout / 1e9} s`;
    this.#parts.emit({ kind: "close_worker", worker, reason });
  }

  #strand(now: Nanos, entry: InFlight): void {
    for (const request of entry.batch) {
      if (request.result !== null) continue;
      const deadline = deadlineOf(request);
      if (deadline <= now) this.#parts.onStranded(now, request, entry);
      else this.#checkAt = earliestNs(this.#checkAt, deadline);
    }
  }

  #print(line: string): void {
    this.#parts.emit({ kind: "print", line });
  }
}

const placeOf = ({ worker, gpu }: InFlight): string => `Worker ${worker} GPU ${gpu.gpuId}`;
