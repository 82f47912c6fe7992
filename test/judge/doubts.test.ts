/** What speaks against a run is found, and nothing is found where nothing does. */
import { describe, expect, test } from "bun:test";
import { type DoubtedRun, findDoubts } from "#judge/doubts.ts";
import type { FileIntegrity, OutcomeCount, RunAnalysis } from "#query/analysis.ts";
import type { StoredRun } from "#telemetry/results.ts";

const stored: StoredRun = {
  schema_version: 1,
  index: 0,
  name: "00",
  point: [],
  repetition: 1,
  seed: 1,
  state: "done",
  states: [],
  window: null,
  expected_requests: 100,
  processes: [],
  files: [],
  problems: [],
  models: [],
};

const file: FileIntegrity = {
  log: "client",
  path: "runs/00/telemetry/client_log.tsv",
  bytes: 1,
  lines: 101,
  rows: 100,
  tornBytes: 0,
  rejected: [],
  rejectedCount: 0,
  sha256: "",
  rowsWritten: 100,
  mismatches: [],
};

const sound: RunAnalysis = {
  index: 0,
  name: "00",
  stored,
  dialect: { dialect: "documented", reason: "stated", isDecided: true },
  files: [file],
  window: { epochNs: 0n, measureStartNs: 0, measureEndNs: 1e9, sendEndNs: 1e9, source: "run" },
  view: "client",
  gpus: 1,
  metrics: {
    send_lateness_p99: { metric: "send_lateness_p99", unit: "ns", value: 2e6, samples: 100 },
  },
  outcomes: [{ outcome: "ok", result: 0, count: 100 }],
  batchSizes: [],
  actionCounts: [],
  predictionErrors: [],
  latencyTail: [],
  intervals: [],
  whole: { scheduled: 100, sent: 100, dropped: 0, controllerRequests: 100 },
  health: null,
};

const kindsOf = (change: Partial<RunAnalysis>, more: Partial<DoubtedRun> = {}): string[] =>
  findDoubts([
    { analysis: { ...sound, ...change }, sloNs: 100e6, isExpectedExact: true, ...more },
  ]).map((doubt) => doubt.kind);

const outcomes = (count: number, outcome: OutcomeCount["outcome"] = "ok"): OutcomeCount[] => [
  { outcome, result: null, count },
];

describe("findDoubts", () => {
  test("a sound run raises none", () => {
    expect(kindsOf({})).toEqual([]);
  });

  test.each([
    ["failed", { stored: { ...stored, state: "failed" } }, ["run-not-done"]],
    ["left nothing", { stored: null }, ["run-not-done"]],
    ["dropped", { outcomes: outcomes(100, "dropped") }, ["dropped"]],
    ["unanswered", { outcomes: outcomes(100, "unknown") }, ["unknown"]],
    [
      "no requests",
      { outcomes: [], stored: { ...stored, expected_requests: null } },
      ["no-requests"],
    ],
    ["one request short of an exact number", { outcomes: outcomes(99) }, ["expected"]],
    [
      "lost at the controller",
      { whole: { scheduled: 100, sent: 100, dropped: 0, controllerRequests: 99 } },
      ["controller-rows"],
    ],
    ["torn", { files: [{ ...file, tornBytes: 7 }] }, ["file"]],
    ["a mismatch", { files: [{ ...file, mismatches: ["99 rows"] }] }, ["file"]],
    [
      "dialect assumed",
      { dialect: { dialect: "original", reason: "", isDecided: false } },
      ["dialect"],
    ],
  ] satisfies [string, Partial<RunAnalysis>, string[]][])("%s", (_, change, kinds) => {
    expect(kindsOf(change)).toEqual(kinds);
  });

  test("logs that are not ours have no runner to ask", () => {
    const window = { ...sound.window, source: "log" } as RunAnalysis["window"];
    expect(kindsOf({ stored: null, window })).toEqual([]);
  });

  test("sending late is measured against a tenth of the SLO, and never less than 1 ms", () => {
    // p99 is 2 ms: fine for 100 ms (bound 10 ms), too much for 15 ms (bound 1.5 ms) and for 1 ms (bound 1 ms).
    expect(kindsOf({}, { sloNs: 100e6 })).toEqual([]);
    expect(kindsOf({}, { sloNs: 15e6 })).toEqual(["send-lateness"]);
    expect(kindsOf({}, { sloNs: 1e6 })).toEqual(["send-lateness"]);
    // Exactly a tenth is not more than a tenth.
    expect(kindsOf({}, { sloNs: 20e6 })).toEqual([]);
  });

  test("a Poisson count may stray by five standard deviations", () => {
    // Expected 100: the deviation is 10, so 51 to 149 pass and 150 does not.
    expect(kindsOf({ outcomes: outcomes(149) }, { isExpectedExact: false })).toEqual([]);
    expect(kindsOf({ outcomes: outcomes(150) }, { isExpectedExact: false })).toEqual(["expected"]);
  });
});
