/** Markov-modulated arrivals: mean, burstiness against its formula, silent states, seeds. */
import { describe, expect, test } from "bun:test";
import { type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { type MarkovLoad, MarkovModulatedArrivals } from "#workload/markov-modulated.ts";
import { meanOf, varianceOf } from "./statistics.ts";
import { takeAll } from "./workloads.ts";

const ms = (value: number): Nanos => ns(value * 1e6);

/** 100/s for 300 ms and 900/s for 100 ms on average: (100 · 300 + 900 · 100) / 400 = 300/s. */
const TWO: MarkovLoad = {
  arrivals: "markov-modulated",
  states: [
    { ratePerS: 100, meanNs: ms(300) },
    { ratePerS: 900, meanNs: ms(100) },
  ],
};

const make = (load: MarkovLoad, changes: { end?: Nanos; seed?: number } = {}) =>
  new MarkovModulatedArrivals({
    load,
    instances: 3,
    end: ns(1000 * SECOND),
    seed: 1,
    ...changes,
  });

describe("two states", () => {
  const arrivals = takeAll(make(TWO));
  const windowMs = 50;
  const counts = Array.from({ length: 20_000 }, () => 0);
  for (const { at } of arrivals) {
    const window = Math.floor(at / ms(windowMs));
    counts[window] = (counts[window] ?? 0) + 1;
  }

  test("come at the mean rate that is announced", () => {
    expect(make(TWO).expectedCount(ns(0), ns(1000 * SECOND))).toBeCloseTo(300_000, 6);
    // Counts over long times vary by the index of dispersion of the last test at t → ∞: 1 + 60 = 61.
    expect(Math.abs(arrivals.length - 300_000)).toBeLessThan(4 * Math.sqrt(61 * 300_000));
  });

  test("are as bursty as two exponential states make them", () => {
    // Variance ÷ mean of the counts in windows of length t, with a = 1/0.3 s and b = 1/0.1 s the rates of leaving
    // the states: 1 + 2ab(λ2 − λ1)² / ((a + b)² (λ1 b + λ2 a)) · (1 − (1 − e^−(a+b)t) / ((a + b) t)).
    const [a, b, t] = [1 / 0.3, 1 / 0.1, windowMs / 1000];
    const limit = (2 * a * b * 800 ** 2) / ((a + b) ** 2 * (100 * b + 900 * a));
    expect(limit).toBeCloseTo(60, 9);
    const due = 1 + limit * (1 - (1 - Math.exp(-(a + b) * t)) / ((a + b) * t));
    expect(Math.abs(varianceOf(counts) / meanOf(counts) / due - 1)).toBeLessThan(0.06);
  });

  test("begin in either state with its share of time, so that the first window has the mean, too", () => {
    const first = Array.from({ length: 4000 }, (_, i) => {
      return takeAll(make(TWO, { seed: i + 1, end: ms(20) })).length;
    });
    // 300/s for 20 ms: 6; the deviation of the mean of 4,000 counts is measured.
    const deviation = Math.sqrt(varianceOf(first) / first.length);
    expect(Math.abs(meanOf(first) - 6)).toBeLessThan(4 * deviation);
    expect(deviation).toBeLessThan(0.2);
  });

  test("are the same for the same seed, and a longer run begins alike", () => {
    const short = takeAll(make(TWO, { end: ns(5 * SECOND) }));
    expect(short.length).toBeGreaterThan(500);
    expect(arrivals.slice(0, short.length)).toEqual(short);
    expect(takeAll(make(TWO, { seed: 2, end: ns(5 * SECOND) }))).not.toEqual(short);
    expect(short.every(({ className }) => className === "markov-modulated")).toBe(true);
  });
});

test("a silent state has no requests: gaps in between are as long as it lasts", () => {
  const load: MarkovLoad = {
    arrivals: "markov-modulated",
    states: [
      { ratePerS: 1000, meanNs: ms(100) },
      { ratePerS: 0, meanNs: ms(900) },
    ],
  };
  const instants = takeAll(make(load)).map(({ at }) => at);
  const gaps = instants.slice(1).map((at, i) => at - (instants[i] ?? 0));
  // 1,000 s hold about 1,000 cycles; a gap above 50 ms within an active state has the chance e^−50.
  const pauses = gaps.filter((gap) => gap > ms(50));
  // Of exponential pauses of mean 900 ms, e^(−50/900) = 94.6 % exceed 50 ms: 946, deviation about 31.
  expect(Math.abs(pauses.length - 946)).toBeLessThan(130);
  // Memoryless: what is above 50 ms has the mean 950 ms, and a deviation of 900 / √946 = 29 ms.
  expect(Math.abs(meanOf(pauses) / 1e6 - 950)).toBeLessThan(120);
});

test("states follow one another in the order written", () => {
  const load: MarkovLoad = {
    arrivals: "markov-modulated",
    states: [
      { ratePerS: 10_000, meanNs: ms(100) },
      { ratePerS: 0, meanNs: ms(100) },
      { ratePerS: 1000, meanNs: ms(100) },
    ],
  };
  const instants = takeAll(make(load, { end: ns(60 * SECOND) })).map(({ at }) => at);
  // After a silence of more than 10 ms comes the slow state: its first ten gaps are about 1 ms, not 0.1 ms.
  const means = instants.flatMap((at, i) => {
    const [previous, tenth] = [instants[i - 1], instants[i + 10]];
    return previous !== undefined && at - previous > ms(20) && tenth !== undefined
      ? [(tenth - at) / 10]
      : [];
  });
  expect(means.length).toBeGreaterThan(100);
  expect(means.toSorted((a, b) => a - b)[Math.floor(means.length / 2)]).toBeGreaterThan(7e5);
});
