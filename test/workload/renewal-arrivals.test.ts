/** Open loops with variation and changing rates: counts against the curve, gaps against their law, seeds. */
import { describe, expect, test } from "bun:test";
import { type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { RenewalArrivals, type RenewalLoad } from "#workload/open-loop.ts";
import { rateCurve } from "#workload/rate-curve.ts";
import { weibullShape } from "#workload/unit-gaps.ts";
import {
  chiSquare,
  chiSquare999,
  cvOf,
  gammaLaw,
  KS_999,
  ksStatistic,
  meanOf,
} from "./statistics.ts";
import { SHAPES, takeAll } from "./workloads.ts";

const make = (load: RenewalLoad, changes: { end?: Nanos; seed?: number } = {}): RenewalArrivals =>
  new RenewalArrivals({ load, instances: 4, end: ns(10 * SECOND), seed: 1, ...changes });

const gapsOf = (load: RenewalLoad): number[] => {
  const instants = takeAll(make(load, { end: ns(1e15) })).map(({ at }) => at);
  return instants.slice(1).map((at, i) => at - (instants[i] ?? 0));
};

describe.each([0.3, 2])("gaps of CV %d", (cv) => {
  test("Gamma: mean, variation and law", () => {
    const gaps = gapsOf({ arrivals: "gamma", ratePerS: 0.02, cv });
    // 20,000 gaps of 50 s, long enough for whole nanoseconds to be no matter; the mean has a deviation of cv / √20,000 of itself.
    expect(Math.abs(meanOf(gaps) / 5e10 - 1)).toBeLessThan((4 * cv) / Math.sqrt(20_000));
    expect(Math.abs(cvOf(gaps) / cv - 1)).toBeLessThan(0.06);
    const law = gammaLaw(1 / cv ** 2, cv ** 2 * 5e10);
    expect(ksStatistic(gaps, law)).toBeLessThan(KS_999);
  });

  test("Weibull: mean, variation and law", () => {
    const gaps = gapsOf({ arrivals: "weibull", ratePerS: 0.02, cv });
    expect(Math.abs(meanOf(gaps) / 5e10 - 1)).toBeLessThan((4 * cv) / Math.sqrt(20_000));
    expect(Math.abs(cvOf(gaps) / cv - 1)).toBeLessThan(0.06);
    const k = weibullShape(cv);
    // The mean of a Weibull law is scale · Γ(1 + 1/k).
    const scale = 5e10 / gammaOf(1 + 1 / k);
    expect(ksStatistic(gaps, (x) => 1 - Math.exp(-((x / scale) ** k)))).toBeLessThan(KS_999);
  });
});

/** Γ(x) by its own recurrence and Stirling's series, apart from the code under test. */
const gammaOf = (x: number): number => {
  if (x < 20) return gammaOf(x + 1) / x;
  const series = 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5);
  return Math.sqrt((2 * Math.PI) / x) * (x / Math.E) ** x * Math.exp(series);
};

