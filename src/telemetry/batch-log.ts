/** `batch_log.tsv`: which request travelled in which action; the key that joins the other three logs. */
import type { ActionRecord, BatchMember } from "#serving/controller/events.ts";
import { absolute, cellsOf, encodeCells, flag, type LogSchema } from "#telemetry/schema.ts";

/** One request in one action's batch. */
export interface BatchRow {
  readonly action: ActionRecord;
  readonly member: BatchMember;
}

/** One row per (request, action) pair, written when the action completes; key: (request_id, action_id). */
export const BATCH_LOG: LogSchema<BatchRow> = {
  file: "batch_log.tsv",
  title: "Batch log",
  writer: "controller",
  grain:
    "one row per pair of request and infer action, in completion order of actions, then in batch order",
  key: "(`request_id`, `action_id`); a request that was tried again has several rows",
  columns: [
    {
      name: "request_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the controller's request id, as in the request log's `documented` dialect",
      cell: ({ member }) => member.requestId,
    },
    {
      name: "connection_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the controller's number for the client's connection",
      cell: ({ member }) => member.connectionId,
    },
    {
      name: "user_request_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the client's request id, unique per client: joins with the client log",
      cell: ({ member }) => member.userRequestId,
    },
    {
      name: "action_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the action's id, as in the action log",
      cell: ({ action }) => action.actionId,
    },
    {
      name: "worker_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the worker's index in the controller's list",
      cell: ({ action }) => action.worker,
    },
    {
      name: "gpu_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the GPU's index on that worker",
      cell: ({ action }) => action.gpuId,
    },
    {
      name: "arrival_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when the whole request had been read from the network",
      cell: absolute(({ member }) => member.arrival),
    },
    {
      name: "departure_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when the response was handed to the network",
      cell: absolute(({ member }) => member.departure),
    },
    {
      name: "sent_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when the action was handed to the network layer, or dropped (status 45)",
      cell: absolute(({ action }) => action.sent),
    },
    {
      name: "received_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when the controller had received the action's result",
      cell: absolute(({ action }) => action.received),
    },
    {
      name: "slo_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning: "the SLO used for the request",
      cell: ({ member }) => member.slo,
    },
    {
      name: "met",
      duckdbType: "BOOLEAN",
      unit: "0 or 1",
      meaning: "1 if the request succeeded within its SLO",
      cell: ({ member }) => flag(member.met),
    },
  ],
};

const CELLS = cellsOf(BATCH_LOG, "documented");

/** The rows of one action in batch order, without newlines; none for actions other than infer. */
export const encodeBatchRows = (action: ActionRecord, epochNs: bigint): readonly string[] =>
  action.batch.map((member) => encodeCells(CELLS, { action, member }, epochNs));
