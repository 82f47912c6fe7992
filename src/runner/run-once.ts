/** Drives one run: performs the effects of its state machine on a host and feeds back what happens there. */
import { join } from "node:path";
import type { PlannedRun } from "#experiment/resolved.ts";
import { isDiskFull, makeFolder, makeReadOnly, writeJson } from "#host/file-store.ts";
import type { HostEvent, ProcessSpec, RemoteHost, RunningProcess } from "#remote/remote.ts";
import { type Collected, collectFiles } from "#runner/collect.ts";
import { describeOutcome } from "#runner/describe-outcome.ts";
import { HealthLogs } from "#runner/health-logs.ts";
import type { Observe } from "#runner/observer.ts";
import {
  castOf,
  clientCommand,
  controllerCommand,
  logFilesOf,
  outputPath,
  type RoleProgram,
  type RunFolders,
  workerCommand,
} from "#runner/role-commands.ts";
import type { RunEffect, RunEvent, RunLimits } from "#runner/run-events.ts";
import { RunMachine } from "#runner/run-machine.ts";
import { StopWatch } from "#runner/stop-rules.ts";
import { toMs } from "#stdx/nanos.ts";
import {
  FILES,
  RESULTS_SCHEMA_VERSION,
  type RunState,
  type StoredProcess,
  type StoredRun,
} from "#telemetry/results.ts";
import { type ControlLine, parseStatusLine, type StatusLine } from "#telemetry/status-line.ts";

/** Between SIGTERM and SIGKILL for whatever still runs when a run is torn down. */
const TEAR_DOWN_GRACE_MS = 1000;

/** From the command to start until several generators send their first request. */
const START_LEAD_NS = 500_000_000n;

export interface RunOnceOptions {
  readonly run: PlannedRun;
  readonly folders: RunFolders;
  readonly program: RoleProgram;
  readonly host: RemoteHost;
  /** Calls back with what happens on the host until the returned function is called. */
  readonly listen: (onEvent: (event: HostEvent) => void) => () => void;
  /** Makes a state change durable; throws when that fails. */
  readonly record: (state: RunState, atNs: bigint, reason: string) => void;
  /** Ns since the Unix epoch. */
  readonly now: () => bigint;
  readonly observe: Observe;
  /** Ends the run in order. */
  readonly interrupt: AbortSignal;
  /** Ends it at once. */
  readonly force: AbortSignal;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Whose process has this name. */
export const roleOf = (name: string): StoredProcess["role"] => {
  if (name.startsWith("worker")) return "worker";
  return name === "controller" ? "controller" : "client";
};

/** How long each part of a run may take. */
export const runLimits = (run: PlannedRun): RunLimits => {
  const { warmUpNs, durationNs, coolDownNs } = run.workload;
  return {
    launchMs: toMs(run.launchLimitNs),
    sendMs: toMs(warmUpNs) + toMs(durationNs) + toMs(coolDownNs),
    drainMs: toMs(run.drainLimitNs),
    stopWatch: run.stop === undefined ? null : new StopWatch(run.stop),
  };
};

/** Several generators need an instant that all of them learn of in time; one alone begins when it is told to. */
export const startLine = (generators: number, absoluteNowNs: bigint): ControlLine =>
  generators === 1
    ? { command: "start" }
    : { command: "start", at_ns: String(absoluteNowNs + START_LEAD_NS) };

class RunDriver {
  readonly #options: RunOnceOptions;
  readonly #machine: RunMachine;
  readonly #launches = new Map<string, Promise<RunningProcess | null>>();
  readonly #processes = new Map<string, Mutable<StoredProcess>>();
  readonly #states: { state: RunState; at_ns: string }[] = [];
  readonly #queue: RunEvent[] = [];
  readonly #finished = Promise.withResolvers<void>();
  readonly #health: HealthLogs;
  #collected: Collected = { files: [], problems: [] };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stepping = false;

  constructor(options: RunOnceOptions) {
    this.#options = options;
    const { run } = options;
    this.#health = new HealthLogs(options.folders.telemetry, (reason) =>
      this.#feed({ kind: "runner-failed", reason: `the runner's telemetry: ${reason}` }),
    );
    this.#machine = new RunMachine(castOf(run), runLimits(run));
  }

