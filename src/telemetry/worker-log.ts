/** `worker_log.tsv`: what a worker did with each action, by its own clock; the original's worker telemetry, in text. */
import type { Action, ActionResult, Timing } from "#serving/messages.ts";
import { ACTION_TYPE, STATUS } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";
import { absolute, type Cell, cellsOf, encodeCells, type LogSchema } from "#telemetry/schema.ts";

/** One action and its result; all instants are by the worker's clock. */
export interface WorkerRecord {
  /** The worker's number for the controller's connection. */
  readonly connectionId: number;
  readonly action: Action;
  readonly received: Nanos;
  readonly result: ActionResult;
  /** When the result was handed to the network layer. */
  readonly resultSent: Nanos;
}

const gpuOf = ({ action }: WorkerRecord): number | "" => ("gpuId" in action ? action.gpuId : "");
const modelOf = ({ action }: WorkerRecord): number | "" =>
  "modelId" in action ? action.modelId : "";

/** The device's part of an action; null for those that fail and those that need no device. */
const timingOf = ({ result }: WorkerRecord): Timing | null => {
  switch (result.kind) {
    case "infer":
      return result.exec;
    case "load_model":
    case "load_weights":
    case "evict_weights":
      return result.timing;
    case "clear_cache":
    case "get_worker_state":
    case "error":
      return null;
  }
};

const windowEnd = ({ action }: WorkerRecord, end: "earliest" | "latest"): Nanos | null =>
  end in action ? (action as { readonly [E in typeof end]: Nanos | null })[end] : null;

/** Relative to the action's receipt; empty where there is no such instant. */
const after =
  (of: (r: WorkerRecord) => Nanos | null): Cell<WorkerRecord> =>
  (r) => {
    const at = of(r);
    return at === null ? "" : at - r.received;
  };

/** One row per action, in the order of results. */
export const WORKER_LOG: LogSchema<WorkerRecord> = {
  file: "worker_log.tsv",
  title: "Worker log",
  writer: "worker, where `--log-dir` or its configuration file asks for it",
  grain: "one row per action, successes too, in the order in which results were sent",
  key: "(`connection_id`, `action_type`, `action_id`), as far as a controller uses no id twice",
  columns: [
    {
      name: "connection_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the worker's number for the controller's connection",
      cell: (r) => r.connectionId,
    },
    {
      name: "action_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "as the controller sent it",
      cell: (r) => r.action.actionId,
    },
    {
      name: "action_type",
      duckdbType: "INTEGER",
      unit: "code",
      meaning: "as in the action log",
      cell: (r) => ACTION_TYPE[r.action.kind],
    },
    {
      name: "status",
      duckdbType: "INTEGER",
      unit: "status code",
      meaning: "the result",
      cell: (r) => (r.result.kind === "error" ? r.result.status : STATUS.SUCCESS),
    },
    {
      name: "gpu_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the GPU; empty for actions that are for none",
      cell: gpuOf,
    },
    {
      name: "model_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the model; empty for actions that are for none",
      cell: modelOf,
    },
    {
      name: "batch_size",
      duckdbType: "BIGINT",
      unit: "requests",
      meaning: "the batch for infer, 0 otherwise",
      cell: (r) => (r.action.kind === "infer" ? r.action.batchSize : 0),
    },
    {
      name: "received_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when the whole action had been read",
      cell: absolute((r) => r.received),
    },
    {
      name: "earliest",
      duckdbType: "BIGINT",
      unit: "ns after received",
      meaning: "from when on it might start, skew corrected; empty: at once",
      cell: after((r) => windowEnd(r, "earliest")),
    },
    {
      name: "latest",
      duckdbType: "BIGINT",
      unit: "ns after received",
      meaning: "until when it might start, skew corrected; empty: at any time",
      cell: after((r) => windowEnd(r, "latest")),
    },
    {
      name: "begin",
      duckdbType: "BIGINT",
      unit: "ns after received",
      meaning: "when the device began; empty where it did nothing",
      cell: after((r) => timingOf(r)?.begin ?? null),
    },
    {
      name: "end",
      duckdbType: "BIGINT",
      unit: "ns after received",
      meaning: "when the device had finished; empty where it did nothing",
      cell: after((r) => timingOf(r)?.end ?? null),
    },
    {
      name: "duration",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning: "how long the device says that it took; empty where it did nothing",
      cell: (r) => timingOf(r)?.duration ?? "",
    },
    {
      name: "result_sent",
      duckdbType: "BIGINT",
      unit: "ns after received",
      meaning: "when the result was handed to the network layer",
      cell: after((r) => r.resultSent),
    },
  ],
};

const CELLS = cellsOf(WORKER_LOG, "documented");

/** One row without its newline. */
export const encodeWorkerRow = (record: WorkerRecord, epochNs: bigint): string =>
  encodeCells(CELLS, record, epochNs);
