/** The distance of a scaled replay of counts from its trace: none where nothing is bent, large where much is. */
import { describe, expect, test } from "bun:test";
import { traceDistance } from "#workload/trace-distance.ts";
import type { TraceWorkload } from "#workload/trace-schedule.ts";
import { replay, traceOf } from "./workloads.ts";

const MINUTES = 30;
/** 99 functions of the same small rate, and one that makes four fifths of the requests in the last third. */
const TRACE = traceOf([
  ...Array.from({ length: 99 }, () => Array.from({ length: MINUTES }, () => 2)),
  Array.from({ length: MINUTES }, (_, minute) => (minute < 20 ? 0 : 2400)),
]);

const distanceOf = (changes: Partial<TraceWorkload>, seed = 1) => {
  const distance = traceDistance(replay(MINUTES, changes), TRACE, seed);
  if (distance === null) throw new Error("nothing is scaled");
  return distance;
};
const atOwnSpeed = { timeCompression: 1, durationNs: (MINUTES * 60e9) as never };

test("a replay at the trace's own speed and rates has no distance", () => {
  expect(traceDistance(replay(MINUTES, atOwnSpeed), TRACE, 1)).toBeNull();
  const all = { ...atOwnSpeed, sampleFunctions: 100 };
  expect(traceDistance(replay(MINUTES, all), TRACE, 1)).toBeNull();
});

describe("of a replay that is scaled", () => {
  test("in time only, hardly any is left but rounding", () => {
    const { gaps, rateCurve } = distanceOf({});
    expect(rateCurve).toBe(0);
    expect(gaps).toBeLessThan(0.01);
  });

  test("by a factor, the rate curve stays", () => {
    const { rateCurve } = distanceOf({ loadFactor: 0.5, ...atOwnSpeed });
    expect(rateCurve).toBeLessThan(0.01);
  });

  test("by a sample without the function that bends the curve, it is straightened", () => {
    // Two thirds of the requests are due in the first two thirds then, where the trace has 3,960 of 29,940.
    const without = Array.from({ length: 20 }, (_, seed) => seed).filter(
      (seed) => distanceOf({ sampleFunctions: 50 }, seed).rateCurve > 0.3,
    );
    expect(distanceOf({ sampleFunctions: 50 }, without[0] ?? -1).rateCurve).toBeCloseTo(
      2 / 3 - 3960 / 29_940,
      9,
    );
    // Half of the samples miss it; five of twenty would be 2.2 sigma from that.
    expect(without.length).toBeGreaterThan(4);
    expect(without.length).toBeLessThan(16);
  });
});
