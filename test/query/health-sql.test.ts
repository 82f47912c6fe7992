/** Health over a window: which samples count at its edges, and what becomes of counts that a system does not have. */
import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { analyse } from "#query/analyse.ts";
import type { RunHealth } from "#query/analysis.ts";
import { openResults } from "#query/results-folder.ts";
import { CLIENT_LOG } from "#telemetry/client-log.ts";
import { HOST_LOG } from "#telemetry/host-log.ts";
import { LOOP_LOG } from "#telemetry/loop-log.ts";
import { PROCESS_LOG } from "#telemetry/process-log.ts";
import { headerLine, type LogSchema } from "#telemetry/schema.ts";
import { FIXTURE_EPOCH_NS, writeResultsFixture } from "../support/results-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "health-sql-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const MS = 1_000_000;
const at = (ms: number): string => String(FIXTURE_EPOCH_NS + BigInt(ms * MS));

type Row = readonly (string | number)[];

const text = (schema: LogSchema<never>, rows: readonly Row[]): string =>
  [headerLine(schema), ...rows.map((row) => row.join("\t"))].map((line) => `${line}\n`).join("");

let count = 0;

/** The health of the fixture's first run, whose window is [1 s, 3 s), with these logs added. */
const healthOf = async (logs: Readonly<Record<string, string>>): Promise<RunHealth | null> => {
  const folder = join(scratch, String(count++));
  const plan = writeResultsFixture(folder, { states: ["done", "failed"] });
  const telemetry = join(folder, "runs", plan.runs[0]?.name ?? "", "telemetry");
  for (const [file, content] of Object.entries(logs)) writeFileSync(join(telemetry, file), content);
  const source = openResults(folder);
  if (!source.ok) throw new Error(source.error);
  const { runs } = await analyse({ source: source.value, dataFolder: join(folder, "data") });
  return runs[0]?.health ?? null;
};

/** A sample whose totals all are `total` ns; the wall clock stands `offset` ns off. */
const hostRow = (ms: number, total: number, offset = 0): Row => {
  const totals = [total, total + 1, total + 2, total + 3, total + 4, total + 5, 1];
  return [
    at(ms),
    "local",
    String(FIXTURE_EPOCH_NS + BigInt(ms * MS + offset)),
    ms * MS,
    2,
    ...totals,
  ];
};

test("a host: differences between the samples that enclose the window; clock steps of the whole run", async () => {
  const rows = [
    hostRow(100, 0),
    hostRow(200, 10, 70 * MS),
    hostRow(950, 100, 70 * MS),
    hostRow(1050, 300, 70 * MS),
    hostRow(2600, 500, 70 * MS),
    hostRow(3010, 700, 70 * MS),
    hostRow(3500, 9000, 70 * MS),
  ];
  const health = await healthOf({ [HOST_LOG.file]: text(HOST_LOG, rows) });
  expect(health?.hosts).toEqual([
    {
      host: "local",
      cpuCount: 2,
      samples: 4,
      windowNs: 2060 * MS,
      sampleGapMaxNs: 1550 * MS,
      cpuBusyNs: 600,
      stealNs: 600,
      cpuPressureNs: 600,
      memoryPressureNs: 600,
      ioPressureNs: 600,
      throttledNs: 600,
      clockStepMaxNs: 70 * MS,
    },
  ]);
  expect(health).toMatchObject({ processes: [], loops: [] });
});

test("a host: where no sample encloses the window, the gap reaches to its edge", async () => {
  const rows = [hostRow(1500, 0), hostRow(1600, 1), hostRow(1700, 2)];
  const health = await healthOf({ [HOST_LOG.file]: text(HOST_LOG, rows) });
  expect(health?.hosts[0]).toMatchObject({
    samples: 3,
    windowNs: 200 * MS,
    sampleGapMaxNs: 1300 * MS,
    cpuBusyNs: 2,
  });
});

