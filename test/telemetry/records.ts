/** Records to encode in tests: a complete default, of which each test states only what it is about. */
import type { ActionRecord, RequestRecord } from "#serving/controller/events.ts";
import { ns } from "#stdx/nanos.ts";

export const requestRecord = (fields: Partial<RequestRecord>): RequestRecord => ({
  requestId: 0,
  connectionId: 0,
  userRequestId: 0,
  userId: 0,
  modelId: 0,
  modelExists: true,
  sloFactor: 0,
  inputBytes: 0,
  result: 0,
  arrival: ns(0),
  departure: ns(0),
  slo: ns(100_000_000),
  arrivalWorkers: 0,
  departureWorkers: 0,
  arrivalGpus: 0,
  departureGpus: 0,
  ...fields,
});

export const actionRecord = (fields: Partial<ActionRecord>): ActionRecord => ({
  actionId: 0,
  action: "load_weights",
  status: 0,
  worker: 0,
  gpuId: 0,
  modelId: 0,
  batchSize: 1,
  sent: ns(0),
  built: ns(0),
  earliest: null,
  latest: null,
  received: ns(0),
  processed: ns(0),
  expectedDuration: null,
  expectedComplete: null,
  expectedGpuClockMhz: 0,
  workerDuration: null,
  workerExecComplete: null,
  workerCopyOutputComplete: null,
  workerActionReceived: null,
  workerResultSent: null,
  gpuClockBeforeMhz: 0,
  gpuClockMhz: 0,
  requestsQueued: 0,
  copiesWorkers: 0,
  copiesGpus: 0,
  batch: [],
  ...fields,
});

/** Cells by column name, so that a failing test names the column. */
export const cellsByName = (header: string, row: string | null): Record<string, string> => {
  const cells = row?.split("\t") ?? [];
  return Object.fromEntries(
    header.split("\t").map((name, index) => [name, cells[index] ?? "MISSING"]),
  );
};
