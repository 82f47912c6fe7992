/** Reads traces with one row per request, row by row, in the formats in which they are published. */
import type { Workload } from "#experiment/resolved.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { splitCsvRow } from "#workload/csv-row.ts";
import { parseDateTime, parseInstant, startOfDay, wholeUnits } from "#workload/trace-instants.ts";
import { LINE_LENGTH_MAX, type TextSource, TraceLines } from "#workload/trace-lines.ts";
import {
  TRACE_PROBLEM_LIMIT,
  type TraceProblem,
  type TraceProblems,
} from "#workload/trace-problems.ts";

export type RequestTraceWorkload = Extract<Workload, { readonly arrivals: "trace" }>;

/** Where a file's instants are and how they are written. */
export type TraceLayout = Pick<RequestTraceWorkload, "column" | "unit"> & {
  /** "recorded" is a schedule as `ScheduleWriter` writes it, and as runs are recorded. */
  readonly format: RequestTraceWorkload["format"] | "recorded";
};

/** One row. */
export interface TracedRequest {
  /** In ns on the file's own scale. */
  readonly atNs: number;
  /** Who asked: the function, where the format names one; "" otherwise. */
  readonly source: string;
  /** Kind of traffic, for reports. */
  readonly className: string;
  /** The model instance and the user, where the format names them. */
  readonly instance?: number;
  readonly user?: number;
}

type Mistake = Omit<TraceProblem, "line">;

/** Reads the rows of one format; each row is a request or a mistake. */
interface RowReader {
  /** Takes the header; mistakes in it. Formats without a header have no such method. */
  header?(fields: readonly string[]): readonly Mistake[];
  row(line: string): TracedRequest | Mistake;
}

const SHOWN_MAX = 40;

const shorten = (text: string): string =>
  text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`;

const mistake = (
  [column, value]: readonly [column: string, value: string],
  message: string,
  remedy: string,
): Mistake => ({
  column,
  value: shorten(value),
  message,
  remedy,
});

/** The remedy for an instant that cannot be read. */
const INSTANT_REMEDY = "an instant is a number, 0 or more, such as 12.5";

const badInstant = (column: string, text: string, remedy = INSTANT_REMEDY): Mistake => {
  if (text.trim() === "") return mistake([column, ""], "the instant is missing", remedy);
  const isNegative = /^-\d/.test(text);
  return mistake([column, text], isNegative ? "the instant is negative" : "no instant", remedy);
};

/** CSV with a header; the columns that are used are looked up by their names. */
class CsvRows implements RowReader {
  readonly #needed: readonly string[];
  readonly #read: (cell: (name: string) => string) => TracedRequest | Mistake;
  readonly #places = new Map<string, number>();
  #width = 0;

  constructor(
    needed: readonly string[],
    read: (cell: (name: string) => string) => TracedRequest | Mistake,
  ) {
    this.#needed = needed;
    this.#read = read;
  }

  header(fields: readonly string[]): readonly Mistake[] {
    this.#width = fields.length;
    for (const [place, name] of fields.entries()) {
      const first = this.#places.has(name) && this.#needed.includes(name);
      if (first) return [mistake([name, name], "the column appears twice", "rename one of them")];
      this.#places.set(name, place);
    }
    const names = shorten(fields.join(","));
    return this.#needed
      .filter((name) => !this.#places.has(name))
      .map((name) =>
        mistake([name, ""], "the header has no such column", `columns there: ${names}`),
      );
  }

  row(line: string): TracedRequest | Mistake {
    const fields = line.includes('"') ? splitCsvRow(line) : line.split(",");
    if (fields === null) return mistake(["", line], "unclosed quote", "close it on the same line");
    if (fields.length !== this.#width) {
      const message = `the line has ${fields.length} fields, the header has ${this.#width}`;
      return mistake(["", line], message, "give every line as many fields as the header");
    }
    return this.#read((name) => fields[this.#places.get(name) ?? -1] ?? "");
  }
}

const azureFunctions2021 = (): RowReader =>
  new CsvRows(["app", "func", "end_timestamp", "duration"], (cell) => {
    const end = parseInstant(cell("end_timestamp"), "s", 0n);
    if (end === null) return badInstant("end_timestamp", cell("end_timestamp"));
    const duration = parseInstant(cell("duration"), "s", 0n);
    if (duration === null) return badInstant("duration", cell("duration"));
    const source = `${cell("app")}/${cell("func")}`;
    return { atNs: end - duration, source, className: "azure-functions-2021" };
  });

