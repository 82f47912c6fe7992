/** The live histogram against exact quantiles. */
import { describe, expect, test } from "bun:test";
import { LatencyHistogram } from "#serving/client/latency-histogram.ts";
import { ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";

describe("the live latency histogram", () => {
  test("has no quantile without samples, nor after it was cleared", () => {
    const histogram = new LatencyHistogram();
    expect(histogram.quantile(0.99)).toBeNull();
    histogram.add(ns(5));
    histogram.clear();
    expect([histogram.quantile(0.99), histogram.count]).toEqual([null, 0]);
  });

  test.each([1, 2, 31, 32, 33, 1000, 1_048_575, 1_048_576, 2 ** 40, 2 ** 52])(
    "never understates %d ns, nor overstates it by more than 1/32",
    (value) => {
      const histogram = new LatencyHistogram();
      histogram.add(ns(value));
      const told = histogram.quantile(1) ?? 0;
      expect(told).toBeGreaterThanOrEqual(value);
      // One more for the rounding up of very small values.
      expect(told).toBeLessThanOrEqual(value * (1 + 1 / 32) + 1);
    },
  );

  test("is within 1/32 of exact quantiles of any spread", () => {
    const rng = Rng.of(1, "latencies");
    const values = Array.from({ length: 10_000 }, () => Math.ceil(rng.exponential(5e6)));
    const histogram = new LatencyHistogram();
    for (const value of values) histogram.add(ns(value));
    const sorted = values.toSorted((a, b) => a - b);
    for (const share of [0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = sorted[Math.ceil(share * values.length) - 1] ?? 0;
      const told = histogram.quantile(share) ?? 0;
      expect(told).toBeGreaterThanOrEqual(exact);
      expect(told).toBeLessThanOrEqual(exact * (1 + 1 / 32) + 1);
    }
  });

  test("takes a latency of zero", () => {
    const histogram = new LatencyHistogram();
    histogram.add(ns(0));
    expect(histogram.quantile(0.5)).toBeLessThanOrEqual(2);
  });
});
