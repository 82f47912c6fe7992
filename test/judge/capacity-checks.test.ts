/** Claims about a capacity: held against the ends of which the search is sure, for every way in which it can end. */
import { describe, expect, test } from "bun:test";
import type { Check } from "#experiment/resolved.ts";
import { judgeCapacityChecks } from "#judge/capacity-checks.ts";
import { type Answer, planOf, playedOut, rateOf, searchOf } from "./capacities.ts";

const PLAN = planOf(searchOf());

const check = (more: Partial<Check>): Check => ({
  name: "bears it",
  metric: "capacity",
  atLeast: null,
  atMost: null,
  when: [],
  ...more,
});

const resultOf = (
  bounds: Partial<Check>,
  answer: (rate: number, repetition: number) => Answer,
  runsMax?: number,
) => {
  const capacities = playedOut(PLAN, (run) => answer(rateOf(run), run.repetition), runsMax);
  const [result] = judgeCapacityChecks([check(bounds)], capacities);
  return result;
};

const kneeAt200 = (rate: number): Answer => (rate <= 200 ? 1 : 0.7);
const LATE: Answer = { kind: "void", isGenerator: true, reason: "late" };

describe("a claim about a capacity between 200/s and 400/s", () => {
  test.each([
    [{ atLeast: 200 }, "pass", 200],
    [{ atLeast: 201 }, "fail", 200],
    [{ atMost: 400 }, "pass", 400],
    [{ atMost: 399 }, "fail", 400],
    [{ atLeast: 100, atMost: 399 }, "fail", 400],
    [{ atLeast: 100, atMost: 500 }, "pass", 200],
  ] as const)("%p: %s", (bounds, status, observed) => {
    expect(resultOf(bounds, kneeAt200)).toMatchObject({
      status,
      observed,
      unit: "per_s",
      run: null,
      samples: 7,
    });
  });
});

describe("a claim without an end to hold it against", () => {
  const unclear = (rate: number, repetition: number): Answer =>
    rate <= 100 ? 1 : rate <= 200 ? (repetition === 2 ? 0.975 : 1) : 0.7;

  test.each([
    ["counts what is sure", { atLeast: 200 }, unclear, "fail"],
    ["fails below the ladder", { atLeast: 100 }, () => 0.5, "fail"],
    ["fails above the ladder", { atMost: 800 }, () => 1, "fail"],
    [
      "is not judged where nothing so low was measured",
      { atLeast: 99 },
      () => 0.5,
      "not-evaluated",
    ],
    ["is not judged where nothing so high was measured", { atMost: 801 }, () => 1, "not-evaluated"],
    ["passes above the ladder", { atLeast: 800 }, () => 1, "pass"],
    [
      "is not judged where the generator gave up",
      { atMost: 800 },
      (r: number) => (r <= 200 ? 1 : LATE),
      "not-evaluated",
    ],
    ["is not judged where nothing counted", { atLeast: 100 }, () => LATE, "not-evaluated"],
  ] as const)("%s", (_, bounds, answer, status) => {
    const result = resultOf(bounds, answer);
    expect(result?.status).toBe(status);
    expect((result?.reason ?? "") === "").toBe(result?.observed !== null);
  });

  test("is not judged before the search is finished", () => {
    expect(resultOf({ atLeast: 100 }, kneeAt200, 3)).toMatchObject({
      status: "not-evaluated",
      reason: "the search is not finished",
    });
  });
});

test("is about the points that it names, and only claims of a capacity are judged", () => {
  const points = [25, 100].map((slo) => [{ path: "system.slo", value: `${slo}ms` }]);
  const capacities = playedOut(planOf(searchOf(), points), (run) => kneeAt200(rateOf(run)));
  const results = judgeCapacityChecks(
    [
      check({ atLeast: 100, when: [{ path: "system.slo", value: "100ms" }] }),
      check({ metric: "goodput", atLeast: 100 }),
    ],
    capacities,
  );
  expect(results.map(({ run }) => run)).toEqual([{ index: null, name: "system.slo=100ms" }]);
});
