/** Judging values that no TypeScript file would hold, and boundaries that are still right. */
import { describe, expect, test } from "bun:test";
import type { Problem } from "#experiment/resolved.ts";
import { validateExperiment } from "#experiment/validate.ts";

const KNOWN = { schedulers: ["INFER5", "FIFO"] };

const spec = (changes: Readonly<Record<string, unknown>> = {}) => ({
  name: "trial",
  system: { scheduler: "FIFO", slo: "50ms", profiles: "p", models: { m: 1 } },
  workload: { arrivals: "poisson", rate: "100/s", duration: "5s" },
  ...changes,
});

const problemsOf = (raw: unknown): readonly Problem[] => {
  const result = validateExperiment(raw, KNOWN);
  return result.ok ? [] : result.error;
};

describe("what is accepted", () => {
  const workload = spec().workload;
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ["a scheduler that is known where it runs", {}],
    [
      "a warm-up and cool-down of zero",
      { workload: { ...workload, warmUp: "0s", coolDown: "0s" } },
    ],
    ["the longest duration", { workload: { ...workload, duration: "720h" } }],
    ["the largest seed", { seed: 2 ** 52 }],
    ["a list of one", { sweep: { "system.slo": ["25ms"] } }],
    ["the largest grid", { sweep: { "system.maxBatch": [1, 2, 4, 8] }, repetitions: 2500 }],
    ["equal bounds", { checks: { exact: { metric: "dropped_share", atLeast: 0, atMost: 0 } } }],
    ["no checks and no limits", { checks: {}, limits: {}, report: {} }],
    [
      "an object without prototype",
      { limits: Object.assign(Object.create(null), { drain: "1s" }) },
    ],
    [
      "keys of both arrivals when arrivals are swept within one kind",
      { sweep: { "workload.arrivals": ["poisson", "constant"] } },
    ],
  ];
  for (const [kind, changes] of cases)
    test(kind, () => expect(problemsOf(spec(changes))).toEqual([]));

  test("the experiment itself is the result", () => {
    const raw = spec();
    const result = validateExperiment(raw, KNOWN);
    expect(result.ok && Object.is(result.value, raw)).toBe(true);
  });
});

describe("what is no experiment", () => {
  for (const raw of [null, undefined, 5, "x", [], () => 1]) {
    test(String(raw) || "an empty list", () => {
      expect(problemsOf(raw).map(({ path, message }) => [path, message])).toEqual([
        ["", "an experiment is an object"],
      ]);
    });
  }

  test("an empty object lacks its three parts", () => {
    expect(problemsOf({}).map(({ path }) => path)).toEqual(["name", "system", "workload"]);
  });
});

describe("a broken part", () => {
  test("hides what a sweep would make of it, not what the sweep itself has wrong", () => {
    const raw = spec({ system: undefined, sweep: { "system.slo": ["25"], "system.slow": [1] } });
    expect(problemsOf(raw).map(({ path }) => path)).toEqual(["system", 'sweep["system.slow"]']);
  });

  test("does not hide the mistakes of the others", () => {
    const raw = {
      name: 5,
      system: [],
      workload: null,
      sweep: 3,
      repetitions: {},
      checks: [],
      report: 1,
      limits: null,
    };
    expect(new Set(problemsOf(raw).map(({ path }) => path))).toEqual(
      new Set(["name", "system", "workload", "sweep", "repetitions", "checks", "report", "limits"]),
    );
  });

  test("a mistake that every point repeats is told once", () => {
    const raw = spec({
      workload: { arrivals: "poisson", rate: "100/s", duration: 5 },
      sweep: { "system.slo": ["25ms", "50ms"], "system.maxBatch": [1, 2, 3] },
    });
    expect(problemsOf(raw).map(({ path }) => path)).toEqual(["workload.duration"]);
  });

  test("a bad value in a grid is told once, at its place in the list", () => {
    const raw = spec({ sweep: { "system.slo": ["25ms", 50], "system.maxBatch": [1, 2, 0] } });
    expect(problemsOf(raw).map(({ path, value }) => [path, value])).toEqual([
      ['sweep["system.maxBatch"][2]', "0"],
      ['sweep["system.slo"][1]', "50"],
    ]);
  });
});
