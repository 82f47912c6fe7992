/** How a process ended, in words that let a person act. */
import type { CommandOutcome } from "#remote/remote.ts";
import { STATUS_MARKER } from "#telemetry/status-line.ts";

/** Enough to see a reason, few enough to read. */
const SHOWN_LINES_MAX = 8;

const ending = (outcome: CommandOutcome): string => {
  if (outcome.cause !== null) return outcome.cause;
  if (outcome.signal !== null) return `killed by ${outcome.signal}`;
  return `exit code ${outcome.exitCode}`;
};

/** Arguments with spaces or quotes are shown so that a shell would take them as they are. */
const showCommand = (command: readonly string[]): string =>
  command
    .map((part) =>
      /^[\w@%+=:,./-]+$/.test(part) ? part : `'${part.replaceAll("'", String.raw`'\''`)}'`,
    )
    .join(" ");

const lastLines = ({ stdout, stderr }: CommandOutcome): readonly string[] => {
  const people = stdout.split("\n").filter((line) => !line.startsWith(`${STATUS_MARKER} `));
  // Errors go to the standard error stream; ordinary output is of interest when there are none.
  const lines = [...people, ...stderr.split("\n")].filter((line) => line.trim() !== "");
  return lines.slice(-SHOWN_LINES_MAX);
};

/** Several lines: the ending, host, command, and the last lines of output. */
export const describeOutcome = (outcome: CommandOutcome): string => {
  const lines = lastLines(outcome);
  const output =
    lines.length === 0
      ? ["  it printed nothing"]
      : ["  last lines of its output:", ...lines.map((line) => `    ${line}`)];
  return [
    ending(outcome),
    `  host: ${outcome.host}`,
    `  command: ${showCommand(outcome.command)}`,
    ...output,
  ].join("\n");
};
