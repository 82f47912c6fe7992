/** Writes a results folder whose metrics are known by hand: two points of a sweep over the SLO, logs by the real encoders. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { experiment, ms, perSecond, seconds } from "#experiment/language.ts";
import { planExperiment } from "#experiment/plan.ts";
import type { Plan, PlannedRun } from "#experiment/resolved.ts";
import type { ClientRecord, Outcome } from "#serving/client/events.ts";
import type { ActionRecord, RequestRecord } from "#serving/controller/events.ts";
import { addNs, MILLISECOND, type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { toStoredKeys } from "#stdx/stored-keys.ts";
import { ACTION_LOG, encodeActionRow } from "#telemetry/action-log.ts";
import { BATCH_LOG, encodeBatchRows } from "#telemetry/batch-log.ts";
import { CLIENT_LOG, encodeClientRow } from "#telemetry/client-log.ts";
import { encodeRequestRow, REQUEST_LOG } from "#telemetry/request-log.ts";
import {
  FILES,
  type Manifest,
  type RunState,
  type StoredFile,
  type StoredRun,
  type StoredSimulation,
} from "#telemetry/results.ts";
import { headerLine, type LogSchema, type TelemetryDialect } from "#telemetry/schema.ts";
import { encodeSidecar, SIDECAR_FILE } from "#telemetry/sidecar.ts";

/** Start of sending, in ns since the Unix epoch: 2026-11-23 02:00 UTC and some ns that a double would lose. */
export const FIXTURE_EPOCH_NS = 1_795_399_200_000_000_123n;

const at = (milliseconds: number): Nanos => ns(Math.round(milliseconds * MILLISECOND));

/** One request as the client sees it; latency counts from the scheduled instant. All in ms. */
interface FixtureRequest {
  readonly scheduledMs: number;
  readonly latenessMs: number;
  readonly latencyMs: number | null;
  readonly outcome: Outcome;
  readonly result: number | null;
}

const answered = (
  scheduledMs: number,
  latencyMs: number,
  more: Partial<FixtureRequest> = {},
): FixtureRequest => ({
  scheduledMs,
  latenessMs: 1,
  latencyMs,
  outcome: "ok",
  result: 0,
  ...more,
});

/**
 * The window is [1 s, 3 s). In it: latencies 10, 20, 30, 40, 50, 60 and 120 ms, a failure, a request without an answer
 * and a dropped one; before and after it one request each that no metric may count.
 */
export const FIXTURE_REQUESTS: readonly FixtureRequest[] = [
  answered(500, 1.5),
  answered(1000, 10, { latenessMs: 3 }),
  answered(1200, 20),
  answered(1400, 30),
  answered(1600, 40),
  answered(1800, 50),
  answered(2000, 60),
  answered(2200, 120),
  answered(2400, 90, { outcome: "fail", result: 4 }),
  { scheduledMs: 2600, latenessMs: 1, latencyMs: null, outcome: "unknown", result: null },
  { scheduledMs: 2800, latenessMs: 0, latencyMs: null, outcome: "dropped", result: null },
  answered(3000, 5),
];

/** The same without what makes a run INVALID: every request is sent and answered. */
export const SOUND_REQUESTS: readonly FixtureRequest[] = FIXTURE_REQUESTS.map((request) =>
  request.latencyMs === null
    ? answered(request.scheduledMs, 95, { outcome: "fail", result: 4 })
    : request,
);

const clientRow = (request: FixtureRequest, index: number, sloNs: Nanos): ClientRecord => {
  const isSent = request.outcome !== "dropped";
  return {
    clientId: 0,
    userRequestId: index,
    modelId: 0,
    user: 0,
    className: "",
    scheduled: at(request.scheduledMs),
    sent: isSent ? at(request.scheduledMs + request.latenessMs) : null,
    received: request.latencyMs === null ? null : at(request.scheduledMs + request.latencyMs),
    responseSent:
      request.latencyMs === null ? null : at(request.scheduledMs + request.latencyMs - 0.1),
    outcome: request.outcome,
    result: request.result,
    slo: sloNs,
  };
};

