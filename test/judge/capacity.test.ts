/** From executed runs to the results of searches: which runs count, in which order, and at which point of a sweep. */
import { describe, expect, test } from "bun:test";
import { findCapacities, isAnswered, toSearchedRun } from "#judge/capacity.ts";
import type { Finding } from "#judge/finding.ts";
import type { FindingKind } from "#judge/thresholds.ts";
import type { RunAnalysis } from "#query/analysis.ts";
import { planOf, playedOut, ranAs, rateOf, searchOf } from "./capacities.ts";

const PLAN = planOf(searchOf());

describe("a run that was judged", () => {
  const finding = (kind: FindingKind, severity: Finding["severity"]): Finding => ({
    kind,
    severity,
    evidence: `evidence of ${kind}`,
    remedy: "",
    observed: null,
    bound: null,
    unit: null,
  });

  const exceptionOf = (findings: readonly Finding[], stored: object = {}) => {
    const run = {
      index: 0,
      name: "run0",
      metrics: {},
      stored: { state: "done", states: [{ state: "launching", at_ns: "7" }], ...stored },
    } as unknown as RunAnalysis;
    const verdict = { run: { index: 0, name: "run0" }, verdict: "INVALID" as const, findings };
    const searched = toSearchedRun(PLAN, run, verdict);
    expect(searched).toMatchObject({ point: PLAN.runs[0]?.point ?? [], startedNs: 7n });
    return searched.exception;
  };

  const STOPPED = { stopped: { at_ns: "9", rule: "errorBudget", evidence: "30 % failed" } };

  test.each([
    ["nothing was found", [], {}, null],
    ["it is SUSPECT", [finding("steal", "suspect")], {}, null],
    [
      "the generator was late",
      [finding("send-lateness", "invalid")],
      {},
      { kind: "void", isGenerator: true, reason: "evidence of send-lateness" },
    ],
    [
      "the run failed",
      [finding("run-not-done", "invalid")],
      { state: "failed" },
      { kind: "void", isGenerator: false, reason: "evidence of run-not-done" },
    ],
    [
      "the system did not answer",
      [finding("unknown", "invalid")],
      {},
      { kind: "missed", reason: "evidence of unknown" },
    ],
    [
      "a stop rule ended it before anything was measured",
      [finding("no-requests", "invalid")],
      STOPPED,
      { kind: "missed", reason: "30 % failed" },
    ],
    [
      "the machine and with it the generator were too busy",
      [finding("run-delay", "invalid"), finding("send-lateness", "invalid")],
      {},
      { kind: "void", isGenerator: false, reason: "evidence of run-delay" },
    ],
    [
      "a stop rule ended it on a machine that was too busy",
      [finding("steal", "invalid")],
      STOPPED,
      { kind: "void", isGenerator: false, reason: "evidence of steal" },
    ],
    [
      "a stop rule ended it for the generator's sake",
      [finding("dropped", "invalid")],
      STOPPED,
      { kind: "void", isGenerator: true, reason: "evidence of dropped" },
    ],
  ] as const)("counts as it should when %s", (_, findings, stored, expected) => {
    expect(exceptionOf(findings, stored)).toEqual(expected);
  });
});

describe("a search", () => {
  test("is told with its path, in the order of execution", () => {
    const [capacity] = playedOut(PLAN, (run) => (rateOf(run) <= 200 ? 1 : 0.7));
    expect(capacity?.view.bracket).toEqual({ low: 1, high: 2 });
    expect(capacity?.trials.map(({ load, reason }) => `${load} ${reason}`)).toEqual([
      "0 lowest",
      "1 double",
      "2 double",
      "1 confirm",
      "2 confirm",
      "1 confirm",
      "2 confirm",
    ]);
    expect(capacity?.goals).toEqual([
      { metric: "slo_attainment", atLeast: 0.99, atMost: null, unit: "share" },
    ]);
  });

  test("takes runs for what they are when they did not come in its own order", () => {
    const [first, , , second] = PLAN.runs;
    if (first === undefined || second === undefined) throw new Error("the plan has runs");
    const [capacity] = findCapacities(PLAN, [ranAs(second, 1, 5n), ranAs(first, 1, 9n)]);
    expect(capacity?.trials.map(({ run, reason }) => [run.index, reason])).toEqual([
      [3, null],
      [0, null],
    ]);
  });

  test("is one for each point of the sweep", () => {
    const points = [25, 100].map((slo) => [{ path: "system.slo", value: `${slo}ms` }]);
    const capacities = playedOut(planOf(searchOf(), points), (run) =>
      rateOf(run) <= (run.point[0]?.value === "25ms" ? 100 : 400) ? 1 : 0.7,
    );
    expect(capacities.map(({ point, view }) => [point[0]?.value, view.bracket])).toEqual([
      ["25ms", { low: 0, high: 1 }],
      ["100ms", { low: 2, high: 3 }],
    ]);
  });

  test("has no value of a metric where nothing was answered, and misses", () => {
    const { loads } = searchOf();
    const runs = PLAN.runs.slice(0, 1).map((run) => ({ ...ranAs(run, 1, 0n), metrics: {} }));
    const [capacity] = findCapacities(PLAN, runs);
    expect(capacity?.trials[0]?.observation).toEqual({ kind: "missed" });
    expect(capacity?.view.states).toHaveLength(loads.length);
  });

  test("without runs begins at the lowest load, and a plan without a search has none", () => {
    expect(findCapacities(PLAN, [])[0]?.view.step).toEqual({
      kind: "run",
      load: 0,
      reason: "lowest",
    });
    expect(findCapacities({ runs: PLAN.runs }, [])).toEqual([]);
  });
});

test("a search is answered when its ends were measured", () => {
  const answered = (answer: Parameters<typeof playedOut>[1], runsMax?: number): boolean =>
    playedOut(PLAN, answer, runsMax).every(isAnswered);
  expect(answered((run) => (rateOf(run) <= 200 ? 1 : 0.7))).toBe(true);
  expect(answered(() => 1)).toBe(true);
  expect(answered(() => 1, 2)).toBe(false);
  const late = { kind: "void", isGenerator: true, reason: "late" } as const;
  expect(answered((run) => (rateOf(run) <= 200 ? 1 : late))).toBe(false);
});
