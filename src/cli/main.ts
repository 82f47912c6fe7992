/** The command line: picks real parts, runs one command, and turns its ending into an exit code. */
import { resolve } from "node:path";
import { Command, CommanderError } from "commander";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";

type Register = (program: Command, context: CliContext) => void;

/**
 * Loaded only when named: a role of the serving system must not pay for the database and the charts, which cost a
 * third of a second of processor time and 50 MB in every process of every run.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  experiment: async () => (await import("#cli/commands/experiment.ts")).registerExperimentCommand,
  report: async () => (await import("#cli/commands/report.ts")).registerReportCommand,
  workload: async () => (await import("#cli/commands/workload.ts")).registerWorkloadCommand,
  query: async () => (await import("#cli/commands/query.ts")).registerQueryCommand,
};

const ROLES: Readonly<Record<string, () => Promise<Register>>> = {
  controller: async () => (await import("#cli/commands/controller.ts")).registerControllerCommand,
  worker: async () => (await import("#cli/commands/worker.ts")).registerWorkerCommand,
  client: async () => (await import("#cli/commands/client.ts")).registerClientCommand,
};

/** The one that is named, or all of them when none is, so that help and "did you mean" know every name. */
const wanted = (
  commands: Readonly<Record<string, () => Promise<Register>>>,
  name: string | undefined,
): readonly (() => Promise<Register>)[] => {
  const named = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  return named === undefined ? Object.values(commands) : [named];
};

const buildProgram = async (argv: readonly string[], context: CliContext): Promise<Command> => {
  const program = new Command("escapement")
    .description("Experiments on model-serving systems: from one file to a report")
    .exitOverride()
    .showHelpAfterError();
  const isRole = argv[0] === "clockwork";
  for (const load of isRole ? [] : wanted(COMMANDS, argv[0])) (await load())(program, context);
  const clockwork = program
    .command("clockwork")
    .description("run one role of the serving system by hand");
  for (const load of isRole ? wanted(ROLES, argv[1]) : []) (await load())(clockwork, context);
  return program;
};

/** Runs one command line; resolves to the exit code. Commands report failure by throwing `UserError`, or set `process.exitCode`. */
const main = async (argv: readonly string[], context: CliContext): Promise<number> => {
  try {
    const program = await buildProgram(argv, context);
    await program.parseAsync([...argv], { from: "user" });
    return Number(process.exitCode ?? EXIT.OK);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
    if (error instanceof UserError) {
      process.stderr.write(`${error.message}\n`);
      return error.exitCode;
    }
    process.stderr.write(
      `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return EXIT.FAILED;
  }
};

/**
 * A reader that has seen enough (`| head`) ends neither a query with a stack trace nor an experiment in its middle; nor
 * does a full disk behind `> file`, which a command that only prints has failed by.
 */
const outliveReaders = (): void => {
  let isSaid = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") return;
      process.exitCode = EXIT.FAILED;
      if (!isSaid && stream === process.stdout)
        process.stderr.write(`the output cannot be written: ${error.message}\n`);
      isSaid = true;
    });
  }
};

outliveReaders();
const root = resolve(import.meta.dir, "../..");
const context: CliContext = {
  cwd: process.env["ESCAPEMENT_CWD"] ?? process.cwd(),
  root,
  env: process.env,
};
const argv = process.argv.slice(2);
process.exitCode = await main(argv, context);
// Once everything is said, neither a timer or socket that an experiment file left open must keep us, nor a client's
// attempt to connect, which the runtime cannot call off and the system gives up after minutes.
const isClient = argv[0] === "clockwork" && argv[1] === "client";
if (argv[0] === "experiment" || isClient)
  process.stdout.end(() => process.stderr.end(() => process.exit()));
