/** Lets only a few actions be on their way at a time, and gives up on those that could not leave in time. */
import { Fifo } from "#serving/controller/fifo.ts";
import { NETWORK_SLOTS } from "#serving/controller/options.ts";
import { earliestNs, type Nanos } from "#stdx/nanos.ts";

export interface Sendable {
  readonly actionId: number;
  readonly worker: number;
  /** Must be on its way by then; null when it may wait for ever. */
  readonly sendBy: Nanos | null;
  /** When giving up is reported: as late as a worker would have reported it. */
  readonly reportErrorAt: Nanos;
}

/** An action that was not sent in time; `decided` is when that became certain. */
export interface Unsent<T extends Sendable> {
  readonly entry: T;
  readonly decided: Nanos;
}

export class NetworkExecutor<T extends Sendable> {
  readonly #transmit: (now: Nanos, entry: T) => void;
  readonly #waiting = new Fifo<T>();
  /** Reported in order, each not before its time: a late one holds up those behind it, as in the original. */
  readonly #unsent = new Fifo<Unsent<T>>();
  /** Worker of each action on its way. */
  readonly #onTheWay = new Map<number, number>();

  constructor(transmit: (now: Nanos, entry: T) => void) {
    this.#transmit = transmit;
  }

  send(now: Nanos, entry: T): void {
    this.#waiting.push(entry);
    this.#fill(now);
  }

  /** The network layer has taken the action whole. */
  onSent(now: Nanos, actionId: number): void {
    if (this.#onTheWay.delete(actionId)) this.#fill(now);
  }

  /** Frees the worker's slots and returns its actions that had not left, in order. */
  onWorkerDown(now: Nanos, worker: number): readonly T[] {
    for (const [actionId, owner] of this.#onTheWay) {
      if (owner === worker) this.#onTheWay.delete(actionId);
    }
    const dropped = this.#waiting.removeWhere((entry) => entry.worker === worker);
    this.#fill(now);
    return dropped;
  }

  /** The next unsent action whose report is due. */
  takeUnsent(now: Nanos): Unsent<T> | null {
    const first = this.#unsent.peek();
    if (first === undefined || first.entry.reportErrorAt > now) return null;
    this.#unsent.shift();
    return first;
  }

  /** Gives up on everything that waits for a slot and is too late; without this a stalled connection would hide it. */
  expire(now: Nanos): void {
    const due = this.#nextExpiry();
    if (due === null || due >= now) return;
    const late = this.#waiting.removeWhere((entry) => entry.sendBy !== null && entry.sendBy < now);
    for (const entry of late) this.#unsent.push({ entry, decided: now });
  }

  nextTimeout(): Nanos | null {
    const report = this.#unsent.peek()?.entry.reportErrorAt ?? null;
    const expiry = this.#nextExpiry();
    return earliestNs(report, expiry === null ? null : ((expiry + 1) as Nanos));
  }

  #nextExpiry(): Nanos | null {
    if (this.#waiting.size === 0) return null;
    let earliest: Nanos | null = null;
    for (const { sendBy } of this.#waiting) {
      if (sendBy !== null && (earliest === null || sendBy < earliest)) earliest = sendBy;
    }
    return earliest;
  }

  #fill(now: Nanos): void {
    while (this.#onTheWay.size < NETWORK_SLOTS) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      if (entry.sendBy !== null && entry.sendBy < now) {
        this.#unsent.push({ entry, decided: now });
        continue;
      }
      this.#onTheWay.set(entry.actionId, entry.worker);
      this.#transmit(now, entry);
    }
  }
}
