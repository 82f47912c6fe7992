/** Drives one run in virtual time: the same course and the same files as a run on hosts, without a host. */
import type { PlannedRun } from "#experiment/resolved.ts";
import { hashText, isDiskFull, makeFolder } from "#host/file-store.ts";
import { type Collected, collectFiles } from "#runner/collect.ts";
import type { Observe } from "#runner/observer.ts";
import { castOf, type RunFolders, roleLogsOf } from "#runner/role-commands.ts";
import type { RunEffect, RunEvent } from "#runner/run-events.ts";
import { RunMachine } from "#runner/run-machine.ts";
import { roleOf, runLimits, startLine } from "#runner/run-once.ts";
import { SimulatedLogs } from "#runner/simulated-logs.ts";
import {
  absoluteNs,
  DEFAULT_WORLD,
  SimulatedRun,
  type SimulationInputs,
  type WorldOptions,
} from "#sim/simulated-run.ts";
import { MILLISECOND, maxNs, type Nanos, ns, toMs, toSeconds, ZERO_NS } from "#stdx/nanos.ts";
import {
  RESULTS_SCHEMA_VERSION,
  type RunState,
  type StoredProcess,
  type StoredRun,
  type StoredSimulation,
} from "#telemetry/results.ts";
import { type ControlLine, formatStatusLine, type StatusLine } from "#telemetry/status-line.ts";

/** Reads what a run needs; throws with the reason when that is not possible any more. */
export type OpenInputs = (run: PlannedRun) => SimulationInputs;

export interface SimulateOnceOptions {
  readonly run: PlannedRun;
  readonly folders: RunFolders;
  readonly openInputs: OpenInputs;
  readonly world?: WorldOptions;
  /** Makes a state change durable; throws when that fails. */
  readonly record: (state: RunState, reason: string) => void;
  readonly observe: Observe;
  /** Ends the run in order. */
  readonly interrupt: AbortSignal;
  /** Ends it at once. */
  readonly force: AbortSignal;
}

/** Signals, and whoever shows progress, have their turn this often. */
const SLICE_MS = 20;
const STEPS_PER_LOOK = 256;
/** A simulated second may take a millisecond: nobody reads its counters that fast. */
const PROGRESS_EVERY_MS = 200;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** Lets other work of the event loop have its turn. */
const yieldTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

class SimulationDriver {
  readonly #options: SimulateOnceOptions;
  readonly #world: WorldOptions;
  readonly #machine: RunMachine;
  readonly #logs: SimulatedLogs;
  readonly #simulation: SimulatedRun;
  readonly #processes = new Map<string, Mutable<StoredProcess>>();
  readonly #states: { state: RunState; at_ns: string }[] = [];
  readonly #events: RunEvent[] = [];
  readonly #startedMs = performance.now();
  /** The world's, or that of a deadline which passed while nothing happened there. */
  #now: Nanos = ZERO_NS;
  #deadline: Nanos | null = null;
  #shownMs = Number.NEGATIVE_INFINITY;
  #collected: Collected = { files: [], problems: [] };
  /** What is done outside of virtual time, which stands still meanwhile. */
  #underWay: Promise<void> | null = null;
  #isFinished = false;
  /** Something in the world broke: it does not go on. */
  #isBroken = false;

