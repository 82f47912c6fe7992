/** The `report` command. */
import type { Command } from "commander";
import type { CliContext } from "#cli/context.ts";

export const registerReportCommand = (_program: Command, _context: CliContext): void => {};
