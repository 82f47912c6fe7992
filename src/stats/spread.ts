/** Median and range of the few values that repetitions give. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** The spread of `values`, or null when there are none; the median of an even count is the mean of the middle two. */
export const spreadOf = (values: readonly number[]): Spread | null => {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  const min = sorted[0];
  const max = sorted.at(-1);
  if (upper === undefined || lower === undefined || min === undefined || max === undefined) {
    return null;
  }
  return { median: (lower + upper) / 2, min, max, count: sorted.length };
};
