/** Statistics for the tests of this folder: moments, the Kolmogorov–Smirnov distance, chi-square. */
import { lnGamma } from "#stdx/gamma-function.ts";

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean of the squared distances from the mean. */
export const varianceOf = (values: readonly number[]): number => {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
};

export const cvOf = (values: readonly number[]): number =>
  Math.sqrt(varianceOf(values)) / meanOf(values);

/** Largest distance between the share of values up to x and the law's probability of them, times √n. */
export const ksStatistic = (values: readonly number[], law: (x: number) => number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  let distance = 0;
  for (const [i, value] of sorted.entries()) {
    const p = law(value);
    distance = Math.max(distance, p - i / sorted.length, (i + 1) / sorted.length - p);
  }
  return distance * Math.sqrt(sorted.length);
};

/** √n · D stays below this in all but one of a thousand samples of the law itself (Kolmogorov's limit). */
export const KS_999 = 1.95;

/** Sum of (seen − expected)² / expected. */
export const chiSquare = (seen: readonly number[], expected: readonly number[]): number =>
  seen.reduce((sum, count, i) => sum + (count - (expected[i] ?? 0)) ** 2 / (expected[i] ?? 1), 0);

/** What chi-square exceeds once in a thousand samples, by Wilson and Hilferty's approximation. */
export const chiSquare999 = (degrees: number): number => {
  const part = 2 / (9 * degrees);
  return degrees * (1 - part + 3.0902 * Math.sqrt(part)) ** 3;
};

/** P(X ≤ x) of a Gamma law with this shape and scale: the series of the incomplete Gamma function. */
export const gammaLaw =
  (shape: number, scale: number) =>
  (x: number): number => {
    const z = x / scale;
    if (z <= 0) return 0;
    let term = Math.exp(shape * Math.log(z) - z - lnGamma(shape + 1));
    let sum = 0;
    for (let n = 1; n < 10_000 && term > 1e-17 * sum; n++) {
      sum += term;
      term *= z / (shape + n);
    }
    return Math.min(1, sum);
  };
