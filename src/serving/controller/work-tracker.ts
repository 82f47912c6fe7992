/** Predicts when a GPU will be free: what it was given, how long that should take, and when it last finished something. */
import { DEFAULT_CLOCK_MHZ, LEAD_TIME, WORKER_LAG } from "#serving/controller/options.ts";
import { type Nanos, ZERO_NS } from "#stdx/nanos.ts";

interface Outstanding {
  readonly actionId: number;
  /** Predicted duration × the clock at the time of adding, in ns × MHz. */
  readonly size: number;
}

/** One for execution and one for weight loads per GPU. Sizes stay far below 2^53: 2^53 ns × MHz is 1.8 h of work. */
export class WorkTracker {
  /** GPU clock of the latest result, in MHz. */
  clockMhz = DEFAULT_CLOCK_MHZ;
  #workBegin: Nanos = ZERO_NS;
  #total = 0;
  readonly #outstanding: Outstanding[] = [];

  get outstandingCount(): number {
    return this.#outstanding.length;
  }

  add(now: Nanos, actionId: number, duration: Nanos): void {
    if (this.#outstanding.length === 0) this.#workBegin = now;
    const size = duration * this.clockMhz;
    this.#outstanding.push({ actionId, size });
    this.#total += size;
  }

  /** The action ended well at `end` (the worker's end of execution). */
  succeeded(actionId: number, end: Nanos): void {
    this.#remove(actionId, end, true);
  }

  /** The action failed; `now` is when that became known. */
  failed(actionId: number, now: Nanos): void {
    this.#remove(actionId, now, false);
  }

  /** When the next action could start. At least `LEAD_TIME` from now. */
  available(now: Nanos): Nanos {
    const lead = now + LEAD_TIME;
    let begin: number = this.#workBegin;
    const front = this.#outstanding[0];
    if (front !== undefined) {
      // The front action is overdue: it is assumed to end now, not in the past.
      const frontDuration = Math.floor(front.size / this.clockMhz);
      if (begin + frontDuration + WORKER_LAG < now) begin = now - WORKER_LAG - frontDuration;
    }
    const free = begin + Math.floor(this.#total / this.clockMhz);
    return (free > lead ? free : lead) as Nanos;
  }

  /**
   * The first instant at which `available` is less than `ahead` away, if nothing happens until then; null when only an
   * event can bring it about (the GPU is stalled under more work than that).
   */
  eligibleAt(ahead: Nanos): Nanos | null {
    if (ahead <= LEAD_TIME) return null;
    const eligible = this.#workBegin + Math.floor(this.#total / this.clockMhz) - ahead + 1;
    const front = this.#outstanding[0];
    if (front === undefined) return eligible as Nanos;
    const stall = this.#workBegin + Math.floor(front.size / this.clockMhz) + WORKER_LAG;
    return eligible <= stall ? (eligible as Nanos) : null;
  }

  #remove(actionId: number, end: Nanos, succeeded: boolean): void {
    const index = this.#outstanding.findIndex((entry) => entry.actionId === actionId);
    const entry = this.#outstanding[index];
    if (entry === undefined) return;
    this.#outstanding.splice(index, 1);
    this.#total -= entry.size;
    if (index === 0) this.#workBegin = end;
    else if (succeeded) {
      this.#workBegin = (this.#workBegin + Math.floor(entry.size / this.clockMhz)) as Nanos;
    }
  }
}
