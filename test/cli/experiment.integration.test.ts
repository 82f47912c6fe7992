/** The `experiment` command with the real roles: from the file to the report, and every way in which it can end. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StoredRun } from "#telemetry/results.ts";
import { specBytes } from "../support/compiled-model.ts";
import {
  ExperimentCommand,
  type SmallExperiment,
  smallExperiment,
} from "../support/experiment-command.ts";
import { ExperimentFolder, ROOT } from "../support/experiment-folder.ts";
import { markedProcesses, waitUntil } from "../support/marked-processes.ts";

let folder: ExperimentFolder;

beforeEach(() => {
  folder = new ExperimentFolder();
});
afterEach(() => folder[Symbol.dispose]());

/** Writes the experiment and starts the command on it, with results below the temporary folder. */
const start = async (
  experiment: SmallExperiment,
  ...args: readonly string[]
): Promise<ExperimentCommand> => {
  await folder.write("small.ts", smallExperiment(experiment));
  return new ExperimentCommand(folder, ["small.ts", "--results", "out", ...args]);
};

const readRun = (results: string, name: string): StoredRun =>
  JSON.parse(readFileSync(join(results, "runs", name, "run.json"), "utf8")) as StoredRun;

describe("an experiment that goes well", () => {
  test("ends with the report's path and exit code 0", async () => {
    await using command = await start({ repetitions: 2 });
    expect(await command.ended).toBe(0);
    const lines = command.stdout.trimEnd().split("\n");
    expect(lines.at(-1)).toBe(`report: ${join(command.results, "report.md")}`);
    expect(existsSync(join(command.results, "report.md"))).toBe(true);
    for (const state of [
      "launching",
      "ready",
      "measuring",
      "draining",
      "collecting",
      "tearing-down",
    ]) {
      expect(command.stdout).toContain(`[1/2] 00-rep=1 ${state}`);
    }
    expect(command.stdout).toContain("✔ [2/2] 01-rep=2 done");
    // Nothing is redrawn where there is no terminal.
    expect(command.stdout).not.toContain("\u001b");
    const run = readRun(command.results, "01-rep=2");
    expect(run).toMatchObject({ state: "done", problems: [], expected_requests: 25 });
    // 0.7 s at 50 requests/s, warm-up and cool-down included; 25 of them in the window of 0.5 s.
    const clientLog = run.files.find(({ path }) => path === "telemetry/client_log.tsv");
    expect(clientLog).toMatchObject({ rows_written: 35, lines: 36 });
    expect(markedProcesses(command.id)).toEqual([]);
  });

  test("serves models from folders, whose files the manifest names", async () => {
    const model = join(folder.path, "zoo/net/model");
    await Bun.write(`${model}.1.clockwork`, specBytes({ pageSize: 2 ** 24 }));
    await Bun.write(`${model}.measurements`, "weights = 8310000L;\nb1 = 2730000L;\n");
    await Bun.write(`${model}.1.so`, "");
    const text = smallExperiment({}).replace('"v100-table1"', '"./zoo"');
    await folder.write("zoo.ts", text.replace("resnet50_v2", "net"));
    await using command = new ExperimentCommand(folder, ["zoo.ts", "--results", "out"]);
    expect(await command.ended).toBe(0);
    expect(readRun(command.results, "00-rep=1")).toMatchObject({ state: "done", problems: [] });
    const manifest = readFileSync(join(command.results, "manifest.json"), "utf8");
    const { inputs } = JSON.parse(manifest) as { inputs: { path: string; bytes: number }[] };
    expect(inputs).toMatchObject([
      { path: `${model}.1.clockwork`, bytes: specBytes().length },
      { path: `${model}.measurements`, bytes: 35 },
    ]);
  });

  test("without a report ends with exit code 0 and no report", async () => {
    await using command = await start({}, "--no-report");
    expect(await command.ended).toBe(0);
    expect(existsSync(join(command.results, "derived"))).toBe(false);
  });

  test("exits with 3 when a check does not hold", async () => {
    await using command = await start({ goodputAtLeastPerS: 1_000_000 });
    expect(await command.ended).toBe(3);
    expect(command.stdout).toContain("some goodput");
  });
});

describe("a role that is killed while measuring", () => {
  for (const role of ["worker", "controller", "client"]) {
    test(`fails its run with one message: ${role}`, async () => {
      await using command = await start({ durationMs: 60_000 });
      await command.saw("measuring");
      const victim = markedProcesses(command.id).find((line) => line.includes(`clockwork ${role}`));
      process.kill(Number(victim?.split(" ")[0]), "SIGKILL");
      expect(await command.ended).toBe(4);
      const run = readRun(command.results, "00-rep=1");
      expect(run.state).toBe("failed");
      expect(run.problems[0]).toMatch(
        new RegExp(`^${role}0? ended while measuring: killed by SIGKILL`),
      );
      expect(command.stdout).toContain(run.problems[0]?.split("\n")[0] ?? "no problem");
      expect(run.files.map(({ path }) => path)).toContain("telemetry/clockwork_request_log.tsv");
      expect(markedProcesses(command.id)).toEqual([]);
    }, 60_000);
  }
});