describe.each(Object.entries(SHAPES))("a rate with %s", (_kind, shape) => {
  const curve = rateCurve(100, shape);
  const load: RenewalLoad = { arrivals: "poisson", ratePerS: 100, shape };

  test("Poisson arrivals follow it: chi-square over slices, 40 seeds together", () => {
    const slices = 50;
    const width = (10 * SECOND) / slices;
    const seen = Array.from({ length: slices }, () => 0);
    for (let seed = 1; seed <= 40; seed++) {
      for (const { at } of takeAll(make(load, { seed }))) {
        const slice = Math.floor(at / width);
        seen[slice] = (seen[slice] ?? 0) + 1;
      }
    }
    const due = seen.map(
      (_, i) => 40 * (curve.countBefore((i + 1) * width) - curve.countBefore(i * width)),
    );
    // Where nothing is due, nothing may come; elsewhere at least 40 are due in each slice.
    const [quiet, busy] = [due.filter((d) => d === 0), due.filter((d) => d > 0)];
    expect(seen.filter((_, i) => due[i] === 0)).toEqual(quiet);
    expect(Math.min(...busy)).toBeGreaterThan(40);
    const counts = seen.filter((_, i) => (due[i] ?? 0) > 0);
    expect(chiSquare(counts, busy)).toBeLessThan(chiSquare999(busy.length));
  });

  test("on the clock of the rate, Poisson gaps are exponential", () => {
    const stretched = { ...load, ratePerS: 10_000, shape: faster(shape) };
    const fast = rateCurve(10_000, stretched.shape);
    const instants = takeAll(make(stretched)).map(({ at }) => fast.countBefore(at));
    const gaps = instants.slice(1).map((at, i) => at - (instants[i] ?? 0));
    expect(gaps.length).toBeGreaterThan(10_000);
    expect(ksStatistic(gaps, (x) => 1 - Math.exp(-x))).toBeLessThan(KS_999);
  });

  test("constant arrivals are counted exactly in advance, window by window", () => {
    const constant: RenewalLoad = { arrivals: "constant", ratePerS: 100, shape };
    const arrivals = takeAll(make(constant));
    const process = make(constant);
    for (const [from, to] of [
      [0, 10e9],
      [0, 1],
      [1e9, 2e9],
      [1.5e9 + 1, 3e9],
      [7_777_777_777, 99e9],
    ] as const) {
      const seen = arrivals.filter(({ at }) => at >= from && at < to).length;
      expect(process.expectedCount(ns(from), ns(to))).toBe(seen);
    }
    expect(arrivals.map(({ at }) => at)).toEqual(
      arrivals.map(({ at }) => at).toSorted((a, b) => a - b),
    );
  });
});

/** The same shape at a hundred times the rates. */
const faster = (shape: (typeof SHAPES)[keyof typeof SHAPES]) => {
  if (shape.kind === "ramp") return { ...shape, toPerS: 100 * shape.toPerS };
  if (shape.kind === "bursts") return { ...shape, peakPerS: 100 * shape.peakPerS };
  if (shape.kind === "sine") return shape;
  const steps = shape.steps.map(({ atNs, ratePerS }) => ({ atNs, ratePerS: 100 * ratePerS }));
  return { ...shape, steps };
};

const LOADS: readonly (readonly [string, RenewalLoad])[] = [
  ["bursty Gamma", { arrivals: "gamma", ratePerS: 50, cv: 3 }],
  ["bursty Weibull", { arrivals: "weibull", ratePerS: 50, cv: 3 }],
  ["smooth Gamma on a ramp", { arrivals: "gamma", ratePerS: 50, cv: 0.3, shape: SHAPES.ramp }],
];

describe.each(LOADS)("%s", (_name, load) => {
  test("the count announced for a window is the mean over seeds, from the very start", () => {
    const [from, to] = [ns(0), ns(SECOND / 2)];
    const counts = Array.from({ length: 2000 }, (_, i) => {
      const arrivals = takeAll(make(load, { seed: i + 1, end: to }));
      return arrivals.length;
    });
    const due = make(load).expectedCount(from, to);
    // 25 are due in half a second at 50/s (the ramp begins later); four deviations of the mean of 2,000 counts.
    expect(due).toBeCloseTo(25, 9);
    const deviation = (cvOf(counts) * meanOf(counts)) / Math.sqrt(counts.length);
    expect(Math.abs(meanOf(counts) - due)).toBeLessThan(4 * deviation);
  });

  test("the same seed gives the same schedule, another seed another, a longer run the same beginning", () => {
    const short = takeAll(make(load));
    expect(takeAll(make(load))).toEqual(short);
    expect(takeAll(make(load, { seed: 2 }))).not.toEqual(short);
    const long = takeAll(make(load, { end: ns(20 * SECOND) }));
    expect(long.length).toBeGreaterThan(short.length);
    expect(long.slice(0, short.length)).toEqual(short);
  });
});
