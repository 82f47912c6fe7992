/** One process under a supervisor: own process group, whole lines to its log file and to the runner, its exit. */
import { closeSync, openSync, writeSync } from "node:fs";
import { kill } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { LineSplitter } from "#remote/line-splitter.ts";
import { formatMessage, type SupervisorCommand, type SupervisorEvent } from "#remote/protocol.ts";

type LaunchCommand = Extract<SupervisorCommand, { readonly op: "launch" }>;

/** After an exit, how long output is awaited: a forked child may hold the pipe open for ever. */
const OUTPUT_LIMIT_MS = 200;

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** Writes to a process that may read no more, or have ended already: its exit tells, and no failure of ours. */
const attempt = (write: () => unknown): void => {
  try {
    Promise.resolve(write()).catch(() => undefined);
  } catch {
    // A broken pipe, told at once.
  }
};

/** Appends whole lines; after the first failure it reports the reason and writes no more. */
class LogFile {
  readonly #fd: number;
  readonly #onFailure: (reason: string) => void;
  #failed = false;

  constructor(path: string, onFailure: (reason: string) => void) {
    this.#fd = openSync(path, "a");
    this.#onFailure = onFailure;
  }

  writeLine(text: string): void {
    if (this.#failed) return;
    const bytes = Buffer.from(`${text}\n`);
    try {
      // A disk that fills up takes a part of the line before it refuses the rest.
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      this.#failed = true;
      this.#onFailure(reasonOf(error));
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

export interface SupervisedOptions {
  readonly launch: LaunchCommand;
  readonly env: Readonly<Record<string, string>>;
  readonly emit: (event: SupervisorEvent) => void;
}

/** Started by its constructor, which throws when the program or the log file cannot be opened. */
export class SupervisedProcess {
  readonly name: string;
  readonly pid: number;
  readonly startedNs: string;
  /** Settles after `exited` was emitted. */
  readonly done: Promise<void>;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #log: LogFile;
  readonly #emit: (event: SupervisorEvent) => void;
  #inputOpen = true;

  constructor(options: SupervisedOptions) {
    const { launch, env, emit } = options;
    this.name = launch.name;
    this.#emit = emit;
    this.#log = new LogFile(launch.log_path, (reason) =>
      emit({ event: "log-failed", name: this.name, reason }),
    );
    const startMs = performance.now();
    try {
      this.#child = Bun.spawn([...launch.command], {
        cwd: launch.cwd,
        env: { ...env, ...launch.env },
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
        // A session and process group of its own, so that the whole group can be signalled.
        detached: true,
      });
    } catch (error) {
      const message = formatMessage({
        event: "launch-failed",
        name: this.name,
        reason: reasonOf(error),
      });
      this.#log.writeLine(message.trimEnd());
      this.#log.close();
      throw error;
    }
    this.pid = this.#child.pid;
    this.startedNs = String(BigInt(Date.now()) * 1_000_000n);
    this.done = this.#follow(startMs);
  }

  write(text: string): void {
    if (!this.#inputOpen) return;
    attempt(() => this.#child.stdin.write(text));
    attempt(() => this.#child.stdin.flush());
  }

  endInput(): void {
    if (!this.#inputOpen) return;
    this.#inputOpen = false;
    attempt(() => this.#child.stdin.end());
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.#child.kill(signal);
  }

  killGroup(): void {
    try {
      kill(-this.pid, "SIGKILL");
    } catch {
      // The group is empty already.
    }
  }

  async #follow(startMs: number): Promise<void> {
    const outputs = Promise.all([
      this.#forward("stdout", this.#child.stdout),
      this.#forward("stderr", this.#child.stderr),
    ]);
    await this.#child.exited;
    const durationMs = performance.now() - startMs;
    await Promise.race([outputs, delay(OUTPUT_LIMIT_MS)]);
    this.#inputOpen = false;
    const signal = this.#child.signalCode;
    this.#emit({
      event: "exited",
      name: this.name,
      exit_code: this.#child.exitCode,
      signal: signal === null ? null : String(signal),
      duration_ms: durationMs,
    });
    // A forked child may go on writing; the file stays open for it.
    void outputs.then(() => this.#log.close());
  }

  async #forward(stream: "stdout" | "stderr", source: ReadableStream<Uint8Array>): Promise<void> {
    const splitter = new LineSplitter((text) => {
      this.#log.writeLine(text);
      this.#emit({ event: "line", name: this.name, stream, text });
    });
    for await (const chunk of source) splitter.push(chunk);
    splitter.end();
  }
}
