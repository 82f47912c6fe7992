/**
 * One run as a state machine: which role to start when, what its status lines mean, which deadline holds, and how the run
 * ends. It knows no process, file or clock: the driver performs its effects and feeds it what happened.
 */

import { ClosingOrder } from "#runner/closing-order.ts";
import { type Fault, worstFault } from "#runner/faults.ts";
import { type GeneratorFacts, GeneratorGroup, type StartedLine } from "#runner/generator-group.ts";
import {
  notDrained,
  notEnded,
  notFinished,
  notReady,
  notSent,
  notStarted,
} from "#runner/late-messages.ts";
import { LiveCounterSum } from "#runner/live-counters.ts";
import type { RunCast, RunEffect, RunEvent, RunLimits } from "#runner/run-events.ts";
import type { RunState } from "#telemetry/results.ts";
import type { StatusLine } from "#telemetry/status-line.ts";

/** From the command to start until the client says when it sends. */
const START_LIMIT_MS = 10_000;
/** Beyond the time that sending takes: a client that is late still gets to say so. */
const SEND_MARGIN_MS = 10_000;
/** Beyond the drain limit, which the client keeps itself. */
const DRAIN_MARGIN_MS = 5_000;
/** For each role in turn to write its logs and end. */
const CLOSE_LIMIT_MS = 10_000;
/** After the first fault, others are awaited for this long: the one that explains the rest may be reported second. */
const SETTLE_MS = 250;

interface Deadline {
  readonly atMs: number;
  /** What did not happen in time. */
  readonly message: () => string;
}

type Ending = "done" | "failed" | "interrupted";

/** Driven by `step`; instants are the driver's, in ms, and must never decrease. */
export class RunMachine {
  readonly #cast: RunCast;
  readonly #limits: RunLimits;
  readonly #workerPorts = new Map<string, number>();
  readonly #alive = new Set<string>();
  readonly #problems: string[] = [];
  readonly #faults: Fault[] = [];
  readonly #rowsWritten = new Map<string, number>();
  #state: RunState = "planned";
  #ending: Ending = "done";
  /** Null until the run is being closed. */
  #closing: ClosingOrder | null = null;
  #deadline: Deadline | null = null;
  readonly #generators: GeneratorGroup;
  readonly #counters: LiveCounterSum;
  #controllerReady = false;
  #effects: RunEffect[] = [];
  #nowMs = 0;

  constructor(cast: RunCast, limits: RunLimits) {
    this.#cast = cast;
    this.#limits = limits;
    this.#generators = new GeneratorGroup(cast.clients);
    this.#counters = new LiveCounterSum(cast.clients.length);
  }

  get state(): RunState {
    return this.#state;
  }

  /** What went wrong, in words for the user; the first one says why the run failed. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** What the roles said about the run, for `run.json`. */
  get facts(): GeneratorFacts {
    return this.#generators.facts;
  }

  /** Rows per log file name, as their writers said when they closed them. */
  get rowsWritten(): ReadonlyMap<string, number> {
    return this.#rowsWritten;
  }

  /** When the driver must send the next `timer` event; null when nothing is awaited. */
  nextTimeout(): number | null {
    return this.#deadline?.atMs ?? null;
  }

  step(nowMs: number, event: RunEvent): readonly RunEffect[] {
    this.#nowMs = nowMs;
    this.#effects = [];
    this.#on(event);
    return this.#effects;
  }

