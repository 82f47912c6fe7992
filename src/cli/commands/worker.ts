/** The `worker` command: GPUs simulated from profiles, behind the original's protocol. */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import { addLinkLimitOptions, type LinkLimitFlags, linkLimitsOf } from "#cli/link-limit-options.ts";
import { DEFAULT_PROFILES, profilePath, readProfiles } from "#cli/named-profiles.ts";
import { printLine, statusPrinter } from "#cli/role-output.ts";
import { allowOption, readSecret, secretOption } from "#cli/shared-secret.ts";
import type { AllowList } from "#host/allow-list.ts";
import { startClock } from "#host/clock.ts";
import { watchLifeline } from "#host/lifeline.ts";
import { FolderCatalogue } from "#host/model-folders.ts";
import { zeroPayloads } from "#host/wire-mapping.ts";
import { WorkerProcess } from "#host/worker-process.ts";
import type { ModelCatalogue } from "#serving/worker/catalogue.ts";
import { noisyDuration } from "#serving/worker/noise.ts";
import { isNoisy, type NoiseOptions, parseNoise } from "#serving/worker/noise-options.ts";
import { ProfileCatalogue } from "#serving/worker/profiles.ts";
import { profileDuration, SimulatedDevice } from "#serving/worker/simulated-device.ts";
import type { WorkerOptions } from "#serving/worker/worker.ts";
import {
  DEFAULT_WORKER_CONFIG,
  parseWorkerConfig,
  type WorkerConfig,
} from "#serving/worker/worker-config.ts";

interface WorkerFlags extends LinkLimitFlags {
  readonly port: number;
  readonly numGpus: number;
  /** The original's spelling of the same option. */
  readonly num_gpus?: number;
  readonly bind: string;
  readonly profiles?: string;
  readonly modelDir?: string;
  /** These and `noise` overrule the configuration file. */
  readonly weightsCacheBytes?: number;
  readonly pageSizeBytes?: number;
  readonly noise?: NoiseOptions;
  readonly seed: number;
  readonly workerId: number;
  /** Overrules the configuration file. */
  readonly logDir?: string;
  readonly secretFile?: string;
  readonly allow?: AllowList;
  readonly lifeline?: true;
  /** False: none, whatever the environment says. */
  readonly config?: string | boolean;
}

const GPUS_MAX = 1024;
const SEED_MAX = 2 ** 53 - 1;
const WORKERS_MAX = 100_000;

const whole =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };

const parseGpus = whole(1, GPUS_MAX);
const parseSize = whole(1, Number.MAX_SAFE_INTEGER);

const noiseOf = (text: string): NoiseOptions => {
  const noise = parseNoise(text);
  if (noise.ok) return noise.value;
  throw new InvalidArgumentError(noise.error);
};

const readText = (path: string, what: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(EXIT.BAD_INPUT, `the ${what} ${path} cannot be read: ${reason}`);
  }
};

/** The file of `-c`, or the one that the environment names; without either the original's defaults. */
const readConfig = ({ config }: WorkerFlags, { cwd, env }: CliContext): WorkerConfig => {
  const named = typeof config === "string" ? config : "";
  const file = named === "" && config !== false ? (env["CLOCKWORK_CONFIG_FILE"] ?? "") : named;
  if (file === "") return DEFAULT_WORKER_CONFIG;
  const path = resolve(cwd, file);
  const parsed = parseWorkerConfig(readText(path, "configuration file"));
  if (!parsed.ok) {
    const lines = parsed.error.map((problem) => `  ${path}: ${problem}`);
    const text = `the configuration file cannot be used:\n${lines.join("\n")}`;
    throw new UserError(EXIT.BAD_INPUT, text);
  }
  printLine(`Loading Clockwork worker config from ${path}`);
  for (const note of parsed.value.notes) printLine(`  ${note}`);
  return parsed.value.config;
};

