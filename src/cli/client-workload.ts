/** One of the original client's workloads, from its name and arguments to a client that is ready to connect. */
import { resolve } from "node:path";
import { azureDays } from "#cli/azure-day.ts";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import { openZoo, type ZooFlags } from "#cli/model-zoo.ts";
import { readSecret } from "#cli/shared-secret.ts";
import type { ClientProcessOptions } from "#host/client-process.ts";
import { findWorkload, workloadUsage } from "#serving/client/workloads/catalogue.ts";
import { type StreamKind, Streams } from "#serving/client/workloads/draws.ts";
import type { WorkloadKind } from "#serving/client/workloads/workload-kind.ts";
import { type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";

export interface WorkloadFlags extends ZooFlags {
  readonly logDir?: string;
  readonly secretFile?: string;
  readonly clientId: number;
  readonly pacing: "nap" | "spin";
  readonly traceDir?: string;
  /** False with --no-inputs. */
  readonly inputs: boolean;
  readonly streams: StreamKind;
  readonly seed?: number;
  readonly warmUp: Nanos;
  readonly duration?: Nanos;
  readonly slo: Nanos;
  readonly connectTimeout: Nanos;
}

export interface WorkloadTarget {
  readonly host: string;
  readonly port: number;
}

/** Loading thousands of models takes its time. */
const READY_LIMIT = ns(600 * SECOND);
const DRAIN_LIMIT = ns(10 * SECOND);
/** Memory for what is out; the largest closed loops of the original have 100,000. */
const OUTSTANDING_MAX = 1_000_000;
/** The seed of streams that are not the original's. */
const DEFAULT_SEED = 1;

const USAGE = "usage: clockwork client HOST:PORT WORKLOAD [ARGUMENT…]";

/** For the help of the command, and for those who name no workload, or none that there is. */
export const workloadHelp = (): string =>
  [USAGE, "", "Workloads of the original, with their arguments:", ...workloadUsage()].join("\n");

/** As the original: 1 whenever the command line is not right. */
const refuse = (message: string): never => {
  throw new UserError(EXIT.FAILED, message);
};

export const noWorkload = (): never =>
  refuse(`a WORKLOAD is missing, or --plan and --run\n${workloadHelp()}`);

const workloadOf = (name: string): WorkloadKind =>
  findWorkload(name) ?? refuse(`there is no workload "${name}"\n${workloadHelp()}`);

const takesInputs = ({ inputs }: WorkloadFlags, { env }: CliContext): boolean =>
  inputs && env["CLOCKWORK_DISABLE_INPUTS"] !== "1";

const printLine = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const onStatus = (line: StatusLine): void => {
  // What else there is to tell is for whoever controls a client, and nobody does here.
  if (line.event === "log" && line.path !== null) printLine(`Logging requests to ${line.path}`);
  if (line.event === "started" && line.measure_start_ns !== line.send_start_ns)
    printLine(`Warm-up until ${line.measure_start_ns} (ns since the Unix epoch)`);
};

/** Checks everything that can be wrong before anything is connected to. */
export const prepareWorkload = (
  words: readonly string[],
  { flags, target }: { readonly flags: WorkloadFlags; readonly target: WorkloadTarget },
  context: CliContext,
): ClientProcessOptions => {
  const [name = "", ...args] = words;
  const kind = workloadOf(name);
  const { modelDir, ...zoo } = openZoo(flags, context);
  const seed = flags.seed ?? (flags.streams === "original" ? 0 : DEFAULT_SEED);
  const streams = new Streams(flags.streams, seed);
  const plan = kind.plan(args, { zoo, streams, readTrace: azureDays(flags.traceDir, context) });
  if (!plan.ok) {
    const usage = `${USAGE.replace(/WORKLOAD.*/, "")}${kind.name} ${kind.usage}`.trimEnd();
    return refuse(`workload ${kind.name} ${plan.error}\n${usage}`);
  }
  const hasInputs = takesInputs(flags, context);
  return {
    ...target,
    secret: readSecret(flags.secretFile, context),
    logDir: flags.logDir === undefined ? null : resolve(context.cwd, flags.logDir),
    load: {
      plan: plan.value,
      clientId: flags.clientId,
      modelDir,
      usersAreShared: streams.isOriginal,
      warmUp: flags.warmUp,
      duration: flags.duration ?? null,
      slo: flags.slo,
      connectLimit: flags.connectTimeout,
      readyLimit: READY_LIMIT,
      drainLimit: DRAIN_LIMIT,
      outstandingMax: OUTSTANDING_MAX,
    },
    hasInputs,
    seed,
    pacing: flags.pacing,
    waitForStop: false,
    onStatus,
    onLine: printLine,
  };
};

/** The lines before a connection is made. */
export const announce = (name: string, { host, port, hasInputs }: ClientProcessOptions): void => {
  const inputs = hasInputs
    ? "ENABLED.  Set CLOCKWORK_DISABLE_INPUTS=1 to disable inputs."
    : "DISABLED.  Set CLOCKWORK_DISABLE_INPUTS=0 to enable inputs.";
  printLine(`Running workload \`${name}\` on ${host}:${port}`);
  printLine(`Client inputs are ${inputs}`);
  printLine("Client->Controller: 0.0MB/s (0 msgs) snd, 0.0MB/s (0 msgs) rcv, ");
  printLine(`Connecting to clockwork @ ${host}:${port}`);
};
