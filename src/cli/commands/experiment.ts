/** The `experiment` command. */
import type { Command } from "commander";
import type { CliContext } from "#cli/context.ts";

export const registerExperimentCommand = (_program: Command, _context: CliContext): void => {};
