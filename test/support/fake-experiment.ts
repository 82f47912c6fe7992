/** Runs experiments of fake roles under a real local supervisor, for tests of the runner. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { PlannedRun } from "#experiment/resolved.ts";
import { openLocalHost } from "#remote/local.ts";
import type { HostOptions, RemoteHost } from "#remote/remote.ts";
import type { RunnerNotice } from "#runner/observer.ts";
import {
  createResultsFolder,
  type ExperimentToRun,
  type ResultsFolder,
} from "#runner/results-folder.ts";
import { type ChooseRun, type ExperimentOutcome, runExperiment } from "#runner/run-experiment.ts";
import type { Fake } from "./fake-role.ts";
import { plannedRun, planOf } from "./planned-runs.ts";

export const ROOT = resolve(import.meta.dir, "../..");

export const CODE = {
  escapement: { version: "0.0.0", git_revision: null, git_dirty: false, git_diff_sha256: null },
  diff: "",
};

export const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

export const experimentOf = (runs: readonly PlannedRun[]): ExperimentToRun => ({
  plan: planOf(runs),
  path: join(ROOT, "experiments/tiny.ts"),
  source: "export default …",
  sha256: "0".repeat(64),
  spec: { name: "tiny" },
  overrides: [],
  cwd: ROOT,
  inputs: [],
});

export interface FakeOptions {
  readonly runs?: readonly PlannedRun[];
  readonly choose?: ChooseRun;
  readonly faults?: Readonly<Record<string, Fake>>;
  readonly sendMs?: number;
  /** An existing results folder; a new one otherwise. */
  readonly results?: ResultsFolder;
  readonly interrupt?: AbortSignal;
  readonly force?: AbortSignal;
  readonly onNotice?: (notice: RunnerNotice) => void;
  /** Around the host that is opened, to break it. */
  readonly onHost?: (host: RemoteHost) => void;
}

export interface FakeResult {
  readonly outcome: ExperimentOutcome;
  readonly results: ResultsFolder;
  readonly notices: readonly RunnerNotice[];
}

/** A folder for results and everything else; `remove` at the end. */
export const newFakeRoot = (): { readonly root: string; readonly remove: () => void } => {
  const root = mkdtempSync(join(tmpdir(), "escapement-runner-"));
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
};

export const createFakeResults = async (
  root: string,
  runs: readonly PlannedRun[],
): Promise<ResultsFolder> => {
  const created = await createResultsFolder({
    experiment: experimentOf(runs),
    root: join(root, "results"),
    target: "local",
    code: CODE,
    nowNs: nowNs(),
    random: () => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
  });
  if (!created.ok) throw new Error(created.error);
  return created.value;
};

/** Executes the runs (one by default) with fake roles; the supervisor, the processes and the files are real. */
export const runFake = async (root: string, options: FakeOptions = {}): Promise<FakeResult> => {
  const runs = options.runs ?? [plannedRun(0)];
  const results = options.results ?? (await createFakeResults(root, runs));
  const stageFolder = mkdtempSync(join(root, "stages-"));
  const notices: RunnerNotice[] = [];
  const env = {
    PATH: process.env["PATH"] ?? "",
    FAKE_FAULTS: JSON.stringify(options.faults ?? {}),
    FAKE_STAGE_FOLDER: stageFolder,
    FAKE_SEND_MS: String(options.sendMs ?? 50),
  };
  const openHost = async (
    hostOptions: Pick<HostOptions, "marker" | "onEvent">,
  ): Promise<RemoteHost> => {
    const host = await openLocalHost({ ...hostOptions, env, leaseMs: 2000, graceMs: 200 });
    options.onHost?.(host);
    return host;
  };
  const outcome = await runExperiment({
    results,
    runs,
    ...(options.choose === undefined ? {} : { choose: options.choose }),
    program: { command: [process.execPath, join(import.meta.dir, "fake-role.ts")], cwd: ROOT },
    revision: "",
    openHost,
    observe: (notice) => {
      notices.push(notice);
      options.onNotice?.(notice);
    },
    now: nowNs,
    interrupt: options.interrupt ?? new AbortController().signal,
    force: options.force ?? new AbortController().signal,
  });
  return { outcome, results, notices };
};
