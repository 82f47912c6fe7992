/** Reads a trace in the published format of Azure Functions 2019: one row per function, one count per minute. */

import { err, ok, type Result } from "#stdx/result.ts";
import { splitCsvRow } from "#workload/csv-row.ts";
import {
  TRACE_PROBLEM_LIMIT,
  type TraceProblem,
  type TraceProblems,
} from "#workload/trace-problems.ts";

/** One function of the trace; only minutes with invocations are kept, since most are zero. */
export interface TraceFunction {
  readonly owner: string;
  readonly app: string;
  /** `HashFunction`. */
  readonly name: string;
  /** "http", "timer", "queue", …, as written. */
  readonly trigger: string;
  /** 0-based minute columns with at least one invocation, ascending. */
  readonly columns: Uint16Array;
  /** Invocations in each of `columns`. */
  readonly counts: Float64Array;
}

/** A whole trace: `functions` in file order, minutes `firstMinute` to `firstMinute + minuteCount − 1`. */
export interface AzureTrace {
  /** The first minute as the header names it. */
  readonly firstMinute: number;
  readonly minuteCount: number;
  /** Functions that were read, whether or not they were kept. */
  readonly functionCount: number;
  readonly functions: readonly TraceFunction[];
}

/** More invocations of one function in one minute are taken for a damaged file. */
const COUNT_MAX = 1_000_000_000;
/** A day has 1,440 minutes, the release 14 days. */
const MINUTE_COLUMNS_MAX = 14 * 1440;
/** Ten digits and a comma for each of them take a quarter of this; a longer line is no text of this format. */
const LINE_CHARS_MAX = 1024 * 1024;
const NAME_COLUMNS = ["HashOwner", "HashApp", "HashFunction", "Trigger"] as const;
const VALUE_SHOWN_MAX = 40;

/** Takes a trace as it is read; both answer with what is wrong, or null. */
export interface TraceSink {
  /** The header was read: its first minute and how many there are. */
  begin(firstMinute: number, minuteCount: number): string | null;
  /** A line was read; its arrays are used again for the next one. */
  add(fn: TraceFunction): string | null;
}

const HEADER_REMEDY =
  "the first line must be HashOwner,HashApp,HashFunction,Trigger and then the minutes in rising order, as in the published files";

const shorten = (text: string): string =>
  text.length <= VALUE_SHOWN_MAX ? text : `${text.slice(0, VALUE_SHOWN_MAX)}…`;

/** Parses a trace piece by piece, so that a caller may stream it; `push` text in order, then `finish`. */
export class AzureTraceReader {
  /** Takes the functions instead of `#functions`. */
  readonly #sink: TraceSink | null;
  readonly #functions: TraceFunction[] = [];
  #functionCount = 0;
  readonly #problems: TraceProblem[] = [];
  #omitted = 0;
  #rest = "";
  #line = 0;
  #firstMinute: number | null = null;
  #minuteCount = 0;
  #headerFailed = false;
  #isTooLong = false;
  /** The first of the blank lines just read; null when the last line was not blank. */
  #blankLine: number | null = null;
  // Reused for every row; the row keeps copies of the used part.
  #columns = new Uint16Array(0);
  #counts = new Float64Array(0);

  /** With a sink the trace has no functions in the end: the sink has seen them. */
  constructor(sink: TraceSink | null = null) {
    this.#sink = sink;
  }

  /** What follows cannot be understood, so that a caller need not read on. */
  get isHopeless(): boolean {
    return this.#headerFailed || this.#isTooLong;
  }

