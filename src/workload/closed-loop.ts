/** A closed loop: every model instance has a fixed number of slots, each with one request outstanding or thinking. */
import { addNs, maxNs, type Nanos, ZERO_NS } from "#stdx/nanos.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import { hasEntry, type Share } from "#workload/share.ts";

export interface ClosedLoopOptions {
  /** Slots per instance. */
  readonly concurrency: number;
  readonly thinkTime: Nanos;
  readonly instances: number;
  /** No arrival at or after this instant. */
  readonly end: Nanos;
  /** The slots that are a generator's own, counted as they first ask; all when absent. */
  readonly share?: Share;
}

/** Entries taken from the front are removed in bulk once this many have gathered. */
const COMPACT_AT = 1024;

/** All slots ask at 0; each asks again one think time after its request ended, however it ended. */
export class ClosedLoopArrivals implements ArrivalProcess {
  readonly #options: ClosedLoopOptions;
  /** Due arrivals in order of time. */
  #queue: Arrival[] = [];
  #head = 0;
  #last = ZERO_NS;

  constructor(options: ClosedLoopOptions) {
    this.#options = options;
    const { concurrency, instances, end, share } = options;
    if (end <= 0) return;
    // Slot by slot, so that a limit on what is sent at once does not favour the first instances.
    for (let slot = 0; slot < concurrency * instances; slot++) {
      if (share !== undefined && !hasEntry(share, slot)) continue;
      this.#push(ZERO_NS, slot % instances, Math.floor(slot / instances));
    }
  }

  expectedCount(): null {
    return null;
  }

  nextAt(): Nanos | null {
    return this.#queue[this.#head]?.at ?? null;
  }

  take(): Arrival {
    const arrival = this.#queue[this.#head];
    if (arrival === undefined) throw new Error("invariant broken: no arrival is due");
    this.#head++;
    if (this.#head === COMPACT_AT) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return arrival;
  }

  onEnded(now: Nanos, arrival: Arrival): void {
    // Responses may be told of slightly out of order; the think time is the same for all, so the latest decides.
    const at = maxNs(addNs(now, this.#options.thinkTime), this.#last);
    this.#last = at;
    if (at < this.#options.end) this.#push(at, arrival.instance, arrival.user);
  }

  #push(at: Nanos, instance: number, user: number): void {
    this.#queue.push({ at, instance, user, className: "closed-loop" });
  }
}
