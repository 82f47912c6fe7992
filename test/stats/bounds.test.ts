/** One-sided bounds against published tables and against what they promise. */
import { describe, expect, test } from "bun:test";
import { meanBounds, shareBounds, studentQuantile } from "#stats/bounds.ts";
import { incompleteBeta } from "#stats/incomplete-beta.ts";
import { Rng } from "#stdx/rng.ts";

test.each([
  // Closed forms: I_x(1, b) = 1 - (1 - x)^b, I_x(a, 1) = x^a, I_1/2(a, a) = 1/2.
  [0.2, 1, 3, 1 - 0.8 ** 3],
  [0.7, 4, 1, 0.7 ** 4],
  [0.5, 37.5, 37.5, 0.5],
  [0, 2, 2, 0],
  [1, 2, 2, 1],
])("incomplete beta of %p, %p, %p", (x, a, b, expected) => {
  expect(incompleteBeta(x, a, b)).toBeCloseTo(expected, 12);
});

test.each([
  // The usual table of one-sided quantiles.
  [0.95, 1, 6.3138],
  [0.95, 2, 2.92],
  [0.95, 4, 2.1318],
  [0.99, 5, 3.3649],
  [0.9, 10, 1.3722],
  [0.975, 120, 1.9799],
])("Student's quantile at %p with %p degrees of freedom", (confidence, degrees, expected) => {
  expect(studentQuantile(confidence, degrees)).toBeCloseTo(expected, 4);
});

test("the bounds of a mean are those of the textbook", () => {
  // Mean 2, standard deviation 1: 2 ± 2.92 × 1 / √3.
  const bounds = meanBounds([1, 2, 3], 0.95);
  expect(bounds?.lower).toBeCloseTo(2 - 2.92 / Math.sqrt(3), 4);
  expect(bounds?.upper).toBeCloseTo(2 + 2.92 / Math.sqrt(3), 4);
  expect(meanBounds([1], 0.95)).toBeNull();
  expect(meanBounds([5, 5], 0.95)).toEqual({ lower: 5, upper: 5 });
});

describe("the bounds of a share", () => {
  test("have the closed form where no trial failed", () => {
    const { lower, upper } = shareBounds(300, 300, 0.95);
    expect(lower).toBeCloseTo(0.05 ** (1 / 300), 10);
    expect(upper).toBe(1);
    expect(shareBounds(0, 300, 0.95).lower).toBe(0);
    expect(shareBounds(0, 300, 0.95).upper).toBeCloseTo(1 - 0.05 ** (1 / 300), 10);
  });

  test("cover the share at least as often as promised", () => {
    const rng = Rng.of(3, "coverage");
    const TRIALS = 200;
    const SHARE = 0.97;
    let [belowLower, aboveUpper] = [0, 0];
    const ROUNDS = 2000;
    for (let round = 0; round < ROUNDS; round++) {
      let successes = 0;
      for (let i = 0; i < TRIALS; i++) if (rng.uniform() < SHARE) successes++;
      const { lower, upper } = shareBounds(successes, TRIALS, 0.95);
      if (SHARE < lower) belowLower++;
      if (SHARE > upper) aboveUpper++;
    }
    // 5 % each, and three standard deviations of 0.5 % on top.
    expect(belowLower / ROUNDS).toBeLessThan(0.065);
    expect(aboveUpper / ROUNDS).toBeLessThan(0.065);
    expect(belowLower + aboveUpper).toBeGreaterThan(0);
  });
});
