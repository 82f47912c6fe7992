/** One trial of the fault suite through its command: a real run, a damaged log, a verdict. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newestRecords, readRecords } from "../../scripts/faults/records.ts";
import { ROOT } from "../support/experiment-folder.ts";

const results = mkdtempSync(join(tmpdir(), "escapement-faults-"));
afterAll(() => rmSync(results, { recursive: true, force: true }));

const faults = async (...args: readonly string[]) => {
  const command = [process.execPath, "scripts/faults.ts", "--results", results, ...args];
  const suite = Bun.spawn(command, { cwd: ROOT, stdout: "pipe", stderr: "inherit" });
  const output = await new Response(suite.stdout).text();
  return { output, exitCode: await suite.exited };
};

test("a log that is cut off makes its run INVALID, and a resumed suite does not run it again", async () => {
  const first = await faults("--kinds", "client-log-torn", "--trials", "1");
  expect(first.output).toContain("1 of 1 trials detected");
  expect(first.exitCode).toBe(0);
  const path = newestRecords(join(results, "faults")) ?? "";
  const records = readRecords(path);
  expect(records).toHaveLength(1);
  expect(records[0]).toMatchObject({ verdict: "INVALID", is_expected: true, not_injected: "" });

  const second = await faults("--kinds", "client-log-torn", "--trials", "1", "--resume");
  expect(second.output).toContain("1 of 1 trials detected");
  expect(readRecords(path)).toEqual(records);
}, 60_000);

test("a kind that does not exist is refused", async () => {
  expect((await faults("--kinds", "gremlins")).exitCode).toBe(2);
});
