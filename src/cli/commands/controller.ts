/** The `controller` command: one Clockwork controller, with the original's positional options and the same by name. */
import { constants } from "node:os";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import {
  addLimitOptions,
  clientLimitsOf,
  type LimitFlags,
  requestLimitsOf,
} from "#cli/limit-options.ts";
import { addLinkLimitOptions, type LinkLimitFlags, linkLimitsOf } from "#cli/link-limit-options.ts";
import { printLine, statusPrinter } from "#cli/role-output.ts";
import { allowOption, readSecret, secretOption } from "#cli/shared-secret.ts";
import type { AllowList } from "#host/allow-list.ts";
import { ControllerProcess, type ControllerProcessOptions } from "#host/controller-process.ts";
import { watchLifeline } from "#host/lifeline.ts";
import type { Address } from "#host/worker-links.ts";
import { CONTROLLER_TYPES, DECLINED_TYPES } from "#serving/controller/controller-types.ts";
import { DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import { STRATEGIES, type StrategyKind } from "#serving/controller/strategies.ts";
import { MILLISECOND, type Nanos, ns } from "#stdx/nanos.ts";
import { formatDuration, parseDuration } from "#stdx/quantity.ts";
import { TELEMETRY_DIALECTS, type TelemetryDialect } from "#telemetry/schema.ts";

interface ControllerFlags extends LimitFlags, LinkLimitFlags {
  readonly clientPort: number;
  readonly bind: string;
  readonly generateInputs?: true;
  readonly maxGpus?: number;
  readonly scheduleAhead?: Nanos;
  readonly defaultSlo?: Nanos;
  readonly maxExec?: Nanos;
  readonly maxBatch?: number;
  readonly overdueAfter?: Nanos;
  readonly silenceTimeout?: Nanos;
  readonly startWarm?: true;
  readonly loadStageTimeout?: Nanos;
  readonly connectTimeout: Nanos;
  readonly telemetryDialect: TelemetryDialect;
  readonly metrics?: Address;
  readonly secretFile?: string;
  readonly allow?: AllowList;
  readonly lifeline?: true;
}

type ControllerArguments = readonly [
  type: string,
  workers: readonly Address[],
  positional: readonly string[],
  flags: ControllerFlags,
];

const CLIENT_PORT = 12_346;
const CONNECT_TIMEOUT = ns(30_000 * MILLISECOND);
const DEFAULT_LOG_DIR = "/local";

const parseCount = (text: string): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65_535) {
    throw new InvalidArgumentError("It must be a whole number from 1 to 65535.");
  }
  return value;
};

const parsePort = (text: string): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) {
    throw new InvalidArgumentError("It must be a port from 0 to 65535; 0 takes any free one.");
  }
  return value;
};

const parseSpan = (text: string): Nanos => {
  const value = parseDuration(text);
  if (value === null || value <= 0) {
    throw new InvalidArgumentError('It must be a duration above zero, for example "10ms".');
  }
  return value;
};

/** The original's positional durations are bare nanoseconds; ours may carry a unit. */
const parsePositionalSpan = (text: string): Nanos => {
  const bare = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(bare) && bare > 0) return ns(bare);
  return parseSpan(text);
};

const parseWholeNumber = (text: string): number => {
  if (!/^-?\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
};

const parseAddress = (text: string): Address => {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new InvalidArgumentError(
      `"${text}" must be HOST:PORT; several are separated by commas, as in 10.0.0.1:12345,10.0.0.2:12345.`,
    );
  }
  return { host, port };
};

/** A bare port is one of this machine alone. */
const parseMetrics = (text: string): Address =>
  /^\d+$/.test(text) ? { host: "127.0.0.1", port: parsePort(text) } : parseAddress(text);

