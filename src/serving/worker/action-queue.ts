/** Actions that wait for their window to open: earliest first, in order of arrival where that is equal. */
import { Heap } from "#serving/controller/heap.ts";
import type { WindowEnd } from "#serving/messages.ts";
import type { Nanos } from "#stdx/nanos.ts";

interface Entry<T> {
  /** −Infinity for an open start. */
  readonly earliest: number;
  readonly sequence: number;
  readonly item: T;
}

const isBefore = (a: Entry<unknown>, b: Entry<unknown>): boolean =>
  a.earliest < b.earliest || (a.earliest === b.earliest && a.sequence < b.sequence);

/** A controller keeps some tens of actions on a worker; a queue this long means that it has lost its mind. */
const QUEUE_LENGTH_MAX = 100_000;

export class ActionQueue<T> {
  readonly #heap = new Heap<Entry<T>>(isBefore);
  #sequence = 0;

  get size(): number {
    return this.#heap.size;
  }

  /** False when the queue is full; the item is then not taken. */
  push(earliest: WindowEnd, item: T): boolean {
    if (this.#heap.size >= QUEUE_LENGTH_MAX) return false;
    const entry = {
      earliest: earliest ?? Number.NEGATIVE_INFINITY,
      sequence: this.#sequence,
      item,
    };
    this.#heap.push(entry);
    this.#sequence += 1;
    return true;
  }

  /** Takes the first item if its window is open at `now`. */
  take(now: Nanos): T | undefined {
    const first = this.#heap.peek();
    if (first === undefined || first.earliest > now) return undefined;
    return this.#heap.pop()?.item;
  }

  /** When the first item's window opens (it may have opened already), or null when nothing waits or it is open-ended. */
  nextOpening(): Nanos | null {
    const first = this.#heap.peek();
    return first === undefined || first.earliest === Number.NEGATIVE_INFINITY
      ? null
      : (first.earliest as Nanos);
  }
}
