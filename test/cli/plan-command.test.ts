/** `experiment FILE --plan` as a process: its exit code, where it prints, and that it starts and leaves nothing. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ExperimentFolder, ROOT } from "../support/experiment-folder.ts";
import { VALID } from "./broken-experiments.ts";

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const runPlan = async (cwd: string, args: readonly string[]): Promise<Ended> => {
  const main = join(ROOT, "src/cli/main.ts");
  const child = Bun.spawn([process.execPath, main, "experiment", ...args, "--plan"], {
    cwd,
    env: { ...process.env, ESCAPEMENT_CWD: cwd },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
};

const hasFullDevice = existsSync("/dev/full");
if (!hasFullDevice) console.warn("SKIPPED: a full disk behind the output needs /dev/full");

const resultsOf = (name: string): readonly string[] => {
  const folder = join(ROOT, "results", name);
  return existsSync(folder) ? readdirSync(folder) : [];
};

describe("--plan", () => {
  test("prints the plan of a file outside the repository and leaves nothing", async () => {
    using folder = new ExperimentFolder();
    await folder.write("mine.ts", VALID.replace('"trial"', '"plan-command-test"'));
    const { exitCode, stdout, stderr } = await runPlan(folder.path, [
      "mine.ts",
      "--set=workload.duration=30s",
      "--set=workload.rate=50/s",
      "--seed=3",
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    // 50/s for 2 + 30 + 1 s.
    expect(stdout).toMatch(/03-slo=50ms-rep=2 .* 4 .* 1,650 {3}36 s\n/);
    expect(stdout).toEndWith("Nothing was started.\n");
    expect(readdirSync(folder.path)).toEqual(["mine.ts"]);
    expect(resultsOf("plan-command-test")).toEqual([]);
  });

  test("refuses a broken file with exit code 2, on standard error alone", async () => {
    using folder = new ExperimentFolder();
    await folder.write("mine.ts", VALID.replace("slo: ms(50)", "slo: 50"));
    const { exitCode, stdout, stderr } = await runPlan(folder.path, ["mine.ts"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toBe(`mine.ts: 1 mistake, nothing was started

  system.slo = 50
    50 has no unit; a duration is due
    → write ms(50) or seconds(50)
`);
  });

  const doings: Readonly<Record<string, readonly [string, string]>> = {
    "ends the process": [
      "process.exit(0);",
      "mine.ts ended the process while it was loaded; nothing was started\n",
    ],
    "rejects and does not wait": [
      'void Promise.reject(new Error("loose end"));',
      "mine.ts failed while it was loaded; nothing was started\n  mine.ts:1:25: loose end\n",
    ],
    "throws in a timer": [
      'setTimeout(() => { throw new Error("late"); }, 1); await Bun.sleep(1000);',
      "mine.ts failed while it was loaded; nothing was started\n  mine.ts:1:30: late\n",
    ],
  };
  for (const [title, [statement, message]] of Object.entries(doings)) {
    test(`refuses a file that ${title} when it is imported`, async () => {
      using folder = new ExperimentFolder();
      await folder.write("mine.ts", `${statement}\n${VALID}`);
      const { exitCode, stdout, stderr } = await runPlan(folder.path, ["mine.ts"]);
      expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 2, stdout: "", stderr: message });
    });
  }

  test("ends although the file leaves a timer running, with all of a long plan printed", async () => {
    using folder = new ExperimentFolder();
    await folder.write("mine.ts", `setInterval(() => {}, 1000);\n${VALID}`);
    const { exitCode, stdout } = await runPlan(folder.path, ["mine.ts", "--set=repetitions=2000"]);
    expect(exitCode).toBe(0);
    // More than a pipe holds.
    expect(stdout.length).toBeGreaterThan(128 * 1024);
    expect(stdout).toEndWith("Nothing was started.\n");
  });

  test.skipIf(!hasFullDevice)("says once that its output cannot be written", async () => {
    using folder = new ExperimentFolder();
    await folder.write("mine.ts", VALID);
    const main = join(ROOT, "src/cli/main.ts");
    const child = Bun.spawn([process.execPath, main, "experiment", "mine.ts", "--plan"], {
      cwd: folder.path,
      env: { ...process.env, ESCAPEMENT_CWD: folder.path },
      stdout: Bun.file("/dev/full"),
      stderr: "pipe",
    });
    expect(await child.stderr.text()).toMatch(/^the output cannot be written: ENOSPC[^\n]*\n$/);
    expect(await child.exited).toBe(1);
  });

  test("refuses a missing trace with exit code 5", async () => {
    using folder = new ExperimentFolder();
    const { exitCode, stderr } = await runPlan(folder.path, [
      "azure-trace",
      "--set=workload.trace=nowhere.csv",
    ]);
    expect(exitCode).toBe(5);
    expect(stderr).toContain('--set workload.trace = "nowhere.csv"\n    no such file');
  });
});
