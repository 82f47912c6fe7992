/** How sure a few observations make one that something lies above or below a bound. */
import { incompleteBeta } from "#stats/incomplete-beta.ts";

/** The highest confidence at which a one-sided interval lies wholly at or above, or wholly at or below, the bound. */
export interface Sureness {
  readonly above: number;
  readonly below: number;
}

/** Student's distribution: the probability of at most `t`. */
export const studentCdf = (t: number, degrees: number): number => {
  const tail = incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  return t < 0 ? tail : 1 - tail;
};

/**
 * Of a mean over independent repetitions, by Student's interval as for simulations (Law, Simulation Modeling and
 * Analysis, section 4.5); null for fewer than two values.
 */
export const meanSureness = (values: readonly number[], bound: number): Sureness | null => {
  const n = values.length;
  if (n < 2) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const error = Math.sqrt(squares / (n - 1) / n);
  if (error === 0) return { above: mean >= bound ? 1 : 0, below: mean <= bound ? 1 : 0 };
  const above = studentCdf((mean - bound) / error, n - 1);
  return { above, below: 1 - above };
};

/**
 * Of a share, by the exact binomial interval (Clopper and Pearson, Biometrika 26, 1934); `successes` may be a fraction
 * where the trials were discounted.
 */
export const shareSureness = (successes: number, trials: number, bound: number): Sureness => {
  const failures = trials - successes;
  return {
    above: successes < 0.5 ? 0 : 1 - incompleteBeta(bound, successes, failures + 1),
    below: failures < 0.5 ? 0 : incompleteBeta(bound, successes + 1, failures),
  };
};
