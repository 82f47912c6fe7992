/** Commands that come in on standard input, one JSON object per line; the end of input is the order to stop. */
import type { ControlLine, StatedModel } from "#telemetry/status-line.ts";

/** A line longer than this is no command; that of a hundred thousand model instances is a tenth of it. */
const LINE_CHARS_MAX = 64 * 2 ** 20;

interface Loose {
  readonly command: unknown;
  readonly at_ns?: unknown;
  readonly reason?: unknown;
  readonly models?: unknown;
}

const isInstant = (value: unknown): value is string =>
  typeof value === "string" && /^\d{1,20}$/.test(value);

const isModel = (value: unknown): value is StatedModel => {
  if (typeof value !== "object" || value === null) return false;
  const { model, model_id, input_bytes } = value as Partial<Record<keyof StatedModel, unknown>>;
  return (
    typeof model === "string" && Number.isSafeInteger(model_id) && Number.isSafeInteger(input_bytes)
  );
};

const toCommand = ({ command, at_ns, reason, models }: Loose): ControlLine | null => {
  switch (command) {
    case "stop":
      return { command };
    case "start":
      if (at_ns === undefined) return { command };
      return isInstant(at_ns) ? { command, at_ns } : null;
    case "finish":
      return isInstant(at_ns) && typeof reason === "string" ? { command, at_ns, reason } : null;
    case "models":
      return Array.isArray(models) && models.every(isModel) ? { command, models } : null;
    default:
      return null;
  }
};

/** The command in a line, or null when it is none. */
export const parseControlLine = (line: string): ControlLine | null => {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || !("command" in value)) return null;
    return toCommand(value);
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
