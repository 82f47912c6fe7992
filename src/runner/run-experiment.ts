/** Executes a planned experiment: creates or resumes its results folder and takes its runs one after another. */
import { join } from "node:path";
import type { PlannedRun } from "#experiment/resolved.ts";
import {
  fileBytes,
  folderExists,
  freeBytes,
  isDiskFull,
  moveFolder,
  Reserve,
  writeJson,
} from "#host/file-store.ts";
import { ownProcess, startTicks } from "#host/host-facts.ts";
import { Journal, type Transition } from "#host/journal.ts";
import type { HostEvent, HostOptions, RemoteHost } from "#remote/remote.ts";
import type { Observe } from "#runner/observer.ts";
import { type ResultsFolder, runFolders, SUPERSEDED_FOLDER } from "#runner/results-folder.ts";
import { decideRun, type RunDecision } from "#runner/resume.ts";
import type { RoleProgram } from "#runner/role-commands.ts";
import { runOnce, writeRun } from "#runner/run-once.ts";
import { type OpenInputs, simulateOnce } from "#runner/simulate-once.ts";
import { assert } from "#stdx/assert.ts";
import {
  FILES,
  RESULTS_SCHEMA_VERSION,
  type RunState,
  type StoredRun,
} from "#telemetry/results.ts";

/** Room that is given back when the disk is full, so that the run can be marked as failed and the journal closed. */
const RESERVE_BYTES = 1024 * 1024;
const RESERVE_FILE = ".reserve.tmp";
/** With less than this left no run is started. */
const FREE_BYTES_MIN = 2 * 1024 * 1024;

/** Says which run is next, given how those that are over ended; null when no other is needed. */
export type ChooseRun = (states: ReadonlyMap<number, RunState>) => Promise<PlannedRun | null>;

export interface RunExperimentOptions {
  readonly results: ResultsFolder;
  readonly runs: readonly PlannedRun[];
  /** Picks from `runs`; all of them are executed, in their order, when absent. */
  readonly choose?: ChooseRun;
  readonly program: RoleProgram;
  /** Revision of the code, "" when unknown. */
  readonly revision: string;
  readonly openHost: (options: Pick<HostOptions, "marker" | "onEvent">) => Promise<RemoteHost>;
  /** Runs are simulated with what this reads, and no host is opened; absent: they run on hosts. */
  readonly simulateWith?: OpenInputs;
  readonly observe: Observe;
  /** Ns since the Unix epoch; never decreases. */
  readonly now: () => bigint;
  /** Ends the experiment in order; the runs that are left stay planned. */
  readonly interrupt: AbortSignal;
  /** Ends it at once. */
  readonly force: AbortSignal;
}

export type ExperimentOutcome =
  /** Another runner works on the folder: nothing was done. */
  | { readonly kind: "busy"; readonly pid: number }
  /** The folder cannot be worked on, or was removed meanwhile: what it holds is as it was. */
  | { readonly kind: "unusable"; readonly reason: string }
  | {
      readonly kind: "ran";
      /** The final state of every run; absent runs were not started. */
      readonly states: ReadonlyMap<number, RunState>;
      readonly interrupted: boolean;
      /** What went wrong beside the runs, such as a full disk at the very end. */
      readonly problems: readonly string[];
    };

const inOrder =
  (runs: readonly PlannedRun[]): ChooseRun =>
  (states) =>
    Promise.resolve(runs.find(({ index }) => !states.has(index)) ?? null);

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** Opens the host when a run first needs it, and again after its supervisor was lost. */
class HostAccess {
  readonly #options: RunExperimentOptions;
  readonly #listeners = new Set<(event: HostEvent) => void>();
  #host: RemoteHost | null = null;
  #lost = false;

  constructor(options: RunExperimentOptions) {
    this.#options = options;
  }

  readonly listen = (onEvent: (event: HostEvent) => void): (() => void) => {
    this.#listeners.add(onEvent);
    return () => this.#listeners.delete(onEvent);
  };

  async get(): Promise<RemoteHost> {
    if (this.#lost) await this.close();
    this.#lost = false;
    this.#host ??= await this.#options.openHost({
      marker: this.#options.results.id,
      onEvent: (event) => {
        if (event.kind === "lost") this.#lost = true;
        for (const listener of this.#listeners) listener(event);
      },
    });
    return this.#host;
  }

