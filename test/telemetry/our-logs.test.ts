/** batch_log.tsv, client_log.tsv, the sidecar, and what all schemas have in common. */
import { describe, expect, test } from "bun:test";
import type { ClientRecord } from "#serving/client/events.ts";
import type { ActionRecord } from "#serving/controller/events.ts";
import { ns } from "#stdx/nanos.ts";
import { BATCH_LOG, encodeBatchRows } from "#telemetry/batch-log.ts";
import { CLIENT_LOG, encodeClientRow } from "#telemetry/client-log.ts";
import { encodeHostRow, type HostRecord } from "#telemetry/host-log.ts";
import { LOGS } from "#telemetry/logs.ts";
import { encodeLoopRow } from "#telemetry/loop-log.ts";
import { encodeProcessRow } from "#telemetry/process-log.ts";
import { duckdbColumns, headerLine } from "#telemetry/schema.ts";
import { encodeSidecar, parseSidecar } from "#telemetry/sidecar.ts";
import { encodeWindowRow, WINDOW_LOG } from "#telemetry/window-log.ts";
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

describe("window rows", () => {
  const row = (record: ActionRecord) =>
    cellsByName(headerLine(WINDOW_LOG), encodeWindowRow(record, EPOCH));

  test("the window and the wait for a send slot, relative to the decision", () => {
    const built = ns(1_000);
    const window = { built, earliest: built, latest: ns(11_001_000), sent: ns(1_700) };
    expect(row(actionRecord({ actionId: 9, action: "infer", batchSize: 2, ...window }))).toEqual({
      action_id: "9",
      action_type: "2",
      built_ns: "1700000000000001001",
      earliest: "0",
      latest: "11000000",
      send_wait: "700",
    });
  });

  test("open windows are empty, not 0 or 2^64", () => {
    const record = actionRecord({ action: "evict_weights", built: ns(5), sent: ns(5) });
    expect(row(record)).toMatchObject({ earliest: "", latest: "", send_wait: "0" });
  });
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
  expect(LOGS).toHaveLength(9);
  expect(new Set(LOGS.map((log) => log.file)).size).toBe(9);
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

describe("logs of hosts, processes and event loops", () => {
  const counted = {
    cpuBusyNs: 7_000_000_000,
    cpuStealNs: 10_000_000,
    cpuPressureNs: 3_000,
    memoryPressureNs: 0,
    ioPressureNs: 1_000,
    throttledNs: 5,
    throttledPeriods: 1,
  };
  const host: HostRecord = {
    host: "local",
    atNs: "1700000000000000001",
    realtimeNs: "1700000000000000003",
    monotonicNs: "99",
    cpuCount: 2,
    ...counted,
  };

  test("a host's row, whole and on a system that counts nothing", () => {
    expect(encodeHostRow(host)).toBe(
      "1700000000000000001\tlocal\t1700000000000000003\t99\t2\t7000000000\t10000000\t3000\t0\t1000\t5\t1",
    );
    const nothing = Object.fromEntries(Object.keys(counted).map((key) => [key, null]));
    expect(encodeHostRow({ ...host, ...nothing })).toBe(
      "1700000000000000001\tlocal\t1700000000000000003\t99\t2\t\t\t\t\t\t\t",
    );
  });

  test("a process's row", () => {
    const record = {
      atNs: "17",
      host: "local",
      process: "worker0",
      pid: 42,
      state: "S",
      cpuNs: 10_000_000,
      runNs: null,
      runDelayNs: 3,
      rssBytes: 4096,
      majorFaults: 0,
    };
    expect(encodeProcessRow(record)).toBe("17\tlocal\tworker0\t42\tS\t10000000\t\t3\t4096\t0");
  });

  test("a loop's row has the peer whose clock is furthest off, on either side", () => {
    const line = {
      event: "loop",
      at_ns: "17",
      busy_ns: 5,
      turns: 4,
      stall_max_ns: 3,
      stalls: 2,
      gc_count: 1,
      gc_pause_max_ns: null,
    } as const;
    const clock = [
      { peer: "a:1", delta_ns: 20, round_trip_ns: 8 },
      { peer: "b:1", delta_ns: -30, round_trip_ns: 9 },
    ];
    const row = (peers: typeof clock): string =>
      encodeLoopRow({ process: "controller", line: { ...line, clock: peers } });
    expect(row(clock)).toBe("17\tcontroller\t5\t4\t3\t2\t1\t\t-30\t9");
    expect(row([])).toBe("17\tcontroller\t5\t4\t3\t2\t1\t\t\t");
  });
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
