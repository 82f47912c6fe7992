/** What is taken stock of after a run, and what is said of logs that are not whole. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectFiles } from "#runner/collect.ts";
import { LOGS } from "#telemetry/logs.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "escapement-collect-"));
  for (const part of ["telemetry", "logs"]) mkdirSync(join(folder, part));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const names = LOGS.map(({ file }) => file);
const [first = "", ...others] = names;

/** Writes every log with a header and two rows; `contents` replaces some, null leaves one out. */
const collect = (
  contents: Readonly<Record<string, string | null>> = {},
  rowsWritten: readonly (readonly [string, number])[] = names.map((name) => [name, 2]),
  expectWhole = true,
) => {
  for (const name of names) {
    const text = contents[name] === undefined ? "h\n1\n2\n" : contents[name];
    if (text !== null) writeFileSync(join(folder, "telemetry", name), text);
  }
  writeFileSync(join(folder, "logs", "worker0.log"), "no newline at the end");
  const expectedLogs = expectWhole ? names : [];
  const signal = new AbortController().signal;
  return collectFiles({ folder, rowsWritten: new Map(rowsWritten), expectedLogs, signal });
};

describe("collecting", () => {
  test("finds nothing wrong with whole logs, and makes every file read-only", async () => {
    const { files, problems } = await collect();
    expect(problems).toEqual([]);
    expect(files).toHaveLength(names.length + 1);
    expect(files.find(({ path }) => path === join("telemetry", first))).toMatchObject({
      bytes: 6,
      lines: 3,
      rows_written: 2,
    });
    for (const { path } of files) expect(statSync(join(folder, path)).mode & 0o222).toBe(0);
  });

  test("names the log that is missing, when the run came to its end", async () => {
    const path = join("telemetry", first);
    expect((await collect({ [first]: null })).problems).toEqual([`${path} is missing`]);
  });

  test("expects nothing of a run that went wrong", async () => {
    expect((await collect({ [first]: null }, [], false)).problems).toEqual([]);
  });

  test("names the log whose writer did not say how many rows it wrote", async () => {
    const { problems } = await collect(
      {},
      others.map((name) => [name, 2]),
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${first} may be incomplete`);
  });

  test.each([
    ["a row short", "h\n1\n", "holds 1 rows, but its writer wrote 2"],
    ["a row too many", "h\n1\n2\n3\n", "holds 3 rows, but its writer wrote 2"],
    ["torn", "h\n1\n2", "ends within a row"],
  ])("names the log that is %s", async (_what, text, problem) => {
    const { problems } = await collect({ [first]: text });
    expect(problems[0]).toContain(problem);
  });
});
