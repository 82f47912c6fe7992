/** batch_log.tsv, client_log.tsv, the sidecar, and what all schemas have in common. */
import { describe, expect, test } from "bun:test";
import type { ClientRecord } from "#serving/client/events.ts";
import { ns } from "#stdx/nanos.ts";
import { BATCH_LOG, encodeBatchRows } from "#telemetry/batch-log.ts";
import { CLIENT_LOG, encodeClientRow } from "#telemetry/client-log.ts";
import { LOGS } from "#telemetry/logs.ts";
import { duckdbColumns, headerLine } from "#telemetry/schema.ts";
import { encodeSidecar, parseSidecar } from "#telemetry/sidecar.ts";
import { actionRecord, cellsByName } from "./records.ts";

const EPOCH = 1_700_000_000_000_000_001n;

test("batch rows: one per request of the batch, in batch order", () => {
  const shared = { connectionId: 2, arrival: ns(100), slo: ns(1_000) };
  const action = actionRecord({
    actionId: 9,
    action: "infer",
    worker: 1,
    gpuId: 3,
    batchSize: 2,
    sent: ns(200),
    received: ns(800),
    batch: [
      { ...shared, requestId: 50, userRequestId: 7, departure: ns(900), met: true },
      { ...shared, requestId: 51, userRequestId: 8, departure: ns(1_200), met: false },
    ],
  });
  const rows = encodeBatchRows(action, EPOCH);
  expect(rows).toHaveLength(2);
  expect(cellsByName(headerLine(BATCH_LOG), rows[0] ?? null)).toEqual({
    request_id: "50",
    connection_id: "2",
    user_request_id: "7",
    action_id: "9",
    worker_id: "1",
    gpu_id: "3",
    arrival_ns: "1700000000000000101",
    departure_ns: "1700000000000000901",
    sent_ns: "1700000000000000201",
    received_ns: "1700000000000000801",
    slo_ns: "1000",
    met: "1",
  });
  expect(rows[1]).toStartWith("51\t2\t8\t9\t");
  expect(rows[1]).toEndWith("\t0");
  expect(encodeBatchRows(actionRecord({}), EPOCH)).toEqual([]);
});

describe("client rows", () => {
  const ok: ClientRecord = {
    clientId: 1,
    userRequestId: 12,
    modelId: 3,
    user: 4,
    className: "interactive",
    scheduled: ns(10),
    sent: ns(20),
    received: ns(30),
    outcome: "ok",
    result: 0,
    responseSent: ns(28),
    slo: ns(25_000_000),
  };
  test("answered", () => {
    expect(cellsByName(headerLine(CLIENT_LOG), encodeClientRow(ok, EPOCH))).toEqual({
      client_id: "1",
      user_request_id: "12",
      model_id: "3",
      user_id: "4",
      class: "interactive",
      scheduled_ns: "1700000000000000011",
      sent_ns: "1700000000000000021",
      received_ns: "1700000000000000031",
      outcome: "ok",
      result: "0",
      slo_ns: "25000000",
      response_sent_ns: "1700000000000000029",
    });
  });
  test("never sent: empty cells, never zeros", () => {
    const dropped: ClientRecord = {
      ...ok,
      sent: null,
      received: null,
      responseSent: null,
      outcome: "dropped",
      result: null,
    };
    expect(encodeClientRow(dropped, EPOCH)).toBe(
      "1\t12\t3\t4\tinteractive\t1700000000000000011\t\t\tdropped\t\t25000000\t",
    );
  });
  test("a class name cannot break the row", () => {
    const row = encodeClientRow({ ...ok, className: "a\tb\nc" }, EPOCH);
    expect(row.split("\t")[4]).toBe("a b c");
  });
});

test("every log has unique column names and file names, and types for every column", () => {
  expect(LOGS).toHaveLength(4);
  expect(new Set(LOGS.map((log) => log.file)).size).toBe(4);
  for (const log of LOGS) {
    const names = log.columns.map((column) => column.name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(duckdbColumns(log)).toContain(`'${name}': '`);
  }
});

test("the DuckDB clause of a small schema", () => {
  const schema = { ...CLIENT_LOG, columns: CLIENT_LOG.columns.slice(3, 5) };
  expect(duckdbColumns(schema)).toBe("{'user_id': 'BIGINT', 'class': 'VARCHAR'}");
});

describe("sidecar", () => {
  test("round trip", () => {
    expect(parseSidecar(encodeSidecar("original"))).toEqual({
      schema_version: 1,
      dialect: "original",
    });
  });
  for (const text of [
    "",
    "{",
    "[]",
    "null",
    '{"schema_version":1,"dialect":"other"}',
    '{"dialect":"original"}',
    '{"schema_version":99,"dialect":"original"}',
  ]) {
    test(`says nothing: ${text}`, () => expect(parseSidecar(text)).toBeNull());
  }
});