describe("a killed runner", () => {
  test("leaves nothing behind 5 s later, and its experiment can be resumed", async () => {
    await using command = await start({ repetitions: 2, durationMs: 1500 });
    await command.saw("[2/2] 01-rep=2 measuring");
    // The supervisor and three roles.
    expect(markedProcesses(command.id).length).toBeGreaterThanOrEqual(4);
    command.process.kill("SIGKILL");
    await command.process.exited;
    const what = "nothing of the experiment is left";
    await waitUntil(() => markedProcesses(command.id).length === 0, { limitMs: 5000, what });
    await command.ended;

    await using resumed = new ExperimentCommand(folder, [
      "small.ts",
      "--results",
      "out",
      "--resume",
      command.id,
    ]);
    expect(await resumed.ended).toBe(0);
    expect(resumed.stdout).toContain("[1/2] 00-rep=1 kept: it is done");
    expect(resumed.stdout).toContain(
      "[2/2] 01-rep=2 to do: its runner ended while it was measuring",
    );
    expect(resumed.results).toBe(command.results);
    expect(readdirSync(join(command.results, "superseded"))).toEqual(["01-rep=2.attempt-1"]);
    expect(readRun(command.results, "01-rep=2").state).toBe("done");
  }, 60_000);
});

test("an experiment is resumed from any folder, whatever relative path --set named", async () => {
  await folder.write("small.ts", smallExperiment());
  const profiles = Bun.file(join(ROOT, "experiments/profiles/v100-table1.csv"));
  await folder.write("lab.csv", await profiles.text());
  const set = ["--set", "system.profiles=./lab.csv", "--no-report"];
  await using command = new ExperimentCommand(folder, ["small.ts", "--results", "out", ...set]);
  expect(await command.ended).toBe(0);
  using elsewhere = new ExperimentFolder();
  await using resumed = new ExperimentCommand(elsewhere, [
    join(folder.path, "small.ts"),
    "--resume",
    command.results,
    "--no-report",
  ]);
  expect({ exitCode: await resumed.ended, stderr: resumed.stderr }).toEqual({
    exitCode: 0,
    stderr: "",
  });
  expect(resumed.stdout).toContain("[1/1] 00-rep=1 kept: it is done");
}, 60_000);

test("a killed launcher takes the runner along, which ends in order", async () => {
  await folder.write("my small.ts", smallExperiment({ durationMs: 60_000 }));
  await using command = new ExperimentCommand(
    folder,
    ["my small.ts", "--results", "all of it"],
    "bun run",
  );
  await command.saw("measuring");
  command.process.kill("SIGKILL");
  const what = "nothing of the experiment is left";
  await waitUntil(() => markedProcesses(command.id).length === 0, { limitMs: 5000, what });
  // Its output ends when the runner, which holds the other end of the pipe, has ended.
  await command.ended;
  expect(command.stdout).toContain(
    `continue with: ./run experiment 'my small.ts' --resume ${command.id} --results 'all of it'`,
  );
  expect(readRun(command.results, "00-rep=1").state).toBe("interrupted");
}, 60_000);

describe("Ctrl-C", () => {
  test("ends everything in order, says how to resume, and exits with 130", async () => {
    await using command = await start({ durationMs: 60_000 }, "--set", "workload.rate=20/s");
    await command.saw("measuring");
    command.process.kill("SIGINT");
    expect(await command.ended).toBe(130);
    expect(command.stdout).toContain(
      `continue with: ./run experiment small.ts --resume ${command.id} --results out`,
    );
    const run = readRun(command.results, "00-rep=1");
    expect(run).toMatchObject({ state: "interrupted", problems: ["interrupted while measuring"] });
    expect(run.processes.map(({ name, exit_code }) => `${name} ${exit_code}`)).toEqual([
      "worker0 0",
      "controller 0",
      "client0 0",
    ]);
    expect(markedProcesses(command.id)).toEqual([]);

    // Without --set again, the resumed experiment is the one that was begun; another one is refused.
    await using other = new ExperimentCommand(folder, [
      "small.ts",
      "--results",
      "out",
      "--resume",
      command.id,
      "--seed",
      "9",
    ]);
    expect(await other.ended).toBe(2);
    expect(other.stderr).toContain("plan.runs.0.seed: was 1, is 9");
    expect(other.stderr).toContain("plan.runs.0.workload.rate_per_s: was 20, is 50");
    await using resumed = new ExperimentCommand(folder, ["small.ts", "--resume", command.results]);
    await resumed.saw("measuring");
    resumed.process.kill("SIGTERM");
    expect(await resumed.ended).toBe(130);
  }, 60_000);
});

