/** Runs one experiment in virtual time again and again: how fast, with how much memory, and whether the bytes are the same. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoredRun } from "#telemetry/results.ts";
import { ROOT } from "../step.ts";
import type { Series } from "./summary.ts";

const EXPERIMENT = join(ROOT, "experiments/bench/simulation.ts");
const CLIENT_LOG = /client_log(?:\.\d+)?\.tsv$/;

interface Measured {
  readonly requests: number;
  readonly steps: number;
  /** Of the simulation itself, logs included; launch and analysis are not in it. */
  readonly seconds: number;
  readonly peakMiB: number;
  /** Of all runs, in their order. */
  readonly hashes: string;
}

const readRuns = (results: string): readonly StoredRun[] => {
  const [name = ""] = readdirSync(results);
  const [id = ""] = readdirSync(join(results, name));
  const runs = join(results, name, id, "runs");
  return readdirSync(runs)
    .toSorted()
    .map((run) => JSON.parse(readFileSync(join(runs, run, "run.json"), "utf8")) as StoredRun);
};

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const requestsOf = ({ files }: StoredRun): number =>
  sum(files.map(({ path, rows_written: rows }) => (CLIENT_LOG.test(path) ? (rows ?? 0) : 0)));

const measureOnce = async (args: readonly string[]): Promise<Measured> => {
  const results = mkdtempSync(join(tmpdir(), "escapement-bench-"));
  try {
    const main = [process.execPath, join(ROOT, "src/cli/main.ts"), "experiment"];
    const where = ["--on", "sim", "--no-report", "--results", results];
    const file = args[0]?.endsWith(".ts") === true ? args : [EXPERIMENT, ...args];
    const child = Bun.spawn([...main, ...file, ...where], { stdout: "pipe", stderr: "inherit" });
    const output = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) throw new Error(`the simulation failed:\n${output}`);
    const runs = readRuns(results);
    const simulations = runs.flatMap(({ simulation }) => simulation ?? []);
    return {
      requests: sum(runs.map(requestsOf)),
      steps: sum(simulations.map(({ steps }) => steps)),
      seconds: sum(simulations.map(({ wall_ns }) => wall_ns)) / 1e9,
      peakMiB: (child.resourceUsage()?.maxRSS ?? 0) / 2 ** 20,
      hashes: simulations.map(({ sha256 }) => sha256).join(" "),
    };
  } finally {
    rmSync(results, { recursive: true, force: true });
  }
};

/** `args`: another experiment file, and options of the `experiment` command. Throws as soon as two hashes differ. */
export const benchSimulation = async (
  repetitions: number,
  args: readonly string[],
): Promise<readonly Series[]> => {
  const all: Measured[] = [];
  for (let index = 0; index < repetitions; index++) {
    const measured = await measureOnce(args);
    const [first = measured] = all;
    if (measured.hashes !== first.hashes) {
      throw new Error(
        `repetition ${index + 1} left other bytes than the first: ${measured.hashes} instead of ${first.hashes}`,
      );
    }
    all.push(measured);
    console.log(
      `simulation ${index + 1} of ${repetitions}: ${measured.requests} requests in ${measured.seconds.toFixed(2)} s, logs ${measured.hashes}`,
    );
  }
  const series = (name: string, unit: string, of: (each: Measured) => number): Series => ({
    name,
    unit,
    values: all.map(of),
  });
  const rate = series("requests simulated", "1/s", ({ requests, seconds }) => requests / seconds);
  return [
    { ...rate, goal: 200_000, isLeast: true },
    series("things that happen", "1/s", ({ steps, seconds }) => steps / seconds),
    series("time of one repetition", "s", ({ seconds }) => seconds),
    series("peak memory", "MiB", ({ peakMiB }) => peakMiB),
  ];
};
