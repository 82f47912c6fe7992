/** The distribution of the gaps between arrivals, gathered one by one in a fixed amount of memory. */

/** Each power of two is cut into this many buckets: a percentile is too high by at most 1 / 128 = 0.8 %. */
const PARTS = 128;
const EXPONENT_MAX = 52;

/** Gaps in ns; mean and variation are exact, percentiles are the upper ends of buckets. */
export class GapDistribution {
  readonly #counts = new Float64Array((EXPONENT_MAX + 1) * PARTS);
  #zeros = 0;
  #count = 0;
  #mean = 0;
  /** Sum of the squared distances from the mean so far (Welford). */
  #squares = 0;
  #max = 0;
  #last: number | null = null;

  /** Takes the instant of the next arrival, in ns. */
  add(at: number): void {
    if (this.#last !== null) this.#addGap(at - this.#last);
    this.#last = at;
  }

  /** One less than the arrivals. */
  get count(): number {
    return this.#count;
  }

  get meanNs(): number {
    return this.#mean;
  }

  get maxNs(): number {
    return this.#max;
  }

  /** Standard deviation ÷ mean; null when there is no mean to divide by. */
  get cv(): number | null {
    return this.#mean === 0 ? null : Math.sqrt(this.#squares / this.#count) / this.#mean;
  }

  /** The gap that this share of the gaps does not exceed, 0 < `share` ≤ 1; null without gaps. */
  quantileNs(share: number): number | null {
    let left = Math.ceil(share * this.#count) - this.#zeros;
    if (this.#count === 0) return null;
    if (left <= 0) return 0;
    for (let index = 0; index < this.#counts.length; index++) {
      left -= this.#counts[index] ?? 0;
      if (left <= 0) return Math.min(upperEnd(index), this.#max);
    }
    return this.#max;
  }

  /** Share of the gaps below `limit`; buckets that the limit cuts count as a whole or not at all. */
  shareBelow(limit: number): number {
    if (this.#count === 0 || limit <= 0) return 0;
    const end = bucketOf(Math.max(1, limit));
    let total = this.#zeros;
    for (let index = 0; index < end; index++) total += this.#counts[index] ?? 0;
    return total / this.#count;
  }

  #addGap(gap: number): void {
    this.#count++;
    const change = gap - this.#mean;
    this.#mean += change / this.#count;
    this.#squares += change * (gap - this.#mean);
    this.#max = Math.max(this.#max, gap);
    if (gap < 1) this.#zeros++;
    else {
      const index = bucketOf(gap);
      this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    }
  }
}

const bucketOf = (value: number): number => {
  let exponent = Math.min(EXPONENT_MAX, Math.floor(Math.log2(value)));
  // log2 rounds: the power of two next to a value may come out one too high.
  if (2 ** exponent > value) exponent--;
  const part = Math.min(PARTS - 1, Math.floor((value / 2 ** exponent - 1) * PARTS));
  return exponent * PARTS + part;
};

const upperEnd = (index: number): number =>
  2 ** Math.floor(index / PARTS) * (1 + ((index % PARTS) + 1) / PARTS);