/** The controller gets a request 0.1 ms after it was sent and answers 0.1 ms before the answer is in; cold: the second. */
const requestRecord = (
  request: FixtureRequest,
  index: number,
  sloNs: Nanos,
): RequestRecord | null => {
  if (request.latencyMs === null || request.result === null) return null;
  const copies = index === 1 ? 0 : 1;
  return {
    requestId: index,
    connectionId: 0,
    userRequestId: index,
    userId: 0,
    modelId: 0,
    modelExists: true,
    sloFactor: 0,
    inputBytes: 0,
    result: request.result,
    arrival: at(request.scheduledMs + request.latenessMs + 0.1),
    departure: at(request.scheduledMs + request.latencyMs - 0.1),
    slo: sloNs,
    arrivalWorkers: copies,
    departureWorkers: 1,
    arrivalGpus: copies,
    departureGpus: 1,
  };
};

interface FixtureAction {
  readonly action: "load_weights" | "infer";
  readonly sentMs: number;
  readonly durationMs: number;
  readonly completeMs: number;
  readonly expectedDurationMs: number;
  readonly expectedCompleteMs: number;
  readonly batchSize: number;
  readonly status: number;
}

/** Executions end `completeMs` after sending; the last one starts 0.5 ms before the window ends. */
export const FIXTURE_ACTIONS: readonly FixtureAction[] = [
  {
    action: "load_weights",
    sentMs: 1004,
    durationMs: 8,
    completeMs: 9,
    expectedDurationMs: 8,
    expectedCompleteMs: 8.5,
    batchSize: 1,
    status: 0,
  },
  {
    action: "infer",
    sentMs: 1202,
    durationMs: 4,
    completeMs: 5,
    expectedDurationMs: 4.1,
    expectedCompleteMs: 4.5,
    batchSize: 2,
    status: 0,
  },
  {
    action: "infer",
    sentMs: 1402,
    durationMs: 6,
    completeMs: 7,
    expectedDurationMs: 5.8,
    expectedCompleteMs: 7.25,
    batchSize: 4,
    status: 0,
  },
  {
    action: "infer",
    sentMs: 1602,
    durationMs: 0,
    completeMs: 0,
    expectedDurationMs: 3,
    expectedCompleteMs: 4,
    batchSize: 1,
    status: 81,
  },
  {
    action: "infer",
    sentMs: 2999,
    durationMs: 2,
    completeMs: 2.5,
    expectedDurationMs: 2,
    expectedCompleteMs: 2.5,
    batchSize: 1,
    status: 0,
  },
];

const actionRecord = (action: FixtureAction, index: number): ActionRecord => {
  const sent = at(action.sentMs);
  const isOk = action.status === 0;
  const after = (milliseconds: number): Nanos => addNs(sent, at(milliseconds));
  return {
    actionId: index,
    action: action.action,
    status: action.status,
    worker: 0,
    gpuId: 0,
    modelId: 0,
    batchSize: action.batchSize,
    sent,
    built: sent,
    received: after(action.completeMs + 0.3),
    processed: after(action.completeMs + 0.4),
    expectedDuration: at(action.expectedDurationMs),
    expectedComplete: after(action.expectedCompleteMs),
    expectedGpuClockMhz: 1380,
    workerDuration: isOk ? at(action.durationMs) : null,
    workerExecComplete: isOk ? after(action.completeMs) : null,
    workerCopyOutputComplete: null,
    workerActionReceived: after(0.05),
    workerResultSent: after(action.completeMs + 0.1),
    gpuClockBeforeMhz: 1380,
    gpuClockMhz: 1380,
    requestsQueued: 0,
    copiesWorkers: 1,
    copiesGpus: 1,
    earliest: null,
    latest: null,
    batch: [],
  };
};

/** Every request that the controller answered was in one batch: the fixture's second action. */
const batchRows = (
  action: ActionRecord | undefined,
  requests: readonly RequestRecord[],
  sloNs: Nanos,
): readonly string[] => {
  if (action === undefined) return [];
  const batch = requests.map((request) => ({
    requestId: request.requestId,
    connectionId: request.connectionId,
    userRequestId: request.userRequestId,
    arrival: request.arrival,
    departure: request.departure,
    slo: sloNs,
    met: request.result === 0 && request.departure - request.arrival <= sloNs,
  }));
  return encodeBatchRows({ ...action, batch }, FIXTURE_EPOCH_NS);
};