const azureLlm2023 = (): RowReader => {
  let base: number | null = null;
  return new CsvRows(["TIMESTAMP"], (cell) => {
    const text = cell("TIMESTAMP");
    base ??= startOfDay(text);
    const atNs = base === null ? null : parseDateTime(text, base);
    const remedy = "an instant is written 2023-11-16 18:17:03.9799600";
    return atNs === null
      ? badInstant("TIMESTAMP", text, remedy)
      : { atNs, source: "", className: "azure-llm-2023" };
  });
};

/** A column of numbers that may count from long ago: the whole units of the first that is one are taken from all. */
const counting = (column: string, unit: TraceLayout["unit"]) => {
  let base: bigint | null = null;
  return (text: string): number | Mistake => {
    const at = parseInstant(text, unit, base ?? wholeUnits(text));
    if (at === null) return badInstant(column, text);
    base ??= wholeUnits(text);
    return at;
  };
};

const burstGpt = (): RowReader => {
  const instant = counting("Timestamp", "s");
  return new CsvRows(["Timestamp", "Model"], (cell) => {
    const atNs = instant(cell("Timestamp"));
    if (typeof atNs !== "number") return atNs;
    return { atNs, source: "", className: cell("Model") || "burstgpt" };
  });
};

/** `shown` is what the user calls the column. */
const csv = (column: string, unit: TraceLayout["unit"], shown = column): RowReader => {
  const instant = counting(shown, unit);
  return new CsvRows([column], (cell) => {
    const atNs = instant(cell(column));
    return typeof atNs === "number" ? { atNs, source: "", className: "csv" } : atNs;
  });
};

/** A whole number; whether a double holds it is asked of the instant. */
const WHOLE = /^\d{1,16}$/;

const recorded = (): RowReader =>
  new CsvRows(["at_ns", "instance", "user", "class"], (cell) => {
    for (const column of ["at_ns", "instance", "user"]) {
      if (!WHOLE.test(cell(column))) {
        const remedy = "the file as it was recorded, or made by `workload --out`";
        return mistake([column, cell(column)], "no whole number", remedy);
      }
    }
    return {
      atNs: Number(cell("at_ns")),
      source: "",
      className: cell("class"),
      instance: Number(cell("instance")),
      user: Number(cell("user")),
    };
  });

/** A JSON object per line, with its instant in ms. */
const mooncake = (): RowReader => {
  const instant = counting("timestamp", "ms");
  const remedy = 'a line is an object such as {"timestamp": 27482, "input_length": 6955}';
  return {
    row: (line) => {
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        // What the parser says of it adds nothing to the line that is shown.
        return mistake(["", line], "the line is no JSON", remedy);
      }
      const timestamp: unknown =
        typeof value === "object" && value !== null
          ? (value as Readonly<Record<string, unknown>>)["timestamp"]
          : undefined;
      if (typeof timestamp !== "number") {
        return mistake(["timestamp", line], "the line has no number of that name", remedy);
      }
      const atNs = instant(String(timestamp));
      return typeof atNs === "number" ? { atNs, source: "", className: "mooncake" } : atNs;
    },
  };
};

const rowReader = ({ format, column, unit }: TraceLayout): RowReader => {
  switch (format) {
    case "azure-functions-2021":
      return azureFunctions2021();
    case "azure-llm-2023":
      return azureLlm2023();
    case "burstgpt":
      return burstGpt();
    case "mooncake":
      return mooncake();
    case "recorded":
      return recorded();
    case "parquet":
      // What is read of it is a text made for the purpose.
      return csv("at", unit, column ?? "at");
    case "csv":
      return csv(column ?? "", unit);
  }
};

/** Whether rows name the function that was called. */
export const namesFunctions = ({ format }: Pick<TraceLayout, "format">): boolean =>
  format === "azure-functions-2021";

/** Invocations are logged when they end; all other formats have their rows in the order of their instants. */
const isByEnd = ({ format }: TraceLayout): boolean => format === "azure-functions-2021";

/** The requests of a trace, in the order of the file; mistakes are gathered, up to a limit, and their rows left out. */
export class RequestTraceReader {
  readonly #lines: TraceLines;
  readonly #rows: RowReader;
  readonly #isByEnd: boolean;
  readonly #problems: TraceProblem[] = [];
  #omitted = 0;
  #last = Number.NEGATIVE_INFINITY;
  #blankLine: number | null = null;
  #isHeaderSeen: boolean;

