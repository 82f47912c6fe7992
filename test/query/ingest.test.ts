/** Reading logs: whole rows only, every byte accounted for, nothing sniffed, nothing written to the source. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync as stat,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { analyse, openViews } from "#query/analyse.ts";
import type { Analysis, FileIntegrity } from "#query/analysis.ts";
import { openResults, type ResultsSource } from "#query/results-folder.ts";
import { scanFile } from "#query/scan-file.ts";
import { ns } from "#stdx/nanos.ts";
import { ACTION_LOG } from "#telemetry/action-log.ts";
import { CLIENT_LOG } from "#telemetry/client-log.ts";
import { REQUEST_LOG } from "#telemetry/request-log.ts";
import { headerLine } from "#telemetry/schema.ts";
import { fixtureLogs, writeResultsFixture } from "../support/results-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "ingest-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const RECORDED = join(import.meta.dir, "../golden/telemetry");

const statSync = (path: string) => stat(path, { bigint: true });

let count = 0;
const freshFolder = (): string => {
  const folder = join(scratch, String(count++));
  mkdirSync(folder);
  return folder;
};

const sourceOf = (folder: string): ResultsSource => {
  const source = openResults(folder);
  if (!source.ok) throw new Error(source.error);
  return source.value;
};

const analyseFolder = (folder: string, dataFolder = freshFolder()): Promise<Analysis> =>
  analyse({ source: sourceOf(folder), dataFolder });

const requestRow = (t: number, latency = 5_000_000): string =>
  `${1_795_450_300_000_000_000n + BigInt(t)}\t${t}\t0\t0\t0\t0\t${latency}\t100000000\t1\t1\t1\t0`;

const writeRequests = (lines: readonly string[], end = "\n"): string => {
  const folder = freshFolder();
  const text = [headerLine(REQUEST_LOG), ...lines].join("\n") + end;
  writeFileSync(join(folder, REQUEST_LOG.file), text);
  return folder;
};

const onlyFile = (analysis: Analysis): FileIntegrity => {
  const file = analysis.runs[0]?.files[0];
  if (file === undefined) throw new Error("no file was read");
  return file;
};

describe("recorded logs of the original", () => {
  test("six kinds of recorded slices: 200 rows each, the torn one left out and counted", async () => {
    const analysis = await analyseFolder(RECORDED);
    expect(analysis.runs.map((run) => run.name)).toEqual([
      "azure-infer4-1gpu",
      "closedloop-infer5-1gpu",
      "evict-infer4-small-gpu",
      "poisson-infer5-1gpu",
      "simple-infer4-1gpu",
      "slo-infer5-2gpu",
    ]);
    for (const run of analysis.runs) {
      expect(run.dialect).toMatchObject({ dialect: "original", isDecided: true });
      expect(run.view).toBe("controller");
      for (const file of run.files) {
        // The slices are cut after 34 bytes of their 201st row.
        expect(file).toMatchObject({ lines: 201, rows: 200, tornBytes: 34, mismatches: [] });
        expect(file.rejectedCount).toBe(0);
      }
    }
  });

  test("the source is not written to", async () => {
    const folder = freshFolder();
    cpSync(join(RECORDED, "poisson-infer5-1gpu"), folder, { recursive: true });
    await analyseFolder(folder);
    expect(readdirSync(folder).sort()).toEqual([ACTION_LOG.file, REQUEST_LOG.file]);
  });
});

describe("torn and broken rows", () => {
  test("a row cut inside its last number looks whole, and is left out all the same", async () => {
    const folder = writeRequests([requestRow(1), requestRow(2), requestRow(3)], "");
    const file = onlyFile(await analyseFolder(folder));
    // Header and two whole rows; the third has all its columns but no line feed.
    expect(file).toMatchObject({ lines: 3, rows: 2, rejectedCount: 0, mismatches: [] });
    expect(file.tornBytes).toBe(requestRow(3).length);
  });

  test("a torn row after a broken one does not hide it", async () => {
    const folder = writeRequests([requestRow(1), "nonsense", requestRow(3), "179545"], "");
    const file = onlyFile(await analyseFolder(folder));
    expect(file).toMatchObject({ lines: 4, rows: 2, tornBytes: 6, rejectedCount: 1 });
    expect(file.rejected[0]?.line).toBe(3);
    expect(file.mismatches).toEqual(["1 lines are no rows of this log"]);
  });

  test("words where numbers belong are named with their line", async () => {
    const broken = requestRow(2).replace("5000000", "five");
    const file = onlyFile(await analyseFolder(writeRequests([requestRow(1), broken])));
    expect(file).toMatchObject({ lines: 3, rows: 1, rejectedCount: 1 });
    expect(file.rejected[0]?.line).toBe(3);
    expect(file.rejected[0]?.reason).toContain("latency");
  });

  test("swapped columns are no log of ours: the first one that differs is named", async () => {
    const folder = freshFolder();
    const header = headerLine(REQUEST_LOG).replace("result\tuser_id", "user_id\tresult");
    writeFileSync(join(folder, REQUEST_LOG.file), `${header}\n${requestRow(1)}\n`);
    const analysis = await analyseFolder(folder);
    expect(onlyFile(analysis).mismatches).toEqual([
      'line 1 is not this log\'s header: column 3 is "user_id", expected "result"',
    ]);
    expect(analysis.runs[0]?.metrics).toEqual({});
  });

  test("a client's log from before its last column is read without it", async () => {
    const folder = freshFolder();
    const text = fixtureLogs(ns(25e6))[CLIENT_LOG.file] ?? "";
    const older = text.replaceAll(/\t[^\t\n]*$/gm, "");
    writeFileSync(join(folder, CLIENT_LOG.file), older);
    expect(older.split("\n")[0]).toEndWith("\tslo_ns");
    expect(onlyFile(await analyseFolder(folder))).toMatchObject({ rows: 12, mismatches: [] });
    const { db } = await openViews({ source: sourceOf(folder), dataFolder: freshFolder() });
    try {
      const sql = `select count(response_sent_ns)::INTEGER as known, count(send_lateness_ns)::INTEGER as sent,
        count(receive_lateness_ns)::INTEGER as both from client`;
      expect(await db.rows(sql)).toEqual([{ known: 0, sent: 11, both: 0 }]);
    } finally {
      await db.close();
    }
  });

  test("an empty file and a header alone", async () => {
    const empty = freshFolder();
    writeFileSync(join(empty, REQUEST_LOG.file), "");
    expect(onlyFile(await analyseFolder(empty)).mismatches).toEqual([
      "no whole line: empty or torn",
    ]);
    const bare = await analyseFolder(writeRequests([]));
    expect(onlyFile(bare)).toMatchObject({ lines: 1, rows: 0, mismatches: [] });
    expect(bare.runs[0]?.metrics).toEqual({});
  });

  test("the original's wrapped differences come back negative", async () => {
    const folder = freshFolder();
    const recorded = readFileSync(join(RECORDED, "poisson-infer5-1gpu", ACTION_LOG.file), "utf8");
    const [header = "", row = ""] = recorded.split("\n");
    const cells = row.split("\t");
    const wrapped = cells.with(
      ACTION_LOG.columns.findIndex(({ name }) => name === "controller_result_enqueue"),
      String(2n ** 64n - 7n),
    );
    writeFileSync(join(folder, ACTION_LOG.file), `${header}\n${wrapped.join("\t")}\n`);
    const { db } = await openViews({ source: sourceOf(folder), dataFolder: freshFolder() });
    try {
      expect(await db.rows("select received_ns - sent_ns as d from actions")).toEqual([{ d: -7n }]);
    } finally {
      await db.close();
    }
  });
});

describe("long logs", () => {
  test("of weeks have few intervals", async () => {
    const day = 86_400_000_000_000;
    // Twelve requests, one every two days: 22 days and 1 ns, so 5 requests take at least 11 days.
    const rows = Array.from({ length: 12 }, (_, index) => requestRow(index * 2 * day));
    const intervals = (await analyseFolder(writeRequests(rows))).runs[0]?.intervals ?? [];
    expect(intervals).toHaveLength(1);
    expect(intervals[0]).toMatchObject({ lengthNs: 22 * day + 1, scheduled: 12 });
  });

  test("of hours have intervals of minutes", async () => {
    // 1,200 requests, one every 6 s, take 7,194 s: a sixtieth of it is 119.9 s, and the next round length 300 s.
    const rows = Array.from({ length: 1200 }, (_, index) => requestRow(index * 6e9));
    const intervals = (await analyseFolder(writeRequests(rows))).runs[0]?.intervals ?? [];
    expect(intervals[0]?.lengthNs).toBe(300e9);
    expect(intervals.reduce((sum, row) => sum + row.scheduled, 0)).toBe(1200);
  });
});

describe("reconciliation with the runner's notes", () => {
  const tamper = (name: string, change: (text: string) => string): string => {
    const folder = freshFolder();
    const plan = writeResultsFixture(folder);
    const path = join(folder, "runs", plan.runs[0]?.name ?? "", "telemetry", name);
    writeFileSync(path, change(readFileSync(path, "utf8")));
    return folder;
  };

  test("untouched logs agree", async () => {
    const folder = freshFolder();
    writeResultsFixture(folder);
    const { runs } = await analyseFolder(folder);
    const files = runs.flatMap((run) => run.files);
    expect(files).toHaveLength(8);
    for (const file of files) expect(file.mismatches).toEqual([]);
    for (const file of files) expect(file.rowsWritten).toBe(file.rows);
  });

  test("a lost row shows in bytes, checksum and the writer's count", async () => {
    const folder = tamper(
      "client_log.tsv",
      (text) => `${text.trimEnd().split("\n").slice(0, -1).join("\n")}\n`,
    );
    const { runs } = await analyseFolder(folder);
    const client = runs[0]?.files.find((file) => file.log === "client");
    expect(client?.mismatches).toHaveLength(3);
    expect(client?.mismatches[2]).toBe("11 rows, but its writer says it wrote 12");
  });

  test("a changed digit shows in the checksum", async () => {
    const folder = tamper("client_log.tsv", (text) => text.replace("ok\t0", "ok\t1"));
    const { runs } = await analyseFolder(folder);
    const client = runs[0]?.files.find((file) => file.log === "client");
    expect(client?.mismatches).toEqual(["its SHA-256 is not the one noted when it was collected"]);
  });
});

describe("logs of several load generators", () => {
  /** Deals the rows of the client log to two files, as two generators write them. */
  const split = (): string => {
    const folder = freshFolder();
    const logs = fixtureLogs(ns(100_000_000));
    for (const [name, text] of Object.entries(logs)) writeFileSync(join(folder, name), text);
    const [header = "", ...rows] = (logs[CLIENT_LOG.file] ?? "").trimEnd().split("\n");
    const file = (own: readonly string[]): string => `${[header, ...own].join("\n")}\n`;
    const isFirst = (_: string, index: number): boolean => index % 3 === 0;
    writeFileSync(join(folder, "client_log.tsv"), file(rows.filter(isFirst)));
    const others = rows.filter((row, index) => !isFirst(row, index));
    writeFileSync(join(folder, "client_log.12.tsv"), file(others.slice(1)));
    writeFileSync(join(folder, "client_log.2.tsv"), file(others.slice(0, 1)));
    return folder;
  };

  test("are one view, each file accounted for by itself", async () => {
    const whole = freshFolder();
    for (const [name, text] of Object.entries(fixtureLogs(ns(100_000_000))))
      writeFileSync(join(whole, name), text);
    const [one] = (await analyseFolder(whole)).runs;
    const [several] = (await analyseFolder(split())).runs;
    const client = several?.files.filter((file) => file.log === "client") ?? [];
    expect(client.map(({ path }) => path)).toEqual([
      "client_log.tsv",
      "client_log.2.tsv",
      "client_log.12.tsv",
    ]);
    expect(client.flatMap(({ mismatches }) => mismatches)).toEqual([]);
    const rowsOf = (files: readonly FileIntegrity[]): number =>
      files.reduce((sum, { rows }) => sum + rows, 0);
    expect(rowsOf(client)).toBe(rowsOf(one?.files.filter((file) => file.log === "client") ?? []));
    expect(several?.metrics).toEqual(one?.metrics ?? {});
    expect(several?.outcomes).toEqual(one?.outcomes ?? []);
    expect(several?.latencyTail).toEqual(one?.latencyTail ?? []);
    expect(several?.whole).toEqual(one?.whole ?? null);
  });

  test("a row that is lost in one of them is missed there", async () => {
    const folder = split();
    const path = join(folder, "client_log.12.tsv");
    writeFileSync(path, readFileSync(path, "utf8").trimEnd());
    const [run] = (await analyseFolder(folder)).runs;
    const torn = run?.files.filter(({ tornBytes }) => tornBytes > 0);
    expect(torn?.map((file) => file.path)).toEqual(["client_log.12.tsv"]);
  });

  test("other files beside them are none of them", async () => {
    const folder = split();
    for (const name of ["client_log.01.tsv", "client_log.1.tsv.bak", "client_log.x.tsv"])
      writeFileSync(join(folder, name), "x");
    const [run] = (await analyseFolder(folder)).runs;
    expect(run?.files.filter((file) => file.log === "client")).toHaveLength(3);
  });
});

