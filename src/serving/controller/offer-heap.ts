/** The batches that one GPU may try, most urgent first: each request offers its candidates one after the other. */
import type { Candidate, Waiting } from "#serving/controller/candidate-queue.ts";

const CAPACITY_MIN = 64;

const grown = <A extends Float64Array | Int32Array>(array: A, larger: A): A => {
  larger.set(array);
  return larger;
};

/** Late by what was known when the request came, and by what is known now. */
const isHopeless = (candidate: Candidate, freeAt: number, clockMhz: number): boolean => {
  const { latestStart, request, model, batchSize } = candidate;
  if (latestStart > freeAt) return false;
  return request.deadline <= freeAt + model.exec.estimate(batchSize, clockMhz);
};

/**
 * One entry per request instead of one per candidate: a request that was served on another GPU leaves as a whole. The
 * order is that of all candidates in one heap: latest start, then the earlier request, then the larger batch.
 *
 * Under overload thousands of requests wait here and most of what is tried fails, so that little but numbers is moved.
 */
export class OfferHeap {
  /** The heap: latest start of what is offered, and the slot of who offers it. */
  #starts = new Float64Array(CAPACITY_MIN);
  #slots = new Int32Array(CAPACITY_MIN);
  #size = 0;
  /** By slot: the request, its id, and which of its candidates it offers. */
  readonly #waiting: (Waiting | null)[] = [];
  #ids = new Float64Array(CAPACITY_MIN);
  #offered = new Int32Array(CAPACITY_MIN);
  readonly #freeSlots: number[] = [];

  /** Requests that have something to offer, or had when they were last looked at. */
  get size(): number {
    return this.#size;
  }

  peek(): Candidate | undefined {
    if (this.#size === 0) return undefined;
    const slot = this.#slots[0] as number;
    return this.#waiting[slot]?.candidates[this.#offered[slot] as number];
  }

  /** The same request may be in here twice: its model may have been evicted and loaded again. */
  push(waiting: Waiting): void {
    const first = waiting.candidates[0];
    if (first === undefined) return;
    const slot = this.#freeSlots.pop() ?? this.#waiting.length;
    if (slot >= this.#slots.length) this.#grow();
    this.#waiting[slot] = waiting;
    this.#ids[slot] = waiting.request.requestId;
    this.#offered[slot] = 0;
    this.#size += 1;
    this.#raise(first.latestStart, slot);
  }

  /**
   * The candidate on top has had its chance. With it go those of the same request that have none on a GPU which is free
   * at `freeAt`: they would be next but for other hopeless ones.
   */
  pass(freeAt: number, clockMhz: number): void {
    if (this.#size === 0) return;
    const slot = this.#slots[0] as number;
    let offered = (this.#offered[slot] as number) + 1;
    let next = this.#waiting[slot]?.candidates[offered];
    while (next !== undefined && isHopeless(next, freeAt, clockMhz)) {
      offered += 1;
      next = this.#waiting[slot]?.candidates[offered];
    }
    if (next === undefined) {
      this.drop();
      return;
    }
    this.#offered[slot] = offered;
    this.#sink(next.latestStart, slot);
  }

  /** Takes out everything that the request on top offers. */
  drop(): void {
    if (this.#size === 0) return;
    const slot = this.#slots[0] as number;
    this.#waiting[slot] = null;
    this.#freeSlots.push(slot);
    this.#size -= 1;
    const last = this.#size;
    if (last > 0) this.#sink(this.#starts[last] as number, this.#slots[last] as number);
  }

  clear(): void {
    while (this.#size > 0) {
      this.#size -= 1;
      const slot = this.#slots[this.#size] as number;
      this.#waiting[slot] = null;
      this.#freeSlots.push(slot);
    }
  }

  #grow(): void {
    const capacity = 2 * this.#slots.length;
    this.#starts = grown(this.#starts, new Float64Array(capacity));
    this.#slots = grown(this.#slots, new Int32Array(capacity));
    this.#ids = grown(this.#ids, new Float64Array(capacity));
    this.#offered = grown(this.#offered, new Int32Array(capacity));
  }

  /** Puts an entry in from the end. */
  #raise(start: number, slot: number): void {
    const starts = this.#starts;
    const slots = this.#slots;
    let hole = this.#size - 1;
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      if (!this.#isBefore(start, slot, above)) break;
      starts[hole] = starts[above] as number;
      slots[hole] = slots[above] as number;
      hole = above;
    }
    starts[hole] = start;
    slots[hole] = slot;
  }

  /** Puts an entry in from the top, in place of the one there. */
  #sink(start: number, slot: number): void {
    const starts = this.#starts;
    const slots = this.#slots;
    const size = this.#size;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && this.#isBefore(starts[right] as number, slots[right] as number, child)) {
        child = right;
      }
      if (this.#isBefore(start, slot, child)) break;
      starts[hole] = starts[child] as number;
      slots[hole] = slots[child] as number;
      hole = child;
    }
    starts[hole] = start;
    slots[hole] = slot;
  }

  #isBefore(start: number, slot: number, place: number): boolean {
    const other = this.#starts[place] as number;
    if (start !== other) return start < other;
    return (this.#ids[slot] as number) < (this.#ids[this.#slots[place] as number] as number);
  }
}
