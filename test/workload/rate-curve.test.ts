/** Rates over time: integrals worked out by hand, their inverses, and pauses. */
import { describe, expect, test } from "bun:test";
import type { RateShape } from "#experiment/resolved.ts";
import { ns } from "#stdx/nanos.ts";
import { rateCurve } from "#workload/rate-curve.ts";
import { SHAPES } from "./workloads.ts";

const s = (value: number) => ns(value * 1e9);

/** Requests before each instant (in s) at a base rate of 100/s. */
const COUNTS: readonly (readonly [string, RateShape | undefined, readonly [number, number][]])[] = [
  [
    "no shape",
    undefined,
    [
      [0, 0],
      [2.5, 250],
    ],
  ],
  [
    "a ramp from 100/s at 1 s to 300/s at 3 s",
    SHAPES.ramp,
    // 1 s × 100; then the mean of 100 and 200, of 100 and 300; then 300/s.
    [
      [0.5, 50],
      [1, 100],
      [2, 250],
      [3, 500],
      [4, 800],
    ],
  ],
  [
    "steps: 300/s at 1 s, a pause at 2 s, 50/s at 3 s",
    SHAPES.steps,
    [
      [1, 100],
      [1.5, 250],
      [2, 400],
      [2.5, 400],
      [3, 400],
      [5, 500],
    ],
  ],
  [
    "bursts of 500/s for 0.2 s every second, first at 0.5 s",
    SHAPES.bursts,
    // 0.5 s × 100; + 0.2 s × 500 = 150; + 0.8 s × 100 = 230 at 1.5 s; each second 180.
    [
      [0.5, 50],
      [0.6, 100],
      [0.7, 150],
      [1.5, 230],
      [1.7, 330],
      [2.5, 410],
      [10.5, 1850],
    ],
  ],
  [
    "a sine of 50 % over 4 s",
    SHAPES.sine,
    // 100 t + 100 · 0.5 · 4/2π · (1 − cos(2π t / 4)): half a wave adds 2 · 31.83, a whole one nothing.
    [
      [1, 100 + 100 / Math.PI],
      [2, 200 + 200 / Math.PI],
      [4, 400],
      [40, 4000],
    ],
  ],
];

describe.each(COUNTS)("%s", (_name, shape, counts) => {
  const curve = rateCurve(100, shape);

  test("has the counts worked out by hand", () => {
    for (const [at, count] of counts) expect(curve.countBefore(s(at))).toBeCloseTo(count, 6);
  });

  test("is inverted to a hundredth of a nanosecond", () => {
    for (let count = 0.37; count < 1000; count += 7.3) {
      const at = curve.instantOf(count);
      const rate = curve.rateAt(at);
      expect(Math.abs(curve.countBefore(at) - count) * 1e9).toBeLessThan(0.02 * rate + 0.02);
    }
  });

  test("has a rate that is the slope of its count", () => {
    for (const at of [0.25, 1.25, 1.6, 3.6, 7.1]) {
      const h = 1000;
      const slope = (curve.countBefore(s(at) + h) - curve.countBefore(s(at) - h)) / (2 * h);
      expect(slope * 1e9).toBeCloseTo(curve.rateAt(s(at)), 2);
    }
  });
});

test("nothing falls into a pause, not even at its start", () => {
  const curve = rateCurve(100, SHAPES.steps);
  // 400 requests before 2 s: the next one, with index 400, is the first after the pause.
  expect(curve.instantOf(399)).toBeLessThan(2e9);
  expect(curve.instantOf(400)).toBe(3e9);
});

test("a ramp to nothing comes to an end", () => {
  const curve = rateCurve(100, { kind: "ramp", toPerS: 0, startNs: s(0), overNs: s(2) });
  // A triangle of 2 s × 100/s / 2 = 100 requests.
  expect(curve.instantOf(99.99)).toBeLessThan(2e9);
  expect(curve.instantOf(100)).toBe(Number.POSITIVE_INFINITY);
  expect(curve.instantOf(101)).toBe(Number.POSITIVE_INFINITY);
});

test("a sine that touches zero is inverted there as well", () => {
  const shape = { kind: "sine", amplitude: 1, periodNs: s(1), phase: 0.75 } as const;
  const curve = rateCurve(1000, shape);
  expect(curve.rateAt(0)).toBeCloseTo(0, 9);
  for (const count of [1e-6, 0.5, 999.999, 1000, 1000.001]) {
    expect(curve.countBefore(curve.instantOf(count))).toBeCloseTo(count, 6);
  }
});
