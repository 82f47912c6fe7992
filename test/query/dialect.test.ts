/** The dialect is read off the rows where nothing states it, and said to be assumed where they do not decide. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openViews } from "#query/analyse.ts";
import type { Dialect, DialectReading } from "#query/analysis.ts";
import { openResults } from "#query/results-folder.ts";
import { Rng } from "#stdx/rng.ts";
import { ACTION_LOG, encodeActionRow } from "#telemetry/action-log.ts";
import { encodeRequestRow, REQUEST_LOG } from "#telemetry/request-log.ts";
import { headerLine } from "#telemetry/schema.ts";
import { encodeSidecar, SIDECAR_FILE } from "#telemetry/sidecar.ts";
import { World } from "../serving/controller/world.ts";
import { SAMPLE_ACTIONS, SAMPLE_REQUESTS } from "../telemetry/samples.ts";

const scratch = mkdtempSync(join(tmpdir(), "dialect-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const RECORDED = join(import.meta.dir, "../golden/telemetry");

let count = 0;
const freshFolder = (): string => {
  const folder = join(scratch, String(count++));
  mkdirSync(folder);
  return folder;
};

const readingOf = async (
  folder: string,
  dialect?: Dialect,
): Promise<DialectReading | null | undefined> => {
  const source = openResults(folder);
  if (!source.ok) throw new Error(source.error);
  const { db, viewed } = await openViews({
    source: source.value,
    dataFolder: freshFolder(),
    ...(dialect === undefined ? {} : { dialect }),
  });
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

/** Whole rows of a log as cells; the piece that recordings end with is left out. */
const readCells = (path: string): readonly (readonly string[])[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .slice(1, -1)
    .map((line) => line.split("\t"));

const writeCells = (
  folder: string,
  log: typeof ACTION_LOG | typeof REQUEST_LOG,
  rows: readonly (readonly string[])[],
): string => {
  const lines = [headerLine(log), ...rows.map((cells) => cells.join("\t"))];
  writeFileSync(join(folder, log.file), `${lines.join("\n")}\n`);
  return folder;
};

const columnOf = (log: typeof ACTION_LOG | typeof REQUEST_LOG, name: string): number =>
  log.columns.findIndex((column) => column.name === name);

/** `t` of the documented dialect: the original's less `column`. */
const movedBack = (
  rows: readonly (readonly string[])[],
  column: number,
): readonly (readonly string[])[] =>
  rows.map((cells) => [
    String(BigInt(cells[0] as string) - BigInt(cells[column] as string)),
    ...cells.slice(1),
  ]);

const GOODPUT = columnOf(ACTION_LOG, "goodput");
const LATENCY = columnOf(REQUEST_LOG, "latency");
const ENQUEUE = columnOf(ACTION_LOG, "controller_result_enqueue");

/** Where the goodput says nothing: 1 in either dialect. */
const withoutGoodput = (rows: readonly (readonly string[])[]): readonly (readonly string[])[] =>
  rows.map((cells) => cells.map((cell, index) => (index === GOODPUT ? "1" : cell)));

const RECORDINGS = [
  "azure-infer4-1gpu",
  "closedloop-infer5-1gpu",
  "evict-infer4-small-gpu",
  "poisson-infer5-1gpu",
  "simple-infer4-1gpu",
  "slo-infer5-2gpu",
];

describe.each(RECORDINGS)("the recording %s", (name) => {
  const requests = readCells(join(RECORDED, name, REQUEST_LOG.file));
  const actions = readCells(join(RECORDED, name, ACTION_LOG.file));
  const original = { dialect: "original", isDecided: true } as const;
  const documented = { dialect: "documented", isDecided: true } as const;

  test("is `original`: by both logs, by its requests, by its actions with and without goodput", async () => {
    expect(await readingOf(join(RECORDED, name))).toMatchObject(original);
    const alone = writeCells(freshFolder(), REQUEST_LOG, requests);
    expect(await readingOf(alone)).toMatchObject(original);
    const counted = writeCells(freshFolder(), ACTION_LOG, actions);
    expect((await readingOf(counted))?.reason).toContain("goodput exceeds 1");
    const timed = writeCells(freshFolder(), ACTION_LOG, withoutGoodput(actions));
    expect(await readingOf(timed)).toMatchObject(original);
  });

  test("is `documented` once its instants are that dialect's", async () => {
    const alone = writeCells(freshFolder(), REQUEST_LOG, movedBack(requests, LATENCY));
    expect(await readingOf(alone)).toMatchObject(documented);
    const sent = movedBack(withoutGoodput(actions), ENQUEUE);
    expect(await readingOf(writeCells(freshFolder(), ACTION_LOG, sent))).toMatchObject(documented);
  });
});

const shared = process.env["ESCAPEMENT_SHARED"] ?? resolve(import.meta.dir, "../../../shared");
const whole = join(shared, "data/clockwork-telemetry");
const isAbsent = !existsSync(whole);
if (isAbsent) console.warn(`dialect.test.ts: whole recordings skipped, none in ${whole}`);

test.skipIf(isAbsent)("the whole recordings are `original`, their rows whole", async () => {
  const source = openResults(whole);
  if (!source.ok) throw new Error(source.error);
  const { db, viewed } = await openViews({ source: source.value, dataFolder: freshFolder() });
  await db.close();
  expect(viewed.map(({ name, dialect }) => [name, dialect?.dialect, dialect?.isDecided])).toEqual(
    RECORDINGS.map((name) => [name, "original", true]),
  );
});

describe("the documentation's samples", () => {
  const requests = SAMPLE_REQUESTS.map((row) => row.split(" "));
  const actions = SAMPLE_ACTIONS.map((row) => row.split(" "));

  test("are `original`, together and each alone", async () => {
    const both = writeCells(freshFolder(), REQUEST_LOG, requests);
    writeCells(both, ACTION_LOG, actions);
    expect(await readingOf(both)).toMatchObject({ dialect: "original", isDecided: true });
    const alone = writeCells(freshFolder(), REQUEST_LOG, requests);
    expect(await readingOf(alone)).toMatchObject({ dialect: "original", isDecided: true });
    const timed = writeCells(freshFolder(), ACTION_LOG, withoutGoodput(actions));
    expect(await readingOf(timed)).toMatchObject({ dialect: "original", isDecided: true });
  });

  test("as our writer would have written them, four rows do not decide, and a word does", async () => {
    const arrived = movedBack(requests, LATENCY);
    expect(arrived.map(([t]) => t?.slice(-10))).toEqual([
      "3782277698",
      "3784044934",
      "3791871905",
      "3792240385",
    ]);
    const sent = movedBack(withoutGoodput(actions), ENQUEUE);
    expect(sent.map(([t]) => t?.slice(-10))).toEqual([
      "3782221183",
      "3782209786",
      "3782254391",
      "3782235010",
    ]);
    // Either way every instant rises, the actions' with their id and the requests' in file order.
    const both = writeCells(freshFolder(), ACTION_LOG, sent);
    writeCells(both, REQUEST_LOG, arrived);
    expect(await readingOf(both)).toMatchObject({ dialect: "original", isDecided: false });
    expect(await readingOf(both, "documented")).toMatchObject({ dialect: "documented" });
  });
});

describe.each(["documented", "original"] as const)("what we write as `%s`", (dialect) => {
  // 2 GPUs with room for five models each, twelve models: loads, evictions, time-outs, batches.
  const world = new World({ gpusPerWorker: 2, pagesPerGpu: 35, networkNs: 120_000 });
  const start = world.startUp([{ path: "/zoo/resnet50_v2/model", copies: 12 }]);
  const rng = Rng.of(1, "dialect");
  for (let i = 0; i < 400; i++) {
    world.at(start + i * 2_000_000, () => world.infer(rng.below(12)));
  }
  world.run(start + 5_000_000_000);
  const requests = world.requests.flatMap(
    (record) => encodeRequestRow(record, BASE, dialect) ?? [],
  );
  const actions = world.actions.flatMap((record) => encodeActionRow(record, BASE, dialect) ?? []);
  const cells = (rows: readonly string[]) => rows.map((row) => row.split("\t"));

  test("is read as that without a sidecar, from either log", async () => {
    const alone = writeCells(freshFolder(), REQUEST_LOG, cells(requests));
    expect(await readingOf(alone)).toMatchObject({ dialect, isDecided: true });
    const acted = writeCells(freshFolder(), ACTION_LOG, cells(actions));
    expect(await readingOf(acted)).toMatchObject({ dialect, isDecided: true });
  });
});

describe("reading the dialect", () => {
  test("who tells it has the last word, also against a sidecar", async () => {
    const folder = freshFolder();
    cpSync(join(RECORDED, "poisson-infer5-1gpu"), folder, { recursive: true });
    writeFileSync(join(folder, SIDECAR_FILE), encodeSidecar("original"));
    expect(await readingOf(folder, "documented")).toEqual({
      dialect: "documented",
      reason: "as told by --dialect",
      isDecided: true,
    });
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
