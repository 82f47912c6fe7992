/** Laws of gaps: distribution (Kolmogorov–Smirnov), mean and variation, and the first gap of a process in full swing. */
import { describe, expect, test } from "bun:test";
import { lnGamma } from "#stdx/gamma-function.ts";
import { Rng } from "#stdx/rng.ts";
import { EXPONENTIAL_GAPS, gammaGaps, weibullGaps, weibullShape } from "#workload/unit-gaps.ts";
import { cvOf, gammaLaw, KS_999, ksStatistic, meanOf } from "./statistics.ts";

const DRAWS = 20_000;

const weibullLaw = (cv: number) => {
  const k = weibullShape(cv);
  const scale = Math.exp(-lnGamma(1 + 1 / k));
  return (x: number): number => 1 - Math.exp(-((x / scale) ** k));
};

const LAWS = [
  {
    name: "exponential",
    cv: 1,
    gaps: EXPONENTIAL_GAPS,
    wider: gammaGaps(1.25),
    law: (x: number) => 1 - Math.exp(-x),
  },
  ...[0.2, 0.5, 1, 2, 5].map((cv) => ({
    name: `Gamma, CV ${cv}`,
    cv,
    gaps: gammaGaps(cv),
    wider: gammaGaps(1.25 * cv),
    law: gammaLaw(1 / cv ** 2, cv ** 2),
  })),
  ...[0.2, 0.5, 1, 2, 5].map((cv) => ({
    name: `Weibull, CV ${cv}`,
    cv,
    gaps: weibullGaps(cv),
    wider: weibullGaps(1.25 * cv),
    law: weibullLaw(cv),
  })),
];

describe.each(LAWS)("$name", ({ cv, gaps, wider, law }) => {
  const rng = Rng.of(11, "test");
  const draws = Array.from({ length: DRAWS }, () => gaps.next(rng));

  test("has the law's distribution", () => {
    expect(ksStatistic(draws, law)).toBeLessThan(KS_999);
    // Draws that vary a quarter more are told apart: the test is not blind.
    const others = Array.from({ length: DRAWS }, () => wider.next(rng));
    expect(ksStatistic(others, law)).toBeGreaterThan(KS_999);
  });

  test("has mean 1 and the variation asked for", () => {
    // The mean of n draws has the deviation cv / √n.
    expect(Math.abs(meanOf(draws) - 1)).toBeLessThan((4 * cv) / Math.sqrt(DRAWS));
    // The variation of a heavy tail converges slowly: a Weibull draw of CV 5 has kurtosis in the thousands.
    expect(Math.abs(cvOf(draws) / cv - 1)).toBeLessThan(cv <= 2 ? 0.05 : 0.3);
  });

  test("begins as if it had been running for ever", () => {
    // What is left of a gap has the mean E[X²] / 2 E[X] = (1 + cv²) / 2, and its density at x is P(X > x).
    const first = Array.from({ length: DRAWS }, () => gaps.first(rng));
    const mean = (1 + cv * cv) / 2;
    expect(Math.abs(meanOf(first) / mean - 1)).toBeLessThan(cv <= 2 ? 0.06 : 0.3);
    // P(left ≤ h) = ∫ P(X > x) dx from 0 to h, summed at the middles of a thousand slices.
    const h = 0.5;
    let due = 0;
    for (let i = 0; i < 1000; i++) due += ((1 - law(((i + 0.5) * h) / 1000)) * h) / 1000;
    const seen = first.filter((x) => x <= h).length / DRAWS;
    // A share of n draws has a deviation of at most 0.5 / √n = 0.0035.
    expect(Math.abs(seen - due)).toBeLessThan(0.014);
  });
});

test.each([
  // k = 1 is exponential; k = 2: √(4/π − 1); k = 1/2: √(Γ(5)/Γ(3)² − 1) = √(24/4 − 1).
  [1, 1],
  [Math.sqrt(4 / Math.PI - 1), 2],
  [Math.sqrt(5), 0.5],
])("a Weibull law of CV %d has shape %d", (cv, shape) => {
  expect(weibullShape(cv)).toBeCloseTo(shape, 9);
});

test("every variation that is accepted can be drawn", () => {
  for (const cv of [0.01, 20]) {
    for (const gaps of [gammaGaps(cv), weibullGaps(cv)]) {
      const rng = Rng.of(3, "extreme");
      const draws = [gaps.first(rng), ...Array.from({ length: 1000 }, () => gaps.next(rng))];
      expect(draws.every((gap) => gap >= 0 && Number.isFinite(gap))).toBe(true);
      expect(draws.some((gap) => gap > 0)).toBe(true);
    }
  }
});
