/** The command line of every role of a run, the same that a person types to start one by hand. */
import { join } from "node:path";
import type { Noise, PlannedRun } from "#experiment/resolved.ts";
import type { RunCast } from "#runner/run-events.ts";
import { formatDuration } from "#stdx/quantity.ts";
import { clientLogFile } from "#telemetry/client-log.ts";
import { LOGS } from "#telemetry/logs.ts";
import { generatorsOf } from "#workload/share.ts";

/** How the roles' program is started, such as `bun …/main.ts clockwork`, and from which folder. */
export interface RoleProgram {
  readonly command: readonly string[];
  readonly cwd: string;
}

/** Where a run's files lie; absolute paths. */
export interface RunFolders {
  readonly run: string;
  readonly telemetry: string;
  readonly logs: string;
  /** The stored plan that the client reads its run from. */
  readonly plan: string;
}

export const castOf = (run: PlannedRun): RunCast => ({
  workers: Array.from({ length: run.system.workers }, (_, index) => `worker${index}`),
  controller: "controller",
  clients: Array.from({ length: generatorsOf(run.workload) }, (_, index) => `client${index}`),
});

/** Options with their values, one pair each, as the command line takes them. */
const options = (...pairs: readonly (readonly [string, string])[]): readonly string[] =>
  pairs.flat();

const noiseOption = (noise: Noise): string =>
  [
    `jitter-cv=${noise.jitterCv}`,
    `throttle-rate=${noise.throttleRatePerS}/s`,
    `throttle-length=${formatDuration(noise.throttleLengthNs)}`,
    `throttle-factor=${noise.throttleFactor}`,
    `slow-transfer-share=${noise.slowTransferShare}`,
    `slow-transfer-factor=${noise.slowTransferFactor}`,
    `stall-rate=${noise.stallRatePerS}/s`,
    `stall-length=${formatDuration(noise.stallLengthNs)}`,
  ].join(",");

const noiseOptions = ({ system, seed }: PlannedRun, index: number): readonly string[] =>
  system.noise === undefined
    ? []
    : options(
        ["--noise", noiseOption(system.noise)],
        ["--seed", String(seed)],
        ["--worker-id", String(index)],
      );

export interface WorkerPlace {
  readonly address: string;
  /** Which of the run's workers it is. */
  readonly index: number;
}

export const workerCommand = (
  run: PlannedRun,
  { address, index }: WorkerPlace,
): readonly string[] => [
  "worker",
  ...options(
    ["--bind", address],
    ["-p", "0"],
    ["-n", String(run.system.gpusPerWorker)],
    [run.system.profilesAreFolders ? "--model-dir" : "--profiles", run.system.profiles],
    ["--weights-cache-bytes", String(run.system.weightsCacheBytes)],
    ["--page-size-bytes", String(run.system.pageSizeBytes)],
  ),
  ...noiseOptions(run, index),
  // The experiment says it all.
  "--no-config",
  "--lifeline",
];

export interface ControllerPlace {
  readonly address: string;
  /** "address:port" of each worker, in order. */
  readonly workers: readonly string[];
}

export const controllerCommand = (run: PlannedRun, place: ControllerPlace): readonly string[] => [
  "controller",
  run.system.scheduler,
  place.workers.join(","),
  ...options(
    ["--bind", place.address],
    ["--client-port", "0"],
    ["--max-gpus", String(run.system.maxGpus)],
    ["--schedule-ahead", formatDuration(run.system.scheduleAheadNs)],
    ["--default-slo", formatDuration(run.system.sloNs)],
    ["--max-exec", formatDuration(run.system.maxExecNs)],
    ["--max-batch", String(run.system.maxBatch)],
  ),
  ...(run.system.generateInputs ? ["--generate-inputs"] : []),
  ...options(["--telemetry-dialect", run.system.telemetryDialect]),
  "--lifeline",
];

export interface ClientPlace {
  /** "address:port" of the controller. */
  readonly controller: string;
  readonly folders: RunFolders;
  /** Which of the run's load generators it is. */
  readonly index: number;
}

export const clientCommand = (run: PlannedRun, place: ClientPlace): readonly string[] => [
  "client",
  place.controller,
  ...options(
    ["--plan", place.folders.plan],
    ["--run", run.name],
    ["--log-dir", place.folders.telemetry],
    ...(place.index === 0 ? [] : [["--client-id", String(place.index)] as const]),
    // By the paths that the workers' folders have.
    ...(run.system.profilesAreFolders ? [["--model-dir", run.system.profiles] as const] : []),
  ),
  "--control",
];

/** The log file of a role's output. */
export const outputPath = (folders: RunFolders, name: string): string =>
  join(folders.logs, `${name}.log`);

const logsOf = (writer: string): readonly string[] =>
  LOGS.filter((log) => log.writer === writer).map(({ file }) => file);

/** The logs that the roles of a run leave behind when it goes well; workers write theirs only where they are told to. */
export const roleLogsOf = (run: PlannedRun): readonly string[] => [
  ...logsOf("controller"),
  ...castOf(run).clients.map((_, index) => clientLogFile(index)),
];

/** Those, and what the runner notes of hosts and roles. */
export const logFilesOf = (run: PlannedRun): readonly string[] => [
  ...roleLogsOf(run),
  ...logsOf("runner"),
];
