/** The verdict is the worst of what was found, and nothing is found where nothing is wrong. */
import { describe, expect, test } from "bun:test";
import { judgeRun } from "#judge/verdict.ts";
import type { RunAnalysis } from "#query/analysis.ts";
import {
  durations,
  examined,
  findingsOf,
  outcomesWith,
  SOUND_FILE,
  SOUND_RUN,
  SOUND_STORED,
  SOUND_TIMES,
  SOUND_WHOLE,
} from "../support/examined-run.ts";

const whole = (controllerRequests: number): Partial<RunAnalysis> => ({
  whole: { ...SOUND_WHOLE, controllerRequests },
});

describe("judgeRun", () => {
  test("a sound run is VALID", () => {
    expect(judgeRun(examined({}))).toEqual({
      run: { index: 0, name: "00" },
      verdict: "VALID",
      findings: [],
    });
  });

  test("is the worst of the findings, and what makes a run INVALID comes first", () => {
    const health = { health: null };
    expect(judgeRun(examined(health)).verdict).toBe("SUSPECT");
    const both = { ...health, files: [{ ...SOUND_FILE, mismatches: ["x"] }] };
    expect(judgeRun(examined(both)).verdict).toBe("INVALID");
    expect(findingsOf(both)).toEqual(["invalid file", "suspect evidence"]);
  });

  test("says what was seen, which bound it exceeds, and what would help", () => {
    const metrics = durations({ ...SOUND_TIMES, send_lateness_p99: 12e6 });
    expect(judgeRun(examined({ metrics })).findings).toEqual([
      {
        kind: "send-lateness",
        severity: "suspect",
        evidence: "1 % of the requests were sent more than 12 ms late (bound: 10 ms)",
        remedy: "use an idle machine or one with more cores, use more generators, or offer less",
        observed: 12e6,
        bound: 10e6,
        unit: "ns",
      },
    ]);
  });

  // Counts are of 1000 requests.
  test.each([
    ["failed", { stored: { ...SOUND_STORED, state: "failed" } }, ["invalid run-not-done"]],
    ["left nothing", { stored: null }, ["invalid run-not-done"]],
    ["one dropped", { outcomes: outcomesWith("dropped", 1) }, ["suspect dropped"]],
    ["two dropped", { outcomes: outcomesWith("dropped", 2) }, ["invalid dropped"]],
    ["one unanswered", { outcomes: outcomesWith("unknown", 1) }, ["suspect unknown"]],
    ["ten unanswered", { outcomes: outcomesWith("unknown", 10) }, ["suspect unknown"]],
    ["eleven unanswered", { outcomes: outcomesWith("unknown", 11) }, ["invalid unknown"]],
    ["refused by the system", { outcomes: outcomesWith("fail", 500, 4) }, []],
    [
      "no requests",
      { outcomes: [], stored: { ...SOUND_STORED, expected_requests: null } },
      ["invalid no-requests"],
    ],
    ["less than one short", { stored: { ...SOUND_STORED, expected_requests: 1000.9 } }, []],
    [
      "one short of an exact number",
      { stored: { ...SOUND_STORED, expected_requests: 1001 } },
      ["suspect expected-share"],
    ],
    [
      "two short",
      { stored: { ...SOUND_STORED, expected_requests: 1002 } },
      ["invalid expected-share"],
    ],
    ["one lost at the controller", whole(999), ["suspect rows-lost"]],
    ["two too many at the controller", whole(1002), ["invalid rows-lost"]],
    ["torn", { files: [{ ...SOUND_FILE, tornBytes: 7 }] }, ["invalid file"]],
    ["a mismatch", { files: [{ ...SOUND_FILE, mismatches: ["99 rows"] }] }, ["invalid file"]],
    [
      "dialect assumed",
      { dialect: { dialect: "original", reason: "", isDecided: false } },
      ["suspect dialect"],
    ],
    ["no health", { health: null }, ["suspect evidence"]],
  ] satisfies [string, Partial<RunAnalysis>, string[]][])("%s", (_, change, kinds) => {
    expect(findingsOf(change)).toEqual(kinds);
  });

  test("logs that are not ours have no runner to ask, and not enough evidence", () => {
    const window = { ...SOUND_RUN.window, source: "log" } as RunAnalysis["window"];
    const foreign: Partial<RunAnalysis> = { stored: null, window, health: null };
    expect(findingsOf(foreign, { isForeign: true })).toEqual(["suspect evidence"]);
    const torn = { ...foreign, files: [{ ...SOUND_FILE, tornBytes: 7 }] };
    expect(findingsOf(torn, { isForeign: true })).toEqual(["suspect file", "suspect evidence"]);
    const actionsOnly: Partial<RunAnalysis> = {
      ...foreign,
      window: null,
      view: null,
      outcomes: [],
    };
    expect(findingsOf(actionsOnly, { isForeign: true })).toEqual(["invalid no-requests"]);
  });

  test("a run of ours that left logs and no run.json did not finish", () => {
    const window = { ...SOUND_RUN.window, source: "log" } as RunAnalysis["window"];
    expect(findingsOf({ stored: null, window })).toContain("invalid run-not-done");
  });

  test("a Poisson count may stray by five standard deviations", () => {
    // Expected 1000 − 5 × √1000 … : 858 are 4.85 deviations from 1000, 1171 are 5.0 the other way.
    const count = (expected: number) =>
      findingsOf(
        { stored: { ...SOUND_STORED, expected_requests: expected } },
        { isExpectedExact: false },
      );
    // |1000 − 1171| / √1171 = 4.997; 1172: 5.02; 858: 4.85; 853: 5.03; 1400: 10.7.
    expect(count(1171)).toEqual([]);
    expect(count(1172)).toEqual(["suspect expected-sigmas"]);
    expect(count(858)).toEqual([]);
    expect(count(853)).toEqual(["suspect expected-sigmas"]);
    expect(count(1400)).toEqual(["invalid expected-sigmas"]);
  });
});
