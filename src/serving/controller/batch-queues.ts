/** INFER5's queue of one model: every request waits in one FIFO per batch size, until a batch takes it or it is too late. */
import type { ExecEstimator } from "#serving/controller/exec-estimator.ts";
import type { Request } from "#serving/controller/request-book.ts";
import type { Nanos } from "#stdx/nanos.ts";

/** Emptied space is given back once it outweighs what is left. */
const COMPACT_AT = 256;

/**
 * All FIFOs hold the same requests in the same order and lose them only at the front, so each is a suffix of one list:
 * a FIFO is the position of its front. Larger batches take longer and lose requests earlier.
 */
export class BatchQueues {
  readonly #exec: ExecEstimator;
  #items: Request[] = [];
  /** Position of `#items[0]` since the start. */
  #base = 0;
  /** Position of the front per batch size, in the estimator's order. */
  readonly #fronts: number[];

  constructor(exec: ExecEstimator) {
    this.#exec = exec;
    this.#fronts = exec.batchSizes.map(() => 0);
  }

  /** Requests in the FIFO of the smallest batch size. */
  get size(): number {
    return this.#sizeOf(0);
  }

  push(request: Request): void {
    this.#items.push(request);
  }

  /**
   * The most urgent of the batch sizes up to `maxBatch`: latest start at the default clock, then the smaller batch.
   * Null when all their FIFOs are empty.
   */
  mostUrgent(
    maxBatch: number,
    clockMhz: number,
  ): { readonly latestStart: number; readonly batchSize: number } | null {
    let best: { latestStart: number; batchSize: number } | null = null;
    for (const [index, batchSize] of this.#exec.batchSizes.entries()) {
      const front = this.#front(index);
      if (batchSize > maxBatch || front === undefined) continue;
      const latestStart = front.deadline - this.#exec.estimateAt(index, clockMhz);
      if (best === null || latestStart < best.latestStart) best = { latestStart, batchSize };
    }
    return best;
  }

  /**
   * Takes the largest full batch that a GPU free at `freeAt` can end in time, if it has at least `minBatch` requests;
   * null otherwise. Requests that no batch of a size can serve in time leave that size's FIFO either way.
   */
  take(need: {
    readonly freeAt: Nanos;
    readonly clockMhz: number;
    readonly minBatch: number;
  }): readonly Request[] | null {
    this.#dropLate(need.freeAt, need.clockMhz);
    const index = this.#largestFull();
    const batchSize = this.#exec.batchSizes[index] as number;
    if (batchSize < need.minBatch || this.#sizeOf(index) < batchSize) {
      this.#compact();
      return null;
    }
    const start = (this.#fronts[index] as number) - this.#base;
    const batch = this.#items.slice(start, start + batchSize);
    const after = (this.#fronts[index] as number) + batchSize;
    for (let i = 0; i < this.#fronts.length; i++) {
      this.#fronts[i] = Math.max(this.#fronts[i] as number, after);
    }
    this.#compact();
    return batch;
  }

  /** Forgets requests at the front that have ended; for models that no GPU holds, whose queues nobody looks at. */
  dropEnded(): void {
    let position = this.#lowestFront();
    while (this.#isEnded(position)) position++;
    for (let i = 0; i < this.#fronts.length; i++) {
      this.#fronts[i] = Math.max(this.#fronts[i] as number, position);
    }
    this.#compact();
  }

  #isEnded(position: number): boolean {
    const request = this.#items[position - this.#base];
    return request !== undefined && request.result !== null;
  }

  #sizeOf(index: number): number {
    return this.#base + this.#items.length - (this.#fronts[index] as number);
  }

  #front(index: number): Request | undefined {
    return this.#items[(this.#fronts[index] as number) - this.#base];
  }

  #dropLate(freeAt: Nanos, clockMhz: number): void {
    for (let index = 0; index < this.#fronts.length; index++) {
      const end = freeAt + this.#exec.estimateAt(index, clockMhz);
      for (;;) {
        const front = this.#front(index);
        if (front === undefined || front.deadline >= end) break;
        this.#fronts[index] = (this.#fronts[index] as number) + 1;
      }
    }
  }

  /** Walks up from the smallest size while the next one has a full batch. */
  #largestFull(): number {
    const { batchSizes } = this.#exec;
    let index = 0;
    while (
      index + 1 < batchSizes.length &&
      this.#sizeOf(index + 1) >= (batchSizes[index + 1] as number)
    ) {
      index++;
    }
    return index;
  }

  #lowestFront(): number {
    let lowest = this.#fronts[0] as number;
    for (const front of this.#fronts) if (front < lowest) lowest = front;
    return lowest;
  }

  #compact(): void {
    const dead = this.#lowestFront() - this.#base;
    if (dead < COMPACT_AT || dead * 2 < this.#items.length) return;
    this.#items = this.#items.slice(dead);
    this.#base += dead;
  }
}