  #on(event: RunEvent): void {
    switch (event.kind) {
      case "begin":
        this.#begin();
        return;
      case "status":
        this.#onStatus(event.name, event.status);
        return;
      case "exited":
        this.#onExited(event);
        return;
      case "launch-failed":
        this.#alive.delete(event.name);
        this.#fault({ kind: "launch", name: event.name, message: event.description });
        return;
      case "log-failed": {
        const message = `the output of ${event.name} can no longer be written: ${event.reason}`;
        this.#fault({ kind: "disk", name: event.name, message });
        return;
      }
      case "host-lost":
        this.#fault({ kind: "host", name: "", message: event.reason });
        return;
      case "runner-failed":
        this.#fault({ kind: "disk", name: "", message: event.reason });
        return;
      case "interrupt":
        this.#interrupt();
        return;
      case "collected":
        this.#onCollected(event.problems);
        return;
      case "torn-down":
        this.#onTornDown(event.problems);
        return;
      case "timer":
        this.#onTimer();
        return;
    }
  }

  #begin(): void {
    this.#enter("launching");
    this.#await(this.#limits.launchMs, () => {
      const { workers, controller } = this.#cast;
      const behind = this.#controllerReady ? this.#generators.unready() : [controller];
      const waiting = workers.filter((name) => !this.#workerPorts.has(name));
      return notReady(waiting.length > 0 ? waiting : behind, this.#limits.launchMs);
    });
    for (const [index, name] of this.#cast.workers.entries()) {
      this.#alive.add(name);
      this.#effects.push({ kind: "launch-worker", name, index });
    }
  }

  #onStatus(name: string, status: StatusLine): void {
    switch (status.event) {
      case "ready":
        this.#onReady(name, status);
        return;
      case "started":
      case "draining":
      case "drained":
        // Once something went wrong, the client's progress no longer decides how the run goes on.
        if (this.#faults.length === 0) this.#onClientProgress(name, status);
        return;
      case "log":
        this.#onLog(name, status);
        return;
      case "log-closed":
        this.#rowsWritten.set(status.log, status.rows);
        return;
      case "error":
        this.#fault({ kind: "error", name, message: `${name}: ${status.message}` });
        return;
      case "progress":
        this.#onCounters(name, status);
        return;
      case "loop":
        return;
    }
  }

  #onReady(name: string, ready: Extract<StatusLine, { readonly event: "ready" }>): void {
    if (this.#state !== "launching" || this.#faults.length > 0) return;
    if (this.#cast.workers.includes(name)) this.#onWorkerReady(name, ready.port);
    else if (name === this.#cast.controller) this.#onControllerReady(ready.port);
    else this.#onClientReady(name, ready);
  }

  #onWorkerReady(name: string, port: number | null): void {
    if (port === null) {
      this.#fault({ kind: "error", name, message: `${name} is ready but names no port` });
      return;
    }
    this.#workerPorts.set(name, port);
    if (this.#workerPorts.size < this.#cast.workers.length) return;
    const workerPorts = this.#cast.workers.map((worker) => this.#workerPorts.get(worker) ?? 0);
    this.#alive.add(this.#cast.controller);
    this.#effects.push({ kind: "launch-controller", name: this.#cast.controller, workerPorts });
  }

  #onControllerReady(port: number | null): void {
    const { clients, controller } = this.#cast;
    if (port === null) {
      const message = `${controller} is ready but names no port`;
      this.#fault({ kind: "error", name: controller, message });
      return;
    }
    this.#controllerReady = true;
    for (const [index, name] of clients.entries()) {
      this.#alive.add(name);
      this.#effects.push({ kind: "launch-client", name, index, controllerPort: port });
    }
  }

  #onClientReady(name: string, ready: Extract<StatusLine, { readonly event: "ready" }>): void {
    const { clients } = this.#cast;
    this.#generators.onReady(name, ready);
    if (this.#generators.isLoader(name)) {
      const { models } = this.#generators;
      for (const other of clients.slice(1)) {
        this.#effects.push({ kind: "tell-models", name: other, models });
      }
    }
    if (!this.#generators.areReady) return;
    this.#enter("ready");
    this.#enter("measuring");
    this.#effects.push({ kind: "start-sending", names: clients });
    this.#await(START_LIMIT_MS, () => notStarted(this.#generators.unstarted(), START_LIMIT_MS));
  }

  #onClientProgress(
    name: string,
    status: Extract<StatusLine, { readonly event: "started" | "draining" | "drained" }>,
  ): void {
    const group = this.#generators;
    if (status.event === "started") this.#onStarted(name, status);
    if (status.event === "draining") group.onDraining(name);
    const flaw = status.event === "drained" ? group.onDrained(name, status) : null;
    if (flaw !== null) this.#fault({ kind: "error", name, message: flaw });
    if (this.#state === "measuring" && group.areDraining) this.#onDraining();
    if (this.#state === "draining" && group.areDrained) this.#close("done");
  }

  #onStarted(name: string, status: StartedLine): void {
    const flaw = this.#generators.onStarted(name, status);
    if (flaw !== null) this.#fault({ kind: "error", name, message: flaw });
    if (flaw !== null || !this.#generators.haveStarted) return;
    const limitMs = this.#limits.sendMs + SEND_MARGIN_MS;
    this.#await(limitMs, () => notSent(this.#generators.sending(), limitMs));
  }

  #onDraining(): void {
    this.#enter("draining", this.#generators.stopped?.evidence ?? "");
    const { drainMs } = this.#limits;
    const limitMs = drainMs + DRAIN_MARGIN_MS;
    this.#await(limitMs, () => notDrained(this.#generators.undrained(), limitMs, drainMs));
  }

  #onCounters(name: string, line: Extract<StatusLine, { readonly event: "progress" }>): void {
    const counters = this.#counters.add(name, line);
    if (counters === null) return;
    this.#effects.push({ kind: "show-progress", counters });
    if (this.#state !== "measuring" || this.#faults.length > 0) return;
    const stop = this.#generators.judge(counters, this.#limits.stopWatch);
    if (stop === null) return;
    this.#effects.push({ kind: "finish-sending", names: this.#cast.clients, stopped: stop });
    this.#await(SEND_MARGIN_MS, () => notFinished(this.#generators.sending(), SEND_MARGIN_MS));
  }

  #onLog(name: string, status: Extract<StatusLine, { readonly event: "log" }>): void {
    if (status.path !== null) return;
    const message = `${name} writes no ${status.log}: ${status.reason ?? "no reason given"}`;
    this.#fault({ kind: "error", name, message });
  }

  #onExited(event: Extract<RunEvent, { readonly kind: "exited" }>): void {
    this.#alive.delete(event.name);
    if (this.#closing === null) {
      const message = `${event.name} ended while ${this.#doing()}: ${event.description}`;
      this.#fault({ kind: "exit", name: event.name, message });
      return;
    }
    if (!event.clean && this.#ending === "done" && this.#state === "collecting") {
      this.#markFailed(`${event.name} failed while it closed its logs: ${event.description}`);
    }
    this.#continueClosing();
  }

  #doing(): string {
    return this.#state === "launching" ? "being launched" : this.#state;
  }

  /** Notes what went wrong; the run is ended once the faults that belong to it are known. */
  #fault(fault: Fault): void {
    if (this.#state === "tearing-down" || this.#isOver()) return;
    if (this.#closing !== null) {
      // Closing goes wrong in many ways once a run has failed; only a run that looked good is told about them.
      if (this.#ending === "done") this.#markFailed(fault.message);
      if (fault.kind === "launch") this.#continueClosing();
      return;
    }
    this.#faults.push(fault);
    if (this.#faults.length > 1) return;
    this.#await(SETTLE_MS, () => "");
  }

  #markFailed(message: string): void {
    this.#ending = "failed";
    this.#problems.push(message);
  }

  #interrupt(): void {
    // A run that is being closed keeps its ending: it is nearly over, and perhaps good.
    if (this.#closing !== null || this.#isOver()) return;
    this.#problems.push(`interrupted while ${this.#doing()}`);
    this.#close("interrupted");
  }

  #onTimer(): void {
    const deadline = this.#deadline;
    if (deadline === null || this.#nowMs < deadline.atMs) return;
    this.#deadline = null;
    if (this.#closing !== null) {
      this.#onCloseLimit();
      return;
    }
    const worst = worstFault(this.#faults);
    this.#problems.push(worst === null ? deadline.message() : worst.message);
    this.#close("failed");
  }

  /** Ends the roles so that their logs are complete: in order after a good run, all at once otherwise. */
  #close(ending: Ending): void {
    this.#ending = ending;
    this.#enter("collecting");
    this.#closing = new ClosingOrder(this.#cast, ending === "done");
    for (const name of this.#cast.clients) {
      if (this.#alive.has(name)) this.#effects.push({ kind: "end-input", name });
    }
    if (ending !== "done") {
      for (const name of this.#alive) this.#effects.push({ kind: "terminate", name });
    }
    this.#await(CLOSE_LIMIT_MS, () => "");
    this.#continueClosing();
  }

  #continueClosing(): void {
    const order = this.#closing;
    if (order === null || this.#state !== "collecting") return;
    while (order.awaited(this.#alive).length === 0) {
      if (!order.advance()) {
        this.#deadline = null;
        this.#effects.push({ kind: "collect" });
        return;
      }
      for (const name of order.awaited(this.#alive))
        this.#effects.push({ kind: "terminate", name });
      this.#await(CLOSE_LIMIT_MS, () => "");
    }
  }

  #onCloseLimit(): void {
    const late = this.#closing?.awaited(this.#alive) ?? [];
    this.#problems.push(notEnded(late, CLOSE_LIMIT_MS));
    if (this.#ending === "done") this.#ending = "failed";
    for (const name of late) {
      this.#alive.delete(name);
      this.#effects.push({ kind: "kill", name });
    }
    this.#continueClosing();
  }

  #onCollected(problems: readonly string[]): void {
    this.#problems.push(...problems);
    if (problems.length > 0 && this.#ending === "done") this.#ending = "failed";
    this.#enter("tearing-down");
    this.#effects.push({ kind: "tear-down" });
  }

  #onTornDown(problems: readonly string[]): void {
    this.#problems.push(...problems);
    if (problems.length > 0 && this.#ending === "done") this.#ending = "failed";
    this.#enter(this.#ending, this.#ending === "done" ? "" : (this.#problems[0] ?? ""));
    this.#effects.push({ kind: "finish" });
  }

  #isOver(): boolean {
    return this.#state === "done" || this.#state === "failed" || this.#state === "interrupted";
  }

  #enter(state: RunState, reason = ""): void {
    this.#state = state;
    this.#effects.push({ kind: "enter", state, reason });
  }

  #await(limitMs: number, message: () => string): void {
    this.#deadline = { atMs: this.#nowMs + limitMs, message };
  }
}
