/** Lets only a few actions be on their way at a time, and gives up on those that could not leave in time. */
import { Fifo } from "#serving/controller/fifo.ts";
import { NETWORK_SLOTS, SEND_BLOCKED_AFTER } from "#serving/controller/options.ts";
import { addNs, earliestNs, type Nanos } from "#stdx/nanos.ts";

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

interface Sending {
  readonly worker: number;
  readonly since: Nanos;
}

export class NetworkExecutor<T extends Sendable> {
  readonly #transmit: (now: Nanos, entry: T) => void;
  readonly #waiting = new Fifo<T>();
  /** Reported in order, each not before its time: a late one holds up those behind it, as in the original. */
  readonly #unsent = new Fifo<Unsent<T>>();
  readonly #onTheWay = new Map<number, Sending>();
  /** Per worker that does not take what is on its way: what waits for it. It holds no slots until it takes that. */
  readonly #blocked = new Map<number, Fifo<T>>();
  /** Of those on the way, those to workers that are not blocked. */
  #slotsTaken = 0;
  /** When to look for blocked workers next; at the latest when the oldest send has lasted too long. */
  #checkAt: Nanos | null = null;

  constructor(transmit: (now: Nanos, entry: T) => void) {
    this.#transmit = transmit;
  }

  send(now: Nanos, entry: T): void {
    (this.#blocked.get(entry.worker) ?? this.#waiting).push(entry);
    this.#fill(now);
  }

  /** The network layer has taken the action whole. */
  onSent(now: Nanos, actionId: number): void {
    const sending = this.#onTheWay.get(actionId);
    if (sending === undefined) return;
    this.#onTheWay.delete(actionId);
    const held = this.#blocked.get(sending.worker);
    if (held === undefined) this.#slotsTaken -= 1;
    else if (!this.#isSendingTo(sending.worker)) this.#unblock(sending.worker, held);
    this.#fill(now);
  }

  /** Frees the worker's slots and returns its actions that had not left, in order. */
  onWorkerDown(now: Nanos, worker: number): readonly T[] {
    const held = this.#blocked.get(worker);
    for (const [actionId, sending] of this.#onTheWay) {
      if (sending.worker !== worker) continue;
      this.#onTheWay.delete(actionId);
      if (held === undefined) this.#slotsTaken -= 1;
    }
    if (held !== undefined) this.#unblock(worker, held);
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
    if (this.#checkAt !== null && this.#checkAt <= now) this.#findBlocked(now);
    const due = this.#nextExpiry();
    if (due === null || due >= now) return;
    for (const queue of [this.#waiting, ...this.#blocked.values()]) {
      const late = queue.removeWhere((entry) => entry.sendBy !== null && entry.sendBy < now);
      for (const entry of late) this.#unsent.push({ entry, decided: now });
    }
  }

  nextTimeout(): Nanos | null {
    const report = this.#unsent.peek()?.entry.reportErrorAt ?? null;
    const expiry = this.#nextExpiry();
    const due = earliestNs(report, expiry === null ? null : ((expiry + 1) as Nanos));
    return earliestNs(due, this.#checkAt);
  }

  #nextExpiry(): Nanos | null {
    let earliest: Nanos | null = null;
    if (this.#waiting.size > 0) earliest = earliestSendBy(this.#waiting);
    if (this.#blocked.size === 0) return earliest;
    for (const held of this.#blocked.values()) {
      earliest = earliestNs(earliest, earliestSendBy(held));
    }
    return earliest;
  }

  #fill(now: Nanos): void {
    while (this.#slotsTaken < NETWORK_SLOTS) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      if (entry.sendBy !== null && entry.sendBy < now) {
        this.#unsent.push({ entry, decided: now });
        continue;
      }
      this.#onTheWay.set(entry.actionId, { worker: entry.worker, since: now });
      this.#slotsTaken += 1;
      // Left as it is while it is sooner: to move it with every action would cost more than to look in vain.
      this.#checkAt ??= addNs(now, SEND_BLOCKED_AFTER);
      this.#transmit(now, entry);
    }
  }

  #isSendingTo(worker: number): boolean {
    for (const sending of this.#onTheWay.values()) if (sending.worker === worker) return true;
    return false;
  }

  /** Takes their slots from workers that have not taken an action for too long. */
  #findBlocked(now: Nanos): void {
    let oldest: Nanos | null = null;
    for (const { worker, since } of this.#onTheWay.values()) {
      if (this.#blocked.has(worker)) continue;
      if (addNs(since, SEND_BLOCKED_AFTER) <= now) this.#block(worker);
      else oldest = earliestNs(oldest, since);
    }
    this.#checkAt = oldest === null ? null : addNs(oldest, SEND_BLOCKED_AFTER);
    this.#fill(now);
  }

  #block(worker: number): void {
    const held = new Fifo<T>();
    for (const entry of this.#waiting.removeWhere((each) => each.worker === worker)) {
      held.push(entry);
    }
    this.#blocked.set(worker, held);
    for (const sending of this.#onTheWay.values()) {
      if (sending.worker === worker) this.#slotsTaken -= 1;
    }
  }

  #unblock(worker: number, held: Fifo<T>): void {
    this.#blocked.delete(worker);
    for (const entry of held) this.#waiting.push(entry);
  }
}

const earliestSendBy = (entries: Iterable<Sendable>): Nanos | null => {
  let earliest: Nanos | null = null;
  for (const { sendBy } of entries) earliest = earliestNs(earliest, sendBy);
  return earliest;
};
