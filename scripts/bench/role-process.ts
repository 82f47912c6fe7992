/** One role of ours as a process of its own: its status lines, processor time and memory. It ends with this process. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ControlLine, parseStatusLine, type StatusLine } from "#telemetry/status-line.ts";
import { ROOT } from "../step.ts";
import { peakMiB } from "./peak-memory.ts";

/** The kernel counts processor time in hundredths of a second. */
const TICKS_PER_S = 100;
const END_LIMIT_MS = 10_000;
const STATUS_LIMIT_MS = 120_000;
/** Of a role's output, to be shown when it ends too early. */
const KEPT_LINES = 20;

/** Processor time of a process so far, in seconds. */
export const cpuSecondsOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold blanks; user and system time are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
};

/** Text as it comes, line by line. */
export const linesOf = async function* (
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
};

type Event = StatusLine["event"];
type LineOf<E extends Event> = Extract<StatusLine, { readonly event: E }>;

/** Make it, wait for what it says, and dispose of it. Its standard input is its lifeline: no end of ours leaves it behind. */
export class RoleProcess implements AsyncDisposable {
  readonly pid: number;
  readonly #name: string;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #firsts = new Map<Event, PromiseWithResolvers<StatusLine>>();
  readonly #lastLines: string[] = [];
  readonly #reading: Promise<void>;
  #hasEnded = false;

  /** `args` begin with the role and must make it heed its lifeline. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#name = args[0] ?? "";
    this.#child = Bun.spawn(
      [process.execPath, join(ROOT, "src/cli/main.ts"), "clockwork", ...args],
      {
        cwd: ROOT,
        env: { ...process.env, ...env },
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      },
    );
    this.pid = this.#child.pid;
    this.#reading = this.#read();
  }

  get cpuSeconds(): number {
    return cpuSecondsOf(this.pid);
  }

  /** The last lines for people. */
  get lines(): readonly string[] {
    return this.#lastLines;
  }

  /** The largest resident size so far. */
  get peakMiB(): number {
    return peakMiB(this.pid);
  }

  /** The first status line of this kind; rejects when the role ends before, or says nothing for two minutes. */
  async status<E extends Event>(event: E): Promise<LineOf<E>> {
    const late = setTimeout(() => this.#fail(event, "said nothing of it in time"), STATUS_LIMIT_MS);
    try {
      return (await this.#first(event).promise) as LineOf<E>;
    } finally {
      clearTimeout(late);
    }
  }

  /** Throws when the role has ended, which none may do before it is told to. */
  assertAlive(): void {
    if (this.#hasEnded) throw this.#error("is gone");
  }

  tell(line: ControlLine): void {
    void this.#child.stdin.write(`${JSON.stringify(line)}\n`);
    void this.#child.stdin.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), END_LIMIT_MS);
    await this.#child.exited;
    clearTimeout(kill);
    await this.#reading;
  }

  async #read(): Promise<void> {
    for await (const line of linesOf(this.#child.stdout)) {
      const status = parseStatusLine(line);
      if (status !== null) this.#first(status.event).resolve(status);
      if (status !== null && status.event !== "error") continue;
      this.#lastLines.push(line);
      if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift();
    }
    this.#hasEnded = true;
    for (const event of this.#firsts.keys()) this.#fail(event, "has ended without it");
  }

  #first(event: Event): PromiseWithResolvers<StatusLine> {
    const known = this.#firsts.get(event);
    if (known !== undefined) return known;
    const first = Promise.withResolvers<StatusLine>();
    // Whoever waits for it hears of a failure; nobody has to.
    first.promise.catch(() => undefined);
    this.#firsts.set(event, first);
    if (this.#hasEnded) this.#fail(event, "has ended without it");
    return first;
  }

  #fail(event: Event, what: string): void {
    this.#firsts.get(event)?.reject(this.#error(`${what} ("${event}")`));
  }

  #error(what: string): Error {
    return new Error(`the ${this.#name} ${what}; its last lines:\n${this.#lastLines.join("\n")}`);
  }
}
