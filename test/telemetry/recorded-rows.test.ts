/** Rows that the original wrote: what our encoder computes in the `original` dialect equals what it wrote. */

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ActionRecord, BatchMember } from "#serving/controller/events.ts";
import { type ActionKind, STATUS } from "#serving/status.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { ACTION_LOG, encodeActionRow } from "#telemetry/action-log.ts";
import { encodeRequestRow, REQUEST_LOG } from "#telemetry/request-log.ts";
import { headerLine } from "#telemetry/schema.ts";
import { actionRecord, cellsByName, requestRecord } from "./records.ts";

const GOLDEN = fileURLToPath(new URL("../golden/telemetry/", import.meta.url));
const recordings = readdirSync(GOLDEN, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** Whole rows; the last piece of a file has no newline and is torn. */
const wholeRows = (path: string, header: string): readonly string[] => {
  const lines = readFileSync(path, "utf8").split("\n");
  expect(lines[0]).toBe(header);
  expect(lines.at(-1)).not.toBe("");
  return lines.slice(1, -1);
};

const number = (cells: Record<string, string>, name: string): number => {
  const value = Number(cells[name]);
  if (!Number.isFinite(value)) throw new Error(`${name} is ${cells[name]}`);
  return value;
};

const KINDS: Readonly<Record<string, ActionKind>> = {
  1: "load_weights",
  2: "infer",
  3: "evict_weights",
};

/** As many members in time as the goodput of the row says; the test then checks the rounding. */
const batchFor = (cells: Record<string, string>): readonly BatchMember[] => {
  const size = number(cells, "batch_size");
  const duration = number(cells, "worker_exec_duration");
  const met = duration === 0 ? 0 : Math.round((size * number(cells, "goodput")) / duration);
  return Array.from({ length: size }, (_, index) => ({
    requestId: index,
    connectionId: 0,
    userRequestId: index,
    arrival: ns(0),
    departure: ns(0),
    slo: ns(0),
    met: index < met,
  }));
};

/** What the controller knew when it wrote the row. Instants that the row leaves out are given, to see them left out. */
const actionOf = (cells: Record<string, string>, received: Nanos): ActionRecord => {
  const action = KINDS[cells["action_type"] ?? ""] ?? "clear_cache";
  const sent = received - number(cells, "controller_result_enqueue");
  const at = (name: string) => {
    const relative = number(cells, name);
    return relative === 0 ? null : ns(sent + relative);
  };
  const isEvict = action === "evict_weights";
  return actionRecord({
    actionId: number(cells, "action_id"),
    action,
    status: number(cells, "status"),
    worker: number(cells, "worker_id"),
    gpuId: number(cells, "gpu_id"),
    modelId: number(cells, "model_id"),
    batchSize: number(cells, "batch_size"),
    built: ns(sent),
    // Infer actions wait for a send slot: the original ignores the real sending.
    sent: ns(action === "infer" ? sent + 77 : sent),
    received,
    processed: ns(sent + number(cells, "controller_action_duration")),
    expectedDuration: isEvict ? ns(123) : ns(number(cells, "expected_exec_duration")),
    expectedComplete: isEvict ? ns(sent + 123) : at("expected_exec_complete"),
    expectedGpuClockMhz: action === "infer" ? number(cells, "expected_gpu_clock") : 1_380,
    workerDuration: cells["status"] === "0" ? ns(number(cells, "worker_exec_duration")) : ns(99),
    workerExecComplete: isEvict ? ns(sent + 123) : at("worker_exec_complete"),
    workerCopyOutputComplete: at("worker_copy_output_complete"),
    workerActionReceived: at("worker_action_received"),
    workerResultSent: at("worker_result_sent"),
    gpuClockBeforeMhz: action === "infer" ? number(cells, "worker_gpu_clock_before") : 1_380,
    gpuClockMhz: action === "infer" ? number(cells, "worker_gpu_clock") : 1_380,
    requestsQueued: number(cells, "requests_queued"),
    copiesGpus: number(cells, "copies_loaded"),
    copiesWorkers: 99,
    batch: action === "infer" ? batchFor(cells) : [],
  });
};

const GENERATED: ReadonlySet<number> = new Set([STATUS.SUCCESS, STATUS.TIMEOUT]);

describe("recorded rows come out byte for byte", () => {
  test("there are recordings", () => expect(recordings.length).toBeGreaterThan(2));
  for (const name of recordings) {
    test(`${name}: actions`, () => {
      const header = headerLine(ACTION_LOG);
      const rows = wholeRows(`${GOLDEN}${name}/${ACTION_LOG.file}`, header);
      expect(rows).toHaveLength(200);
      for (const row of rows) {
        const cells = cellsByName(header, row);
        const t = BigInt(cells["t"] ?? "");
        const received = ns(1_000_000_000);
        const encoded = encodeActionRow(
          actionOf(cells, received),
          t - BigInt(received),
          "original",
        );
        // Uninitialised memory of the original.
        const expected =
          cells["action_type"] === "3" ? { ...cells, worker_gpu_clock_before: "0" } : cells;
        expect(encoded).toBe(Object.values(expected).join("\t"));
      }
    });
    test(`${name}: requests`, () => {
      const header = headerLine(REQUEST_LOG);
      const rows = wholeRows(`${GOLDEN}${name}/${REQUEST_LOG.file}`, header);
      expect(rows).toHaveLength(200);
      for (const row of rows) {
        const cells = cellsByName(header, row);
        const result = number(cells, "result");
        const latency = number(cells, "latency");
        const record = requestRecord({
          userRequestId: number(cells, "request_id"),
          requestId: 999_999,
          userId: number(cells, "user_id"),
          modelId: number(cells, "model_id"),
          result,
          sloFactor: number(cells, "slo_factor"),
          departure: ns(latency),
          slo: ns(number(cells, "deadline")),
          arrivalGpus: number(cells, "arrival_count"),
          departureGpus: GENERATED.has(result) ? number(cells, "departure_count") : 99,
        });
        const epoch = BigInt(cells["t"] ?? "") - BigInt(latency);
        expect(encodeRequestRow(record, epoch, "original")).toBe(row);
      }
    });
  }
});
