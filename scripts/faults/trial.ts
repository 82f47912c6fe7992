/** One trial: a real run through the real runner, disturbed from outside, and what its report says of it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { buildReport } from "#cli/build-report.ts";
import { loadExperiment } from "#cli/load-experiment.ts";
import { startClock, toAbsolute } from "#host/clock.ts";
import { readCodeFacts } from "#host/host-facts.ts";
import { openLocalHost } from "#remote/local.ts";
import { createResultsFolder, type ResultsFolder, runFolders } from "#runner/results-folder.ts";
import { type RunExperimentOptions, runExperiment } from "#runner/run-experiment.ts";
import { ROOT } from "../step.ts";
import type { Disturbance } from "./kernel-counters.ts";
import type { Injection } from "./kind.ts";
import { mountDisk } from "./machine.ts";
import { Stage } from "./stage.ts";
import { readTrialVerdict, type TrialVerdict } from "./verdict-file.ts";

const EXPERIMENT = join(ROOT, "experiments/bench/faults.ts");
/** As the `experiment` command opens its host. */
const LEASE_MS = 2000;
const GRACE_MS = 1000;

export interface TrialOptions {
  readonly injection: Injection;
  readonly seed: number;
  /** Folder of all results. */
  readonly results: string;
  /** Ends the run in order. */
  readonly interrupt: AbortSignal;
}

export interface TrialOutcome extends TrialVerdict {
  /** Why the fault was not injected, "" when it was. */
  readonly notInjected: string;
  /** What the kernel counted in the measurement window; null when the run did not get through it. */
  readonly disturbance: Disturbance | null;
  /** The results folder. */
  readonly folder: string;
}

/** Git is asked once for all trials. */
const code = readCodeFacts(ROOT);
const { git_revision, git_dirty } = code.escapement;
export const REVISION = `${git_revision ?? "unknown"}${git_dirty ? " with changes" : ""}`;

const env: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(process.env).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value]],
  ),
);

const clock = startClock();
const nowNs = (): bigint => toAbsolute(clock, clock.now());

const prepare = async ({ injection, seed, results }: TrialOptions, stage: Stage) => {
  const context = { root: ROOT, cwd: ROOT, env };
  const set = injection.set ?? [];
  const experiment = await loadExperiment(context, EXPERIMENT, { set, seed });
  const root = injection.diskBytes === undefined ? results : join(stage.scratch, "disk");
  if (injection.diskBytes !== undefined) {
    mkdirSync(root);
    mountDisk(root, injection.diskBytes, stage.own);
  }
  const created = await createResultsFolder({
    experiment,
    root,
    target: "local",
    code,
    nowNs: nowNs(),
    random: () => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
  });
  if (!created.ok) throw new Error(created.error);
  return { runs: experiment.plan.runs, results: created.value };
};

interface Prepared {
  readonly runs: RunExperimentOptions["runs"];
  readonly results: ResultsFolder;
}

const execute = async (
  { runs, results }: Prepared,
  stage: Stage,
  interrupt: AbortSignal,
): Promise<void> => {
  const outcome = await runExperiment({
    results,
    runs,
    program: {
      command: [process.execPath, join(ROOT, "src/cli/main.ts"), "clockwork"],
      cwd: ROOT,
    },
    revision: REVISION,
    openHost: async ({ marker, onEvent }) =>
      stage.staged(
        await openLocalHost({
          marker,
          onEvent: (event) => {
            stage.onHostEvent(event);
            onEvent(event);
          },
          env,
          leaseMs: LEASE_MS,
          graceMs: GRACE_MS,
        }),
      ),
    observe: () => undefined,
    now: nowNs,
    interrupt,
    force: new AbortController().signal,
  });
  if (outcome.kind !== "ran") throw new Error("the runner refused its new results folder");
};

/** Runs one trial to its verdict; whatever its fault started has ended when it settles. */
export const runTrial = async (options: TrialOptions): Promise<TrialOutcome> => {
  const { injection, seed, interrupt } = options;
  await using stage = new Stage(injection, seed);
  const prepared = await prepare(options, stage);
  const { folder } = prepared.results;
  const [run] = prepared.runs;
  if (run === undefined || prepared.runs.length > 1)
    throw new Error("the experiment of the fault suite must have exactly one run");
  stage.folders = runFolders(folder, run.name);
  await execute(prepared, stage, interrupt);
  await stage.runEnded();
  await stage.attempt(() => injection.collected?.(stage));
  await buildReport({ folder });
  return {
    ...readTrialVerdict(folder),
    notInjected: stage.problem,
    disturbance: stage.disturbance,
    folder,
  };
};