const logText = (schema: LogSchema<never>, rows: readonly (string | null)[]): string =>
  [headerLine(schema), ...rows.filter((row) => row !== null)].map((row) => `${row}\n`).join("");

/** The logs of one run by file name. */
export const fixtureLogs = (
  sloNs: Nanos,
  dialect: TelemetryDialect = "documented",
  offered: readonly FixtureRequest[] = FIXTURE_REQUESTS,
): Readonly<Record<string, string>> => {
  const requests = offered
    .map((request, index) => requestRecord(request, index, sloNs))
    .filter((record) => record !== null)
    // The controller numbers what it answers in order of arrival.
    .map((record, requestId) => ({ ...record, requestId }))
    .toSorted((a, b) => a.departure - b.departure);
  const actions = FIXTURE_ACTIONS.map(actionRecord);
  const client = offered.map((request, index) => clientRow(request, index, sloNs));
  const epoch = FIXTURE_EPOCH_NS;
  return {
    [REQUEST_LOG.file]: logText(
      REQUEST_LOG,
      requests.map((record) => encodeRequestRow(record, epoch, dialect)),
    ),
    [ACTION_LOG.file]: logText(
      ACTION_LOG,
      actions.map((record) => encodeActionRow(record, epoch, dialect)),
    ),
    [BATCH_LOG.file]: logText(BATCH_LOG, batchRows(actions[1], requests, sloNs)),
    [CLIENT_LOG.file]: logText(
      CLIENT_LOG,
      client.map((row) => encodeClientRow(row, epoch)),
    ),
    [SIDECAR_FILE]: encodeSidecar(dialect),
  };
};

const FIXTURE_SPEC = experiment({
  name: "fixture",
  title: "A fixture with known numbers",
  question: "Does goodput rise with the SLO?",
  seed: 7,
  system: {
    scheduler: "INFER5",
    slo: ms(100),
    profiles: "v100-table1",
    models: { resnet50_v2: 3 },
  },
  workload: {
    arrivals: "constant",
    rate: perSecond(5),
    warmUp: seconds(1),
    duration: seconds(2),
    coolDown: seconds(0.5),
  },
  sweep: { "system.slo": [ms(25), ms(100)] },
  checks: {
    "relaxed SLO is met": {
      metric: "slo_attainment",
      atLeast: 0.6,
      when: { "system.slo": ms(100) },
    },
    "fast at the median": { metric: "latency_p50", atMost: ms(30) },
  },
  report: { headline: { metric: "goodput", against: "system.slo" } },
});

/** The plan of the fixture, by the product's own planner. */
export const fixturePlan = (change: Record<string, unknown> = {}): Plan => {
  const changed = Object.entries({ ...FIXTURE_SPEC, ...change });
  const spec = Object.fromEntries(changed.filter(([, value]) => value !== undefined));
  const planned = planExperiment(spec, { schedulers: ["INFER5"] });
  if (!planned.ok) throw new Error(JSON.stringify(planned.error, null, 2));
  return planned.value;
};

const instant = (sinceEpoch: number): string => String(FIXTURE_EPOCH_NS + BigInt(sinceEpoch));

const storedRun = (run: PlannedRun, state: RunState, files: readonly StoredFile[]): StoredRun => ({
  schema_version: 1,
  index: run.index,
  name: run.name,
  point: run.point,
  repetition: run.repetition,
  seed: run.seed,
  state,
  states: [
    { state: "launching", at_ns: instant(-SECOND) },
    { state, at_ns: instant(4 * SECOND) },
  ],
  window:
    files.length === 0
      ? null
      : {
          send_start_ns: instant(0),
          measure_start_ns: instant(SECOND),
          measure_end_ns: instant(3 * SECOND),
          send_end_ns: instant(3.5 * SECOND),
        },
  expected_requests: 10,
  processes: [],
  files,
  problems:
    state === "done" ? [] : ["worker0 ended with exit code 1 while launching: no such profile"],
  models: [],
});

const storedFile = (name: string, text: string): StoredFile => {
  const lines = text.split("\n").length - 1;
  const isLog = name.endsWith(".tsv");
  return {
    path: join(FILES.telemetry, name),
    bytes: Buffer.byteLength(text),
    lines,
    sha256: createHash("sha256").update(text).digest("hex"),
    rows_written: isLog ? lines - 1 : null,
  };
};

