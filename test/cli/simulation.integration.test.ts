/** The `experiment` command in virtual time: the same files, report and exit codes as on hosts, and the same bytes each time. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest, StoredRun } from "#telemetry/results.ts";
import {
  ExperimentCommand,
  type SmallExperiment,
  smallExperiment,
} from "../support/experiment-command.ts";
import { ExperimentFolder } from "../support/experiment-folder.ts";

let folder: ExperimentFolder;

beforeEach(() => {
  folder = new ExperimentFolder();
});
afterEach(() => folder[Symbol.dispose]());

const simulate = async (
  experiment: SmallExperiment,
  ...args: readonly string[]
): Promise<ExperimentCommand> => {
  await folder.write("small.ts", smallExperiment(experiment));
  const command = new ExperimentCommand(folder, ["small.ts", "--results", "out", ...args]);
  await command.ended;
  return command;
};

const readRun = (results: string, name: string): StoredRun =>
  JSON.parse(readFileSync(join(results, "runs", name, "run.json"), "utf8")) as StoredRun;

const hashOf = (results: string, name: string): string =>
  readRun(results, name).simulation?.sha256 ?? "none";

test("ends like a run on hosts, says what it was, and is VALID without a host", async () => {
  await using command = await simulate({ repetitions: 2 }, "--on", "sim");
  expect(command.process.exitCode).toBe(0);
  const run = readRun(command.results, "01-rep=2");
  expect(run).toMatchObject({ state: "done", problems: [], expected_requests: 25 });
  expect(run.states.map(({ state }) => state)).toEqual([
    "launching",
    "ready",
    "measuring",
    "draining",
    "collecting",
    "tearing-down",
    "done",
  ]);
  expect(run.files.map(({ path }) => path)).toEqual([
    "telemetry/batch_log.tsv",
    "telemetry/client_log.tsv",
    "telemetry/clockwork_action_log.tsv",
    "telemetry/clockwork_request_log.tsv",
    "telemetry/telemetry.json",
    "telemetry/window_log.tsv",
    "logs/client0.log",
    "logs/controller.log",
    "logs/worker0.log",
  ]);
  const clientLog = run.files.find(({ path }) => path === "telemetry/client_log.tsv");
  expect(clientLog).toMatchObject({ rows_written: 35, lines: 36 });
  const manifest = JSON.parse(
    readFileSync(join(command.results, "manifest.json"), "utf8"),
  ) as Manifest;
  expect(manifest.target).toBe("sim");
  const report = readFileSync(join(command.results, "report.md"), "utf8");
  expect(report.slice(0, 500)).toContain("**Simulated** (target `sim`)");
  expect(report).toContain("--on sim   # run it again");
  expect(report).toContain(hashOf(command.results, "01-rep=2"));
  expect(command.stdout).toContain("verdict: VALID");
  expect(command.stdout).toContain(`logs ${hashOf(command.results, "01-rep=2")}`);
}, 60_000);

test("the same seed gives the same hash of all logs, another one another", async () => {
  const hashes: string[] = [];
  for (const seed of ["3", "3", "4"]) {
    await using command = await simulate({}, "--on", "sim", "--seed", seed, "--no-report");
    expect(command.process.exitCode).toBe(0);
    const found = hashOf(command.results, "00-rep=1");
    const logs = join(command.results, "runs/00-rep=1");
    const shell = Bun.spawnSync(["sh", "-c", "sha256sum logs/* telemetry/* | sha256sum"], {
      cwd: logs,
      env: { ...process.env, LC_ALL: "C" },
    });
    expect(shell.stdout.toString()).toStartWith(found);
    hashes.push(found);
  }
  expect(hashes[0]).toBe(hashes[1] as string);
  expect(hashes[2]).not.toBe(hashes[0] as string);
}, 60_000);

describe("--resume", () => {
  test("goes on in virtual time without being told, and redoes what is damaged", async () => {
    await using first = await simulate({ repetitions: 2 }, "--on", "sim", "--no-report");
    const [kept, redone] = ["00-rep=1", "01-rep=2"].map((name) => hashOf(first.results, name));
    const log = join(first.results, "runs/01-rep=2/telemetry/client_log.tsv");
    Bun.spawnSync(["rm", "-f", log]);
    await using again = await simulate({ repetitions: 2 }, "--resume", first.id, "--no-report");
    expect(again.process.exitCode).toBe(0);
    expect(again.stdout).toContain("[1/2] 00-rep=1 kept: it is done");
    expect(again.stdout).toContain("[2/2] 01-rep=2 to do: telemetry/client_log.tsv is missing");
    expect(readdirSync(join(first.results, "superseded"))).toEqual(["01-rep=2.attempt-1"]);
    expect(hashOf(first.results, "00-rep=1")).toBe(kept as string);
    expect(hashOf(first.results, "01-rep=2")).toBe(redone as string);
  }, 60_000);

  test("refuses to go on elsewhere", async () => {
    await using first = await simulate({}, "--on", "sim", "--no-report");
    await using again = await simulate({}, "--resume", first.id, "--on", "local");
    expect(again.process.exitCode).toBe(2);
    expect(again.stderr).toContain('its runs were made on "sim", not on "local"');
  }, 60_000);
});

test("a rate that no load generator here could send is simulated all the same", async () => {
  await using command = await simulate(
    { ratePerS: 200_000, durationMs: 50 },
    "--on",
    "sim",
    "--no-report",
    "--set",
    "workload.warmUp=0s",
  );
  expect(command.process.exitCode).toBe(0);
  expect(readRun(command.results, "00-rep=1").expected_requests).toBe(10_000);
}, 60_000);

test("Ctrl-C ends the simulated run in good order and says how to go on", async () => {
  await folder.write("small.ts", smallExperiment({ durationMs: 3_600_000 }));
  const args = ["small.ts", "--results", "out", "--on", "sim"];
  await using command = new ExperimentCommand(folder, args);
  await command.saw("measuring");
  command.process.kill("SIGINT");
  expect(await command.ended).toBe(130);
  expect(command.stdout).toContain(`--resume ${command.id}`);
  const run = readRun(command.results, "00-rep=1");
  expect(run).toMatchObject({ state: "interrupted", problems: ["interrupted while measuring"] });
  for (const file of run.files.filter(({ rows_written: rows }) => rows !== null)) {
    expect(file.rows_written).toBe((file.lines ?? 0) - 1);
  }
}, 60_000);

test("--plan names the target and the virtual time", async () => {
  await using command = await simulate({}, "--on", "sim", "--plan");
  expect(command.stdout).toContain("1 run (1 point × 1 repetition) on sim");
  expect(command.stdout).toContain("of virtual time");
  expect(command.stdout).toContain("each on a simulated host of its own");
}, 60_000);

test("an unknown target is refused with those that there are", async () => {
  await using command = await simulate({}, "--on", "moon");
  expect(command.process.exitCode).toBe(2);
  expect(command.stderr).toContain('"local" and "sim" are');
}, 60_000);
