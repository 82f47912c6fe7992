/** A run in whose data nothing speaks against it, and ways to spoil one thing about it. */
import type { ExaminedRun, Finding } from "#judge/finding.ts";
import { judgeRun } from "#judge/verdict.ts";
import type { FileIntegrity, MetricValue, OutcomeCount, RunAnalysis } from "#query/analysis.ts";
import type { StoredRun } from "#telemetry/results.ts";

export const SOUND_STORED: StoredRun = {
  schema_version: 1,
  index: 0,
  name: "00",
  point: [],
  repetition: 1,
  seed: 1,
  state: "done",
  states: [],
  window: null,
  expected_requests: 1000,
  processes: [],
  files: [],
  problems: [],
  models: [],
};

export const SOUND_FILE: FileIntegrity = {
  log: "client",
  path: "runs/00/telemetry/client_log.tsv",
  bytes: 1,
  lines: 1001,
  rows: 1000,
  tornBytes: 0,
  rejected: [],
  rejectedCount: 0,
  sha256: "",
  rowsWritten: 1000,
  mismatches: [],
};

/** Durations in ns. */
export const durations = (
  values: Readonly<Record<string, number>>,
): Readonly<Record<string, MetricValue>> =>
  Object.fromEntries(
    Object.entries(values).map(([metric, value]) => [
      metric,
      { metric, unit: "ns", value, samples: 1000 },
    ]),
  );

/** 1000 requests in a window of 10 s under an SLO of 100 ms. */
export const SOUND_RUN: RunAnalysis = {
  index: 0,
  name: "00",
  stored: SOUND_STORED,
  dialect: { dialect: "documented", reason: "stated", isDecided: true },
  files: [SOUND_FILE],
  window: { epochNs: 0n, measureStartNs: 0, measureEndNs: 10e9, sendEndNs: 10e9, source: "run" },
  view: "client",
  gpus: 1,
  metrics: durations({ send_lateness_p99: 0.1e6, send_lateness_max: 1e6 }),
  outcomes: [{ outcome: "ok", result: 0, count: 1000 }],
  batchSizes: [],
  actionCounts: [],
  predictionErrors: [],
  latencyTail: [],
  intervals: [],
  whole: { scheduled: 1000, sent: 1000, dropped: 0, controllerRequests: 1000 },
  health: { hosts: [], processes: [], loops: [] },
};

export const examined = (
  change: Partial<RunAnalysis>,
  more: Partial<ExaminedRun> = {},
): ExaminedRun => ({
  analysis: { ...SOUND_RUN, ...change },
  sloNs: 100e6,
  isExpectedExact: true,
  isSteady: true,
  ...more,
});

const toText = ({ kind, severity }: Finding): string => `${severity} ${kind}`;

/** What is found in a sound run with a change: "suspect send-lateness". */
export const findingsOf = (
  change: Partial<RunAnalysis>,
  more: Partial<ExaminedRun> = {},
): readonly string[] => judgeRun(examined(change, more)).findings.map(toText);

/** 1000 requests, of which `count` have another outcome. */
export const outcomesWith = (
  outcome: OutcomeCount["outcome"],
  count: number,
  result: number | null = null,
): readonly OutcomeCount[] => [
  { outcome: "ok", result: 0, count: 1000 - count },
  ...(count === 0 ? [] : [{ outcome, result, count }]),
];
