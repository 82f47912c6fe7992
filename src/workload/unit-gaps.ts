/** Laws of independent gaps with mean 1, and the first gap that makes a process look the same from any instant on. */
import { exp, ln, power } from "#stdx/elementary.ts";
import { lnGamma } from "#stdx/gamma-function.ts";
import type { Rng } from "#stdx/rng.ts";

/** Gaps of a renewal process that has been running for ever when it is first looked at. */
export interface UnitGaps {
  /**
   * From the start to the first arrival: what is left of the gap that the start falls into. Long gaps are more likely
   * to be hit, so it is a uniform part of a gap drawn with its length as its weight. That keeps the expected count of
   * any span at exactly its length.
   */
  first(rng: Rng): number;
  next(rng: Rng): number;
}

/** Every gap is 1, and the first arrival is at once. */
export const CONSTANT_GAPS: UnitGaps = { first: () => 0, next: () => 1 };

/** Memoryless: what is left of a gap is a gap. */
export const EXPONENTIAL_GAPS: UnitGaps = {
  first: (rng) => rng.exponential(1),
  next: (rng) => rng.exponential(1),
};

/** A standard normal draw (Marsaglia's polar method); the second one of each pair is not kept. */
const normal = (rng: Rng): number => {
  for (;;) {
    const u = 2 * rng.uniform() - 1;
    const v = 2 * rng.uniform() - 1;
    const s = u * u + v * v;
    if (s > 0 && s < 1) return u * Math.sqrt((-2 * ln(s)) / s);
  }
};

/** A Gamma draw with this shape and scale 1 (Marsaglia and Tsang, 2000). */
const drawGamma = (rng: Rng, shape: number): number => {
  // Below 1 by way of the next higher shape: G(k) is distributed as G(k + 1) · U^(1/k).
  if (shape < 1) return drawGamma(rng, shape + 1) * power(1 - rng.uniform(), 1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(rng);
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root * root * root;
    const u = 1 - rng.uniform();
    // The first condition is stricter and spares the logarithms nearly always.
    if (u < 1 - 0.0331 * x * x * x * x) return d * v;
    if (ln(u) < 0.5 * x * x + d - d * v + d * ln(v)) return d * v;
  }
};

const gammaLaw = (shape: number, scale: number): UnitGaps => ({
  first: (rng) => rng.uniform() * drawGamma(rng, shape + 1) * scale,
  next: (rng) => drawGamma(rng, shape) * scale,
});

/** Gamma gaps: shape 1 / cv², scale cv². Weighted with its length, a Gamma gap has a shape larger by 1. */
export const gammaGaps = (cv: number): UnitGaps => gammaLaw(1 / (cv * cv), cv * cv);

/** Gamma gaps of this shape. */
export const gammaGapsOfShape = (shape: number): UnitGaps => gammaLaw(shape, 1 / shape);

/** The shape k of a Weibull law whose variation is `cv`: Γ(1 + 2/k) / Γ(1 + 1/k)² = 1 + cv², which falls in k. */
export const weibullShape = (cv: number): number => {
  const target = ln(1 + cv * cv);
  let low = ln(0.05);
  let high = ln(1000);
  // Sixty halvings exhaust a double.
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    const k = exp(middle);
    if (lnGamma(1 + 2 / k) - 2 * lnGamma(1 + 1 / k) > target) low = middle;
    else high = middle;
  }
  return exp((low + high) / 2);
};

/** Weibull gaps of the variation `cv`. */
export const weibullGaps = (cv: number): UnitGaps => weibullGapsOfShape(weibullShape(cv));

/** Weibull gaps of shape k. Of a gap weighted with its length, (x / scale)^k is a Gamma draw of shape 1 + 1/k. */
export const weibullGapsOfShape = (k: number): UnitGaps => {
  const scale = exp(-lnGamma(1 + 1 / k));
  return {
    first: (rng) => rng.uniform() * scale * power(drawGamma(rng, 1 + 1 / k), 1 / k),
    next: (rng) => scale * power(rng.exponential(1), 1 / k),
  };
};
