/** A check holds only where it was looked at and found true. */
import { describe, expect, test } from "bun:test";
import type { Check } from "#experiment/resolved.ts";
import { checkNames, type JudgedRun, judgeChecks } from "#judge/checks.ts";

const check = (change: Partial<Check> = {}): Check => ({
  name: "c",
  metric: "goodput",
  atLeast: 100,
  atMost: null,
  when: [],
  ...change,
});

const run = (
  index: number,
  goodput: number | null,
  change: Partial<JudgedRun> = {},
): JudgedRun => ({
  index,
  name: `0${index}`,
  point: [{ path: "system.slo", value: index === 0 ? "25ms" : "100ms" }],
  isDone: true,
  verdict: "VALID",
  metrics:
    goodput === null
      ? {}
      : { goodput: { metric: "goodput", unit: "per_s", value: goodput, samples: 42 } },
  ...change,
});

describe("judgeChecks", () => {
  test.each([
    ["at the lower bound", 100, null, 100, "pass"],
    ["below the lower bound", 100, null, 99.999, "fail"],
    ["at the upper bound", null, 100, 100, "pass"],
    ["above the upper bound", null, 100, 100.001, "fail"],
    ["between both", 50, 100, 75, "pass"],
    ["outside one of both", 50, 100, 101, "fail"],
  ] as const)("%s", (_, atLeast, atMost, value, status) => {
    const [result] = judgeChecks([check({ atLeast, atMost })], [run(0, value)]);
    expect(result).toMatchObject({ status, observed: value, unit: "per_s", samples: 42 });
  });

  test("a run that did not finish is not evaluated, whatever its metrics", () => {
    const [result] = judgeChecks([check()], [run(0, 500, { isDone: false })]);
    expect(result).toMatchObject({ status: "not-evaluated", observed: null });
    expect(result?.reason).toBe("the run did not finish");
  });

  test("an INVALID run is not evaluated, a SUSPECT one is", () => {
    const [invalid] = judgeChecks([check()], [run(0, 500, { verdict: "INVALID" })]);
    expect(invalid).toMatchObject({ status: "not-evaluated", observed: null, samples: 0 });
    expect(invalid?.reason).toBe("the run is INVALID");
    const [suspect] = judgeChecks([check()], [run(0, 500, { verdict: "SUSPECT" })]);
    expect(suspect).toMatchObject({ status: "pass", observed: 500 });
  });

  test("a metric that is missing is not evaluated", () => {
    const [result] = judgeChecks([check()], [run(0, null)]);
    expect(result).toMatchObject({ status: "not-evaluated", reason: "the run has no goodput" });
  });

  test("`when` picks runs by the swept value as written", () => {
    const when = [{ path: "system.slo", value: "100ms" }];
    const results = judgeChecks([check({ when })], [run(0, 1), run(1, 500)]);
    expect(results.map((result) => [result.run?.index, result.status])).toEqual([[1, "pass"]]);
  });

  test("a `when` that no run fits does not hold by vacuity", () => {
    const when = [{ path: "system.slo", value: "7ms" }];
    const results = judgeChecks([check({ when })], [run(0, 500)]);
    expect(results.map(({ status, run: on }) => [status, on])).toEqual([["not-evaluated", null]]);
    expect(checkNames(results)).toEqual({ passed: [], failed: ["c"] });
  });

  test("a check holds when it holds on every run", () => {
    const checks = [check({ name: "strict", atLeast: 200 }), check({ name: "lax", atLeast: 50 })];
    const results = judgeChecks(checks, [run(0, 100), run(1, 300)]);
    expect(results.map(({ status }) => status)).toEqual(["fail", "pass", "pass", "pass"]);
    expect(checkNames(results)).toEqual({ passed: ["lax"], failed: ["strict"] });
  });
});