  /** Resolves once nothing of the run is left on the host. */
  async drive(): Promise<StoredRun> {
    const { interrupt, force, listen } = this.#options;
    const stopListening = listen((event) => this.#onHostEvent(event));
    const onInterrupt = (): void => this.#feed({ kind: "interrupt" });
    const onForce = (): void => void this.#options.host.endAll({ graceMs: 0 });
    interrupt.addEventListener("abort", onInterrupt);
    force.addEventListener("abort", onForce);
    try {
      this.#feed({ kind: "begin" });
      if (interrupt.aborted) onInterrupt();
      await this.#finished.promise;
    } finally {
      clearTimeout(this.#timer);
      stopListening();
      this.#health.close();
      interrupt.removeEventListener("abort", onInterrupt);
      force.removeEventListener("abort", onForce);
    }
    return this.#toStored();
  }

  /** Events that effects cause at once wait for the effects before them. */
  #feed(event: RunEvent): void {
    this.#queue.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      for (const effect of this.#machine.step(performance.now(), next)) this.#perform(effect);
    }
    this.#stepping = false;
    this.#armTimer();
  }

  #armTimer(): void {
    clearTimeout(this.#timer);
    const atMs = this.#machine.nextTimeout();
    if (atMs === null) return;
    const delayMs = Math.max(0, Math.ceil(atMs - performance.now()));
    this.#timer = setTimeout(() => this.#feed({ kind: "timer" }), delayMs);
  }

