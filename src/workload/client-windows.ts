/** Reads the client windows of ServeGen: of each client, a file with the rate and the law of its gaps every ten minutes. */
import { err, ok, type Result } from "#stdx/result.ts";
import {
  formatTraceProblems,
  TRACE_PROBLEM_LIMIT,
  type TraceProblem,
} from "#workload/trace-problems.ts";

/** The windows of one client, one after another; every list has an entry for each. */
export interface ClientWindows {
  readonly ratesPerS: Float64Array;
  /** Shape of the law of its gaps; above 0 for Gamma, below (and turned) for Weibull, 0 where there are no requests. */
  readonly shapes: Float64Array;
}

/** All clients; their windows are the same. */
export interface WindowTrace {
  readonly windowS: number;
  readonly windowCount: number;
  readonly clients: readonly ClientWindows[];
}

/** Windows of a client that stands alone in its file with one line. */
const WINDOW_S = 600;
const RATE_MAX = 1e9;
const SHAPE_MIN = 0.005;
const SHAPE_MAX = 1e6;
const NUMBER = /^\d+(?:\.\d*)?(?:e[+-]?\d+)?$/i;
const LINE_REMEDY =
  "a line is timestamp,rate,cv,pattern,shape,scale, such as 1200,0.27,6.0,Weibull,0.49,3.38";

interface Window {
  readonly startS: number;
  readonly ratePerS: number;
  readonly shape: number;
}

type Mistake = Omit<TraceProblem, "line">;

const mistake = (column: string, value: string, message: string): Mistake => ({
  column,
  value: value.slice(0, 40),
  message,
  remedy: LINE_REMEDY,
});

/** A line without a pattern is a window without requests. */
const readWindow = (line: string): Window | Mistake => {
  const fields = line.split(",").map((field) => field.trim());
  if (fields.length !== 6) {
    return mistake("", line, `the line has ${fields.length} fields, not 6`);
  }
  const [timestamp = "", rate = "", , pattern = "", shape = ""] = fields;
  if (!/^\d{1,9}$/.test(timestamp)) {
    return mistake("timestamp", timestamp, "no whole number of seconds");
  }
  if (!NUMBER.test(rate) || Number(rate) > RATE_MAX) return mistake("rate", rate, "no rate");
  const startS = Number(timestamp);
  if (pattern === "" || Number(rate) === 0) return { startS, ratePerS: 0, shape: 0 };
  if (pattern !== "Gamma" && pattern !== "Weibull") {
    return mistake("pattern", pattern, "neither Gamma nor Weibull");
  }
  const k = NUMBER.test(shape) ? Number(shape) : Number.NaN;
  if (!(k >= SHAPE_MIN && k <= SHAPE_MAX)) {
    return mistake("shape", shape, `no shape from ${SHAPE_MIN} to ${SHAPE_MAX}`);
  }
  return { startS, ratePerS: Number(rate), shape: pattern === "Gamma" ? k : -k };
};

/** The windows of one client's file, or its mistakes in words. */
const readClient = (path: string, text: string): Result<readonly Window[], string> => {
  const problems: TraceProblem[] = [];
  let omitted = 0;
  const report = (line: number, found: Mistake): void => {
    if (problems.length === TRACE_PROBLEM_LIMIT) omitted++;
    else problems.push({ line, ...found });
  };
  const windows: Window[] = [];
  const lines = text
    .replace(/^\uFEFF/, "")
    .replace(/\s+$/, "")
    .split("\n");
  for (const [index, raw] of lines.entries()) {
    const window = readWindow(raw.replace(/\r$/, ""));
    if ("message" in window) {
      report(index + 1, window);
      continue;
    }
    const step = (windows[1]?.startS ?? window.startS) - (windows[0]?.startS ?? window.startS);
    const before = windows.at(-1)?.startS ?? null;
    if (before !== null && window.startS <= before) {
      report(index + 1, mistake("timestamp", String(window.startS), "not after the line before"));
    } else if (before !== null && windows.length > 1 && window.startS !== before + step) {
      const message = `windows are ${step} s long, and the one before began at ${before} s: some are missing`;
      report(index + 1, mistake("timestamp", String(window.startS), message));
    }
    windows.push(window);
  }
  return problems.length > 0 ? err(formatTraceProblems(path, { problems, omitted })) : ok(windows);
};

/** A text and what it is called. */
export interface NamedText {
  readonly path: string;
  readonly text: string;
}

/** The trace of these clients' files, in their order; or what is wrong, in words. */
export const readWindowTrace = (files: readonly NamedText[]): Result<WindowTrace, string> => {
  const clients: ClientWindows[] = [];
  let first: readonly Window[] | null = null;
  for (const { path, text } of files) {
    const read = readClient(path, text);
    if (!read.ok) return read;
    first ??= read.value;
    const isAlike =
      read.value.length === first.length &&
      read.value[0]?.startS === first[0]?.startS &&
      read.value.at(-1)?.startS === first.at(-1)?.startS;
    if (!isAlike) {
      return err(
        `${path}: its windows are not those of ${files[0]?.path}; all clients must have the same`,
      );
    }
    clients.push({
      ratesPerS: Float64Array.from(read.value, ({ ratePerS }) => ratePerS),
      shapes: Float64Array.from(read.value, ({ shape }) => shape),
    });
  }
  const [one, two] = first ?? [];
  const windowS = one !== undefined && two !== undefined ? two.startS - one.startS : WINDOW_S;
  return ok({ windowS, windowCount: first?.length ?? 0, clients });
};
