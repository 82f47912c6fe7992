/** The `client` command: the load generator of one run, by hand or under the runner's control, or a workload of the original. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  announce,
  noWorkload,
  prepareWorkload,
  type WorkloadFlags,
  workloadHelp,
} from "#cli/client-workload.ts";
import type { CliContext } from "#cli/context.ts";
import { readCountTrace } from "#cli/count-trace.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import { takeInterrupts } from "#cli/interrupts.ts";
import { PROFILES_DIR } from "#cli/model-zoo.ts";
import { ParquetTexts } from "#cli/parquet-traces.ts";
import { parsePlannedRun } from "#cli/planned-run.ts";
import { readSecret, secretOption } from "#cli/shared-secret.ts";
import {
  isReplay,
  layoutOf,
  type ReplayWorkload,
  readRequestTrace,
  readWindows,
} from "#cli/trace-files.ts";
import { expandTraceName } from "#cli/trace-name.ts";
import type { PlannedRun } from "#experiment/resolved.ts";
import { ClientProcess, type ClientProcessOptions } from "#host/client-process.ts";
import { readControlLines } from "#host/control-lines.ts";
import { STREAM_KINDS } from "#serving/client/workloads/draws.ts";
import { MILLISECOND, type Nanos, ns, SECOND, ZERO_NS } from "#stdx/nanos.ts";
import { parseDuration } from "#stdx/quantity.ts";
import { formatStatusLine } from "#telemetry/status-line.ts";
import type { ArrivalProcess } from "#workload/arrival.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import type { WindowTrace } from "#workload/client-windows.ts";
import type { CountTable } from "#workload/count-table.ts";
import { outstandingMax } from "#workload/outstanding-max.ts";
import type { RequestTrace } from "#workload/request-trace.ts";
import { generatorsOf, type Share } from "#workload/share.ts";

/** Options of a planned run, beside those that it shares with a workload. */
interface ClientFlags extends WorkloadFlags {
  readonly plan?: string;
  readonly run?: string;
  readonly control?: true;
}

type PlannedFlags = ClientFlags & { readonly plan: string; readonly run: string };

interface Address {
  readonly host: string;
  readonly port: number;
}

const parseAddress = (text: string): Address => {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new InvalidArgumentError("It must be HOST:PORT, for example 127.0.0.1:12346.");
  }
  return { host, port };
};

const parseClientId = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
};

const readText = (path: string, what: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const reason = existsSync(path) ? String(cause) : "no such file";
    throw new UserError(EXIT.BAD_INPUT, `cannot read the ${what} ${path}: ${reason}`);
  }
};

const readRun = (path: string, name: string): PlannedRun => {
  const run = parsePlannedRun(readText(path, "plan"), name);
  if (!run.ok) throw new UserError(EXIT.BAD_INPUT, `the plan ${path} ${run.error}`);
  return run.value;
};

const readCounts = (name: string): CountTable => {
  const gone = expandTraceName(name).find((path) => !existsSync(path));
  if (gone !== undefined)
    throw new UserError(EXIT.BAD_INPUT, `cannot read the trace ${gone}: no such file`);
  const read = readCountTrace(name);
  if (!read.ok) throw new UserError(EXIT.BAD_INPUT, read.error);
  return read.value;
};

const readClientWindows = (name: string): WindowTrace => {
  const read = readWindows(name);
  if (!read.ok) throw new UserError(EXIT.BAD_INPUT, read.error);
  return read.value;
};

/** The run with the text of its trace in the place of a Parquet file. */
const withText = async (run: PlannedRun, cwd: string): Promise<PlannedRun> => {
  const { workload } = run;
  if (workload.arrivals !== "trace" || workload.format !== "parquet") return run;
  const named = { ...workload, trace: resolve(cwd, workload.trace) };
  const parquet = new ParquetTexts();
  await parquet.prepare([named]);
  const text = parquet.pathOf(named);
  if (!text.ok) throw new UserError(EXIT.BAD_INPUT, text.error);
  return { ...run, workload: { ...named, trace: text.value } };
};

const readTrace = (workload: ReplayWorkload): RequestTrace => {
  const path = workload.trace;
  if (!existsSync(path))
    throw new UserError(EXIT.BAD_INPUT, `cannot read the trace ${path}: no such file`);
  const read = readRequestTrace(path, layoutOf(workload));
  if (!read.ok) throw new UserError(EXIT.BAD_INPUT, read.error);
  return read.value;
};

