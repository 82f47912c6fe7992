/** The dialect is read off the rows where nothing states it, and said to be assumed where they do not decide. */
import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openViews } from "#query/analyse.ts";
import type { DialectReading } from "#query/analysis.ts";
import { openResults } from "#query/results-folder.ts";
import { ACTION_LOG } from "#telemetry/action-log.ts";
import { REQUEST_LOG } from "#telemetry/request-log.ts";
import { headerLine } from "#telemetry/schema.ts";
import { encodeSidecar, SIDECAR_FILE } from "#telemetry/sidecar.ts";

const scratch = mkdtempSync(join(tmpdir(), "dialect-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const RECORDED = join(import.meta.dir, "../golden/telemetry");

let count = 0;
const freshFolder = (): string => {
  const folder = join(scratch, String(count++));
  mkdirSync(folder);
  return folder;
};

const readingOf = async (folder: string): Promise<DialectReading | null | undefined> => {
  const source = openResults(folder);
  if (!source.ok) throw new Error(source.error);
  const { db, viewed } = await openViews({ source: source.value, dataFolder: freshFolder() });
  await db.close();
  return viewed[0]?.dialect;
};

const BASE = 1_795_450_300_000_000_000n;

/** Rows of (t, latency) in file order. */
const writeRequests = (folder: string, rows: readonly (readonly [number, number])[]): void => {
  const lines = rows.map(
    ([t, latency], id) =>
      `${BASE + BigInt(t)}\t${id}\t0\t0\t0\t0\t${latency}\t100000000\t1\t1\t1\t0`,
  );
  writeFileSync(
    join(folder, REQUEST_LOG.file),
    `${[headerLine(REQUEST_LOG), ...lines].join("\n")}\n`,
  );
};

/** Rows of (action id, t, controller_result_enqueue, goodput) in file order. */
const writeActions = (
  folder: string,
  rows: readonly (readonly [id: number, t: number, enqueue: number, goodput: number])[],
): void => {
  const lines = rows.map(([id, t, enqueue, goodput]) =>
    ACTION_LOG.columns
      .map(({ name }) => {
        if (name === "t") return BASE + BigInt(t);
        if (name === "action_id") return id;
        if (name === "action_type") return 2;
        if (name === "controller_result_enqueue") return enqueue;
        return name === "goodput" ? goodput : 0;
      })
      .join("\t"),
  );
  writeFileSync(
    join(folder, ACTION_LOG.file),
    `${[headerLine(ACTION_LOG), ...lines].join("\n")}\n`,
  );
};

describe("reading the dialect", () => {
  test.each([
    "closedloop-infer5-1gpu",
    "evict-infer4-small-gpu",
    "poisson-infer5-1gpu",
    "slo-infer5-2gpu",
  ])("recorded requests of %s alone are `original`", async (name) => {
    const folder = freshFolder();
    cpSync(join(RECORDED, name, REQUEST_LOG.file), join(folder, REQUEST_LOG.file));
    expect(await readingOf(folder)).toMatchObject({ dialect: "original", isDecided: true });
  });

  test("a goodput above 1 is in nanoseconds", async () => {
    const folder = freshFolder();
    writeActions(folder, [
      [0, 0, 5, 1],
      [1, 10, 5, 2_730_000],
    ]);
    expect((await readingOf(folder))?.reason).toContain("goodput exceeds 1");
  });

  test("a sidecar has the first word", async () => {
    const folder = freshFolder();
    cpSync(join(RECORDED, "poisson-infer5-1gpu"), folder, { recursive: true });
    writeFileSync(join(folder, SIDECAR_FILE), encodeSidecar("documented"));
    expect(await readingOf(folder)).toMatchObject({ dialect: "documented" });
  });

  test("send times rise with the action id under the right reading", async () => {
    // Sent at 0, 10, 20, 30; received after 35, 5, 25 and 5: as sent t rises three times, t − enqueue (−35, 5, −5, 25) twice.
    const sent = freshFolder();
    writeActions(sent, [
      [1, 10, 5, 1],
      [0, 0, 35, 1],
      [3, 30, 5, 1],
      [2, 20, 25, 1],
    ]);
    expect(await readingOf(sent)).toMatchObject({ dialect: "documented", isDecided: true });
    // The same actions by receipt, 35, 15, 45, 35: t rises twice, t − enqueue (0, 10, 20, 30) three times.
    const received = freshFolder();
    writeActions(received, [
      [1, 15, 5, 1],
      [0, 35, 35, 1],
      [3, 35, 5, 1],
      [2, 45, 25, 1],
    ]);
    expect(await readingOf(received)).toMatchObject({ dialect: "original", isDecided: true });
  });

  test("requests are in order of completion", async () => {
    // Departures 100, 110, 120 with latencies 50, 5, 60: t + latency never falls, t (50, 105, 60) falls once.
    const arrivals = freshFolder();
    writeRequests(arrivals, [
      [50, 50],
      [105, 5],
      [60, 60],
    ]);
    expect(await readingOf(arrivals)).toMatchObject({ dialect: "documented", isDecided: true });
    // The same by departure: t never falls, t + latency (150, 115, 180) falls once.
    const departures = freshFolder();
    writeRequests(departures, [
      [100, 50],
      [110, 5],
      [120, 60],
    ]);
    expect(await readingOf(departures)).toMatchObject({ dialect: "original", isDecided: true });
  });

  test("one row decides nothing: `original` is assumed and said to be", async () => {
    const folder = freshFolder();
    writeRequests(folder, [[0, 5]]);
    expect(await readingOf(folder)).toMatchObject({ dialect: "original", isDecided: false });
  });
});
