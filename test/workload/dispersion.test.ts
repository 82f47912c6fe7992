/** How far counts stray, held against counts that were drawn. */
import { describe, expect, test } from "bun:test";
import type { Load, Workload } from "#experiment/resolved.ts";
import { ns, SECOND } from "#stdx/nanos.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { countDispersion } from "#workload/dispersion.ts";
import { meanOf, varianceOf } from "./statistics.ts";
import { replay } from "./workloads.ts";

const TIMES = { warmUpNs: ns(0), durationNs: ns(20 * SECOND), coolDownNs: ns(0), inputs: false };
const MODELS = [{ model: "m", instances: 1 }];

const workloadOf = (load: Load): Workload => ({ ...load, ...TIMES });

const countOf = (workload: Workload, seed: number): number => {
  const made = createArrivalProcess({ workload, seed, models: MODELS });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  let count = 0;
  for (; made.value.nextAt() !== null; count++) made.value.take();
  return count;
};

const gaps = (arrivals: "gamma" | "weibull", cv: number): Load => ({ arrivals, ratePerS: 50, cv });

const MARKOV: Load = {
  arrivals: "markov-modulated",
  states: [
    { ratePerS: 0, meanNs: ns(0.3 * SECOND) },
    { ratePerS: 200, meanNs: ns(0.1 * SECOND) },
  ],
};

describe("variance ÷ mean of 400 counts over 20 s", () => {
  // Of so many counts the variance is known to 7 %; spans of 20 s stray a little less than endless ones.
  test.each([
    ["Poisson arrivals", { arrivals: "poisson", ratePerS: 50 }, 1],
    ["Gamma gaps", gaps("gamma", 3), 9],
    ["Weibull gaps", gaps("weibull", 2), 4],
    // λ = 50/s: 1 + ((50 · 0.3)² + (150 · 0.1)²) / (200 · 0.1).
    ["states in turn", MARKOV, 23.5],
  ] as const)("%s", (_, load, dispersion) => {
    const workload = workloadOf(load);
    expect(countDispersion(workload)).toBeCloseTo(dispersion, 9);
    const counts = Array.from({ length: 400 }, (_, seed) => countOf(workload, seed));
    const seen = varianceOf(counts) / meanOf(counts);
    expect(seen).toBeGreaterThan(dispersion * 0.75);
    expect(seen).toBeLessThan(dispersion * 1.25);
  });
});

test("gaps that are more even than Poisson's count as much, and traces as their placement at most", () => {
  expect(countDispersion(workloadOf(gaps("gamma", 0.5)))).toBe(1);
  expect(countDispersion(workloadOf({ arrivals: "constant", ratePerS: 9 }))).toBe(1);
  expect(countDispersion(replay(3, { placement: "poisson" }))).toBe(1);
});

test("a mix strays as its burstiest part at most; of client windows nobody knows", () => {
  const parts = [gaps("gamma", 3), MARKOV].map((load, index) => ({
    name: `part${index}`,
    models: null,
    load,
  }));
  expect(countDispersion({ arrivals: "mix", parts, ...TIMES })).toBeCloseTo(23.5, 9);
  const windows = { trace: "chunk-0-trace.csv", startNs: ns(0), loadFactor: 1, timeCompression: 1 };
  expect(countDispersion({ arrivals: "servegen", ...windows, ...TIMES })).toBeNull();
});
