/** The runner's own logs: rows by host, process and loop, how many there are, and what is said when they cannot be written. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostSample, ProcessSample } from "#remote/remote.ts";
import { HealthLogs } from "#runner/health-logs.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "escapement-health-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const worker: ProcessSample = {
  process: "worker0",
  pid: 42,
  state: "S",
  cpuNs: 1,
  runNs: 2,
  runDelayNs: 3,
  rssBytes: 4,
  majorFaults: 5,
};
const sample: HostSample = {
  atNs: "1700000000000000001",
  realtimeNs: "1700000000000000002",
  monotonicNs: "3",
  cpuCount: 2,
  cpuBusyNs: 4,
  cpuStealNs: null,
  cpuPressureNs: null,
  memoryPressureNs: null,
  ioPressureNs: null,
  throttledNs: null,
  throttledPeriods: null,
  processes: [worker, { ...worker, process: "controller" }],
};

test("one row per host, one per process, none for what comes after the end", () => {
  const failures: string[] = [];
  const logs = new HealthLogs(folder, (reason) => failures.push(reason));
  logs.sample("local", sample);
  logs.sample("local", sample);
  const rows = logs.close();
  expect(Object.fromEntries(rows)).toEqual({
    "host_log.tsv": 2,
    "process_log.tsv": 4,
    "loop_log.tsv": 0,
  });
  logs.sample("local", sample);
  expect(logs.close()).toEqual(rows);
  const text = readFileSync(join(folder, "process_log.tsv"), "utf8").split("\n");
  expect(text[1]).toBe("1700000000000000001\tlocal\tworker0\t42\tS\t1\t2\t3\t4\t5");
  expect(text).toHaveLength(6);
  expect(failures).toEqual([]);
});

test("a folder that cannot be written is told for each log, and rows are counted as none", async () => {
  const failures: string[] = [];
  const logs = new HealthLogs(join(folder, "missing"), (reason) => failures.push(reason));
  await Promise.resolve();
  expect(failures).toHaveLength(3);
  for (const failure of failures) expect(failure).toContain("missing");
  logs.sample("local", sample);
  expect(logs.close().size).toBe(0);
});
