/** One-sided confidence against published tables, closed forms, and what it promises. */
import { describe, expect, test } from "bun:test";
import { incompleteBeta } from "#stats/incomplete-beta.ts";
import { meanSureness, shareSureness, studentCdf } from "#stats/one-sided.ts";
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
])("Student's distribution at the quantile of %p with %p degrees of freedom", (p, degrees, t) => {
  expect(studentCdf(t, degrees)).toBeCloseTo(p, 5);
  expect(studentCdf(-t, degrees)).toBeCloseTo(1 - p, 5);
});

describe("a mean", () => {
  test("is as sure as the textbook's interval says", () => {
    // Mean 2, standard error 1 / √3; at 95 % the interval begins 2.92 standard errors below.
    const bound = 2 - 2.92 / Math.sqrt(3);
    expect(meanSureness([1, 2, 3], bound)?.above).toBeCloseTo(0.95, 4);
    expect(meanSureness([1, 2, 3], bound)?.below).toBeCloseTo(0.05, 4);
    expect(meanSureness([1, 2, 3], 4 - bound)?.below).toBeCloseTo(0.95, 4);
  });

  test("of equal values is certain, of one value nothing is", () => {
    expect(meanSureness([5, 5], 4)).toEqual({ above: 1, below: 0 });
    expect(meanSureness([5, 5], 5)).toEqual({ above: 1, below: 1 });
    expect(meanSureness([5, 5], 6)).toEqual({ above: 0, below: 1 });
    expect(meanSureness([5], 4)).toBeNull();
  });
});

describe("a share", () => {
  test("has the closed form where no trial failed, or all did", () => {
    expect(shareSureness(300, 300, 0.99).above).toBeCloseTo(1 - 0.99 ** 300, 10);
    expect(shareSureness(300, 300, 0.99).below).toBe(0);
    expect(shareSureness(0, 300, 0.01).below).toBeCloseTo(1 - 0.99 ** 300, 10);
    expect(shareSureness(0, 300, 0.01).above).toBe(0);
  });

  test("is claimed to lie on the wrong side no more often than promised", () => {
    const rng = Rng.of(3, "coverage");
    const [trials, share, rounds] = [200, 0.97, 2000];
    let [above, below] = [0, 0];
    for (let round = 0; round < rounds; round++) {
      let successes = 0;
      for (let trial = 0; trial < trials; trial++) if (rng.uniform() < share) successes++;
      const sureness = shareSureness(successes, trials, share);
      if (sureness.above >= 0.95) above++;
      if (sureness.below >= 0.95) below++;
    }
    // 5 % each, and three standard deviations of 0.5 % on top.
    expect(above / rounds).toBeLessThan(0.065);
    expect(below / rounds).toBeLessThan(0.065);
    expect(above + below).toBeGreaterThan(0);
  });
});