  constructor(options: SimulateOnceOptions) {
    const { run, folders, openInputs, world = DEFAULT_WORLD } = options;
    this.#options = options;
    this.#world = world;
    this.#machine = new RunMachine(castOf(run), runLimits(run));
    const onStatus = (name: string, status: StatusLine): void =>
      void this.#events.push({ kind: "status", name, status });
    const dialect = run.system.telemetryDialect;
    const logs = new SimulatedLogs({ folders, dialect, onStatus });
    this.#logs = logs;
    this.#simulation = new SimulatedRun({
      run,
      inputs: openInputs(run),
      world,
      output: {
        status: (name, line) => {
          logs.line(name, formatStatusLine(line));
          onStatus(name, line);
        },
        line: (name, text) => logs.line(name, text),
        exited: (name, { isClean: clean, description }) => {
          Object.assign(this.#processes.get(name) ?? {}, {
            ended_ns: String(absoluteNs(this.#simulation.now)),
            exit_code: clean ? 0 : 1,
          });
          this.#events.push({ kind: "exited", name, clean, description });
        },
        openControllerLogs: (name, each) => logs.openControllerLogs(name, each),
        openClientLog: (name, each) => logs.openClientLog(name, each),
      },
    });
  }

  async drive(): Promise<StoredRun> {
    const { interrupt } = this.#options;
    let isTold = false;
    this.#events.push({ kind: "begin" });
    while (!this.#isFinished) {
      if (interrupt.aborted && !isTold) {
        isTold = true;
        this.#events.push({ kind: "interrupt" });
      }
      this.#runSlice();
      await (this.#underWay ?? yieldTurn());
    }
    return this.#toStored();
  }

  /** Goes on until something outside is awaited, or others should have their turn. */
  #runSlice(): void {
    const untilMs = performance.now() + SLICE_MS;
    do {
      for (let step = 0; step < STEPS_PER_LOOK; step++) {
        if (this.#events.length > 0) this.#handleEvents();
        if (this.#isFinished || this.#underWay !== null) return;
        this.#advance();
      }
    } while (performance.now() < untilMs);
  }

  /** One thing happens in the world, or a deadline passes there. */
  #advance(): void {
    const nextAt = this.#isBroken ? null : this.#simulation.nextAt();
    const deadline = this.#deadline;
    if (deadline !== null && (nextAt === null || deadline < nextAt)) {
      this.#now = maxNs(this.#now, deadline);
      this.#events.push({ kind: "timer" });
      return;
    }
    if (nextAt === null) throw new Error("the simulation came to a standstill");
    this.#now = nextAt;
    this.#guard(() => this.#simulation.step());
  }

  /** A broken invariant of a role fails the run, which still keeps what it has. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (this.#isBroken) return;
      this.#isBroken = true;
      const at = `${toSeconds(this.#simulation.now)} s after the start of the simulated world`;
      const reason = isDiskFull(error) ? "no space left on the disk" : messageOf(error);
      this.#events.push({ kind: "runner-failed", reason: `${at}: ${reason}` });
    }
  }

  #handleEvents(): void {
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      for (const effect of this.#machine.step(toMs(this.#now), event)) this.#perform(effect);
    }
    const deadlineMs = this.#machine.nextTimeout();
    this.#deadline = deadlineMs === null ? null : ns(Math.ceil(deadlineMs * MILLISECOND));
  }

  #perform(effect: RunEffect): void {
    switch (effect.kind) {
      case "enter":
        this.#enter(effect.state, effect.reason);
        return;
      case "launch-worker":
        this.#launch(effect.name, () => this.#simulation.startWorker(effect.name, effect.index));
        return;
      case "launch-controller":
        this.#launch(effect.name, () => this.#simulation.startController(effect.name));
        return;
      case "launch-client":
        this.#launch(effect.name, () => this.#simulation.startClient(effect.name, effect.index));
        return;
      case "tell-models":
        this.#command([effect.name], { command: "models", models: effect.models });
        return;
      case "start-sending":
        this.#command(effect.names, startLine(effect.names.length, this.#absoluteNow));
        return;
      case "finish-sending": {
        const { stopped, names } = effect;
        const reason = `${stopped.rule}: ${stopped.evidence}`;
        this.#command(names, { command: "finish", at_ns: stopped.at_ns, reason });
        this.#options.observe({ kind: "stopping", run: this.#options.run, stopped });
        return;
      }
      case "show-progress":
        this.#showProgress(effect);
        return;
      case "end-input":
      case "terminate":
        this.#end(effect.name);
        return;
      case "kill":
        this.#simulation.kill(effect.name);
        return;
      case "collect":
        this.#underWay = this.#collect();
        return;
      case "tear-down":
        this.#events.push({ kind: "torn-down", problems: [] });
        return;
      case "finish":
        this.#isFinished = true;
        return;
    }
  }

  get #absoluteNow(): bigint {
    return absoluteNs(this.#now);
  }

  #enter(state: RunState, reason: string): void {
    const { record, observe, run } = this.#options;
    this.#states.push({ state, at_ns: String(this.#absoluteNow) });
    try {
      record(state, reason);
    } catch (error) {
      const what = `the journal cannot be written: ${messageOf(error)}`;
      this.#events.push({ kind: "runner-failed", reason: what });
    }
    observe({ kind: "state", run, state });
  }

  #launch(name: string, start: () => void): void {
    this.#processes.set(name, {
      role: roleOf(name),
      name,
      host: "simulated",
      command: [],
      pid: null,
      started_ns: String(this.#absoluteNow),
      ended_ns: null,
      exit_code: null,
      signal: null,
    });
    this.#guard(start);
  }

  #command(names: readonly string[], line: ControlLine): void {
    for (const name of names) this.#guard(() => this.#simulation.command(name, line));
  }

  /** A world that broke has no last words. */
  #end(name: string): void {
    if (this.#isBroken) this.#simulation.kill(name);
    else this.#guard(() => this.#simulation.end(name));
  }

  #showProgress({ counters }: Extract<RunEffect, { readonly kind: "show-progress" }>): void {
    const nowMs = performance.now();
    if (nowMs - this.#shownMs < PROGRESS_EVERY_MS) return;
    this.#shownMs = nowMs;
    this.#options.observe({ kind: "progress", run: this.#options.run, counters });
  }

  async #collect(): Promise<void> {
    const { folders, force, run } = this.#options;
    this.#logs.close();
    try {
      this.#collected = await collectFiles({
        folder: folders.run,
        rowsWritten: this.#machine.rowsWritten,
        expectedLogs: this.#machine.problems.length === 0 ? roleLogsOf(run) : [],
        signal: force,
      });
      this.#events.push({ kind: "collected", problems: this.#collected.problems });
    } catch (error) {
      const problem = `the logs could not be read back: ${messageOf(error)}`;
      this.#events.push({ kind: "collected", problems: [problem] });
    }
    this.#underWay = null;
  }

  #toStored(): StoredRun {
    const { index, name, point, repetition, seed } = this.#options.run;
    return {
      schema_version: RESULTS_SCHEMA_VERSION,
      index,
      name,
      point,
      repetition,
      seed,
      state: this.#machine.state,
      states: this.#states,
      ...this.#machine.facts,
      processes: [...this.#processes.values()],
      files: this.#collected.files,
      problems: this.#machine.problems,
      simulation: this.#facts(),
    };
  }

  #facts(): StoredSimulation {
    const { network } = this.#world;
    const lines = this.#collected.files
      .map(({ path, sha256 }) => ({ path, line: `${sha256}  ${path}\n` }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    return {
      sha256: hashText(lines.map(({ line }) => line).join("")),
      steps: this.#simulation.steps,
      wall_ns: Math.round((performance.now() - this.#startedMs) * MILLISECOND),
      network: {
        latency_min_ns: network.latencyMin,
        jitter_mean_ns: network.jitterMean,
        bytes_per_s: network.bytesPerS,
        send_buffer_bytes: network.sendBufferBytes,
      },
    };
  }
}

/** Simulates one run in a folder that must not exist yet. */
export const simulateOnce = async (options: SimulateOnceOptions): Promise<StoredRun> => {
  await makeFolder(options.folders.telemetry);
  await makeFolder(options.folders.logs);
  return new SimulationDriver(options).drive();
};