/** What this client sends of the run's schedule; nothing of it is left out or sent twice. */
const shareOf = ({ name, workload }: PlannedRun, { clientId, control }: ClientFlags): Share => {
  const of = generatorsOf(workload);
  // By hand, a client of any id may send the whole of a schedule that is meant for one.
  if (of === 1) return { index: 0, of };
  if (clientId >= of) {
    const message = `run "${name}" has ${of} load generators: --client-id must be below ${of}, not ${clientId}`;
    throw new UserError(EXIT.BAD_INPUT, message);
  }
  if (clientId > 0 && control !== true) {
    const message = `client ${clientId} of run "${name}" loads no models and is told their ids on standard input: it needs --control`;
    throw new UserError(EXIT.BAD_INPUT, message);
  }
  return { index: clientId, of };
};

const makeArrivals = (run: PlannedRun, share: Share, cwd: string): ArrivalProcess => {
  const { workload, seed } = run;
  const trace =
    workload.arrivals === "azure-functions-2019"
      ? { trace: readCounts(resolve(cwd, workload.trace)) }
      : {};
  const { models } = run.system;
  const requestTrace = isReplay(workload)
    ? { requestTrace: readTrace({ ...workload, trace: resolve(cwd, workload.trace) }) }
    : {};
  const own = share.of === 1 ? {} : { share };
  const windowTrace =
    workload.arrivals === "servegen"
      ? { windowTrace: readClientWindows(resolve(cwd, workload.trace)) }
      : {};
  const traces = { ...trace, ...requestTrace, ...windowTrace };
  const arrivals = createArrivalProcess({ workload, seed, models, ...traces, ...own });
  if (arrivals.ok) return arrivals.value;
  const lines = arrivals.error.map(({ path, message, remedy }) => `${path}: ${message}; ${remedy}`);
  throw new UserError(EXIT.BAD_INPUT, lines.join("\n"));
};

const toLoad = (run: PlannedRun, flags: ClientFlags, cwd: string): ClientProcessOptions["load"] => {
  const { system, workload } = run;
  const share = shareOf(run, flags);
  return {
    clientId: flags.clientId,
    models: system.models.filter(({ instances }) => instances > 0),
    modelsAreGiven: share.index > 0,
    modelDir: flags.modelDir ?? PROFILES_DIR,
    arrivals: makeArrivals(run, share, cwd),
    warmUp: workload.warmUpNs,
    duration: workload.durationNs,
    coolDown: workload.coolDownNs,
    slo: system.sloNs,
    readyLimit: run.launchLimitNs,
    drainLimit: run.drainLimitNs,
    outstandingMax: outstandingMax(workload, system.models),
    startWhenReady: flags.control !== true,
  };
};

const printLine = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Runs the client until it is done or told to stop. A signal that comes once it is over changes nothing. */
const runClient = async (client: ClientProcess, isControlled: boolean): Promise<void> => {
  const onSignal = (): void => client.stop();
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  const stopReading = isControlled
    ? readControlLines(process.stdin, {
        onCommand: (line) => client.onCommand(line),
        onInvalid: (text) => printLine(`ignored on standard input: ${text}`),
        onEnd: onSignal,
      })
    : () => undefined;
  const ending = await client.run();
  stopReading();
  if (!ending.ok) throw new UserError(EXIT.RUN_FAILED, ending.message);
};

const runPlanned = async (
  { host, port }: Address,
  flags: PlannedFlags,
  context: CliContext,
): Promise<void> => {
  const planned = readRun(resolve(context.cwd, flags.plan), flags.run);
  const run = await withText(planned, context.cwd);
  const client = new ClientProcess({
    host,
    port,
    secret: readSecret(flags.secretFile, context),
    logDir: flags.logDir === undefined ? null : resolve(context.cwd, flags.logDir),
    load: toLoad(run, flags, context.cwd),
    hasInputs: run.workload.inputs,
    seed: run.seed,
    pacing: flags.pacing,
    waitForStop: flags.control === true,
    onStatus: (line) => printLine(formatStatusLine(line)),
    onLine: printLine,
  });
  await runClient(client, flags.control === true);
};

