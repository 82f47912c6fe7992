/** The `worker` command. */
import type { Command } from "commander";
import type { CliContext } from "#cli/context.ts";

export const registerWorkerCommand = (_program: Command, _context: CliContext): void => {};
