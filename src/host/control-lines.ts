/** Commands that come in on standard input, one JSON object per line; the end of input is the order to stop. */
import type { ControlLine } from "#telemetry/status-line.ts";

/** A line longer than this is no command. */
const LINE_CHARS_MAX = 4096;

/** The command in a line, or null when it is none. */
export const parseControlLine = (line: string): ControlLine | null => {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || !("command" in value)) return null;
    return value.command === "start" || value.command === "stop"
      ? { command: value.command }
      : null;
  } catch {
    // Not JSON: the caller says so and goes on.
    return null;
  }
};

export interface ControlLineHandlers {
  readonly onCommand: (line: ControlLine) => void;
  /** A line that is no command; shortened. */
  readonly onInvalid: (text: string) => void;
  /** Whoever controlled the process is gone. */
  readonly onEnd: () => void;
}

/** Reads commands until the input ends; returns how to stop reading, which lets the process end. */
export const readControlLines = (
  input: NodeJS.ReadStream,
  handlers: ControlLineHandlers,
): (() => void) => {
  const decoder = new TextDecoder();
  let rest = "";
  const onData = (chunk: Uint8Array): void => {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_CHARS_MAX) lines.push(rest);
    for (const text of lines) {
      const line = parseControlLine(text);
      if (line !== null) handlers.onCommand(line);
      else if (text.trim() !== "") handlers.onInvalid(text.slice(0, 100));
    }
    if (rest.length > LINE_CHARS_MAX) rest = "";
  };
  input.on("data", onData);
  input.once("end", handlers.onEnd);
  // A broken pipe says the same as its end.
  input.once("error", handlers.onEnd);
  return () => {
    input.off("data", onData);
    input.off("end", handlers.onEnd);
    input.off("error", handlers.onEnd);
    input.on("error", () => undefined);
    input.destroy();
  };
};
