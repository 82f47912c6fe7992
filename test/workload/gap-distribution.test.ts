/** Gaps gathered in buckets: exact moments, percentiles within their stated error, nothing and equal instants. */
import { describe, expect, test } from "bun:test";
import { Rng } from "#stdx/rng.ts";
import { GapDistribution } from "#workload/gap-distribution.ts";
import { cvOf, meanOf } from "./statistics.ts";

const gather = (instants: readonly number[]): GapDistribution => {
  const gaps = new GapDistribution();
  for (const at of instants) gaps.add(at);
  return gaps;
};

describe("the distribution of gaps", () => {
  test("of a few instants", () => {
    // Gaps 10, 30, 20, 0: mean 15, squares 25 + 225 + 25 + 225 = 500, √(500 / 4) / 15 = 0.7454.
    const gaps = gather([5, 15, 45, 65, 65]);
    expect(gaps.count).toBe(4);
    expect(gaps.meanNs).toBe(15);
    expect(gaps.cv).toBeCloseTo(Math.sqrt(125) / 15, 12);
    expect(gaps.maxNs).toBe(30);
    expect(gaps.quantileNs(0.25)).toBe(0);
    expect(gaps.quantileNs(1)).toBe(30);
    expect(gaps.shareBelow(11)).toBe(0.5);
  });

  test("has percentiles at most 1 / 128 too high, over many orders of magnitude", () => {
    const rng = Rng.of(1, "gaps");
    const all = Array.from({ length: 10_000 }, () => Math.floor(10 ** (rng.uniform() * 12)));
    let at = 0;
    const gaps = gather([0, ...all.map((gap) => (at += gap))]);
    expect(gaps.meanNs / meanOf(all)).toBeCloseTo(1, 9);
    expect(gaps.cv).toBeCloseTo(cvOf(all), 9);
    const sorted = all.toSorted((a, b) => a - b);
    for (const share of [0.001, 0.1, 0.5, 0.9, 0.999]) {
      const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
      const found = gaps.quantileNs(share) ?? 0;
      expect(found).toBeGreaterThanOrEqual(exact);
      // Buckets of the smallest gaps are whole numbers apart.
      expect(found).toBeLessThanOrEqual(Math.max(exact * (1 + 1 / 128), exact + 1));
    }
  });

  test("of nothing, of one instant, of equal instants", () => {
    for (const instants of [[], [7]]) {
      expect(gather(instants)).toMatchObject({ count: 0, cv: null, maxNs: 0 });
      expect(gather(instants).quantileNs(0.5)).toBeNull();
    }
    expect(gather([7, 7, 7]).cv).toBeNull();
    expect(gather([7, 7, 7]).quantileNs(1)).toBe(0);
  });
});
