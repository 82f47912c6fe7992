/** `clockwork_request_log.tsv`: one row per inference request that the controller received, in either dialect. */
import type { RequestRecord } from "#serving/controller/events.ts";
import { STATUS } from "#serving/status.ts";
import { formatFloat32, formatFloatGeneral } from "#telemetry/float-format.ts";
import {
  absolute,
  type Cell,
  type Column,
  cellsOf,
  encodeCells,
  flag,
  type LogSchema,
  type TelemetryDialect,
} from "#telemetry/schema.ts";

type RequestCell = Cell<RequestRecord>;

const latency = (r: RequestRecord): number => r.departure - r.arrival;
const isMet = (r: RequestRecord): boolean =>
  r.result === STATUS.SUCCESS && (r.slo === null || latency(r) <= r.slo);

/** Results that the original gives while it still holds the request's model; on other paths it never counts copies. */
const COUNTED_AT_DEPARTURE: ReadonlySet<number> = new Set([
  STATUS.SUCCESS,
  STATUS.TIMEOUT,
  STATUS.CONTROLLER_SKIPPED,
  STATUS.CONTROLLER_LATE,
]);
const originalArrivalCount: (r: RequestRecord) => number = (r) =>
  r.modelExists ? r.arrivalGpus : 0;
const originalDepartureCount: (r: RequestRecord) => number = (r) =>
  r.modelExists && COUNTED_AT_DEPARTURE.has(r.result) ? r.departureGpus : 0;

// Nearly every request has the factor 0.
const sloFactor: RequestCell = (r) => (r.sloFactor === 0 ? 0 : formatFloat32(r.sloFactor));

const columns: readonly Column<RequestRecord>[] = [
  {
    name: "t",
    duckdbType: "BIGINT",
    unit: "ns since the Unix epoch",
    meaning:
      "arrival: the instant the controller took up the whole request; under overload it waited in the socket before",
    cell: absolute((r) => r.arrival),
    original: {
      meaning: "departure: the instant the controller finished the request",
      cell: absolute((r) => r.departure),
    },
  },
  {
    name: "request_id",
    duckdbType: "BIGINT",
    unit: "",
    meaning:
      "given by the controller, unique in its life: 0, 1, 2, … in order of arrival of inference requests",
    cell: (r) => r.requestId,
    original: {
      meaning: "the client's request id, not unique across clients",
      cell: (r) => r.userRequestId,
    },
  },
  {
    name: "result",
    duckdbType: "INTEGER",
    unit: "status code",
    meaning: "0 success, 4 timeout, 5 refused during start-up, others see the status codes",
    cell: (r) => r.result,
  },
  {
    name: "user_id",
    duckdbType: "BIGINT",
    unit: "",
    meaning: "the user id that the client sent",
    cell: (r) => r.userId,
  },
  {
    name: "model_id",
    duckdbType: "BIGINT",
    unit: "",
    meaning: "the model id that the client sent, whether or not it exists",
    cell: (r) => r.modelId,
  },
  {
    name: "slo_factor",
    duckdbType: "FLOAT",
    unit: "",
    meaning:
      "factor on the model's batch-1 latency that sets the SLO; 0: the default SLO; shortest decimal that reads back as the same 32-bit float",
    cell: sloFactor,
    original: {
      meaning: "same, printed with 6 significant digits",
      cell: (r) => (r.sloFactor === 0 ? 0 : formatFloatGeneral(r.sloFactor)),
    },
  },
  {
    name: "latency",
    duckdbType: "BIGINT",
    unit: "ns",
    meaning: "from arrival to the instant the response is handed to the network",
    cell: latency,
  },
  {
    name: "deadline",
    duckdbType: "BIGINT",
    unit: "ns",
    meaning: "the SLO used (a duration); −1 if none applied",
    cell: (r) => r.slo ?? -1,
  },
  {
    name: "deadline_met",
    duckdbType: "BOOLEAN",
    unit: "0 or 1",
    meaning: "1 exactly if result = 0 and latency ≤ deadline; without a deadline, if result = 0",
    cell: (r) => flag(isMet(r)),
  },
  {
    name: "arrival_count",
    duckdbType: "BIGINT",
    unit: "workers",
    meaning: "workers on which at least one GPU held the model when the request arrived",
    cell: (r) => r.arrivalWorkers,
    original: { meaning: "GPUs, not workers", cell: originalArrivalCount },
  },
  {
    name: "departure_count",
    duckdbType: "BIGINT",
    unit: "workers",
    meaning: "workers on which at least one GPU held the model at departure; filled on every path",
    cell: (r) => r.departureWorkers,
    original: {
      meaning:
        "GPUs, not workers; 0 for invalid models and for requests that failed on a worker or on the way to it",
      cell: originalDepartureCount,
    },
  },
  {
    name: "is_coldstart",
    duckdbType: "BOOLEAN",
    unit: "0 or 1",
    meaning: "1 exactly if arrival_count = 0 and the model exists, whatever the result",
    cell: (r) => flag(r.arrivalWorkers === 0 && r.modelExists),
    original: {
      meaning: "1 if arrival_count = 0 and departure_count > 0, both as written",
      cell: (r) => flag(originalArrivalCount(r) === 0 && originalDepartureCount(r) > 0),
    },
  },
];

/** One row per inference request, in completion order; key: request_id (`documented`) or the row's ordinal (`original`). */
export const REQUEST_LOG: LogSchema<RequestRecord> = {
  file: "clockwork_request_log.tsv",
  title: "Request log",
  writer: "controller",
  grain:
    "one row per inference request received, in completion order: refused ones (5), invalid models (1) and worker failures too",
  key: "`request_id` in `documented`; in `original` ids repeat across clients, and only the row's position identifies it",
  originalRows: "requests refused during start-up (5) have no row",
  columns,
};

const CELLS = {
  documented: cellsOf(REQUEST_LOG, "documented"),
  original: cellsOf(REQUEST_LOG, "original"),
};

/** Whether a request has a row in the dialect. */
export const hasRequestRow = (record: RequestRecord, dialect: TelemetryDialect): boolean =>
  dialect === "documented" || record.result !== STATUS.INITIALIZING;

/** One row without its newline, or null where the dialect has none. `epochNs`: the record's epoch, in Unix ns. */
export const encodeRequestRow = (
  record: RequestRecord,
  epochNs: bigint,
  dialect: TelemetryDialect,
): string | null =>
  hasRequestRow(record, dialect) ? encodeCells(CELLS[dialect], record, epochNs) : null;
