/** A binary heap of small whole numbers whose order may change: any member can be moved or taken out in O(log n). */

export class IndexedHeap {
  readonly #before: (a: number, b: number) => boolean;
  readonly #items: number[] = [];
  /** Place of each number in `#items`, −1 when absent. */
  readonly #place: Int32Array;

  /** Holds numbers from 0 to `capacity` − 1; `before` must be a strict total order. */
  constructor(capacity: number, before: (a: number, b: number) => boolean) {
    this.#before = before;
    this.#place = new Int32Array(capacity).fill(-1);
  }

  get size(): number {
    return this.#items.length;
  }

  has(item: number): boolean {
    return (this.#place[item] ?? -1) >= 0;
  }

  /** The first of all, or −1 when empty. */
  peek(): number {
    return this.#items[0] ?? -1;
  }

  /** Adds `item`, or moves it to where its present order puts it. */
  put(item: number): void {
    if (!this.has(item)) {
      this.#place[item] = this.#items.length;
      this.#items.push(item);
    }
    this.#raise(item);
    this.#sink(item);
  }

  /** Takes `item` out; nothing happens when it is absent. */
  remove(item: number): void {
    const place = this.#place[item] ?? -1;
    if (place < 0) return;
    this.#place[item] = -1;
    const last = this.#items.pop() as number;
    if (last === item) return;
    this.#set(place, last);
    this.#raise(last);
    this.#sink(last);
  }

  #set(place: number, item: number): void {
    this.#items[place] = item;
    this.#place[item] = place;
  }

  #raise(item: number): void {
    let hole = this.#place[item] as number;
    while (hole > 0) {
      const above = this.#items[(hole - 1) >> 1] as number;
      if (!this.#before(item, above)) break;
      this.#set(hole, above);
      hole = (hole - 1) >> 1;
    }
    this.#set(hole, item);
  }

  #sink(item: number): void {
    let hole = this.#place[item] as number;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= this.#items.length) break;
      const right = child + 1;
      if (
        right < this.#items.length &&
        this.#before(this.#items[right] as number, this.#items[child] as number)
      ) {
        child = right;
      }
      if (!this.#before(this.#items[child] as number, item)) break;
      this.#set(hole, this.#items[child] as number);
      hole = child;
    }
    this.#set(hole, item);
  }
}
