/** Starts the `experiment` command as a user does, with a small experiment of the real roles. */
import { join } from "node:path";
import { type ExperimentFolder, ROOT } from "./experiment-folder.ts";
import { waitUntil } from "./marked-processes.ts";

export interface SmallExperiment {
  readonly durationMs?: number;
  readonly ratePerS?: number;
  readonly repetitions?: number;
  readonly goodputAtLeastPerS?: number;
}

/** Two model instances on one simulated GPU, at 50 requests/s for half a second unless told otherwise. */
export const smallExperiment = (options: SmallExperiment = {}): string => `
/** An experiment for tests. */
import { experiment, ms, perSecond, seconds } from "escapement";

export default experiment({
  name: "small",
  question: "Does it run?",
  system: {
    scheduler: "INFER5",
    // So wide that no machine is too slow for its runs to be VALID or SUSPECT.
    slo: ms(10_000),
    workers: 1,
    gpusPerWorker: 1,
    profiles: "v100-table1",
    models: { resnet50_v2: 2 },
  },
  workload: {
    arrivals: "constant",
    rate: perSecond(${options.ratePerS ?? 50}),
    warmUp: ms(100),
    duration: ms(${options.durationMs ?? 500}),
    coolDown: ms(100),
  },
  repetitions: ${options.repetitions ?? 1},
  checks: { "some goodput": { metric: "goodput", atLeast: perSecond(${options.goodputAtLeastPerS ?? 1}) } },
});
`;

/** A running `experiment` command, its output so far, and its end. */
export class ExperimentCommand implements AsyncDisposable {
  readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly ended: Promise<number>;
  stdout = "";
  stderr = "";

  /** With "bun run", `process` is the launcher that a user sees; the command itself is its child. */
  constructor(
    folder: ExperimentFolder,
    args: readonly string[],
    how: "directly" | "bun run" = "directly",
  ) {
    const program = how === "directly" ? [join(ROOT, "src/cli/main.ts")] : ["run", "--silent"];
    this.process = Bun.spawn([process.execPath, ...program, "experiment", ...args], {
      cwd: how === "directly" ? folder.path : ROOT,
      env: { ...process.env, ESCAPEMENT_CWD: folder.path },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.ended = this.#follow();
  }

  /** Resolves once the standard output holds the text. */
  async saw(text: string, limitMs = 30_000): Promise<void> {
    const what = (): string => `"${text}" in the output:\n${this.stdout}${this.stderr}`;
    await waitUntil(() => this.stdout.includes(text) || this.process.exitCode !== null, {
      limitMs,
      what: text,
    });
    if (!this.stdout.includes(text)) throw new Error(`ended without ${what()}`);
  }

  /** Absolute path of the results folder, as the first line says. */
  get results(): string {
    return /^results: (.*)$/m.exec(this.stdout)?.[1] ?? "";
  }

  /** Id of the results, which its processes carry as their marker. */
  get id(): string {
    return this.results.split("/").at(-1) ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null) this.process.kill("SIGKILL");
    await this.ended;
  }

  async #follow(): Promise<number> {
    const decode = async (
      stream: ReadableStream<Uint8Array>,
      add: (text: string) => void,
    ): Promise<void> => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) add(decoder.decode(chunk, { stream: true }));
    };
    await Promise.all([
      decode(this.process.stdout, (text) => (this.stdout += text)),
      decode(this.process.stderr, (text) => (this.stderr += text)),
      this.process.exited,
    ]);
    return this.process.exited;
  }
}