  push(text: string): void {
    if (this.#isTooLong) return;
    const all = this.#rest + text;
    let from = 0;
    for (let end = all.indexOf("\n"); end >= 0; end = all.indexOf("\n", from)) {
      this.#onLine(all.slice(from, end), false);
      from = end + 1;
    }
    this.#rest = all.slice(from);
    if (this.#rest.length > LINE_CHARS_MAX) this.#onTooLong();
  }

  #onTooLong(): void {
    this.#isTooLong = true;
    this.#line++;
    const message = `the line has more than ${LINE_CHARS_MAX} characters`;
    const remedy = this.#line === 1 ? HEADER_REMEDY : "is it a text file, with line ends?";
    this.#report({ line: this.#line, column: "", value: this.#rest, message, remedy });
    this.#rest = "";
  }

  finish(): Result<AzureTrace, TraceProblems> {
    if (this.#rest !== "") this.#onLine(this.#rest, true);
    this.#rest = "";
    if (this.#line === 0)
      this.#report({
        line: 1,
        column: "",
        value: "",
        message: "the file is empty",
        remedy: HEADER_REMEDY,
      });
    else if (this.#functionCount === 0 && this.#problems.length === 0) {
      const remedy = "add at least one line with the invocations of a function";
      this.#report({
        line: this.#line,
        column: "",
        value: "",
        message: "the file has a header but no functions",
        remedy,
      });
    }
    if (this.#problems.length > 0 || this.#firstMinute === null) {
      return err({ problems: this.#problems, omitted: this.#omitted });
    }
    return ok({
      firstMinute: this.#firstMinute,
      minuteCount: this.#minuteCount,
      functions: this.#functions,
      functionCount: this.#functionCount,
    });
  }

  #report(problem: TraceProblem): void {
    if (this.#problems.length === TRACE_PROBLEM_LIMIT) this.#omitted++;
    else this.#problems.push({ ...problem, value: shorten(problem.value) });
  }

  #onLine(raw: string, isLast: boolean): void {
    this.#line++;
    const text = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (this.#line === 1) {
      this.#onHeader(text.startsWith("\uFEFF") ? text.slice(1) : text);
    } else if (!this.#headerFailed) {
      // Without a header the meaning of the fields is unknown: more complaints would only bury the cause.
      this.#onRow(text, isLast);
    }
  }

