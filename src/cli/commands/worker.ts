/** The `worker` command: GPUs simulated from a profile set, behind the original's protocol. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import { watchLifeline } from "#host/lifeline.ts";
import { WorkerProcess } from "#host/worker-process.ts";
import type { ModelProfile } from "#serving/worker/catalogue.ts";
import { ProfileCatalogue, parseProfiles } from "#serving/worker/profiles.ts";
import { SimulatedDevice } from "#serving/worker/simulated-device.ts";
import type { WorkerOptions } from "#serving/worker/worker.ts";
import { formatStatusLine } from "#telemetry/status-line.ts";

interface WorkerFlags {
  readonly port: number;
  readonly numGpus: number;
  /** The original's spelling of the same option. */
  readonly num_gpus?: number;
  readonly bind: string;
  readonly profiles: string;
  readonly weightsCacheBytes: number;
  readonly pageSizeBytes: number;
  readonly lifeline?: true;
  readonly config?: string;
}

/** The original's defaults, for a GPU of 32 GB; the pools are only reported. */
const WEIGHTS_CACHE_BYTES = 23_085_449_216;
const PAGE_SIZE_BYTES = 16_777_216;
const POOL_BYTES = 536_870_912;
const GPUS_MAX = 1024;

const whole =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };

const parseGpus = whole(1, GPUS_MAX);
const parseSize = whole(1, Number.MAX_SAFE_INTEGER);

/** A set by its name in `experiments/profiles`, or any file by its path. */
const profilePath = (name: string, context: CliContext): string =>
  name.includes("/") || name.endsWith(".csv")
    ? resolve(context.cwd, name)
    : join(context.root, "experiments", "profiles", `${name}.csv`);

const readProfiles = (path: string): ReadonlyMap<string, ModelProfile> => {
  if (!existsSync(path)) {
    throw new UserError(EXIT.BAD_INPUT, `there is no profile set ${path}`);
  }
  const parsed = parseProfiles(readFileSync(path, "utf8"));
  if (parsed.ok) return parsed.value;
  const lines = parsed.error.map((problem) => `  ${problem}`);
  const text = `the profile set ${path} cannot be used:\n${lines.join("\n")}`;
  throw new UserError(EXIT.BAD_INPUT, text);
};

const printLine = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const toOptions = (
  flags: WorkerFlags,
  profiles: ReadonlyMap<string, ModelProfile>,
): WorkerOptions => ({
  gpuCount: flags.num_gpus ?? flags.numGpus,
  weightsCacheBytes: flags.weightsCacheBytes,
  pageSizeBytes: flags.pageSizeBytes,
  ioPoolBytes: POOL_BYTES,
  workspacePoolBytes: POOL_BYTES,
  hostIoPoolBytes: POOL_BYTES,
  catalogue: new ProfileCatalogue(profiles),
});

/** Runs until a signal, or the end of standard input where that is the lifeline. */
const runWorker = async (worker: WorkerProcess, hasLifeline: boolean): Promise<void> => {
  const stop = (): void => worker.stop();
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  const stopWatching = hasLifeline ? watchLifeline(process.stdin, stop) : () => undefined;
  const ending = await worker.run();
  stopWatching();
  process.off("SIGTERM", stop);
  process.off("SIGINT", stop);
  if (!ending.ok) throw new UserError(EXIT.RUN_FAILED, ending.error);
};

export const registerWorkerCommand = (program: Command, context: CliContext): void => {
  program
    .command("worker")
    .description("run a worker with simulated GPUs")
    .option(
      "-p, --port <number>",
      "port for controllers; 0: any free one",
      whole(0, 65_535),
      12_345,
    )
    .option("-n, --num-gpus <count>", "simulated GPUs", parseGpus, 1)
    .addOption(new Option("--num_gpus <count>", "as --num-gpus").argParser(parseGpus).hideHelp())
    .option("--bind <address>", "address to listen on", "127.0.0.1")
    .option("--profiles <set>", "name of a profile set, or path of its CSV file", "v100-table1")
    .option(
      "--weights-cache-bytes <n>",
      "memory for weights per GPU",
      parseSize,
      WEIGHTS_CACHE_BYTES,
    )
    .option("--page-size-bytes <n>", "page size of that memory", parseSize, PAGE_SIZE_BYTES)
    .option("--lifeline", "end when standard input ends")
    .addOption(new Option("-c, --config <file>", "the original's configuration file").hideHelp())
    .action(async (flags: WorkerFlags) => {
      if (flags.config !== undefined) {
        const instead = "--weights-cache-bytes and --page-size-bytes set what it would";
        throw new UserError(EXIT.USAGE, `configuration files are not read: ${instead}`);
      }
      const path = profilePath(flags.profiles, context);
      const profiles = readProfiles(path);
      printLine("Starting Clockwork Worker");
      printLine(`Loading model profiles from ${path}: ${profiles.size} models`);
      const worker = new WorkerProcess({
        bind: flags.bind,
        port: flags.port,
        worker: toOptions(flags, profiles),
        device: new SimulatedDevice(),
        onStatus: (line) => printLine(formatStatusLine(line)),
        onLine: printLine,
      });
      await runWorker(worker, flags.lifeline === true);
    });
};