  constructor(layout: TraceLayout, source: TextSource) {
    this.#lines = new TraceLines(source);
    this.#rows = rowReader(layout);
    this.#isByEnd = isByEnd(layout);
    this.#isHeaderSeen = this.#rows.header === undefined;
  }

  /** Mistakes so far. */
  get problems(): TraceProblems {
    return { problems: this.#problems, omitted: this.#omitted };
  }

  /** The next request; null at the end, or where the rest cannot be read. */
  next(): TracedRequest | null {
    for (let line = this.#lines.next(); line !== null; line = this.#lines.next()) {
      if (!this.#isHeaderSeen) {
        this.#isHeaderSeen = true;
        const found = this.#rows.header?.(splitCsvRow(line) ?? []) ?? [];
        for (const each of found) this.#report(each);
        // Without a header the meaning of the fields is unknown: more complaints would only bury the cause.
        if (found.length > 0) return null;
        continue;
      }
      const request = this.#onRow(line);
      if (request !== null) return request;
    }
    if (this.#lines.isTooLong) {
      const message = `the line has more than ${LINE_LENGTH_MAX} characters`;
      this.#report(mistake(["", ""], message, "is this the right file, and the right format?"));
    }
    return null;
  }

  #onRow(line: string): TracedRequest | null {
    // Blank lines are harmless at the end, where editors leave them; elsewhere rows may be missing.
    if (line === "") {
      this.#blankLine ??= this.#lines.line;
      return null;
    }
    if (this.#blankLine !== null) {
      const blank = mistake(["", ""], "blank line between rows", "remove it");
      this.#report(blank, this.#blankLine);
      this.#blankLine = null;
    }
    const request = this.#rows.row(line);
    if ("message" in request) {
      this.#report(request);
      return null;
    }
    if (!Number.isSafeInteger(request.atNs)) {
      const message = "the instant is more than 104 days from the first one";
      this.#report(
        mistake(["", line], message, "is it in the unit that the format, or `unit`, says?"),
      );
      return null;
    }
    if (!this.#isByEnd && request.atNs < this.#last) {
      const message = "the request is earlier than the one before";
      this.#report(mistake(["", line], message, "sort the rows by their instants"));
      return null;
    }
    this.#last = request.atNs;
    return request;
  }

  #report(found: Mistake, line = Math.max(1, this.#lines.line)): void {
    if (this.#problems.length === TRACE_PROBLEM_LIMIT) this.#omitted++;
    else this.#problems.push({ line, ...found });
  }
}

/** What has to be known of a trace before it can be replayed. */
export interface TraceFacts {
  readonly requests: number;
  /** First and last instant, on the file's own scale. */
  readonly firstNs: number;
  readonly lastNs: number;
  /** How much earlier a row can be than one that stands before it. */
  readonly disorderNs: number;
  /** Functions, where the format names them. */
  readonly sources: number;
  /** One more than the last model instance that a row names; 0 where the format names none. */
  readonly instances: number;
}

/** A trace that can be read again and again, with what a first reading found. */
export interface RequestTrace {
  readonly facts: TraceFacts;
  readonly open: () => TextSource;
}

/** Reads a whole trace once, without keeping it: its facts, or its mistakes. */
export const scanTrace = (
  layout: TraceLayout,
  open: () => TextSource,
): Result<RequestTrace, TraceProblems> => {
  const reader = new RequestTraceReader(layout, open());
  const sources = new Set<string>();
  let [requests, instances] = [0, 0];
  let [first, last, disorder] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (let row = reader.next(); row !== null; row = reader.next()) {
    requests++;
    sources.add(row.source);
    if (row.instance !== undefined) instances = Math.max(instances, row.instance + 1);
    first = Math.min(first, row.atNs);
    last = Math.max(last, row.atNs);
    disorder = Math.max(disorder, last - row.atNs);
  }
  const found = reader.problems;
  if (found.problems.length > 0) return err(found);
  if (requests === 0) {
    const remedy = "a file with at least one request";
    return err({
      problems: [{ line: 1, ...mistake(["", ""], "the trace has no requests", remedy) }],
      omitted: 0,
    });
  }
  const facts = {
    requests,
    firstNs: first,
    lastNs: last,
    disorderNs: disorder,
    sources: sources.size,
    instances,
  };
  return ok({ facts, open });
};
