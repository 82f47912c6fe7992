/** Takes several GPUs in turn, so that none is favoured. */

export class Turns {
  readonly #count: number;
  #next = 0;

  constructor(count: number) {
    this.#count = count;
  }

  /**
   * Calls `act` with one index after the other until a whole round of them did nothing; `act` says whether it did
   * something. The next call goes on behind the last index that did.
   */
  run(act: (index: number) => boolean): void {
    for (let idle = 0; idle < this.#count; ) {
      const index = this.#next;
      this.#next = (index + 1) % this.#count;
      idle = act(index) ? 0 : idle + 1;
    }
  }
}