  #onHeader(text: string): void {
    const before = this.#problems.length;
    const fields = splitCsvRow(text);
    if (fields === null) {
      this.#report({
        line: 1,
        column: "",
        value: text,
        message: "the header has an unclosed quote",
        remedy: HEADER_REMEDY,
      });
    } else {
      this.#checkNameColumns(fields);
      if (this.#problems.length === before) this.#checkMinutes(fields.slice(NAME_COLUMNS.length));
    }
    if (this.#problems.length === before) this.#begin();
    this.#headerFailed = this.#problems.length > before;
    this.#columns = new Uint16Array(this.#minuteCount);
    this.#counts = new Float64Array(this.#minuteCount);
  }

  #begin(): void {
    const message = this.#sink?.begin(this.#firstMinute ?? 0, this.#minuteCount) ?? null;
    if (message === null) return;
    const remedy = "name the files of consecutive days, whole and in order";
    this.#report({ line: 1, column: "", value: "", message, remedy });
  }

  #checkNameColumns(fields: readonly string[]): void {
    const wrong = NAME_COLUMNS.filter((name, index) => fields[index] !== name);
    if (wrong.length === NAME_COLUMNS.length) {
      this.#report({
        line: 1,
        column: "",
        value: fields.join(","),
        message: "the first line is not the header",
        remedy: HEADER_REMEDY,
      });
      return;
    }
    for (const name of wrong) {
      const index = NAME_COLUMNS.indexOf(name);
      const message = `column ${index + 1} of the header must be ${name}`;
      this.#report({
        line: 1,
        column: name,
        value: fields[index] ?? "",
        message,
        remedy: HEADER_REMEDY,
      });
    }
  }

  #checkMinutes(names: readonly string[]): void {
    if (names.length === 0) {
      this.#report({
        line: 1,
        column: "",
        value: "",
        message: "the header names no minutes",
        remedy: HEADER_REMEDY,
      });
      return;
    }
    if (names.length > MINUTE_COLUMNS_MAX) {
      const message = `the header names ${names.length} minutes, more than the ${MINUTE_COLUMNS_MAX} of 14 days`;
      this.#report({ line: 1, column: "", value: "", message, remedy: HEADER_REMEDY });
      return;
    }
    const seen = new Set<string>();
    let previous: number | null = null;
    for (const [index, name] of names.entries()) {
      const minute = /^\d{1,6}$/.test(name) ? Number(name) : null;
      const column = `column ${index + NAME_COLUMNS.length + 1}`;
      if (minute === null) {
        const message = `${column} of the header is no minute`;
        this.#report({
          line: 1,
          column: name,
          value: name,
          message,
          remedy: "minutes are whole numbers such as 1 to 1440",
        });
      } else if (seen.has(name)) {
        this.#report({
          line: 1,
          column: name,
          value: name,
          message: `minute ${name} appears twice`,
          remedy: "remove one of the columns",
        });
      } else if (previous !== null && minute !== previous + 1) {
        const message = `minute ${name} follows minute ${previous}`;
        this.#report({
          line: 1,
          column: name,
          value: name,
          message,
          remedy: "minutes must be consecutive and in rising order",
        });
      }
      seen.add(name);
      previous = minute;
    }
    this.#firstMinute = Number(names[0]);
    this.#minuteCount = names.length;
  }

  #onRow(text: string, isLast: boolean): void {
    // Blank lines are harmless at the end, where editors leave them; elsewhere rows may be missing.
    if (text === "") {
      this.#blankLine ??= this.#line;
      return;
    }
    if (this.#blankLine !== null) {
      this.#report({
        line: this.#blankLine,
        column: "",
        value: "",
        message: "blank line between functions",
        remedy: "remove it",
      });
      this.#blankLine = null;
    }
    const quoted = text.includes('"');
    const fields = quoted ? splitCsvRow(text) : splitNames(text);
    if (fields === null) {
      const remedy = "close the quote on the same line";
      this.#report({
        line: this.#line,
        column: "",
        value: text,
        message: "unclosed quote",
        remedy: isLast ? TRUNCATED : remedy,
      });
      return;
    }
    const counts = quoted ? fields.slice(NAME_COLUMNS.length).join(",") : (fields[4] ?? "");
    if (fields.length < NAME_COLUMNS.length) {
      this.#reportWidth(text.split(",").length, isLast);
      return;
    }
    const used = this.#readCounts(counts, isLast);
    if (used === null) return;
    this.#functionCount++;
    const [owner = "", app = "", name = "", trigger = ""] = fields;
    const [usedColumns, usedCounts] = [
      this.#columns.subarray(0, used),
      this.#counts.subarray(0, used),
    ];
    if (this.#sink === null) {
      const columns = usedColumns.slice();
      this.#functions.push({ owner, app, name, trigger, columns, counts: usedCounts.slice() });
      return;
    }
    const message = this.#sink.add({
      owner,
      app,
      name,
      trigger,
      columns: usedColumns,
      counts: usedCounts,
    });
    if (message === null) return;
    const remedy = "one line for each function, with all its invocations";
    this.#report({ line: this.#line, column: "HashFunction", value: name, message, remedy });
  }

  /** Reads "0,3,0,…" into the reused arrays; returns how many minutes are not zero, or null after a problem. */
  #readCounts(text: string, isLast: boolean): number | null {
    const before = this.#problems.length + this.#omitted;
    let used = 0;
    let column = 0;
    let from = 0;
    while (from <= text.length) {
      let end = from;
      let value = 0;
      for (; end < text.length; end++) {
        const digit = text.charCodeAt(end) - 48;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
      }
      if (end === from || value > COUNT_MAX || (end < text.length && text[end] !== ",")) {
        const comma = text.indexOf(",", from);
        end = comma < 0 ? text.length : comma;
        if (column < this.#minuteCount) this.#reportCount(column, text.slice(from, end));
        value = 0;
      }
      if (value > 0 && column < this.#minuteCount) {
        this.#columns[used] = column;
        this.#counts[used] = value;
        used++;
      }
      column++;
      from = end + 1;
    }
    if (column !== this.#minuteCount) this.#reportWidth(NAME_COLUMNS.length + column, isLast);
    return this.#problems.length + this.#omitted === before ? used : null;
  }

  #reportCount(column: number, value: string): void {
    const minute = String((this.#firstMinute ?? 0) + column);
    let message = "the count is no number";
    if (value.trim() === "") message = "the count is missing";
    else if (/^-\d+(\.\d+)?$/.test(value)) message = "the count is negative";
    else if (/^\d+\.\d+$/.test(value)) message = "the count is no whole number";
    else if (/^\d+$/.test(value)) message = `the count is above ${COUNT_MAX}`;
    const remedy = "a count is a whole number of invocations, 0 or more";
    this.#report({ line: this.#line, column: minute, value, message, remedy });
  }

  #reportWidth(found: number, isLast: boolean): void {
    const expected = NAME_COLUMNS.length + this.#minuteCount;
    const message = `the line has ${found} ${found === 1 ? "field" : "fields"}, the header has ${expected}`;
    const remedy =
      isLast && found < expected ? TRUNCATED : "give every line as many fields as the header";
    this.#report({ line: this.#line, column: "", value: "", message, remedy });
  }
}

const TRUNCATED =
  "the last line is cut off and has no line end: fetch or copy the file again in full";

/** The four name fields and the unsplit rest; fewer when the line is shorter. */
const splitNames = (text: string): readonly string[] => {
  const fields: string[] = [];
  let from = 0;
  for (let i = 0; i < NAME_COLUMNS.length; i++) {
    const comma = text.indexOf(",", from);
    if (comma < 0) return [...fields, text.slice(from)].slice(0, NAME_COLUMNS.length - 1);
    fields.push(text.slice(from, comma));
    from = comma + 1;
  }
  return [...fields, text.slice(from)];
};

/** Parses a whole file; all mistakes at once, up to a limit. */
export const parseAzureTrace = (text: string): Result<AzureTrace, TraceProblems> => {
  const reader = new AzureTraceReader();
  reader.push(text);
  return reader.finish();
};
