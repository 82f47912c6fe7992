/**
 * The supervisor of one host, a program of its own: owns every process that an experiment runs there. It reads commands
 * and writes events as JSON lines, outlives its runner by the lease, then ends everything that it started.
 */
import process from "node:process";
import { endProcesses } from "#remote/end-processes.ts";
import { HostSampler } from "#remote/host-sampler.ts";
import { LineSplitter } from "#remote/line-splitter.ts";
import { findOwned, type Ownership, type TableEntry } from "#remote/process-table.ts";
import {
  formatMessage,
  type OpenCommand,
  parseCommand,
  type SupervisorCommand,
  type SupervisorEvent,
  type WireProcess,
} from "#remote/protocol.ts";
import { MARKER_VARIABLE } from "#remote/remote.ts";
import { becomeSubreaper } from "#remote/subreaper.ts";
import { SupervisedProcess } from "#remote/supervised-process.ts";

/** What a stalled runner has not read; beyond this, lines of output reach only the log files, and samples nobody. */
const UNREAD_BYTES_MAX = 8 * 1024 * 1024;

class Supervisor {
  readonly #processes = new Map<string, SupervisedProcess>();
  readonly #subreaper = becomeSubreaper();
  readonly #sampler = new HostSampler((sample) => this.#emit({ event: "sample", sample }));
  #open: OpenCommand | null = null;
  #unreadBytes = 0;
  #leaving = false;

  handle(command: SupervisorCommand): void {
    switch (command.op) {
      case "open":
        this.#open = command;
        this.#emit({ event: "opened", pid: process.pid });
        return;
      case "launch":
        this.#launch(command);
        return;
      case "input":
        this.#processes.get(command.name)?.write(command.text);
        return;
      case "end-input":
        this.#processes.get(command.name)?.endInput();
        return;
      case "signal":
        this.#processes.get(command.name)?.signal(command.signal);
        return;
      case "kill-group":
        this.#processes.get(command.name)?.killGroup();
        return;
      case "list":
        this.#subreaper.reap(this.#knownPids());
        this.#emit({
          event: "listed",
          id: command.id,
          processes: findOwned(this.#ownership()).map(this.#toWire),
        });
        return;
      case "end-all":
        void this.#endAll(command.id, command.grace_ms);
        return;
      case "close":
        void this.#leave({ id: command.id });
        return;
    }
  }

  /** The runner is gone: what it started keeps running for the lease, then ends. */
  onConnectionLost(): void {
    setTimeout(() => void this.#leave({ id: null }), this.#open?.lease_ms ?? 0);
  }

  /** Somebody ends the supervisor itself; it takes everything along. */
  onSignal(): void {
    void this.#leave({ id: null });
  }

  #launch(command: Extract<SupervisorCommand, { readonly op: "launch" }>): void {
    const open = this.#open;
    try {
      if (open === null || this.#leaving)
        throw new Error("the supervisor is not open for launches");
      if (this.#processes.has(command.name))
        throw new Error(`a process named ${command.name} is running`);
      const env = { ...open.env, [MARKER_VARIABLE]: open.marker };
      const started = new SupervisedProcess({
        launch: command,
        env,
        emit: (event) => this.#emit(event),
      });
      this.#processes.set(command.name, started);
      this.#sampler.add(command.name, started.pid);
      void started.done.then(() => {
        this.#processes.delete(command.name);
        this.#sampler.remove(command.name);
      });
      this.#emit({
        event: "launched",
        name: command.name,
        pid: started.pid,
        started_ns: started.startedNs,
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#emit({ event: "launch-failed", name: command.name, reason });
    }
  }

  async #endAll(id: number | null, graceMs: number): Promise<void> {
    const { ended, survivors } = await endProcesses({
      ownership: this.#ownership(),
      graceMs,
      onPoll: () => this.#subreaper.reap(this.#knownPids()),
    });
    // Exits are reported before the answer, so that nobody sees "all ended" while one seems to run.
    if (survivors.length === 0) {
      await Promise.all([...this.#processes.values()].map((owned) => owned.done));
    }
    if (id !== null)
      this.#emit({ event: "ended-all", id, ended, survivors: survivors.map(this.#toWire) });
  }

  async #leave({ id }: { readonly id: number | null }): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    await this.#endAll(id, this.#open?.grace_ms ?? 0);
    // The last event must have left before the process does; a runner that is gone reads nothing.
    if (id === null) process.exit(0);
    process.stdout.end(() => process.exit(0));
  }

  #ownership(): Ownership {
    return {
      marker: this.#open?.marker ?? "",
      ancestorPid: process.pid,
      except: new Set([process.pid]),
    };
  }

  #knownPids(): ReadonlySet<number> {
    return new Set([...this.#processes.values()].map((owned) => owned.pid));
  }

  readonly #toWire = (entry: TableEntry): WireProcess => {
    const owner = [...this.#processes.values()].find((owned) => owned.pid === entry.pid);
    return { name: owner?.name ?? null, pid: entry.pid, command: entry.command };
  };

  #emit(event: SupervisorEvent): void {
    const isDroppable = event.event === "line" || event.event === "sample";
    if (isDroppable && this.#unreadBytes > UNREAD_BYTES_MAX) return;
    const text = formatMessage(event);
    this.#unreadBytes += text.length;
    process.stdout.write(text, () => {
      this.#unreadBytes -= text.length;
    });
  }
}

const supervisor = new Supervisor();
const commands = new LineSplitter(
  (line) => supervisor.handle(parseCommand(line)),
  Number.POSITIVE_INFINITY,
);
// The runner reads no more: writing fails from now on, and the lease begins when its pipe to us ends.
process.stdout.on("error", () => undefined);
process.stdin.on("data", (chunk: Buffer) => commands.push(chunk));
process.stdin.on("end", () => supervisor.onConnectionLost());
process.stdin.on("error", () => supervisor.onConnectionLost());
process.on("SIGTERM", () => supervisor.onSignal());
process.on("SIGINT", () => supervisor.onSignal());
// A terminal that closes is the runner's business; the lease decides here.
process.on("SIGHUP", () => undefined);