/** The first signal waits for what is out, the second does not. */
const runWorkload = async (name: string, options: ClientProcessOptions): Promise<void> => {
  announce(name, options);
  const client = new ClientProcess(options);
  using interrupts = takeInterrupts(printLine);
  interrupts.interrupt.addEventListener("abort", () => client.finish());
  interrupts.force.addEventListener("abort", () => client.stop());
  const ending = await client.run();
  if (!ending.ok) throw new UserError(EXIT.RUN_FAILED, ending.message);
};

const PLAN_OPTIONS = ["plan", "run", "control"];
const WORKLOAD_OPTIONS = [
  "profiles",
  "traceDir",
  "inputs",
  "streams",
  "seed",
  "duration",
  "warmUp",
  "slo",
  "connectTimeout",
];

/** Options that the other way of running has no use for are mistakes. */
const refuseOptions = (command: Command, names: readonly string[], without: string): void => {
  const given = command.options.filter(
    (option) =>
      names.includes(option.attributeName()) &&
      command.getOptionValueSource(option.attributeName()) === "cli",
  );
  if (given.length === 0) return;
  const text = given.map(({ long }) => long ?? "").join(", ");
  throw new UserError(EXIT.USAGE, `${without} has no use for ${text}`);
};

const parseSpan = (text: string): Nanos => {
  const span = parseDuration(text);
  if (span !== null && span >= 0) return span;
  throw new InvalidArgumentError('It must be a number with a unit, for example "10s".');
};

const parseSeed = (text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number of at most nine digits.");
};

const spanOption = (name: string, about: string): Option =>
  new Option(`${name} <span>`, `workloads: ${about}`).argParser(parseSpan);

const addWorkloadOptions = (command: Command): Command =>
  command
    .option("--profiles <set>", "workloads: the models of this profile set, as workers have it")
    .option("--trace-dir <folder>", "workloads: the days of Azure Functions 2019 (AZURE_TRACE_DIR)")
    .option("--no-inputs", "workloads: requests without inputs (CLOCKWORK_DISABLE_INPUTS=1)")
    .addOption(
      new Option("--streams <kind>", "workloads: the original's requests, or as they were meant")
        .choices(STREAM_KINDS)
        .default("original"),
    )
    .option("--seed <number>", "workloads: seed of their random numbers", parseSeed)
    .addOption(spanOption("--warm-up", "left out of the last line's counts").default(ZERO_NS, "0s"))
    .addOption(spanOption("--duration", "ends after the warm-up and this"))
    .addOption(spanOption("--slo", "SLO to count by").default(ns(100 * MILLISECOND), "100ms"))
    .addOption(
      spanOption("--connect-timeout", "how long to try to connect").default(ns(30 * SECOND), "30s"),
    )
    .addHelpText("after", () => `\n${workloadHelp()}`);

export const registerClientCommand = (program: Command, context: CliContext): void => {
  const command = program
    .command("client")
    .description("send the load of one planned run, or a workload of the original, to a controller")
    .argument("<HOST:PORT>", "the controller's client port", parseAddress)
    .argument("[WORKLOAD]", "name of a workload of the original, followed by its arguments")
    .argument("[ARGUMENT...]")
    .option("--plan <file>", "plan.json of a results folder")
    .option("--run <name>", "name of the run in that plan")
    .option(
      "--log-dir <folder>",
      "existing folder for client_log.tsv, client_log.N.tsv of client N (default: no log)",
    )
    .option("--control", "wait for commands on standard input; its end stops the client")
    .option("--model-dir <folder>", "the model zoo as the workers see it")
    .option(
      "--client-id <number>",
      "number of this client among those of the run",
      parseClientId,
      0,
    )
    .addOption(secretOption())
    .addOption(
      new Option("--pacing <how>", "between requests: nap, or spin on a core of its own")
        .choices(["nap", "spin"])
        .default("nap"),
    );
  addWorkloadOptions(command).action(
    async (...given: [Address, string | undefined, readonly string[], ClientFlags]) => {
      const [target, name, args, flags] = given;
      if (name !== undefined) {
        refuseOptions(command, PLAN_OPTIONS, "a workload");
        const options = prepareWorkload([name, ...args], { flags, target }, context);
        await runWorkload(name, options);
        return;
      }
      const { plan, run } = flags;
      if (plan === undefined || run === undefined) return noWorkload();
      refuseOptions(command, WORKLOAD_OPTIONS, "a planned run");
      await runPlanned(target, { ...flags, plan, run }, context);
    },
  );
};
