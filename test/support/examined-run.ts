/** A run in whose data nothing speaks against it, and ways to spoil one thing about it. */
import type { ExaminedRun, Finding } from "#judge/finding.ts";
import { judgeRun } from "#judge/verdict.ts";
import type {
  FileIntegrity,
  HostHealth,
  LoopHealth,
  MetricValue,
  OutcomeCount,
  ProcessHealth,
  RunAnalysis,
  WholeRunCounts,
} from "#query/analysis.ts";
import type { Reconciliation, RequestTiming, RunEvidence, SegmentRow } from "#query/evidence.ts";
import type { StoredFile, StoredProcess, StoredRun } from "#telemetry/results.ts";

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

export const SOUND_STORED_FILE: StoredFile = {
  path: "telemetry/client_log.tsv",
  bytes: 1,
  lines: 1001,
  sha256: "",
  rows_written: 1000,
};

export const SOUND_STORED_PROCESS: StoredProcess = {
  role: "client",
  name: "client0",
  host: "local",
  command: [],
  pid: 1,
  started_ns: null,
  ended_ns: null,
  exit_code: 0,
  signal: null,
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

export const SOUND_TIMES = {
  send_lateness_p99: 0.1e6,
  send_lateness_max: 1e6,
  receive_lateness_p99: 0.2e6,
  receive_lateness_max: 1e6,
  service_time_p50: 5e6,
};

export const SOUND_WHOLE: WholeRunCounts = {
  scheduled: 1000,
  sent: 1000,
  dropped: 0,
  unknown: 0,
  beforeWindow: 0,
  afterWindow: 0,
  controllerRequests: 1000,
};

/** One of ten parts: 100 requests, 5 ms at the median, no cold start. */
export const SOUND_SEGMENT: SegmentRow = {
  scheduled: 100,
  good: 100,
  latencyP50Ns: 5e6,
  arrived: 100,
  cold: 0,
};

export const SOUND_TIMING: RequestTiming = {
  due: 1000,
  sent: 1000,
  lateMisses: 0,
  impossible: 0,
  receiveMinNs: 0.05e6,
  worstSecondTenthNs: 0.1e6,
};

export const SOUND_RECONCILIATION: Reconciliation = {
  clients: 1,
  connections: 1,
  clientDoubles: 0,
  requestDoubles: 0,
  actionDoubles: 0,
  batchDoubles: 0,
  clientGaps: 0,
  requestGaps: 0,
  batched: 1000,
  onlyBatched: 0,
  onlyOk: 0,
  outMedianNs: 0.05e6,
  backMedianNs: 0.05e6,
  outP99Ns: 0.2e6,
};

export const SOUND_EVIDENCE: RunEvidence = {
  timing: SOUND_TIMING,
  segments: Array.from({ length: 10 }, () => SOUND_SEGMENT),
  actionStatuses: [
    { status: 0, count: 400 },
    { status: 81, count: 20 },
  ],
  reconciliation: SOUND_RECONCILIATION,
};

export const SOUND_HOST: HostHealth = {
  host: "bench1",
  cpuCount: 2,
  samples: 100,
  windowNs: 10e9,
  sampleGapMaxNs: 120e6,
  cpuBusyNs: 8e9,
  stealNs: 0,
  cpuPressureNs: 1e9,
  memoryPressureNs: 0,
  ioPressureNs: 0.1e9,
  throttledNs: 0,
  clockStepMaxNs: 1e3,
};

export const SOUND_PROCESS: ProcessHealth = {
  process: "client0",
  host: "bench1",
  samples: 100,
  cpuNs: 5e9,
  runDelayNs: 0.2e9,
  runDelayMaxNs: 5e6,
  stoppedSamples: 0,
  rssMaxBytes: 1e8,
  majorFaults: 0,
};

export const SOUND_LOOP: LoopHealth = {
  process: "client0",
  samples: 10,
  busyNs: 1e9,
  intervalNs: 9e9,
  stallMaxNs: 5e6,
  stalls: 3,
  gcCount: 10,
  gcPauseMaxNs: 2e6,
  clockDeltaNs: 20e3,
  roundTripNs: 100e3,
};

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
  metrics: durations(SOUND_TIMES),
  outcomes: [{ outcome: "ok", result: 0, count: 1000 }],
  batchSizes: [],
  actionCounts: [],
  predictionErrors: [],
  latencyTail: [],
  intervals: [],
  whole: SOUND_WHOLE,
  evidence: SOUND_EVIDENCE,
  health: { hosts: [SOUND_HOST], processes: [SOUND_PROCESS], loops: [SOUND_LOOP] },
};

export const examined = (
  change: Partial<RunAnalysis>,
  more: Partial<ExaminedRun> = {},
): ExaminedRun => ({
  analysis: { ...SOUND_RUN, ...change },
  isForeign: false,
  sloNs: 100e6,
  isExpectedExact: true,
  countDispersion: 1,
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
