/** The `client` command. */
import type { Command } from "commander";
import type { CliContext } from "#cli/context.ts";

export const registerClientCommand = (_program: Command, _context: CliContext): void => {};
