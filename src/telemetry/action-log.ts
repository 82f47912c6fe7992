/** `clockwork_action_log.tsv`: one row per action that the controller sent to a worker, in either dialect. */
import type { ActionRecord } from "#serving/controller/events.ts";
import { ACTION_TYPE, STATUS } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";
import {
  goodputFraction,
  hasOriginalRow,
  isOriginalExec,
  originalGoodput,
  originalInstant,
  originalSent,
  type WorkerInstant,
} from "#telemetry/original-action.ts";
import {
  absolute,
  type Cell,
  type Column,
  cellsOf,
  encodeCells,
  type LogSchema,
  type TelemetryDialect,
} from "#telemetry/schema.ts";

type ActionCell = Cell<ActionRecord>;

/** Instant relative to sending, signed; 0 where it is unknown or does not apply. */
const relative =
  (instant: (r: ActionRecord) => Nanos | null): ActionCell =>
  (r) => {
    const at = instant(r);
    return at === null ? 0 : at - r.sent;
  };

/** The original's worker instants: shifted together when skew put them before sending, then never below 0. */
const originalRelative =
  (name: WorkerInstant): ActionCell =>
  (r) =>
    originalInstant(r, name);

/** A difference of unsigned 64-bit instants, which wraps where it would be negative. */
const wrapping = (difference: number): string | number =>
  difference >= 0 ? difference : String(BigInt.asUintN(64, BigInt(difference)));

const batchSize: ActionCell = (r) => {
  switch (r.action) {
    case "infer":
      return r.batchSize;
    case "load_weights":
    case "evict_weights":
      return 1;
    case "load_model":
    case "clear_cache":
    case "get_worker_state":
      return 0;
  }
};

const identity: readonly Column<ActionRecord>[] = [
  {
    name: "t",
    duckdbType: "BIGINT",
    unit: "ns since the Unix epoch",
    meaning:
      "sent: the instant the action was handed to the network layer (status 45: the instant of the decision to drop it)",
    cell: absolute((r) => r.sent),
    original: {
      meaning: "received: the instant the controller had the result",
      cell: absolute((r) => r.received),
    },
  },
  {
    name: "action_id",
    duckdbType: "BIGINT",
    unit: "",
    meaning: "given by the controller, unique in its life",
    cell: (r) => r.actionId,
    original: {
      meaning: "same, wrapped to a signed 32-bit number",
      cell: (r) => r.actionId | 0,
    },
  },
  {
    name: "action_type",
    duckdbType: "INTEGER",
    unit: "code",
    meaning:
      "0 load from disk, 1 load weights, 2 infer, 3 evict weights, 4 clear cache, 5 get worker state",
    cell: (r) => ACTION_TYPE[r.action],
  },
  {
    name: "status",
    duckdbType: "INTEGER",
    unit: "status code",
    meaning: "0 success, 45 dropped before sending, others as the worker answered",
    cell: (r) => r.status,
  },
  {
    name: "worker_id",
    duckdbType: "BIGINT",
    unit: "",
    meaning: "the worker's index in the controller's list",
    cell: (r) => r.worker,
  },
  {
    name: "gpu_id",
    duckdbType: "BIGINT",
    unit: "",
    meaning: "the GPU's index on that worker",
    cell: (r) => r.gpuId,
  },
  {
    name: "model_id",
    duckdbType: "BIGINT",
    unit: "",
    meaning: "the model the action is for",
    cell: (r) => r.modelId,
  },
  {
    name: "batch_size",
    duckdbType: "BIGINT",
    unit: "requests",
    meaning: "the batch for infer, 1 for load and evict weights, 0 otherwise",
    cell: batchSize,
  },
];

const execution: readonly Column<ActionRecord>[] = [
  {
    name: "expected_exec_duration",
    duckdbType: "BIGINT",
    unit: "ns",
    meaning: "the duration on the worker that the controller predicted; 0 if none",
    cell: (r) => r.expectedDuration ?? 0,
    original: {
      meaning: "same; 0 for evict weights",
      cell: (r) => (r.action === "evict_weights" ? 0 : (r.expectedDuration ?? 0)),
    },
  },
  {
    name: "worker_exec_duration",
    duckdbType: "BIGINT",
    unit: "ns",
    meaning: "the duration that the worker measured; 0 if unknown",
    cell: (r) => r.workerDuration ?? 0,
    original: {
      meaning: "same; 0 for every error",
      cell: (r) => (r.status === STATUS.SUCCESS ? (r.workerDuration ?? 0) : 0),
    },
  },
  {
    name: "expected_exec_complete",
    duckdbType: "BIGINT",
    unit: "ns after sent",
    meaning: "when the controller predicted the action to complete; 0 if unknown",
    cell: relative((r) => r.expectedComplete),
    original: {
      meaning: "same, never below 0; 0 for evict weights",
      cell: (r) =>
        r.expectedComplete === null || r.action === "evict_weights"
          ? 0
          : Math.max(0, r.expectedComplete - originalSent(r)),
    },
  },
  {
    name: "worker_exec_complete",
    duckdbType: "BIGINT",
    unit: "ns after sent",
    meaning: "when the action completed on the worker; 0 if unknown",
    cell: relative((r) => r.workerExecComplete),
    original: {
      meaning: "same, never below 0; 0 for evict weights and for every error",
      cell: originalRelative("execComplete"),
    },
  },
  {
    name: "expected_gpu_clock",
    duckdbType: "BIGINT",
    unit: "MHz",
    meaning: "the GPU clock that the prediction assumed; 0 if none",
    cell: (r) => r.expectedGpuClockMhz,
    original: {
      meaning: "same; 0 unless infer",
      cell: (r) => (r.action === "infer" ? r.expectedGpuClockMhz : 0),
    },
  },
  {
    name: "worker_gpu_clock_before",
    duckdbType: "BIGINT",
    unit: "MHz",
    meaning: "the GPU clock before the action; 0 if unknown",
    cell: (r) => r.gpuClockBeforeMhz,
    original: {
      meaning:
        "0 unless infer succeeded (the original itself writes uninitialised memory for evict weights)",
      cell: (r) => (isOriginalExec(r) ? r.gpuClockBeforeMhz : 0),
    },
  },
  {
    name: "worker_gpu_clock",
    duckdbType: "BIGINT",
    unit: "MHz",
    meaning: "the GPU clock after the action; 0 if unknown",
    cell: (r) => r.gpuClockMhz,
    original: {
      meaning: "0 unless infer succeeded",
      cell: (r) => (isOriginalExec(r) ? r.gpuClockMhz : 0),
    },
  },
];

