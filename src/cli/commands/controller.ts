/** The `controller` command. */
import type { Command } from "commander";
import type { CliContext } from "#cli/context.ts";

export const registerControllerCommand = (_program: Command, _context: CliContext): void => {};
