/** The `report` command: (re)builds the report of results folders and of any folders with Clockwork logs. */
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { buildReport, exitCodeOf } from "#cli/build-report.ts";
import type { CliContext } from "#cli/context.ts";
import { type DialectOption, dialectOption, toldDialect } from "#cli/dialect-option.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";

interface ReportOptions extends DialectOption {
  readonly out?: string;
}

/** Several reports get a folder each under `--out`, named by their place among the arguments. */
const outDirOf = (
  context: CliContext,
  options: ReportOptions,
  place: { readonly position: number; readonly count: number },
): { readonly outDir?: string } => {
  if (options.out === undefined) return {};
  const out = resolve(context.cwd, options.out);
  return { outDir: place.count === 1 ? out : join(out, String(place.position + 1)) };
};

const runReport = async (
  context: CliContext,
  folders: readonly string[],
  options: ReportOptions,
): Promise<void> => {
  let exitCode: number = EXIT.OK;
  for (const [position, given] of folders.entries()) {
    const folder = resolve(context.cwd, given);
    const place = { position, count: folders.length };
    try {
      const built = await buildReport({
        folder,
        ...outDirOf(context, options, place),
        ...toldDialect(options),
      });
      for (const line of built.summaryLines) process.stdout.write(`${line}\n`);
      process.stdout.write(`report: ${built.reportPath}\n`);
      exitCode = Math.max(exitCode, exitCodeOf(built));
    } catch (error) {
      // One unusable folder does not take the other reports with it.
      if (!(error instanceof UserError) || folders.length === 1) throw error;
      process.stderr.write(`${error.message}\n`);
      exitCode = Math.max(exitCode, error.exitCode);
    }
  }
  process.exitCode = exitCode;
};

export const registerReportCommand = (program: Command, context: CliContext): void => {
  program
    .command("report")
    .description("(re)build the report of a results folder, or of any folder with Clockwork logs")
    .argument("<dir...>", "results folders, or folders with logs (those are never written to)")
    .option("--out <dir>", "where the report goes")
    .addOption(dialectOption())
    .action((folders: string[], options: ReportOptions) => runReport(context, folders, options));
};