test("a host: what its system does not count is null; one sample tells nothing", async () => {
  const bare = (ms: number): Row => [at(ms), "mac", at(ms), ms * MS, 8, "", "", "", "", "", "", ""];
  const rows = [bare(900), bare(3100), hostRow(2000, 1)];
  const health = await healthOf({ [HOST_LOG.file]: text(HOST_LOG, rows) });
  expect(health?.hosts).toHaveLength(1);
  expect(health?.hosts[0]).toMatchObject({
    host: "mac",
    cpuBusyNs: 0,
    stealNs: null,
    cpuPressureNs: null,
    throttledNs: null,
  });
});

test("a process: stops and delays in the window, not those before it", async () => {
  const row = (ms: number, state: string, cpuMs: number, delayMs: number | ""): Row => [
    at(ms),
    "local",
    "worker0",
    42,
    state,
    cpuMs * MS,
    cpuMs * MS,
    delayMs === "" ? "" : delayMs * MS,
    ms,
    ms,
  ];
  const rows = [
    row(500, "T", 0, 0),
    row(990, "S", 10, 900),
    row(1090, "R", 20, 910),
    row(1190, "T", 20, 950),
    row(1290, "t", 20, 950),
    row(3000, "S", 70, 960),
    row(3100, "T", 80, 2000),
  ];
  const health = await healthOf({ [PROCESS_LOG.file]: text(PROCESS_LOG, rows) });
  expect(health?.processes).toEqual([
    {
      process: "worker0",
      host: "local",
      samples: 5,
      cpuNs: 60 * MS,
      runDelayNs: 60 * MS,
      runDelayMaxNs: 40 * MS,
      stoppedSamples: 2,
      rssMaxBytes: 3000,
      majorFaults: 2010,
    },
  ]);
  const uncounted = [row(900, "S", 1, ""), row(3100, "S", 2, "")];
  const without = await healthOf({ [PROCESS_LOG.file]: text(PROCESS_LOG, uncounted) });
  expect(without?.processes[0]).toMatchObject({ runDelayNs: null, runDelayMaxNs: null });
});

test("a loop: the longest stretches since the word before the window, the clocks of the last word", async () => {
  const rows: Row[] = [
    [at(-200), "client0", 0, 0, 0, 0, 0, "", "", ""],
    [at(800), "client0", 100, 10, 99, 1, 1, 99, 5000, 400],
    [at(1800), "client0", 300, 20, 7, 1, 1, "", 900, 300],
    [at(2800), "client0", 500, 30, 8, 2, 3, 6, -20, 200],
    [at(3800), "client0", 700, 40, 9, 4, 4, 5, -10, 100],
    [at(4800), "client0", 999, 50, 88, 9, 9, 88, 1, 1],
  ];
  const health = await healthOf({ [LOOP_LOG.file]: text(LOOP_LOG, rows) });
  expect(health?.loops).toEqual([
    {
      process: "client0",
      samples: 4,
      busyNs: 600,
      intervalNs: 3000 * MS,
      stallMaxNs: 9,
      stalls: 3,
      gcCount: 3,
      gcPauseMaxNs: 6,
      clockDeltaNs: -10,
      roundTripNs: 100,
    },
  ]);
});

test("folders without these logs, ours or not, have no health", async () => {
  expect(await healthOf({})).toBeNull();
  const folder = join(scratch, "foreign");
  mkdirSync(folder);
  const plan = writeResultsFixture(join(scratch, "origin"));
  const telemetry = join(scratch, "origin/runs", plan.runs[0]?.name ?? "", "telemetry");
  cpSync(join(telemetry, CLIENT_LOG.file), join(folder, CLIENT_LOG.file));
  const source = openResults(folder);
  if (!source.ok) throw new Error(source.error);
  const { runs } = await analyse({ source: source.value, dataFolder: join(scratch, "data") });
  expect(runs.map(({ health }) => health)).toEqual([null]);
});
