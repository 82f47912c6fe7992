/** The original's random numbers, held against values that its own library gave. */
import { describe, expect, test } from "bun:test";
import { MinimalStandard, Streams } from "#serving/client/workloads/draws.ts";
import { MINUTE, SECOND } from "#stdx/nanos.ts";

const gapsOf = (seed: number, count: number, ratePerNs: number): readonly number[] => {
  const draws = new MinimalStandard(seed);
  return Array.from({ length: count }, () => draws.exponential(ratePerNs));
};

describe("the minimal standard generator", () => {
  test("its first draws", () => {
    const draws = new MinimalStandard(1);
    expect([1, 2, 3, 4].map(() => draws.next())).toEqual([
      48_271, 182_605_794, 1_291_394_886, 1_914_720_637,
    ]);
  });

  // 10 requests/s; the library's own output, in ns.
  test.each([
    [0, [8_886_667, 222_203_122, 21_033_810, 50_751_176, 136_067_515]],
    [1, [8_886_667, 222_203_122, 21_033_810, 50_751_176, 136_067_515]],
    [2, [18_640_777, 152_888_404, 47_703_556, 158_971_752, 66_752_797]],
    [3, [29_450_173, 112_341_893, 84_180_802]],
    [100, [69_965_815, 17_569_679]],
  ])("exponential gaps of seed %d", (seed, gaps) => {
    expect(gapsOf(seed, gaps.length, 10 / SECOND)).toEqual(gaps);
  });

  test("exponential work of a trace's replay", () => {
    expect(gapsOf(1, 3, 0.125 / MINUTE)).toEqual([
      42_656_005_159, 1_066_574_990_191, 100_962_291_353,
    ]);
  });

  test("seeds beyond the modulus begin again", () => {
    expect(gapsOf(2 ** 31 - 1 + 3, 3, 10 / SECOND)).toEqual(gapsOf(3, 3, 10 / SECOND));
  });

  test("a rate next to nothing gives a gap that still is exact", () => {
    expect(gapsOf(1, 1, 1e-30)).toEqual([2 ** 51]);
  });
});

describe("streams of a run", () => {
  const first = (streams: Streams, seed: number): number =>
    streams.draws(seed).exponential(10 / SECOND);

  test("original: a workload's own seed, and the run's added to it", () => {
    expect(first(new Streams("original", 0), 2)).toBe(18_640_777);
    expect(first(new Streams("original", 1), 2)).toBe(29_450_173);
    const streams = new Streams("original", 0);
    expect(first(streams, 0)).toBe(first(streams, 1));
  });

  test("independent: no two alike, and the same ones for the same seed", () => {
    const take = (seed: number): readonly number[] => {
      const streams = new Streams("independent", seed);
      return [0, 0, 1, 1, 2].map((ownSeed) => first(streams, ownSeed));
    };
    expect(new Set([...take(1), ...take(2)]).size).toBe(10);
    expect(take(1)).toEqual(take(1));
  });

  test("independent: gaps have the mean that their rate says", () => {
    const draws = new Streams("independent", 7).draws(0);
    let sum = 0;
    for (let i = 0; i < 20_000; i++) sum += draws.exponential(10 / SECOND);
    // The standard error of the mean is 0.7 %.
    expect(Math.abs(sum / 20_000 / (SECOND / 10) - 1)).toBeLessThan(0.03);
  });
});
