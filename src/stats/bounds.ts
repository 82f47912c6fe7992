/** One-sided confidence bounds: of a mean over a few repetitions, and of a share over counted trials. */
import { incompleteBeta, risingRoot } from "#stats/incomplete-beta.ts";

/** A bound below and one above, each of which holds with the given confidence by itself. */
export interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

/** The quantile of Student's t distribution at `confidence`, from 0.5 up to less than 1. */
export const studentQuantile = (confidence: number, degrees: number): number => {
  const below = (t: number): number =>
    1 - incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  let high = 2;
  while (below(high) < confidence) high *= 2;
  return risingRoot((t) => below(t) - confidence, 0, high);
};

/**
 * Student's interval of a mean over independent repetitions, as for simulations (Law, Simulation Modeling and Analysis,
 * section 4.5); null for fewer than two values.
 */
export const meanBounds = (values: readonly number[], confidence: number): Bounds | null => {
  const n = values.length;
  if (n < 2) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const half = studentQuantile(confidence, n - 1) * Math.sqrt(squares / (n - 1) / n);
  return { lower: mean - half, upper: mean + half };
};

/**
 * The exact binomial bounds of a share (Clopper and Pearson, Biometrika 26, 1934); `successes` may be a fraction where
 * the trials were discounted.
 */
export const shareBounds = (successes: number, trials: number, confidence: number): Bounds => {
  const risk = 1 - confidence;
  const failures = trials - successes;
  const lower =
    successes < 0.5
      ? 0
      : risingRoot((p) => incompleteBeta(p, successes, failures + 1) - risk, 0, 1);
  const upper =
    failures < 0.5
      ? 1
      : risingRoot((p) => incompleteBeta(p, successes + 1, failures) - confidence, 0, 1);
  return { lower, upper };
};
