/** Rows as bytes are the rows as text, for any record of the controller's logs in either dialect. */
import { expect, test } from "bun:test";
import type { ActionRecord, BatchMember, RequestRecord } from "#serving/controller/events.ts";
import { ACTION_TYPE, type ActionKind, STATUS } from "#serving/status.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { ACTION_LOG } from "#telemetry/action-log.ts";
import { BATCH_LOG } from "#telemetry/batch-log.ts";
import { putNumber } from "#telemetry/decimal-bytes.ts";
import { REQUEST_LOG } from "#telemetry/request-log.ts";
import { RowBytes } from "#telemetry/row-bytes.ts";
import { type Cell, cellsOf, encodeCells, TELEMETRY_DIALECTS } from "#telemetry/schema.ts";
import { WINDOW_LOG } from "#telemetry/window-log.ts";
import { actionRecord, requestRecord } from "./records.ts";

const EPOCHS = [1_795_399_200_000_000_123n, 1_795_399_199_999_999_999n, 5n];

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.below(values.length)] as T;

/** Any magnitude up to 46 days, either sign, and the ends of seconds. */
const instant = (rng: Rng): Nanos =>
  pick(rng, [
    () => ns(rng.below(2 ** 31)),
    () => ns(rng.below(4_000_000) * 1e9 + rng.below(1e9)),
    () => ns(-rng.below(2 ** 31) * 1000),
    () => ns(rng.below(4_000_000) * 1e9),
    () => ns(rng.below(4_000_000) * 1e9 + 999_999_999),
  ])();

const maybe = (rng: Rng): Nanos | null => (rng.below(4) === 0 ? null : instant(rng));
const count = (rng: Rng): number => pick(rng, [0, 1, 12, 345, 2 ** 31 - 1, 2 ** 32 - 1]);
const status = (rng: Rng): number => pick(rng, Object.values(STATUS));

const anyRequest = (rng: Rng): RequestRecord =>
  requestRecord({
    requestId: count(rng),
    userRequestId: pick(rng, [count(rng), -1, -(2 ** 31)]),
    userId: pick(rng, [count(rng), -5]),
    modelId: count(rng),
    modelExists: rng.below(2) === 0,
    sloFactor: pick(rng, [0, -1, 2.5, Math.fround(1 / 3), Number.NaN, Number.NEGATIVE_INFINITY]),
    result: status(rng),
    arrival: instant(rng),
    departure: instant(rng),
    slo: maybe(rng),
    arrivalWorkers: count(rng),
    departureWorkers: count(rng),
    arrivalGpus: count(rng),
    departureGpus: count(rng),
  });

const anyMember = (rng: Rng): BatchMember => ({
  requestId: count(rng),
  connectionId: count(rng),
  userRequestId: pick(rng, [count(rng), -7]),
  arrival: instant(rng),
  departure: instant(rng),
  slo: instant(rng),
  met: rng.below(2) === 0,
});

const anyAction = (rng: Rng): ActionRecord =>
  actionRecord({
    actionId: count(rng),
    action: pick(rng, Object.keys(ACTION_TYPE) as ActionKind[]),
    status: status(rng),
    worker: count(rng),
    gpuId: count(rng),
    modelId: count(rng),
    batchSize: rng.below(17),
    sent: instant(rng),
    built: instant(rng),
    received: instant(rng),
    processed: instant(rng),
    earliest: maybe(rng),
    latest: maybe(rng),
    expectedDuration: maybe(rng),
    expectedComplete: maybe(rng),
    expectedGpuClockMhz: count(rng),
    workerDuration: maybe(rng),
    workerExecComplete: maybe(rng),
    workerCopyOutputComplete: maybe(rng),
    workerActionReceived: maybe(rng),
    workerResultSent: maybe(rng),
    gpuClockBeforeMhz: count(rng),
    gpuClockMhz: count(rng),
    requestsQueued: count(rng),
    copiesWorkers: count(rng),
    copiesGpus: count(rng),
    batch: Array.from({ length: rng.below(17) }, () => anyMember(rng)),
  });

const compare = <Row>(cells: readonly Cell<Row>[], epochNs: bigint, rows: Iterable<Row>): void => {
  const bytes = new RowBytes(cells, epochNs);
  const target = new Uint8Array(1000);
  for (const row of rows) {
    target.fill(0xff);
    const end = bytes.put(row, target, 7);
    expect(end - 7).toBeLessThanOrEqual(bytes.bytesMax);
    const text = new TextDecoder().decode(target.subarray(7, end));
    expect(text).toBe(`${encodeCells(cells, row, epochNs)}\n`);
  }
};

const repeat = <Row>(name: string, make: (rng: Rng) => Row): Iterable<Row> => {
  const rng = Rng.of(1, name);
  return Array.from({ length: 2000 }, () => make(rng));
};

test.each(EPOCHS)("every log, 2,000 rows of an epoch of %p ns", (epochNs) => {
  for (const dialect of TELEMETRY_DIALECTS) {
    compare(cellsOf(REQUEST_LOG, dialect), epochNs, repeat("requests", anyRequest));
    compare(cellsOf(ACTION_LOG, dialect), epochNs, repeat("actions", anyAction));
  }
  compare(cellsOf(WINDOW_LOG, "documented"), epochNs, repeat("windows", anyAction));
  const pair = (rng: Rng) => ({ action: anyAction(rng), member: anyMember(rng) });
  compare(cellsOf(BATCH_LOG, "documented"), epochNs, repeat("pairs", pair));
});

test("numbers are put as they are printed", () => {
  const rng = Rng.of(1, "numbers");
  const numbers = [0, -0, 1 / 3, 0.125, 1e21, -1e-7, 2 ** 53, -(2 ** 53), Number.MAX_SAFE_INTEGER];
  for (let digits = 0; digits <= 15; digits++) {
    for (const near of [-1, 0, 1]) numbers.push(10 ** digits + near, -(10 ** digits) + near);
  }
  for (let i = 0; i < 2000; i++) numbers.push(Math.floor(rng.uniform() * 2 ** rng.below(54)));
  const target = new Uint8Array(40);
  for (const number of numbers) {
    const end = putNumber(target, 3, number);
    expect(new TextDecoder().decode(target.subarray(3, end))).toBe(String(number));
  }
});
