/** From a fresh clone to the report: wall time with empty and with filled package caches, and the part that is not the experiment. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { $ } from "zx";
import { ROOT } from "../step.ts";
import { askResults, type Clone, numbersOf, runExperiment } from "./command-line.ts";
import type { Series } from "./summary.ts";

const MAIN_JOB = { file: "azure-trace.ts", name: "azure-trace" } as const;
const GOAL = { coldSeconds: 90, warmSeconds: 60, overheadSeconds: 15 } as const;

/** Time during which load was due, summed over the runs: what the experiment itself takes. */
const SENDING = "select sum(send_end_ns - send_start_ns)::DOUBLE / 1e9 as seconds from runs";

interface Timing {
  readonly wallSeconds: number;
  readonly overheadSeconds: number;
}

/** The same PATH without Bun, so that a clone has to bring its own where npm can fetch it. */
const pathWithoutBun = (path: string): string =>
  Bun.which("npm") === null
    ? path
    : path
        .split(delimiter)
        .filter((folder) => Bun.which("bun", { PATH: folder }) === null)
        .join(delimiter);

/** Clones the last commit, runs the main job with the package caches in `caches`, and removes the clone. */
const timeOnce = async (scratch: string, caches: string): Promise<Timing> => {
  const root = join(scratch, "clone");
  await $({ quiet: true })`git clone --quiet --no-hardlinks ${ROOT} ${root}`;
  const clone: Clone = {
    root,
    env: {
      ...process.env,
      PATH: pathWithoutBun(process.env["PATH"] ?? ""),
      BUN_INSTALL_CACHE_DIR: join(caches, "bun"),
      npm_config_cache: join(caches, "npm"),
    },
  };
  const { wallSeconds, results } = await runExperiment(clone, MAIN_JOB);
  const [sendingSeconds = 0] = numbersOf(await askResults(clone, results, SENDING), "seconds");
  await rm(root, { recursive: true, force: true });
  return { wallSeconds, overheadSeconds: wallSeconds - sendingSeconds };
};

/** Each repetition clones twice: with empty caches, then with those that the first filled. */
export const benchMainJob = async (repetitions: number): Promise<readonly Series[]> => {
  const cold: Timing[] = [];
  const warm: Timing[] = [];
  for (let index = 0; index < repetitions; index++) {
    const scratch = await mkdtemp(join(tmpdir(), "escapement-bench-"));
    const caches = join(scratch, "caches");
    await mkdir(caches);
    try {
      cold.push(await timeOnce(scratch, caches));
      warm.push(await timeOnce(scratch, caches));
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
    console.log(
      `main-job ${index + 1} of ${repetitions}: cold ${cold.at(-1)?.wallSeconds.toFixed(1)} s, warm ${warm.at(-1)?.wallSeconds.toFixed(1)} s`,
    );
  }
  const unit = "s";
  return [
    {
      name: "cold clone to report",
      unit,
      values: cold.map((one) => one.wallSeconds),
      goal: GOAL.coldSeconds,
    },
    {
      name: "warm clone to report",
      unit,
      values: warm.map((one) => one.wallSeconds),
      goal: GOAL.warmSeconds,
    },
    {
      name: "of a cold clone: not the experiment",
      unit,
      values: cold.map((one) => one.overheadSeconds),
    },
    {
      name: "of a warm clone: not the experiment",
      unit,
      values: warm.map((one) => one.overheadSeconds),
      goal: GOAL.overheadSeconds,
    },
  ];
};
