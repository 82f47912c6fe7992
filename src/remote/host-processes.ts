/** The runner's view of the processes under one supervisor: from protocol events to handles and outcomes. */
import type { SupervisorCommand, SupervisorEvent } from "#remote/protocol.ts";
import type {
  CommandOutcome,
  HostEvent,
  OutputLine,
  ProcessSpec,
  RunningProcess,
} from "#remote/remote.ts";
import { err, ok, type Result } from "#stdx/result.ts";

/** Last lines of each stream that an outcome carries. */
const TAIL_LINES_MAX = 20;

type ProcessEvent = Exclude<
  SupervisorEvent,
  { readonly event: "opened" | "sample" | "listed" | "ended-all" }
>;
type Send = (command: SupervisorCommand) => void;

interface Ending {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly durationMs: number;
  readonly cause: string | null;
}

/** One process from the launch command to its outcome. */
class HostProcessHandle implements RunningProcess {
  readonly spec: ProcessSpec;
  readonly launched = Promise.withResolvers<Result<RunningProcess, CommandOutcome>>();
  pid = 0;
  startedNs = "0";
  canceled = false;
  readonly #host: string;
  readonly #send: Send;
  readonly #exited = Promise.withResolvers<CommandOutcome>();
  readonly #tails = { stdout: [] as string[], stderr: [] as string[] };
  #timedOut = false;

  constructor(spec: ProcessSpec, host: string, send: Send) {
    this.spec = spec;
    this.#host = host;
    this.#send = send;
  }

  get name(): string {
    return this.spec.name;
  }

  get exited(): Promise<CommandOutcome> {
    return this.#exited.promise;
  }

  write(text: string): void {
    this.#send({ op: "input", name: this.name, text });
  }

  endInput(): void {
    this.canceled = true;
    this.#send({ op: "end-input", name: this.name });
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.canceled = true;
    this.#send({ op: "signal", name: this.name, signal });
  }

  async stop({ graceMs }: { readonly graceMs: number }): Promise<CommandOutcome> {
    this.signal("SIGTERM");
    const timer = setTimeout(() => {
      this.#timedOut = true;
      this.signal("SIGKILL");
      this.#send({ op: "kill-group", name: this.name });
    }, graceMs);
    const outcome = await this.exited;
    clearTimeout(timer);
    return outcome;
  }

  addLine({ stream, text }: OutputLine): void {
    const tail = this.#tails[stream];
    tail.push(text);
    if (tail.length > TAIL_LINES_MAX) tail.shift();
  }

  /** Settles whatever waits for this process. */
  end(ending: Ending): CommandOutcome {
    const outcome: CommandOutcome = {
      name: this.name,
      host: this.#host,
      command: this.spec.command,
      pid: this.pid === 0 ? null : this.pid,
      exitCode: ending.exitCode,
      signal: ending.signal,
      timedOut: this.#timedOut,
      canceled: this.canceled,
      stdout: this.#tails.stdout.join("\n"),
      stderr: this.#tails.stderr.join("\n"),
      durationMs: ending.durationMs,
      cause: ending.cause,
    };
    this.launched.resolve(err(outcome));
    this.#exited.resolve(outcome);
    return outcome;
  }
}

export interface HostProcessesOptions {
  readonly host: string;
  readonly send: Send;
  readonly onEvent: (event: HostEvent) => void;
}

/** Every process of one host that was launched and whose end was not seen yet. */
export class HostProcesses {
  readonly #options: HostProcessesOptions;
  readonly #handles = new Map<string, HostProcessHandle>();

  constructor(options: HostProcessesOptions) {
    this.#options = options;
  }

  /** `lostReason` says why the host cannot launch anything any more; null while it can. */
  launch(
    spec: ProcessSpec,
    lostReason: string | null,
  ): Promise<Result<RunningProcess, CommandOutcome>> {
    const handle = new HostProcessHandle(spec, this.#options.host, this.#options.send);
    const refusal = this.#handles.has(spec.name)
      ? `a process named ${spec.name} is running`
      : lostReason;
    if (refusal !== null) {
      handle.end({ exitCode: null, signal: null, durationMs: 0, cause: refusal });
      return handle.launched.promise;
    }
    this.#handles.set(spec.name, handle);
    this.#options.send({
      op: "launch",
      name: spec.name,
      command: spec.command,
      cwd: spec.cwd,
      env: spec.env,
      log_path: spec.logPath,
    });
    return handle.launched.promise;
  }

  receive(event: ProcessEvent): void {
    const handle = this.#handles.get(event.name);
    if (event.event === "log-failed") {
      this.#options.onEvent({ kind: "log-failed", name: event.name, reason: event.reason });
      return;
    }
    // Output of a forked child may arrive after its parent's end; it is in the log file.
    if (handle === undefined) return;
    switch (event.event) {
      case "launched":
        handle.pid = event.pid;
        handle.startedNs = event.started_ns;
        handle.launched.resolve(ok(handle));
        return;
      case "launch-failed":
        this.#handles.delete(event.name);
        handle.end({ exitCode: null, signal: null, durationMs: 0, cause: event.reason });
        return;
      case "line":
        handle.addLine(event);
        this.#options.onEvent({ kind: "line", name: event.name, line: event });
        return;
      case "exited":
        this.#end(handle, {
          exitCode: event.signal === null ? event.exit_code : null,
          signal: event.signal,
          durationMs: event.duration_ms,
          cause: null,
        });
    }
  }

  /** Every process is about to be asked to end. */
  markCanceled(): void {
    for (const handle of this.#handles.values()) handle.canceled = true;
  }

  /** The supervisor is gone, and with it the knowledge of how its processes end. */
  loseAll(reason: string): void {
    for (const handle of this.#handles.values()) {
      this.#end(handle, { exitCode: null, signal: null, durationMs: 0, cause: reason });
    }
  }

  nameOf(pid: number): string | null {
    return [...this.#handles.values()].find((handle) => handle.pid === pid)?.name ?? null;
  }

  #end(handle: HostProcessHandle, ending: Ending): void {
    this.#handles.delete(handle.name);
    const outcome = handle.end(ending);
    this.#options.onEvent({ kind: "exited", name: handle.name, outcome });
  }
}
