/** How long a model's batches and weight loads will take, learnt from the last few that were seen. */
import {
  DEFAULT_CLOCK_MHZ,
  ESTIMATE_PERCENTILE,
  ESTIMATE_WINDOW,
} from "#serving/controller/options.ts";
import { MILLISECOND, type Nanos, truncNs } from "#stdx/nanos.ts";

/**
 * The percentile as the original computes it: single precision throughout, linear between neighbours, truncated.
 * `samples` are whole numbers, at least one, in any order.
 */
export const percentileFloat32 = (samples: readonly number[], percentile: number): number => {
  const sorted = samples.toSorted((a, b) => a - b);
  const position = Math.fround(Math.fround(percentile) * (sorted.length - 1));
  const below = Math.floor(position);
  const above = Math.ceil(position);
  const low = sorted[below] as number;
  if (below === above) return low;
  const fromHigh = Math.fround(
    Math.fround(sorted[above] as number) * Math.fround(position - below),
  );
  const fromLow = Math.fround(Math.fround(low) * Math.fround(above - position));
  return Math.trunc(Math.fround(fromHigh + fromLow));
};

/** The last `ESTIMATE_WINDOW` measurements of one thing and their 99th percentile. */
class SlidingEstimate {
  readonly #window: number[] = [];
  /** The profile's value until the first measurement discards it. */
  value: number;

  constructor(initial: number) {
    this.value = initial;
  }

  add(sample: number): void {
    this.#window.push(sample);
    if (this.#window.length > ESTIMATE_WINDOW) this.#window.shift();
    this.value = percentileFloat32(this.#window, ESTIMATE_PERCENTILE);
  }
}

export interface BatchProfile {
  readonly batchSize: number;
  /** Profiled execution time; 0 when unknown. */
  readonly execNs: Nanos;
}

/** Which of a profile's batch sizes are used; what is left out is named for the console. */
export const usableBatches = (
  profile: readonly BatchProfile[],
  limits: { readonly maxExec: Nanos; readonly maxBatchSize: number },
): { readonly kept: readonly BatchProfile[]; readonly excluded: readonly BatchProfile[] } => {
  // A size that the profile does not time is taken for 0.1 ms, as in the original.
  const known = profile.map(({ batchSize, execNs }) => ({
    batchSize,
    execNs: execNs > 0 ? execNs : truncNs(MILLISECOND / 10),
  }));
  const usable = ({ batchSize, execNs }: BatchProfile): boolean =>
    batchSize === 1 ||
    (batchSize > 1 && execNs <= limits.maxExec && batchSize <= limits.maxBatchSize);
  return { kept: known.filter(usable), excluded: known.filter((batch) => !usable(batch)) };
};

/** Execution times of one model by batch size, kept in ns × MHz so that they hold at any clock. */
export class ExecEstimator {
  /** Batch sizes in use, ascending, at least one. */
  readonly batchSizes: readonly number[];
  readonly #estimates: readonly SlidingEstimate[];

  constructor(kept: readonly BatchProfile[]) {
    const sorted = kept.toSorted((a, b) => a.batchSize - b.batchSize);
    this.batchSizes = sorted.map(({ batchSize }) => batchSize);
    this.#estimates = sorted.map(({ execNs }) => new SlidingEstimate(execNs * DEFAULT_CLOCK_MHZ));
  }

  /** Time of the batch size at `index` of `batchSizes`, at a GPU clock. */
  estimateAt(index: number, clockMhz: number): Nanos {
    const estimate = this.#estimates[index] as SlidingEstimate;
    return Math.floor(estimate.value / clockMhz) as Nanos;
  }

  /** Index of the largest batch size in use that is at most `count`; the smallest one when none is. */
  indexFor(count: number): number {
    let index = 0;
    while (index + 1 < this.batchSizes.length && (this.batchSizes[index + 1] as number) <= count) {
      index++;
    }
    return index;
  }

  estimate(count: number, clockMhz: number = DEFAULT_CLOCK_MHZ): Nanos {
    return this.estimateAt(this.indexFor(count), clockMhz);
  }

  /** Learns from a finished batch; the clock is the whole mean of the one before and the one after. */
  measured(
    batchSize: number,
    sample: { readonly duration: Nanos; readonly clockMhz: number },
  ): void {
    this.#estimates[this.indexFor(batchSize)]?.add(sample.duration * sample.clockMhz);
  }
}

/** Time to bring one model's weights to a GPU. */
export class LoadEstimator {
  readonly #estimate: SlidingEstimate;

  constructor(profiled: Nanos) {
    this.#estimate = new SlidingEstimate(profiled);
  }

  estimate(): Nanos {
    return this.#estimate.value as Nanos;
  }

  measured(duration: Nanos): void {
    this.#estimate.add(duration);
  }
}
