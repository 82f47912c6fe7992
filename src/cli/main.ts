/** The command line: picks real parts, runs one command, and turns its ending into an exit code. */
import { resolve } from "node:path";
import { Command, CommanderError } from "commander";
import { registerClientCommand } from "#cli/commands/client.ts";
import { registerControllerCommand } from "#cli/commands/controller.ts";
import { registerExperimentCommand } from "#cli/commands/experiment.ts";
import { registerQueryCommand } from "#cli/commands/query.ts";
import { registerReportCommand } from "#cli/commands/report.ts";
import { registerWorkerCommand } from "#cli/commands/worker.ts";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";

const buildProgram = (context: CliContext): Command => {
  const program = new Command("escapement")
    .description("Experiments on model-serving systems: from one file to a report")
    .exitOverride()
    .showHelpAfterError();
  registerExperimentCommand(program, context);
  registerReportCommand(program, context);
  registerQueryCommand(program, context);
  const clockwork = program.command("clockwork").description("run one role of the serving system by hand");
  registerControllerCommand(clockwork, context);
  registerWorkerCommand(clockwork, context);
  registerClientCommand(clockwork, context);
  return program;
};

/** Runs one command line; resolves to the exit code. Commands report failure by throwing `UserError`, or set `process.exitCode`. */
const main = async (argv: readonly string[], context: CliContext): Promise<number> => {
  try {
    await buildProgram(context).parseAsync([...argv], { from: "user" });
    return Number(process.exitCode ?? EXIT.OK);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
    if (error instanceof UserError) {
      process.stderr.write(`${error.message}\n`);
      return error.exitCode;
    }
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT.FAILED;
  }
};

const root = resolve(import.meta.dir, "../..");
const context: CliContext = { cwd: process.env["ESCAPEMENT_CWD"] ?? process.cwd(), root, env: process.env };
process.exitCode = await main(process.argv.slice(2), context);
