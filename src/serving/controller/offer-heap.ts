/** The batches that one GPU may try, most urgent first: each request offers its candidates one after the other. */
import type { Candidate, Waiting } from "#serving/controller/candidate-queue.ts";

/**
 * One entry per request instead of one per candidate: a request that was served on another GPU leaves as a whole. The
 * order is that of all candidates in one heap: latest start, then the earlier request, then the larger batch.
 */
export class OfferHeap {
  /** Parallel: the request, which of its candidates it offers, and that candidate's latest start. */
  readonly #waiting: Waiting[] = [];
  readonly #offered: number[] = [];
  readonly #starts: number[] = [];

  /** Requests that have something to offer, or had when they were last looked at. */
  get size(): number {
    return this.#waiting.length;
  }

  peek(): Candidate | undefined {
    return this.#waiting[0]?.candidates[this.#offered[0] as number];
  }

  /** The same request may be in here twice: its model may have been evicted and loaded again. */
  push(waiting: Waiting): void {
    const first = waiting.candidates[0];
    if (first === undefined) return;
    const hole = this.#waiting.length;
    this.#waiting.push(waiting);
    this.#offered.push(0);
    this.#starts.push(first.latestStart);
    this.#raise(hole);
  }

  /** The candidate on top has had its chance. */
  pass(): void {
    const top = this.#waiting[0];
    if (top === undefined) return;
    const offered = (this.#offered[0] as number) + 1;
    const next = top.candidates[offered];
    if (next === undefined) {
      this.drop();
      return;
    }
    this.#offered[0] = offered;
    this.#starts[0] = next.latestStart;
    this.#sink();
  }

  clear(): void {
    this.#waiting.length = 0;
    this.#offered.length = 0;
    this.#starts.length = 0;
  }

  /** Takes out everything that the request on top offers. */
  drop(): void {
    const waiting = this.#waiting.pop();
    const offered = this.#offered.pop();
    const start = this.#starts.pop();
    if (waiting === undefined || this.#waiting.length === 0) return;
    this.#set(0, waiting, offered as number, start as number);
    this.#sink();
  }

  #set(place: number, waiting: Waiting, offered: number, start: number): void {
    this.#waiting[place] = waiting;
    this.#offered[place] = offered;
    this.#starts[place] = start;
  }

  #raise(from: number): void {
    const waiting = this.#waiting[from] as Waiting;
    const offered = this.#offered[from] as number;
    const start = this.#starts[from] as number;
    let hole = from;
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      if (!this.#isBefore(start, waiting, above)) break;
      this.#move(above, hole);
      hole = above;
    }
    this.#set(hole, waiting, offered, start);
  }

  #sink(): void {
    const waiting = this.#waiting[0] as Waiting;
    const offered = this.#offered[0] as number;
    const start = this.#starts[0] as number;
    const { length } = this.#waiting;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= length) break;
      const right = child + 1;
      if (right < length && this.#isPlaceBefore(right, child)) child = right;
      if (this.#isBefore(start, waiting, child)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#set(hole, waiting, offered, start);
  }

  #move(from: number, to: number): void {
    this.#set(
      to,
      this.#waiting[from] as Waiting,
      this.#offered[from] as number,
      this.#starts[from] as number,
    );
  }

  #isBefore(start: number, waiting: Waiting, other: number): boolean {
    const otherStart = this.#starts[other] as number;
    if (start !== otherStart) return start < otherStart;
    return waiting.request.requestId < (this.#waiting[other] as Waiting).request.requestId;
  }

  #isPlaceBefore(place: number, other: number): boolean {
    return this.#isBefore(this.#starts[place] as number, this.#waiting[place] as Waiting, other);
  }
}