describe("derived data", () => {
  const parquetOf = (data: string): string => join(data, "poisson-infer5-1gpu", "requests.parquet");

  test("is kept while nothing changed", async () => {
    const data = freshFolder();
    await analyseFolder(RECORDED, data);
    const written = statSync(parquetOf(data)).mtimeNs;
    await analyseFolder(RECORDED, data);
    expect(statSync(parquetOf(data)).mtimeNs).toBe(written);
  });

  test("is the same bytes every time", async () => {
    const [first, second] = [freshFolder(), freshFolder()];
    await analyseFolder(RECORDED, first);
    await analyseFolder(RECORDED, second);
    const hash = (await scanFile(parquetOf(first))).sha256;
    expect((await scanFile(parquetOf(second))).sha256).toBe(hash);
    expect(readFileSync(join(first, "inputs.json"))).toEqual(
      readFileSync(join(second, "inputs.json")),
    );
  });

  test("is made again when it was tampered with", async () => {
    const data = freshFolder();
    const before = await analyseFolder(RECORDED, data);
    writeFileSync(parquetOf(data), "not Parquet");
    const after = await analyseFolder(RECORDED, data);
    expect(after.runs[2]?.metrics).toEqual(before.runs[2]?.metrics ?? {});
  });

  test("is made again when the log changed", async () => {
    const folder = writeRequests([requestRow(1), requestRow(2)]);
    const data = freshFolder();
    expect(onlyFile(await analyseFolder(folder, data)).rows).toBe(2);
    writeFileSync(
      join(folder, REQUEST_LOG.file),
      `${[headerLine(REQUEST_LOG), requestRow(1)].join("\n")}\n`,
    );
    expect(onlyFile(await analyseFolder(folder, data)).rows).toBe(1);
  });
});
