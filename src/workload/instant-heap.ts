/** Sources of requests in order of their next instants. */

/** The sources that still have requests, the one due first on top; equal instants go by the sources' numbers. */
export class InstantHeap {
  /** By position; whoever changes the top's calls `settle`. */
  readonly #next: Float64Array;
  readonly #sources: Uint32Array;
  readonly #heap: Uint32Array;
  #size: number;

  constructor(next: Float64Array, sources: Uint32Array) {
    this.#next = next;
    this.#sources = sources;
    this.#heap = Uint32Array.from(next, (_, index) => index).filter(
      (index) => next[index] !== Number.POSITIVE_INFINITY,
    );
    this.#size = this.#heap.length;
    for (let at = (this.#size >>> 1) - 1; at >= 0; at--) this.#siftDown(at);
  }

  /** Position of the source that is due first, or −1. */
  top(): number {
    return this.#size === 0 ? -1 : (this.#heap[0] ?? -1);
  }

  /** Restores the order after the top's instant rose; removes it when it has no more. */
  settle(): void {
    if (this.#next[this.#heap[0] ?? 0] === Number.POSITIVE_INFINITY) {
      this.#size--;
      this.#heap[0] = this.#heap[this.#size] ?? 0;
    }
    this.#siftDown(0);
  }

  #isBefore(a: number, b: number): boolean {
    const atA = this.#next[a] ?? 0;
    const atB = this.#next[b] ?? 0;
    if (atA !== atB) return atA < atB;
    return (this.#sources[a] ?? 0) < (this.#sources[b] ?? 0);
  }

  #siftDown(from: number): void {
    const heap = this.#heap;
    const moved = heap[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#isBefore(heap[child + 1] ?? 0, heap[child] ?? 0)) child++;
      if (!this.#isBefore(heap[child] ?? 0, moved)) break;
      heap[at] = heap[child] ?? 0;
      at = child;
    }
    if (at < heap.length) heap[at] = moved;
  }
}
