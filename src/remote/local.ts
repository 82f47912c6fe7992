/** This machine as a remote host: a supervisor process of our own, spoken to over its standard input and output. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { endProcesses } from "#remote/end-processes.ts";
import { HostProcesses } from "#remote/host-processes.ts";
import { findOwned } from "#remote/process-table.ts";
import {
  formatMessage,
  parseEvent,
  type SupervisorCommand,
  type SupervisorEvent,
} from "#remote/protocol.ts";
import {
  type CommandOutcome,
  type EndReport,
  type HostOptions,
  type HostProcess,
  MARKER_VARIABLE,
  type ProcessSpec,
  type RemoteHost,
  type RunningProcess,
} from "#remote/remote.ts";
import type { Result } from "#stdx/result.ts";

/** A machine under load takes its time; the supervisor needs about 50 ms on a quiet one. */
const OPEN_LIMIT_MS = 10_000;
/** For answers that need no waiting on the supervisor's side. */
const ANSWER_LIMIT_MS = 5_000;

const SUPERVISOR_PATH = fileURLToPath(new URL("supervisor.ts", import.meta.url));

export interface LocalHostOptions extends HostOptions {
  /** The environment that launched processes start from. */
  readonly env: Readonly<Record<string, string>>;
}

type Answer = Extract<SupervisorEvent, { readonly id: number }>;

const startSupervisor = (options: LocalHostOptions) =>
  execa(process.execPath, [SUPERVISOR_PATH], {
    // Its own session: Ctrl-C in the terminal is the runner's to handle, and execa must not end it with us.
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...options.env, [MARKER_VARIABLE]: options.marker },
    extendEnv: false,
  });

class LocalHost implements RemoteHost {
  readonly name = "local";
  readonly address = "127.0.0.1";
  readonly #options: LocalHostOptions;
  readonly #supervisor: ReturnType<typeof startSupervisor>;
  readonly #processes: HostProcesses;
  readonly #answers = new Map<number, (answer: Answer | null) => void>();
  readonly #opened = Promise.withResolvers<void>();
  #nextId = 1;
  /** Why the supervisor is gone; null while it lives. */
  #lostReason: string | null = null;
  #closing: Promise<EndReport> | null = null;
  #complaints = "";

  constructor(options: LocalHostOptions) {
    this.#options = options;
    this.#processes = new HostProcesses({
      host: this.name,
      send: (command) => this.#send(command),
      onEvent: options.onEvent,
    });
    this.#supervisor = startSupervisor(options);
    // Writing to a supervisor that was killed fails; its end is reported by `#follow`.
    this.#supervisor.stdin.on("error", () => undefined);
    void this.#follow();
    this.#send({
      op: "open",
      marker: options.marker,
      lease_ms: options.leaseMs,
      grace_ms: options.graceMs,
      env: options.env,
    });
  }

  /** Resolves when the supervisor answers; throws when it does not come up. */
  async opened(): Promise<void> {
    const timer = setTimeout(() => this.#supervisor.kill("SIGKILL"), OPEN_LIMIT_MS);
    try {
      await this.#opened.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  launch(spec: ProcessSpec): Promise<Result<RunningProcess, CommandOutcome>> {
    return this.#processes.launch(spec, this.#lostReason);
  }

  async list(): Promise<readonly HostProcess[]> {
    const id = this.#nextId++;
    const answer = await this.#ask({ op: "list", id }, ANSWER_LIMIT_MS);
    return answer?.event === "listed" ? answer.processes : this.#findMarked();
  }

  async endAll({ graceMs }: { readonly graceMs: number }): Promise<EndReport> {
    this.#processes.markCanceled();
    const id = this.#nextId++;
    const answer = await this.#ask(
      { op: "end-all", id, grace_ms: graceMs },
      graceMs + ANSWER_LIMIT_MS,
    );
    if (answer?.event === "ended-all") return answer;
    return await this.#endMarked(graceMs);
  }

  close(): Promise<EndReport> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<EndReport> {
    this.#processes.markCanceled();
    const id = this.#nextId++;
    const answer = await this.#ask({ op: "close", id }, this.#options.graceMs + ANSWER_LIMIT_MS);
    if (answer?.event !== "ended-all") return await this.#endMarked(this.#options.graceMs);
    await this.#supervisor;
    return answer;
  }

  /** Without the supervisor, the marker finds what it started, and a supervisor that hangs. */
  async #endMarked(graceMs: number): Promise<EndReport> {
    const ownership = {
      marker: this.#options.marker,
      ancestorPid: null,
      except: new Set([process.pid]),
    };
    const { ended, survivors } = await endProcesses({ ownership, graceMs });
    return {
      ended,
      survivors: survivors.map(({ pid, command }) => ({ name: null, pid, command })),
    };
  }

  #findMarked(): readonly HostProcess[] {
    const except = new Set([process.pid]);
    const found = findOwned({ marker: this.#options.marker, ancestorPid: null, except });
    return found.map(({ pid, command }) => ({ name: this.#processes.nameOf(pid), pid, command }));
  }

  #send(command: SupervisorCommand): void {
    if (this.#lostReason === null) this.#supervisor.stdin.write(formatMessage(command));
  }

  /** Resolves to null when the supervisor is gone or does not answer in time. */
  #ask(
    command: SupervisorCommand & { readonly id: number },
    limitMs: number,
  ): Promise<Answer | null> {
    if (this.#lostReason !== null) return Promise.resolve(null);
    const { promise, resolve } = Promise.withResolvers<Answer | null>();
    const timer = setTimeout(() => resolve(null), limitMs);
    this.#answers.set(command.id, resolve);
    this.#send(command);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#answers.delete(command.id);
    });
  }

  async #follow(): Promise<void> {
    this.#supervisor.stderr.on("data", (chunk: Buffer) => {
      this.#complaints = `${this.#complaints}${chunk.toString()}`.slice(-2000);
    });
    for await (const line of this.#supervisor.iterable()) this.#receive(parseEvent(line));
    const result = await this.#supervisor;
    const ending = result.signal === undefined ? `exit code ${result.exitCode}` : result.signal;
    const complaint = this.#complaints === "" ? "" : `: ${this.#complaints.trim()}`;
    this.#lostReason = `the supervisor on ${this.name} ended (${ending})${complaint}`;
    this.#opened.reject(new Error(this.#lostReason));
    for (const resolve of this.#answers.values()) resolve(null);
    if (this.#closing === null) this.#options.onEvent({ kind: "lost", reason: this.#lostReason });
    this.#processes.loseAll(this.#lostReason);
  }

  #receive(event: SupervisorEvent): void {
    switch (event.event) {
      case "opened":
        this.#opened.resolve();
        return;
      case "sample":
        this.#options.onEvent({ kind: "sample", sample: event.sample });
        return;
      case "listed":
      case "ended-all":
        this.#answers.get(event.id)?.(event);
        return;
      default:
        this.#processes.receive(event);
    }
  }
}

/** Starts a supervisor on this machine; throws when it does not come up. The caller closes the host. */
export const openLocalHost = async (options: LocalHostOptions): Promise<RemoteHost> => {
  const host = new LocalHost(options);
  await host.opened();
  return host;
};
