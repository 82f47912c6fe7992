/** The `query` command. */
import type { Command } from "commander";
import type { CliContext } from "#cli/context.ts";

export const registerQueryCommand = (_program: Command, _context: CliContext): void => {};
