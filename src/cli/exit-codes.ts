/** Exit codes of every command; documented in docs/command-line.md. */

export const EXIT = {
  OK: 0,
  /** An unexpected failure: a bug of ours, or the machine gave out. */
  FAILED: 1,
  /** Unknown command or option, or an invalid experiment file: nothing was started. */
  USAGE: 2,
  /** Everything ran, but a check of the experiment does not hold. */
  CHECK_FAILED: 3,
  /** At least one run failed; what was collected is kept and marked. */
  RUN_FAILED: 4,
  /** Input data (trace, logs, results folder) is missing or unusable. */
  BAD_INPUT: 5,
  /** Everything ran, but at least one run is INVALID: its numbers cannot be trusted, and the report prints none. */
  RUN_INVALID: 6,
  /** Ended by Ctrl-C or SIGTERM; `--resume` continues. */
  INTERRUPTED: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that is the user's to mend: printed as it is, without a stack, and ends the process with `exitCode`. */
export class UserError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.name = "UserError";
    this.exitCode = exitCode;
  }
}