const parseWorkers = (text: string): readonly Address[] => {
  const workers = text.split(",").map(parseAddress);
  const names = workers.map(({ host, port }) => `${host}:${port}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new InvalidArgumentError(`${twice} is named twice.`);
  return workers;
};

const parseType = (text: string): string => {
  if (CONTROLLER_TYPES.has(text)) return text;
  const declined = DECLINED_TYPES.get(text);
  const hint = declined === undefined ? "" : ` ${text} of the original is left out: ${declined}.`;
  throw new InvalidArgumentError(`Known types: ${[...CONTROLLER_TYPES.keys()].join(", ")}.${hint}`);
};

/** The original's options by position, after TYPE and WORKERS. */
const POSITIONS = [
  ["generate_inputs", parseWholeNumber],
  ["max_gpus", parseCount],
  ["schedule_ahead", parsePositionalSpan],
  ["default_slo", parsePositionalSpan],
  ["max_exec", parsePositionalSpan],
  ["max_batch", parseCount],
] as const;

type Positional = { readonly [P in (typeof POSITIONS)[number] as P[0]]?: ReturnType<P[1]> };

const parsePositional = (texts: readonly string[]): Positional => {
  if (texts.length > POSITIONS.length) {
    const names = POSITIONS.map(([name]) => name).join(", ");
    throw new UserError(EXIT.USAGE, `error: too many options after WORKERS; they are ${names}`);
  }
  const values = texts.map((text, index) => {
    const position = POSITIONS[index] as (typeof POSITIONS)[number];
    const [name, parse] = position;
    try {
      return [name, parse(text)] as const;
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      const where = `option ${index + 1} after WORKERS (${name})`;
      throw new UserError(EXIT.USAGE, `error: ${where} is '${text}'. ${error.message}`);
    }
  });
  return Object.fromEntries(values) as Positional;
};

/** Options that only a scheduler has a use for. */
const SCHEDULER_FLAGS = [
  ["generateInputs", "--generate-inputs"],
  ["maxGpus", "--max-gpus"],
  ["scheduleAhead", "--schedule-ahead"],
  ["defaultSlo", "--default-slo"],
  ["maxExec", "--max-exec"],
  ["maxBatch", "--max-batch"],
  ["overdueAfter", "--overdue-after"],
] as const satisfies readonly (readonly [keyof ControllerFlags, string])[];

/** Options that only a type with a load stage has a use for. */
const STAGE_FLAGS = [
  ["loadStageTimeout", "--load-stage-timeout"],
  ["startWarm", "--start-warm"],
  ["silenceTimeout", "--silence-timeout"],
] as const satisfies readonly (readonly [keyof ControllerFlags, string])[];

/** Refuses what the type would have to ignore. */
const refuseUseless = (type: string, rest: readonly string[], flags: ControllerFlags): void => {
  if (STRATEGIES.has(type)) return;
  const hasStage = CONTROLLER_TYPES.get(type)?.loadStageTimeout !== null;
  const flagsWithoutUse = hasStage ? SCHEDULER_FLAGS : [...SCHEDULER_FLAGS, ...STAGE_FLAGS];
  const useless = [
    ...rest.map((text) => `'${text}' after WORKERS`),
    ...flagsWithoutUse.filter(([key]) => flags[key] !== undefined).map(([, flag]) => flag),
  ];
  if (useless.length === 0) return;
  throw new UserError(EXIT.USAGE, `error: ${type} has no use for ${useless.join(", ")}`);
};

/** Named options win over positional ones, positional ones over the type's defaults. */
const toOptions = (
  type: string,
  positional: Positional,
  flags: ControllerFlags,
): Pick<ControllerProcessOptions, "controller" | "generateInputs"> => {
  const defaults = { ...DEFAULT_OPTIONS, ...CONTROLLER_TYPES.get(type) };
  const generateInputs = flags.generateInputs ?? (positional.generate_inputs ?? 0) !== 0;
  const withInputs = STRATEGIES.get(type)?.scheduleAheadWithInputs ?? defaults.scheduleAhead;
  const scheduleAhead = generateInputs ? withInputs : defaults.scheduleAhead;
  return {
    generateInputs,
    controller: {
      strategy: type,
      maxGpus: flags.maxGpus ?? positional.max_gpus ?? defaults.maxGpus,
      scheduleAhead: flags.scheduleAhead ?? positional.schedule_ahead ?? scheduleAhead,
      defaultSlo: flags.defaultSlo ?? positional.default_slo ?? defaults.defaultSlo,
      maxExec: flags.maxExec ?? positional.max_exec ?? defaults.maxExec,
      maxBatchSize: flags.maxBatch ?? positional.max_batch ?? defaults.maxBatchSize,
      overdueAfter: flags.overdueAfter ?? defaults.overdueAfter,
      silenceTimeout: flags.silenceTimeout ?? defaults.silenceTimeout,
      startsWarm: flags.startWarm ?? defaults.startsWarm,
      loadStageTimeout:
        flags.loadStageTimeout ?? defaults.loadStageTimeout ?? DEFAULT_OPTIONS.loadStageTimeout,
      requestLimits: requestLimitsOf(flags),
      modelsMax: flags.modelsMax,
    },
  };
};

/** CLOCKWORK_LOG_DIR; unset or blank means /local. */
const logDirOf = (context: CliContext): string => {
  const dir = context.env["CLOCKWORK_LOG_DIR"]?.trim() ?? "";
  return dir === "" ? DEFAULT_LOG_DIR : resolve(context.cwd, dir);
};

/** Serves until a signal, or the end of standard input when it is a lifeline. */
const runController = async (
  controller: ControllerProcess,
  hasLifeline: boolean,
): Promise<void> => {
  const onStop = (): void => controller.stop();
  const onSignal = (signal: NodeJS.Signals): void => {
    printLine(`Interrupt signal (${constants.signals[signal]}) received.`);
    onStop();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  const stopWatching = hasLifeline ? watchLifeline(process.stdin, onStop) : () => undefined;
  const ending = await controller.run();
  stopWatching();
  process.off("SIGTERM", onSignal);
  process.off("SIGINT", onSignal);
  if (!ending.ok) throw new UserError(EXIT.RUN_FAILED, `error: ${ending.message}`);
};

const named = (flags: string, description: string, parse: (text: string) => unknown): Option =>
  new Option(flags, description).argParser(parse);

const span = (value: Nanos): string => formatDuration(value);

/** "INFER4 1s, …". */
const loadStageText = (): string =>
  [...CONTROLLER_TYPES]
    .flatMap(([name, { loadStageTimeout }]) =>
      loadStageTimeout === null ? [] : [`${name} ${span(loadStageTimeout)}`],
    )
    .join(", ");

/** "INFER4 16, INFER5 8". */
const perStrategy = (value: (kind: StrategyKind) => string): string =>
  [...STRATEGIES].map(([name, kind]) => `${name} ${value(kind)}`).join(", ");

const addSchedulerOptions = (command: Command): Command =>
  command
    .option("--generate-inputs", "invent inputs for requests that carry none")
    .addOption(named("--max-gpus <n>", `GPUs used (${DEFAULT_OPTIONS.maxGpus})`, parseCount))
    .addOption(
      named(
        "--schedule-ahead <duration>",
        `how far ahead GPUs are given work (${span(DEFAULT_OPTIONS.scheduleAhead)}; with --generate-inputs ${perStrategy(({ scheduleAheadWithInputs }) => span(scheduleAheadWithInputs))})`,
        parseSpan,
      ),
    )
    .addOption(
      named(
        "--default-slo <duration>",
        `SLO of requests that state none (${span(DEFAULT_OPTIONS.defaultSlo)})`,
        parseSpan,
      ),
    )
    .addOption(
      named(
        "--max-exec <duration>",
        `slower batch sizes are not used (${span(DEFAULT_OPTIONS.maxExec)})`,
        parseSpan,
      ),
    )
    .addOption(
      named(
        "--max-batch <n>",
        `largest batch (${perStrategy(({ maxBatchSize }) => String(maxBatchSize))})`,
        parseCount,
      ),
    )
    .addOption(
      named(
        "--overdue-after <duration>",
        `how late an action may end before its GPU gets no more (${span(DEFAULT_OPTIONS.overdueAfter)})`,
        parseSpan,
      ),
    )
    .addOption(
      named(
        "--silence-timeout <duration>",
        `how long a worker that owes results may be silent before it is disconnected (${span(DEFAULT_OPTIONS.silenceTimeout)})`,
        parseSpan,
      ),
    );

export const registerControllerCommand = (program: Command, context: CliContext): void => {
  const command = program
    .command("controller")
    .description("schedule clients' requests on workers' GPUs")
    .argument("<TYPE>", [...CONTROLLER_TYPES.keys()].join(", "), parseType)
    .argument("<WORKERS>", "HOST:PORT, or several with commas between", parseWorkers)
    .argument(
      "[OPTIONS...]",
      `by position, as in the original: ${POSITIONS.map(([name]) => name).join(" ")} (times in ns)`,
    );
  addLinkLimitOptions(addLimitOptions(addSchedulerOptions(command)))
    .addOption(secretOption())
    .addOption(allowOption("clients"))
    .option("--client-port <port>", "port for clients, 0 for any free one", parsePort, CLIENT_PORT)
    .option("--bind <address>", "address for clients", "127.0.0.1")
    .addOption(
      named(
        "--load-stage-timeout <duration>",
        `idle time that ends the load stage (${loadStageText()})`,
        parseSpan,
      ),
    )
    .option("--start-warm", "models that workers hold already count as loaded")
    .addOption(
      named("--connect-timeout <duration>", "how long to try to reach a worker", parseSpan).default(
        CONNECT_TIMEOUT,
        span(CONNECT_TIMEOUT),
      ),
    )
    .addOption(
      new Option(
        "--telemetry-dialect <dialect>",
        "columns as documented, or as the original's code",
      )
        .choices(TELEMETRY_DIALECTS)
        .default("documented"),
    )
    .addOption(
      named(
        "--metrics <[host:]port>",
        "serve counts and latencies on http://HOST:PORT/metrics for Prometheus and its like; a bare port on 127.0.0.1",
        parseMetrics,
      ),
    )
    .option("--lifeline", "end in good order when standard input ends")
    .action(async (...[type, workers, rest, flags]: ControllerArguments) => {
      refuseUseless(type, rest, flags);
      const controller = new ControllerProcess({
        ...toOptions(type, parsePositional(rest), flags),
        workers,
        clients: { host: flags.bind, port: flags.clientPort },
        clientLimits: clientLimitsOf(flags),
        linkLimits: linkLimitsOf(flags),
        secret: readSecret(flags.secretFile, context),
        allow: flags.allow ?? null,
        connectTimeoutMs: flags.connectTimeout / MILLISECOND,
        logDir: logDirOf(context),
        dialect: flags.telemetryDialect,
        ...(flags.metrics === undefined ? {} : { metrics: flags.metrics }),
        onStatus: statusPrinter(flags.lifeline === true),
        onLine: printLine,
      });
      await runController(controller, flags.lifeline === true);
    });
};