const fixtureManifest = (
  plan: Plan,
  { root, overrides, inputs, isSimulated }: FixtureOptions,
): Manifest => ({
  schema_version: 1,
  id: "2026-11-23T0200Z-k3f9",
  name: plan.name,
  title: plan.title,
  question: plan.question,
  created_ns: instant(-2 * SECOND),
  ended_ns: instant(20 * SECOND),
  experiment: {
    path: join(root ?? "", "experiments/fixture.ts"),
    sha256: "0".repeat(64),
    source: "",
    spec: {},
    overrides: overrides ?? [{ path: "workload.duration", value: "2s" }],
  },
  seed: plan.seed,
  target: isSimulated === true ? "sim" : "local",
  escapement: {
    version: "0.1.0",
    git_revision: "0123456789abcdef",
    git_dirty: false,
    git_diff_sha256: null,
    ...(root === undefined ? {} : { folder: root }),
  },
  host: {
    hostname: "bench1",
    platform: "linux x64",
    kernel: "6.1.0",
    cpu_model: "Example CPU",
    cpu_count: 2,
    memory_bytes: 24 * 2 ** 30,
    bun_version: "1.4.5",
  },
  inputs: inputs ?? [
    {
      role: "profile set",
      path: join(root ?? "", "experiments/profiles/v100-table1.csv"),
      bytes: 1234,
      sha256: "1".repeat(64),
    },
  ],
});

export interface FixtureOptions {
  /** State of each run by index; runs that are not `done` have no logs. Default: all done. */
  readonly states?: readonly (RunState | "no run.json")[];
  /** Changes to the experiment's keys; an undefined one is left out. */
  readonly spec?: Record<string, unknown>;
  readonly dialect?: TelemetryDialect;
  /** Requests of each run by index; default: `FIXTURE_REQUESTS` for all, which make a run INVALID. */
  readonly requests?: (run: number) => readonly FixtureRequest[];
  /** Where the project lay; its paths are relative without it. */
  readonly root?: string;
  readonly overrides?: Manifest["experiment"]["overrides"];
  readonly inputs?: Manifest["inputs"];
  /** The runs were made in virtual time; their hashes are their indices, again and again. */
  readonly isSimulated?: boolean;
}

/** Of Gb/s and µs that are easy to tell in a report. */
const fixtureSimulation = (index: number): StoredSimulation => ({
  sha256: String(index).repeat(64),
  steps: 1000,
  wall_ns: 1e6,
  network: {
    latency_min_ns: 50_000,
    jitter_mean_ns: 10_000,
    bytes_per_s: 1.25e9,
    send_buffer_bytes: 4 * 2 ** 20,
  },
});

/** Writes the results folder and returns its plan. `folder` is created. */
export const writeResultsFixture = (folder: string, options: FixtureOptions = {}): Plan => {
  const plan = fixturePlan(options.spec);
  for (const run of plan.runs) {
    const state = options.states?.[run.index] ?? "done";
    const runFolder = join(folder, FILES.runs, run.name);
    mkdirSync(join(runFolder, FILES.telemetry), { recursive: true });
    const files: StoredFile[] = [];
    if (state === "done") {
      const requests = options.requests?.(run.index);
      const logs = fixtureLogs(run.system.sloNs, options.dialect, requests);
      for (const [name, text] of Object.entries(logs)) {
        writeFileSync(join(runFolder, FILES.telemetry, name), text);
        files.push(storedFile(name, text));
      }
    }
    if (state === "no run.json") continue;
    const stored = {
      ...storedRun(run, state, files),
      ...(options.isSimulated === true ? { simulation: fixtureSimulation(run.index) } : {}),
    };
    writeFileSync(join(runFolder, FILES.run), `${JSON.stringify(stored, null, 2)}\n`);
  }
  writeFileSync(join(folder, FILES.manifest), JSON.stringify(fixtureManifest(plan, options)));
  const stored = { schema_version: 1, plan: toStoredKeys(plan) };
  writeFileSync(join(folder, FILES.plan), JSON.stringify(stored));
  return plan;
};