  async close(): Promise<void> {
    const host = this.#host;
    this.#host = null;
    await host?.close();
  }
}

class ExperimentRunner {
  readonly #options: RunExperimentOptions;
  readonly #journal: Journal;
  readonly #hosts: HostAccess;
  readonly #states = new Map<number, RunState>();
  readonly #problems: string[] = [];
  #reserve: Reserve | null = null;
  #isRemoved = false;

  constructor(options: RunExperimentOptions, journal: Journal) {
    this.#options = options;
    this.#journal = journal;
    this.#hosts = new HostAccess(options);
  }

  async run(): Promise<ExperimentOutcome> {
    const { results, interrupt } = this.#options;
    const { id, folder } = results;
    this.#options.observe({ kind: "opened", id, folder, runs: this.#options.runs });
    try {
      await this.#takeReserve();
      await this.#executeAll();
    } catch (error) {
      this.#problems.push(messageOf(error));
    } finally {
      await this.#hosts.close();
      await this.#finish();
    }
    if (this.#isRemoved) {
      return { kind: "unusable", reason: `${folder} was removed while the experiment ran` };
    }
    const interrupted = interrupt.aborted;
    return { kind: "ran", states: this.#states, interrupted, problems: this.#problems };
  }

  async #executeAll(): Promise<void> {
    const { runs, choose = inOrder(runs), interrupt } = this.#options;
    const decisions = await this.#decide();
    while (!interrupt.aborted && !this.#isRemoved) {
      const next = await choose(this.#states);
      if (next === null) return;
      assert(!this.#states.has(next.index), "a run is chosen once");
      const decision = decisions.find(({ run }) => run.index === next.index);
      assert(decision !== undefined, "only planned runs are chosen");
      if (decision.kept) this.#states.set(next.index, "done");
      else await this.#execute(decision);
    }
  }

  async #decide(): Promise<readonly RunDecision[]> {
    const latest = this.#journal.latest();
    const isResumed = latest.size > 0;
    const decisions: RunDecision[] = [];
    const planned: Transition[] = [];
    for (const run of this.#options.runs) {
      const last = latest.get(run.index);
      const decision = await decideRun(run, this.#options.results.folder, last);
      decisions.push(decision);
      if (!decision.kept) {
        const reason = isResumed ? decision.reason : "";
        const atNs = String(this.#options.now());
        const { attempt } = decision;
        planned.push({ runIndex: run.index, attempt, state: "planned", atNs, reason });
      }
    }
    this.#journal.recordAll(planned);
    for (const { run, kept, reason } of isResumed ? decisions : []) {
      // Where runs are chosen, one that was not started may never be.
      const isTold =
        this.#options.choose === undefined || latest.get(run.index)?.state !== "planned";
      if (isTold) this.#options.observe({ kind: "resumed", run, kept, reason });
    }
    return decisions;
  }

  #record(
    { run, attempt }: Pick<RunDecision, "run" | "attempt">,
    change: { readonly state: RunState; readonly atNs: bigint; readonly reason: string },
  ): void {
    const { state, reason } = change;
    const atNs = String(change.atNs);
    this.#journal.record({ runIndex: run.index, attempt, state, atNs, reason });
  }

  async #execute(decision: RunDecision): Promise<void> {
    const { run } = decision;
    const folders = runFolders(this.#options.results.folder, run.name);
    const stored = await this.#attempt(decision).catch(
      (error: unknown): StoredRun => this.#unstarted(decision, messageOf(error)),
    );
    this.#states.set(run.index, stored.state);
    // What is written now would be the ruin of a folder that somebody wanted gone.
    this.#isRemoved = (await fileBytes(folders.plan)) === null;
    if (this.#isRemoved) return;
    await this.#withLastWords(() => writeRun(folders.run, stored), `run.json of ${run.name}`);
    this.#options.observe({ kind: "ended", run, stored });
  }

  async #attempt(decision: RunDecision): Promise<StoredRun> {
    const { run } = decision;
    const { results, program, now, observe, interrupt, force, simulateWith } = this.#options;
    const folders = runFolders(results.folder, run.name);
    await this.#moveAside(decision);
    const free = await freeBytes(results.folder);
    if (free < FREE_BYTES_MIN) {
      throw new Error(`no space left on the disk of ${results.folder}: ${free} bytes are free`);
    }
    const common = { run, folders, observe, interrupt, force };
    if (simulateWith !== undefined) {
      return simulateOnce({
        ...common,
        openInputs: simulateWith,
        // The journal says when a run was worked on, which is not the time that it simulates.
        record: (state, reason) => this.#record(decision, { state, atNs: now(), reason }),
      });
    }
    return runOnce({
      ...common,
      program,
      host: await this.#hosts.get(),
      listen: this.#hosts.listen,
      record: (state, atNs, reason) => this.#record(decision, { state, atNs, reason }),
      now,
    });
  }

  /** What an earlier attempt collected is kept, where the analysis does not take it for a run. */
  async #moveAside({ run, attempt }: RunDecision): Promise<void> {
    const { folder } = this.#options.results;
    const current = runFolders(folder, run.name).run;
    if (!(await folderExists(current))) return;
    await moveFolder(
      current,
      join(folder, SUPERSEDED_FOLDER, `${run.name}.attempt-${attempt - 1}`),
    );
  }

