/** What workers and controllers print: lines for people, and status lines for whoever supervises them. */
import { formatStatusLine, type StatusLine } from "#telemetry/status-line.ts";

export const printLine = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** A line a second about the event loop is for a supervisor only, and nobody supervises a role without a lifeline. */
export const statusPrinter =
  (hasLifeline: boolean) =>
  (line: StatusLine): void => {
    if (hasLifeline || line.event !== "loop") printLine(formatStatusLine(line));
  };
