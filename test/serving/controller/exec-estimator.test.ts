/** Estimates as the original computes them: single precision, ns × MHz. */
import { describe, expect, test } from "bun:test";
import {
  ExecEstimator,
  LoadEstimator,
  percentileFloat32,
  usableBatches,
} from "#serving/controller/exec-estimator.ts";
import { ns } from "#stdx/nanos.ts";

describe("percentileFloat32", () => {
  test.each([
    // One sample: position 0 is whole.
    [[7], 7],
    // Two: position fround(0.99) × 1 = 0.99 (float32 0.9900000095…): 200 × 0.99 + 100 × 0.01 = 199.0…
    [[200, 100], 199],
    // Ten: position 8.91: 0.91 × 1000 + 0.09 × 900 = 910 + 81 = 991.
    [[100, 200, 300, 400, 500, 600, 700, 800, 900, 1000], 991],
    // Two large ones, resnet50's batch 8 in ns × MHz: 13,703,400,000 is no float32; its neighbours are 1024 apart.
    // 13,703,400,448 × 0.99 + 13,703,400,448 × 0.01, rounded to float32 again.
    [[13_703_400_000, 13_703_400_000], 13_703_400_448],
  ])("of %p is %d", (samples, expected) => {
    expect(percentileFloat32(samples, 0.99)).toBe(expected);
  });
});

describe("usableBatches", () => {
  const profile = [1, 2, 4, 8, 16].map((batchSize, i) => ({
    batchSize,
    execNs: ns([300_000_000, 4_000_000, 0, 9_000_000, 17_000_000][i] as number),
  }));

  test("keeps 1 always, and others by time and size; an unknown time counts as 0.1 ms", () => {
    const limits = { maxExec: ns(8_000_000), maxBatchSize: 8 };
    const { kept, excluded } = usableBatches(profile, limits);
    // 1 is over the limit but always kept; 4 is unknown (0.1 ms); 8 takes 9 ms > 8 ms; 16 > 8.
    expect(kept.map(({ batchSize, execNs }) => [batchSize, execNs as number])).toEqual([
      [1, 300_000_000],
      [2, 4_000_000],
      [4, 100_000],
    ]);
    expect(excluded.map(({ batchSize }) => batchSize)).toEqual([8, 16]);
  });
});

test("a batch of none is left out, whatever a worker says", () => {
  const profile = [0, 1].map((batchSize) => ({ batchSize, execNs: ns(1) }));
  const { kept, excluded } = usableBatches(profile, { maxExec: ns(9), maxBatchSize: 8 });
  expect([kept, excluded].map((batches) => batches.map(({ batchSize }) => batchSize))).toEqual([
    [1],
    [0],
  ]);
});

test("a batch that takes the longest time allowed, in the largest size allowed, is used", () => {
  const limits = { maxExec: ns(4_000_000), maxBatchSize: 2 };
  const profile = [1, 2].map((batchSize) => ({ batchSize, execNs: ns(4_000_000) }));
  expect(usableBatches(profile, limits).kept).toEqual(profile);
});

describe("ExecEstimator", () => {
  const make = (): ExecEstimator =>
    new ExecEstimator([
      { batchSize: 4, execNs: ns(5_880_000) },
      { batchSize: 1, execNs: ns(2_730_000) },
      { batchSize: 2, execNs: ns(4_050_000) },
    ]);

  test("estimates the largest batch size in use that is not above the count", () => {
    const estimator = make();
    expect(estimator.batchSizes).toEqual([1, 2, 4]);
    expect([1, 2, 3, 4, 9].map((count) => estimator.estimate(count) as number)).toEqual([
      2_730_000, 4_050_000, 4_050_000, 5_880_000, 5_880_000,
    ]);
  });

  test("scales with the clock: 2.73 ms × 1380 / 690 MHz = 5.46 ms, truncated to whole ns", () => {
    expect(make().estimate(1, 690) as number).toBe(5_460_000);
    // 2,730,000 × 1380 / 1000 = 3,767,400 exactly; / 1001 = 3,763,636.36 → 3,763,636.
    expect(make().estimate(1, 1001) as number).toBe(3_763_636);
  });

  test("the first measurement discards the profile; ten make the window", () => {
    const estimator = make();
    // 4 ms at 1000 MHz is 4e9 ns × MHz; at 1380 MHz: 4e9 / 1380 = 2,898,550.7 → 2,898,550.
    estimator.measured(1, { duration: ns(4_000_000), clockMhz: 1000 });
    expect(estimator.estimate(1) as number).toBe(2_898_550);
    expect(estimator.estimate(2) as number).toBe(4_050_000);
    // Ten equal ones push it out of the window of ten.
    for (let i = 0; i < 10; i++) estimator.measured(1, { duration: ns(1_000_000), clockMhz: 1000 });
    // 1e9 × 0.91 + 1e9 × 0.09 in float32 is 1e9 to a few dozen; / 1380 = 724,637.
    expect(Math.abs(estimator.estimate(1) - 724_637)).toBeLessThanOrEqual(1);
  });
});

test("the oldest of ten measurements still counts, of eleven not", () => {
  const estimator = new LoadEstimator(ns(1));
  // Position 0.99 × 9 = 8.91 of ten: 0.91 × 4000 + 0.09 × 1000 = 3730, a little less in single precision; without the 4000: 1000.
  estimator.measured(ns(4000));
  for (let i = 0; i < 9; i++) estimator.measured(ns(1000));
  expect(estimator.estimate() as number).toBe(3729);
  estimator.measured(ns(1000));
  expect(estimator.estimate() as number).toBe(1000);
});

test("LoadEstimator starts at the profile and follows measurements", () => {
  const estimator = new LoadEstimator(ns(8_310_000));
  expect(estimator.estimate() as number).toBe(8_310_000);
  estimator.measured(ns(9_000_000));
  expect(estimator.estimate() as number).toBe(9_000_000);
});