const withFlags = (config: WorkerConfig, flags: WorkerFlags): WorkerConfig => {
  const merged = {
    ...config,
    weightsCacheBytes: flags.weightsCacheBytes ?? config.weightsCacheBytes,
    pageSizeBytes: flags.pageSizeBytes ?? config.pageSizeBytes,
    noise: flags.noise ?? config.noise,
  };
  const { pageSizeBytes, weightsCacheBytes } = merged;
  if (pageSizeBytes <= weightsCacheBytes) return merged;
  const text = `a page of ${pageSizeBytes} bytes is larger than the whole weights cache of ${weightsCacheBytes} bytes`;
  throw new UserError(EXIT.BAD_INPUT, text);
};

const openFolders = (name: string, context: CliContext): ModelCatalogue => {
  const path = resolve(context.cwd, name);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UserError(EXIT.BAD_INPUT, `there is no folder of models ${path}`);
  }
  const clock = startClock();
  const catalogue = new FolderCatalogue(path, () => clock.now());
  const { models, problems } = catalogue.list();
  printLine(`Serving model folders below ${path}: ${models.length} models`);
  for (const problem of problems) printLine(`  cannot be loaded: ${problem}`);
  return catalogue;
};

const openCatalogue = (flags: WorkerFlags, context: CliContext): ModelCatalogue => {
  if (flags.modelDir !== undefined) return openFolders(flags.modelDir, context);
  const path = profilePath(flags.profiles ?? DEFAULT_PROFILES, context);
  const profiles = readProfiles(path);
  printLine(`Loading model profiles from ${path}: ${profiles.size} models`);
  return new ProfileCatalogue(profiles);
};

const createDevice = (noise: NoiseOptions, { seed, workerId }: WorkerFlags): SimulatedDevice =>
  new SimulatedDevice(
    isNoisy(noise) ? noisyDuration(noise, { seed, worker: workerId }) : profileDuration,
    zeroPayloads(),
  );

const createWorker = (flags: WorkerFlags, context: CliContext): WorkerProcess => {
  const { noise, logsActions, logDir, ...config } = withFlags(readConfig(flags, context), flags);
  const dir = flags.logDir ?? (logsActions ? logDir : null);
  const worker: WorkerOptions = {
    ...config,
    gpuCount: flags.num_gpus ?? flags.numGpus,
    catalogue: openCatalogue(flags, context),
  };
  return new WorkerProcess({
    bind: flags.bind,
    port: flags.port,
    secret: readSecret(flags.secretFile, context),
    allow: flags.allow ?? null,
    linkLimits: linkLimitsOf(flags),
    worker,
    device: createDevice(noise, flags),
    ...(dir === null ? {} : { log: { dir: resolve(context.cwd, dir), workerId: flags.workerId } }),
    onStatus: statusPrinter(flags.lifeline === true),
    onLine: printLine,
  });
};

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
  const command = program
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
    .option("-c, --config <file>", "the original's configuration file (CLOCKWORK_CONFIG_FILE)")
    .option("--no-config", "no configuration file, whatever the environment says")
    .option(
      "--profiles <set>",
      `name of a profile set, or path of its CSV file (default: ${DEFAULT_PROFILES})`,
    )
    .addOption(
      new Option("--model-dir <folder>", "serve the original's model folders below it").conflicts(
        "profiles",
      ),
    )
    .option("--weights-cache-bytes <n>", "memory for weights per GPU", parseSize)
    .option("--page-size-bytes <n>", "page size of that memory", parseSize)
    .option("--noise <settings>", "how durations vary: KEY=VALUE[,…], see the docs", noiseOf)
    .option("--seed <number>", "seed of that noise", whole(0, SEED_MAX), 1)
    .option(
      "--worker-id <n>",
      "number of this worker in its run, for noise of its own",
      whole(0, WORKERS_MAX),
      0,
    )
    .option("--log-dir <folder>", "log every action, in an existing folder");
  addLinkLimitOptions(command)
    .addOption(secretOption())
    .addOption(allowOption("controllers"))
    .option("--lifeline", "end when standard input ends")
    .action(async (flags: WorkerFlags) => {
      printLine("Starting Clockwork Worker");
      await runWorker(createWorker(flags, context), flags.lifeline === true);
    });
};