test("Ctrl-C while the report is made says how to make it", async () => {
  await using command = await start({});
  await command.saw("done after");
  const what = "the report is begun";
  await waitUntil(() => existsSync(join(command.results, "derived")), { limitMs: 10_000, what });
  command.process.kill("SIGINT");
  expect(await command.ended).toBe(130);
  expect(command.stdout).toContain(`make it with: ./run report ${command.results}`);
  expect(readRun(command.results, "00-rep=1").state).toBe("done");
}, 60_000);

describe("what a user can get wrong ends with one message", () => {
  const usage: Readonly<Record<string, readonly [readonly string[], number, string]>> = {
    "a target that is not there yet": [
      ["small.ts", "--on", "ssh:lab"],
      2,
      'The target "ssh" is not available yet',
    ],
    "a target that does not exist": [["small.ts", "--on", "moon"], 2, "There is no such target"],
    "an unknown option": [["small.ts", "--fast"], 2, "unknown option '--fast'"],
    "a file that is not there": [["absent.ts"], 2, "absent.ts"],
    "a key that is not there": [
      ["small.ts", "--set", "workload.durration=1s"],
      2,
      "workload.duration",
    ],
    "results that are not there": [
      ["small.ts", "--resume", "2026-01-01T0000Z-aaaa"],
      5,
      'no results folder "2026-01-01T0000Z-aaaa"',
    ],
    "a results folder that cannot be one": [
      ["small.ts", "--results", "small.ts/out"],
      5,
      "results cannot be written to",
    ],
  };
  for (const [title, [args, exitCode, message]] of Object.entries(usage)) {
    test(title, async () => {
      await folder.write("small.ts", smallExperiment());
      await using command = new ExperimentCommand(folder, args);
      expect(await command.ended).toBe(exitCode);
      expect(command.stderr).toContain(message);
      expect(command.stderr).not.toContain("    at ");
      expect(readdirSync(folder.path)).toEqual(["small.ts"]);
    });
  }
});

/** A file system of its own for a test; null where we may not mount one. */
const mountTmpfs = (path: string, options: string): Disposable | null => {
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]);
  if (mounted.exitCode !== 0) return null;
  return { [Symbol.dispose]: () => void Bun.spawnSync(["umount", "-l", path]) };
};

const canMount = ((): boolean => {
  using probe = new ExperimentFolder();
  using mounted = mountTmpfs(probe.path, "size=64k");
  return mounted !== null;
})();
if (!canMount)
  console.warn(
    "SKIPPED: full and read-only disks are tested on a tmpfs, which this user may not mount",
  );

describe.skipIf(!canMount)("a disk", () => {
  test("that fills up fails the run with that reason, keeps what was collected, and leaves nothing running", async () => {
    await folder.write("out/.keep", "");
    using mounted = mountTmpfs(join(folder.path, "out"), "size=5m");
    expect(mounted).not.toBeNull();
    await using command = await start({ ratePerS: 3000, durationMs: 60_000 });
    expect(await command.ended).toBe(4);
    expect(command.stdout).toMatch(/ENOSPC|[Nn]o space left/);
    const run = readRun(command.results, "00-rep=1");
    expect(run.state).toBe("failed");
    expect(run.problems[0]).toMatch(/ENOSPC|[Nn]o space left/);
    expect(run.files.map(({ path }) => path)).toContain("telemetry/client_log.tsv");
    expect(markedProcesses(command.id)).toEqual([]);
  }, 60_000);

  test("that has no room to begin with fails the run before anything is launched", async () => {
    await folder.write("out/.keep", "");
    using mounted = mountTmpfs(join(folder.path, "out"), "size=5m");
    expect(mounted).not.toBeNull();
    writeFileSync(join(folder.path, "out/ballast"), Buffer.alloc(3 * 1024 * 1024, 1));
    await using command = await start({});
    expect(await command.ended).toBe(4);
    expect(command.stdout).toContain("no space left on the disk");
    expect(readRun(command.results, "00-rep=1").processes).toEqual([]);
  }, 60_000);

  test("that is smaller than the reserve still gets the run's reason", async () => {
    await folder.write("out/.keep", "");
    using mounted = mountTmpfs(join(folder.path, "out"), "size=1m");
    expect(mounted).not.toBeNull();
    await using command = await start({});
    expect(await command.ended).toBe(4);
    expect(readRun(command.results, "00-rep=1").problems[0]).toMatch(/^no space left on the disk/);
    expect(readdirSync(command.results)).not.toContain(".reserve.tmp");
  }, 60_000);

  test("that is read-only is refused before anything starts", async () => {
    await folder.write("out/.keep", "");
    using mounted = mountTmpfs(join(folder.path, "out"), "size=1m,ro");
    expect(mounted).not.toBeNull();
    await using command = await start({});
    expect(await command.ended).toBe(5);
    expect(command.stderr).toMatch(/results cannot be written to .*(EROFS|read-only)/);
  });
});
