/** A small histogram of latencies with logarithmic buckets, for live figures; reports use the log's exact values. */
import { type Nanos, ns } from "#stdx/nanos.ts";

/** Each power of two is cut into this many buckets: a quantile is off by less than 1 / 32 = 3.2 %. */
const PARTS = 32;
const EXPONENT_MAX = 52;

/** Counts per bucket, fixed in size whatever the number of samples. */
export class LatencyHistogram {
  readonly #counts = new Float64Array((EXPONENT_MAX + 1) * PARTS);
  #total = 0;

  /** Samples since the last `clear`. */
  get count(): number {
    return this.#total;
  }

  add(latency: Nanos): void {
    const index = bucketOf(Math.max(1, latency));
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total++;
  }

  /** Upper end of the bucket that holds the sample of this rank, 0 < `share` ≤ 1; null without samples. */
  quantile(share: number): Nanos | null {
    let left = Math.ceil(share * this.#total);
    if (left === 0) return null;
    for (let index = 0; index < this.#counts.length; index++) {
      left -= this.#counts[index] ?? 0;
      if (left <= 0) return upperEnd(index);
    }
    return null;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}

const bucketOf = (value: number): number => {
  let exponent = Math.min(EXPONENT_MAX, Math.floor(Math.log2(value)));
  // log2 rounds: the power of two next to a value may come out one too high.
  if (2 ** exponent > value) exponent--;
  const part = Math.min(PARTS - 1, Math.floor((value / 2 ** exponent - 1) * PARTS));
  return exponent * PARTS + part;
};

const upperEnd = (index: number): Nanos => {
  const exponent = Math.floor(index / PARTS);
  const part = index % PARTS;
  return ns(Math.ceil(2 ** exponent * (1 + (part + 1) / PARTS)));
};