  /** A run that failed before its roles were launched, or in a way that the driver does not know. */
  #unstarted(decision: RunDecision, problem: string): StoredRun {
    const { run } = decision;
    const atNs = this.#options.now();
    try {
      this.#record(decision, { state: "failed", atNs, reason: problem });
    } catch {
      // The reason is about to be written to run.json and shown; the journal's disk may be the one that is full.
    }
    this.#options.observe({ kind: "state", run, state: "failed" });
    return {
      schema_version: RESULTS_SCHEMA_VERSION,
      index: run.index,
      name: run.name,
      point: run.point,
      repetition: run.repetition,
      seed: run.seed,
      state: "failed",
      states: [{ state: "failed", at_ns: String(atNs) }],
      window: null,
      expected_requests: null,
      processes: [],
      files: [],
      problems: [problem],
      models: [],
    };
  }

  async #takeReserve(): Promise<void> {
    const path = join(this.#options.results.folder, RESERVE_FILE);
    this.#reserve = await Reserve.take(path, RESERVE_BYTES).catch(() => null);
  }

  /** Tries once more with the reserve given back; what cannot be written even then is reported. */
  async #withLastWords(write: () => Promise<void>, what: string): Promise<void> {
    try {
      await write().catch(async (error: unknown) => {
        if (!isDiskFull(error)) throw error;
        await this.#reserve?.release();
        await write();
      });
    } catch (error) {
      this.#problems.push(`${what} could not be written: ${messageOf(error)}`);
    }
  }

  async #finish(): Promise<void> {
    const { results, now } = this.#options;
    const endedNs = String(now());
    await this.#reserve?.release();
    const path = join(results.folder, FILES.manifest);
    const manifest = { ...results.manifest, ended_ns: endedNs };
    if (!this.#isRemoved)
      await this.#withLastWords(() => writeJson(path, manifest), FILES.manifest);
    try {
      this.#journal.leaveRunner(endedNs);
      this.#journal.close();
    } catch (error) {
      this.#problems.push(`${FILES.journal} could not be closed: ${messageOf(error)}`);
    }
  }
}

/** Opens the journal and enters this runner; an outcome says why the folder cannot be had. */
const enter = async (options: RunExperimentOptions): Promise<Journal | ExperimentOutcome> => {
  const { results, revision, now } = options;
  const path = join(results.folder, FILES.journal);
  try {
    const journal = Journal.open(path);
    const runner = { ...ownProcess(), startedNs: String(now()), revision };
    const other = journal.enterRunner(runner, (each) => startTicks(each.pid) === each.startTicks);
    if (other === null && (journal.latest().size > 0 || !(await hasRuns(results)))) return journal;
    if (other === null) journal.leaveRunner(String(now()));
    journal.close();
    if (other !== null) return { kind: "busy", pid: other.pid };
    const reason = `${path} knows nothing of the runs beside it: was it lost when the folder was copied?`;
    return { kind: "unusable", reason };
  } catch (error) {
    return { kind: "unusable", reason: `${path} cannot be used: ${messageOf(error)}` };
  }
};

const hasRuns = ({ folder }: ResultsFolder): Promise<boolean> =>
  folderExists(join(folder, FILES.runs));

/** Executes or resumes. Nothing is left running when it settles. */
export const runExperiment = async (options: RunExperimentOptions): Promise<ExperimentOutcome> => {
  const journal = await enter(options);
  return journal instanceof Journal ? new ExperimentRunner(options, journal).run() : journal;
};
