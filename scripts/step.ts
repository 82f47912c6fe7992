/** Runs one step of `check` or `test` as a process with a deadline, and says how it went. */
import { resolve } from "node:path";
import { execPath } from "node:process";
import { $ } from "zx";

/** The project's root, where every step runs. */
export const ROOT = resolve(import.meta.dir, "..");

export interface Step {
  readonly name: string;
  /** "bun" with arguments, or a program of node_modules/.bin, which Bun runs too: Node need not be there. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** Print the output as it comes rather than only after a failure. */
  readonly isLive?: boolean;
}

export interface StepOutcome {
  readonly name: string;
  readonly isOk: boolean;
  readonly seconds: number;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** Runs `step` to its end; a step that outlives its time is ended and has failed. Never rejects. */
export const runStep = async (step: Step): Promise<StepOutcome> => {
  const [program = "", ...args] = step.command;
  const command =
    program === "bun"
      ? [execPath, ...args]
      : [execPath, "--bun", `node_modules/.bin/${program}`, ...args];
  const startedMs = performance.now();
  const running = $({
    cwd: ROOT,
    nothrow: true,
    quiet: true,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: step.timeoutMs,
    timeoutSignal: "SIGTERM",
    // The launcher says where the user is; a command that a test starts in a folder of its own must not hear it.
    env: { ...process.env, ESCAPEMENT_CWD: undefined },
  })`${command}`;
  if (step.isLive === true) {
    for (const stream of [running.stdout, running.stderr])
      stream.on("data", (chunk: Buffer) => process.stdout.write(chunk));
  }
  const result = await running;
  const elapsedMs = performance.now() - startedMs;
  const late =
    elapsedMs < step.timeoutMs
      ? ""
      : `\n${step.name}: took longer than ${step.timeoutMs / 1000} s and was ended\n`;
  return {
    name: step.name,
    isOk: result.exitCode === 0,
    seconds: elapsedMs / 1000,
    output: `${result.stdall}${late}`,
  };
};

/** One line of the summary: "ok      types      1.2 s". */
export const formatOutcome = ({ name, isOk, seconds }: StepOutcome): string =>
  `${isOk ? "ok    " : "FAILED"}  ${name.padEnd(12)} ${seconds.toFixed(1).padStart(6)} s`;

/** Runs `steps` with at most `width` at a time; prints each as it ends, with its output when it failed. Outcomes keep the order of the steps. */
export const runSteps = async (
  steps: readonly Step[],
  width: number,
  print: (text: string) => void = console.log,
): Promise<readonly StepOutcome[]> => {
  const outcomes: StepOutcome[] = [];
  const queue = [...steps.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, step] = next;
      const outcome = await runStep(step);
      outcomes[index] = outcome;
      if (!outcome.isOk && step.isLive !== true) {
        print(`\n──── ${step.name} ────\n${outcome.output.trimEnd()}\n`);
      }
      print(formatOutcome(outcome));
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return outcomes;
};