const passage: readonly Column<ActionRecord>[] = [
  {
    name: "worker_copy_output_complete",
    duckdbType: "BIGINT",
    unit: "ns after sent",
    meaning: "when the output was back in the worker's memory; 0 if unknown",
    cell: relative((r) => r.workerCopyOutputComplete),
    original: {
      meaning: "same, never below 0; 0 unless infer succeeded",
      cell: originalRelative("copyOutputComplete"),
    },
  },
  {
    name: "worker_action_received",
    duckdbType: "BIGINT",
    unit: "ns after sent",
    meaning: "when the worker had read the action, skew corrected; 0 if unknown",
    cell: relative((r) => r.workerActionReceived),
    original: {
      meaning:
        "same, never below 0; if it lay before sent, it and the other worker instants are shifted by the difference; status 45: when it was dropped",
      cell: originalRelative("actionReceived"),
    },
  },
  {
    name: "worker_result_sent",
    duckdbType: "BIGINT",
    unit: "ns after sent",
    meaning: "when the worker began to send the result, skew corrected; 0 if unknown",
    cell: relative((r) => r.workerResultSent),
    original: {
      meaning: "same, never below 0; status 45: when it was dropped",
      cell: originalRelative("resultSent"),
    },
  },
  {
    name: "controller_result_enqueue",
    duckdbType: "BIGINT",
    unit: "ns after sent",
    meaning: "when the controller had received the result",
    cell: (r) => r.received - r.sent,
    original: {
      meaning: "same, as an unsigned 64-bit number",
      cell: (r) => wrapping(r.received - originalSent(r)),
    },
  },
  {
    name: "controller_action_duration",
    duckdbType: "BIGINT",
    unit: "ns after sent",
    meaning: "when the controller had processed the result: the action's whole duration",
    cell: (r) => r.processed - r.sent,
    original: {
      meaning: "same, as an unsigned 64-bit number",
      cell: (r) => wrapping(r.processed - originalSent(r)),
    },
  },
];

const outcome: readonly Column<ActionRecord>[] = [
  {
    name: "goodput",
    duckdbType: "DOUBLE",
    unit: "fraction",
    meaning:
      "infer: requests of the batch with result 0 within their deadline / batch size, shortest decimal; others: 1 on success, 0 otherwise",
    cell: goodputFraction,
    original: {
      meaning:
        "useful nanoseconds: worker_exec_duration × that fraction in 32-bit floats, truncated",
      cell: originalGoodput,
    },
  },
  {
    name: "requests_queued",
    duckdbType: "BIGINT",
    unit: "requests",
    meaning:
      "requests queued on the controller for the model when the action was built, its own batch not counted",
    cell: (r) => r.requestsQueued,
  },
  {
    name: "copies_loaded",
    duckdbType: "BIGINT",
    unit: "workers",
    meaning: "workers that held the model when the action was built, before it took effect",
    cell: (r) => r.copiesWorkers,
    original: { meaning: "GPUs, not workers", cell: (r) => r.copiesGpus },
  },
];

/** One row per action, in completion order; key: action_id. */
export const ACTION_LOG: LogSchema<ActionRecord> = {
  file: "clockwork_action_log.tsv",
  title: "Action log",
  writer: "controller",
  grain:
    "one row per action sent to a worker, in completion order, start-up actions (0, 4, 5) and actions dropped before sending (45) included",
  key: "`action_id`",
  originalRows:
    "only load weights, infer and evict weights have rows; failed evict weights have none (the original ends there)",
  columns: [...identity, ...execution, ...passage, ...outcome],
};

const CELLS = {
  documented: cellsOf(ACTION_LOG, "documented"),
  original: cellsOf(ACTION_LOG, "original"),
};

/** Whether an action has a row in the dialect. */
export const hasActionRow = (record: ActionRecord, dialect: TelemetryDialect): boolean =>
  dialect === "documented" || hasOriginalRow(record);

/** One row without its newline, or null where the dialect has none. `epochNs`: the record's epoch, in Unix ns. */
export const encodeActionRow = (
  record: ActionRecord,
  epochNs: bigint,
  dialect: TelemetryDialect,
): string | null =>
  hasActionRow(record, dialect) ? encodeCells(CELLS[dialect], record, epochNs) : null;