  #perform(effect: RunEffect): void {
    switch (effect.kind) {
      case "enter":
        this.#enter(effect.state, effect.reason);
        return;
      case "launch-worker": {
        const { run } = this.#options;
        const place = {
          address: this.#address,
          index: castOf(run).workers.indexOf(effect.name),
        };
        void this.#launch(effect.name, workerCommand(run, place));
        return;
      }
      case "launch-controller":
        void this.#launchController(effect.name, effect.workerPorts);
        return;
      case "launch-client": {
        const controller = `${this.#address}:${effect.controllerPort}`;
        const { run, folders } = this.#options;
        const place = { controller, folders, index: effect.index };
        void this.#launch(effect.name, clientCommand(run, place));
        return;
      }
      case "tell-models":
        this.#tell([effect.name], { command: "models", models: effect.models });
        return;
      case "start-sending":
        this.#tell(effect.names, startLine(effect.names.length, this.#options.now()));
        return;
      case "finish-sending": {
        const { stopped, names } = effect;
        const reason = `${stopped.rule}: ${stopped.evidence}`;
        this.#tell(names, { command: "finish", at_ns: stopped.at_ns, reason });
        this.#options.observe({ kind: "stopping", run: this.#options.run, stopped });
        return;
      }
      case "show-progress": {
        const { counters } = effect;
        this.#options.observe({ kind: "progress", run: this.#options.run, counters });
        return;
      }
      case "end-input":
        this.#with(effect.name, (process) => process.endInput());
        return;
      case "terminate":
        this.#with(effect.name, (process) => process.signal("SIGTERM"));
        return;
      case "kill":
        this.#with(effect.name, (process) => void process.stop({ graceMs: 0 }));
        return;
      case "collect":
        void this.#collect();
        return;
      case "tear-down":
        void this.#tearDown();
        return;
      case "finish":
        this.#finished.resolve();
        return;
    }
  }

  get #address(): string {
    return this.#options.host.address;
  }

  #enter(state: RunState, reason: string): void {
    const at = this.#options.now();
    this.#states.push({ state, at_ns: String(at) });
    try {
      this.#options.record(state, at, reason);
    } catch (error) {
      this.#onRunnerError("the journal cannot be written", error);
    }
    this.#options.observe({ kind: "state", run: this.#options.run, state });
  }

  #onRunnerError(what: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const reason = isDiskFull(error) ? `no space left on the disk (${message})` : message;
    this.#feed({ kind: "runner-failed", reason: `${what}: ${reason}` });
  }

  #launchController(name: string, workerPorts: readonly number[]): Promise<void> {
    const workers = workerPorts.map((port) => `${this.#address}:${port}`);
    const place = { address: this.#address, workers };
    return this.#launch(name, controllerCommand(this.#options.run, place));
  }

  async #launch(name: string, args: readonly string[]): Promise<void> {
    const { program, folders, host } = this.#options;
    const spec: ProcessSpec = {
      name,
      command: [...program.command, ...args],
      cwd: program.cwd,
      env: { CLOCKWORK_LOG_DIR: folders.telemetry, ESCAPEMENT_ROLE: name },
      logPath: outputPath(folders, name),
    };
    this.#processes.set(name, {
      role: roleOf(name),
      name,
      host: host.name,
      command: spec.command,
      pid: null,
      started_ns: null,
      ended_ns: null,
      exit_code: null,
      signal: null,
    });
    const launch = host.launch(spec);
    this.#launches.set(
      name,
      launch.then((result) => (result.ok ? result.value : null)),
    );
    const result = await launch;
    if (result.ok) {
      const { pid, startedNs } = result.value;
      Object.assign(this.#processes.get(name) ?? {}, { pid, started_ns: startedNs });
      return;
    }
    const description = `${name} could not be started: ${describeOutcome(result.error)}`;
    this.#feed({ kind: "launch-failed", name, description });
  }

  #tell(names: readonly string[], line: ControlLine): void {
    const text = `${JSON.stringify(line)}\n`;
    for (const name of names) this.#with(name, (process) => process.write(text));
  }

  /** A process that is still being started is dealt with once it runs. */
  #with(name: string, act: (process: RunningProcess) => void): void {
    void this.#launches.get(name)?.then((process) => {
      if (process !== null) act(process);
    });
  }

  #onHostEvent(event: HostEvent): void {
    switch (event.kind) {
      case "line":
        if (event.line.stream === "stdout") this.#onLine(event.name, event.line.text);
        return;
      case "exited": {
        const { outcome, name } = event;
        const ended_ns = String(this.#options.now());
        const { exitCode: exit_code, signal } = outcome;
        Object.assign(this.#processes.get(name) ?? {}, { ended_ns, exit_code, signal });
        const description = describeOutcome(outcome);
        this.#feed({ kind: "exited", name, clean: exit_code === 0, description });
        return;
      }
      case "sample":
        this.#health.sample(this.#options.host.name, event.sample);
        return;
      case "log-failed":
        this.#feed({ kind: "log-failed", name: event.name, reason: event.reason });
        return;
      case "lost":
        this.#feed({ kind: "host-lost", reason: event.reason });
        return;
    }
  }

  #onLine(name: string, text: string): void {
    let status: StatusLine | null = null;
    try {
      status = parseStatusLine(text);
    } catch {
      const message = `printed a status line that is no JSON: ${text.slice(0, 200)}`;
      status = { event: "error", message };
    }
    if (status === null) return;
    if (status.event === "loop") this.#health.loop({ process: name, line: status });
    this.#feed({ kind: "status", name, status });
  }

  async #collect(): Promise<void> {
    const { folders, force } = this.#options;
    try {
      this.#collected = await collectFiles({
        folder: folders.run,
        rowsWritten: new Map([...this.#machine.rowsWritten, ...this.#health.close()]),
        expectedLogs: this.#machine.problems.length === 0 ? logFilesOf(this.#options.run) : [],
        signal: force,
      });
      this.#feed({ kind: "collected", problems: this.#collected.problems });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#feed({ kind: "collected", problems: [`the logs could not be read back: ${message}`] });
    }
  }

  async #tearDown(): Promise<void> {
    const graceMs = this.#options.force.aborted ? 0 : TEAR_DOWN_GRACE_MS;
    const { survivors } = await this.#options.host.endAll({ graceMs });
    const problems = survivors.map(
      ({ pid, command }) =>
        `process ${pid} on ${this.#options.host.name} survived SIGKILL: ${command}`,
    );
    this.#feed({ kind: "torn-down", problems });
  }

  #toStored(): StoredRun {
    const { run } = this.#options;
    return {
      schema_version: RESULTS_SCHEMA_VERSION,
      index: run.index,
      name: run.name,
      point: run.point,
      repetition: run.repetition,
      seed: run.seed,
      state: this.#machine.state,
      states: this.#states,
      ...this.#machine.facts,
      processes: [...this.#processes.values()],
      files: this.#collected.files,
      problems: this.#machine.problems,
    };
  }
}

/** Executes one run from launch to tear-down in a folder that must not exist yet; never leaves a process behind. */
export const runOnce = async (options: RunOnceOptions): Promise<StoredRun> => {
  await makeFolder(options.folders.telemetry);
  await makeFolder(options.folders.logs);
  return new RunDriver(options).drive();
};

/** Writes `run.json`, which nothing changes afterwards. */
export const writeRun = async (folder: string, stored: StoredRun): Promise<void> => {
  await makeFolder(folder);
  const path = join(folder, FILES.run);
  await writeJson(path, stored);
  await makeReadOnly(path);
};
