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
