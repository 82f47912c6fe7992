/** `client_log.tsv`: what the load generator saw of every request that it was to send. */
import type { ClientRecord } from "#serving/client/events.ts";
import { absolute, cellsOf, encodeCells, type LogSchema } from "#telemetry/schema.ts";

/** One row per scheduled request, in order of completion; key: (client_id, user_request_id). */
export const CLIENT_LOG: LogSchema<ClientRecord> = {
  file: "client_log.tsv",
  title: "Client log",
  writer: "load generator",
  grain:
    "one row per scheduled request, written when its outcome is known; dropped and unknown ones included",
  key: "(`client_id`, `user_request_id`)",
  columns: [
    {
      name: "client_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the load generator's index",
      cell: (r) => r.clientId,
    },
    {
      name: "user_request_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the request id that the client sent",
      cell: (r) => r.userRequestId,
    },
    {
      name: "model_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the model instance's id, as the controller gave it",
      cell: (r) => r.modelId,
    },
    {
      name: "user_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the user id that the client sent",
      cell: (r) => r.user,
    },
    {
      name: "class",
      duckdbType: "VARCHAR",
      unit: "",
      meaning: "the request's class as the experiment names it; tabs and line breaks become spaces",
      cell: (r) => r.className.replaceAll(/[\t\r\n]/g, " "),
    },
    {
      name: "scheduled_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when the arrival process wanted the request sent",
      cell: absolute((r) => r.scheduled),
    },
    {
      name: "sent_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when it was handed to the network; empty if dropped",
      cell: absolute((r) => r.sent),
    },
    {
      name: "received_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when the whole response had been read; empty if none came",
      cell: absolute((r) => r.received),
    },
    {
      name: "outcome",
      duckdbType: "VARCHAR",
      unit: "",
      meaning:
        "`ok`: succeeded; `fail`: certainly did not; `unknown`: no answer came; `dropped`: due but never sent",
      cell: (r) => r.outcome,
    },
    {
      name: "result",
      duckdbType: "INTEGER",
      unit: "status code",
      meaning: "the response's status; empty if none came",
      cell: (r) => r.result ?? "",
    },
    {
      name: "slo_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning: "the SLO that the experiment set",
      cell: (r) => r.slo,
    },
    {
      name: "response_sent_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning:
        "when the controller sent the response, moved to the client's clock by what the connection's messages say of both clocks; empty if none came",
      cell: absolute((r) => r.responseSent),
    },
  ],
};

const CELLS = cellsOf(CLIENT_LOG, "documented");

/** The file of one load generator's log; the first one's has no number, as there often is no other. */
export const clientLogFile = (clientId: number): string =>
  clientId === 0 ? CLIENT_LOG.file : CLIENT_LOG.file.replace(".tsv", `.${clientId}.tsv`);

/** One row without its newline. `epochNs`: the row's epoch, in Unix ns. */
export const encodeClientRow = (record: ClientRecord, epochNs: bigint): string =>
  encodeCells(CELLS, record, epochNs);
