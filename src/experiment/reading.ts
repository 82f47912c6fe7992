/** Reads one value of an experiment file: each reader says what is due, and answers a mistake with its remedy. */
import { nearest } from "#experiment/problem.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { parseBytes, parseDuration, parseRate } from "#stdx/quantity.ts";
import { err, ok, type Result } from "#stdx/result.ts";

export interface Mistake {
  readonly message: string;
  readonly remedy: string;
}

/** What kind of value a key takes; decides how `--set` reads its text. */
export type ReaderKind =
  | "duration"
  | "rate"
  | "size"
  | "number"
  /** A whole number. */
  | "count"
  | "boolean"
  | "choice"
  | "text"
  | "bound"
  | "scalar";

export interface Reader<T> {
  readonly kind: ReaderKind;
  readonly read: (value: unknown) => Result<T, Mistake>;
}

const mistake = (message: string, remedy: string): Result<never, Mistake> =>
  err({ message, remedy });

const QUANTITIES = {
  duration: {
    due: "a duration is due",
    units: "us, ms, s, min",
    write: (n: number) => `write ms(${n}) or seconds(${n})`,
  },
  rate: { due: "a rate is due", units: "/s, /min", write: (n: number) => `write perSecond(${n})` },
  size: {
    due: "a size is due",
    units: "B, MiB, GiB",
    write: (n: number) => `write mebibytes(${n})`,
  },
} as const;

type QuantityKind = keyof typeof QUANTITIES;

const EXAMPLES: Readonly<Record<QuantityKind, string>> = {
  duration: "ms(25) or seconds(2)",
  rate: "perSecond(1000)",
  size: "mebibytes(16)",
};

const kindOf = (text: string): QuantityKind | null => {
  if (parseDuration(text) !== null) return "duration";
  if (parseRate(text) !== null) return "rate";
  return parseBytes(text) === null ? null : "size";
};

/** Why `value` is no quantity of this kind. */
const explain = (value: unknown, kind: QuantityKind): Result<never, Mistake> => {
  const { due, units, write } = QUANTITIES[kind];
  const example = `write ${EXAMPLES[kind]}`;
  if (value === undefined) return mistake(`the key is missing; ${due}`, example);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return mistake(`${value} is not a number; ${due}`, example);
    return mistake(`${value} has no unit; ${due}`, write(value));
  }
  if (typeof value !== "string") return mistake(due, example);
  const actual = kindOf(value);
  if (actual !== null) return mistake(`${value} is a ${actual}; ${due}`, example);
  const trimmed = value.trim();
  if (trimmed === "") return mistake(`the text is empty; ${due}`, example);
  if (Number.isFinite(Number(trimmed)))
    return mistake(`"${value}" has no unit; ${due}`, write(Number(trimmed)));
  if (/^(?:-?Infinity|NaN)/.test(trimmed))
    return mistake(`"${value}" is not a finite quantity; ${due}`, example);
  const unit = /^-?[\d.]+(?:e[+-]?\d+)?\s*(.+)$/i.exec(trimmed)?.[1];
  if (unit === undefined)
    return mistake(`"${value}" does not begin with a number; ${due}`, example);
  if (/^(?:ns|us|µs|ms|s|min|m|h)$/.test(unit)) {
    return mistake(
      `"${value}" is not a whole number of nanoseconds, or beyond what is exact (104 days)`,
      example,
    );
  }
  if (/^(?:[kMG]i?)?B$/.test(unit))
    return mistake(`"${value}" is not a whole number of bytes`, example);
  return mistake(`"${unit}" is no unit of a ${kind}; ${due}`, `units: ${units}; ${example}`);
};

/** Longest duration an experiment may name: instants of a run must stay exact in nanoseconds (104 days). */
const DURATION_MAX = ns(30 * 86_400_000_000_000);

/** A duration in ns; zero only where a pause may be left out. */
export const duration = (least: "positive" | "zero"): Reader<Nanos> => ({
  kind: "duration",
  read: (value) => {
    const parsed = typeof value === "string" ? parseDuration(value) : null;
    if (parsed === null) return explain(value, "duration");
    if (parsed < 0)
      return mistake(
        `${String(value)} is negative`,
        least === "zero" ? "at least 0 s" : "more than 0 s",
      );
    if (parsed === 0 && least === "positive")
      return mistake(`${String(value)} is no time at all`, "more than 0 s");
    if (parsed > DURATION_MAX)
      return mistake(`${String(value)} is longer than 30 days`, "at most 30 days (720h)");
    return ok(parsed);
  },
});

/** Requests per second, zero only where the load may pause; the bound keeps gaps at a nanosecond or more. */
export const rate = (least: "positive" | "zero" = "positive"): Reader<number> => ({
  kind: "rate",
  read: (value) => {
    const parsed = typeof value === "string" ? parseRate(value) : null;
    if (parsed === null) return explain(value, "rate");
    if (parsed < 0 && least === "zero")
      return mistake(`${String(value)} is negative`, "at least 0/s");
    if (parsed <= 0 && least === "positive")
      return mistake(`${String(value)} offers no load`, "more than 0/s");
    if (parsed > 1e9)
      return mistake(`${String(value)} is more than one request per nanosecond`, "at most 1e9/s");
    return ok(parsed);
  },
});

/** Bytes, more than none. */
export const size = (): Reader<number> => ({
  kind: "size",
  read: (value) => {
    const parsed = typeof value === "string" ? parseBytes(value) : null;
    if (parsed === null) return explain(value, "size");
    return parsed > 0 ? ok(parsed) : mistake(`${String(value)} is no size`, "more than 0 B");
  },
});

interface Range {
  readonly least: number;
  readonly most: number;
  /** What the number counts: "workers". */
  readonly of: string;
}

const notANumber = (value: unknown, due: string): Result<never, Mistake> => {
  if (value === undefined) return mistake("the key is missing", due);
  if (typeof value === "string") return mistake("a text is given where a number is due", due);
  return mistake("a number is due", due);
};

/** A whole number in a range. */
export const whole = ({ least, most, of }: Range): Reader<number> => ({
  kind: "count",
  read: (value) => {
    const due = `${of}: a whole number from ${least} to ${most}`;
    if (typeof value !== "number") return notANumber(value, due);
    if (!Number.isInteger(value)) return mistake(`${value} is not a whole number`, due);
    if (value < least) return mistake(`${value} is less than ${least}`, due);
    return value > most ? mistake(`${value} is more than ${most}`, due) : ok(value);
  },
});

/** Below, gaps are constant for all that a clock can tell; above, one gap in a thousand makes up most of any run. */
const CV_MIN = 0.01;
const CV_MAX = 20;

/** A number above zero. */
export const factor = (of: string): Reader<number> => ({
  kind: "number",
  read: (value) => {
    const due = `${of}: a number above 0, at most 1e6`;
    if (typeof value !== "number" || Number.isNaN(value)) return notANumber(value, due);
    return value > 0 && value <= 1e6 ? ok(value) : mistake(`${value} is out of range`, due);
  },
});

/** A number between bounds that count themselves. */
export const between = ({ least, most, of }: Range): Reader<number> => ({
  kind: "number",
  read: (value) => {
    const due = `${of}: a number from ${least} to ${most}`;
    if (typeof value !== "number" || Number.isNaN(value)) return notANumber(value, due);
    return value >= least && value <= most ? ok(value) : mistake(`${value} is out of range`, due);
  },
});

/** The variation of gaps: standard deviation ÷ mean. */
export const variation = (): Reader<number> => ({
  kind: "number",
  read: (value) => {
    const due = `coefficient of variation of the gaps: a number from ${CV_MIN} to ${CV_MAX}`;
    if (typeof value !== "number" || Number.isNaN(value)) return notANumber(value, due);
    if (value === 0)
      return mistake("gaps without variation are constant", 'arrivals: "constant", without cv');
    return value >= CV_MIN && value <= CV_MAX
      ? ok(value)
      : mistake(`${value} is out of range`, due);
  },
});

/** A part of a whole, from 0 to 1. */
export const fraction = (of: string, least: "positive" | "zero"): Reader<number> => ({
  kind: "number",
  read: (value) => {
    const due = `${of}: a number ${least === "zero" ? "from 0" : "above 0"} to 1`;
    if (typeof value !== "number" || Number.isNaN(value)) return notANumber(value, due);
    const isFit = value <= 1 && (least === "zero" ? value >= 0 : value > 0);
    return isFit ? ok(value) : mistake(`${value} is out of range`, due);
  },
});

/** Some of many: a share of them below 1, from 1 on so many. */
export const shareOrCount = (of: string): Reader<number> => ({
  kind: "number",
  read: (value) => {
    const due = `${of}: a share above 0 and below 1, or a whole number of them`;
    if (typeof value !== "number" || Number.isNaN(value)) return notANumber(value, due);
    if (value > 0 && value < 1) return ok(value);
    const isCount = Number.isInteger(value) && value >= 1 && value <= 1_000_000;
    return isCount ? ok(value) : mistake(`${value} is out of range`, due);
  },
});

export const yesOrNo = (): Reader<boolean> => ({
  kind: "boolean",
  read: (value) => {
    if (typeof value === "boolean") return ok(value);
    return mistake(
      value === undefined ? "the key is missing" : "neither true nor false",
      "write true or false",
    );
  },
});

/** One of some names; a near one is suggested. */
export const choice = <const T extends string>(what: string, known: readonly T[]): Reader<T> => ({
  kind: "choice",
  read: (value) => {
    const found = known.find((name) => name === value);
    if (found !== undefined) return ok(found);
    const all = `${what}: one of ${known.map((name) => `"${name}"`).join(", ")}`;
    if (value === undefined) return mistake("the key is missing", all);
    if (typeof value !== "string") return mistake(`a text is due`, all);
    const near = nearest(value, known);
    const remedy =
      near === null ? all : known.length > 4 ? `write "${near}"` : `write "${near}"; ${all}`;
    return mistake(`"${value}" is no known ${what}`, remedy);
  },
});

interface TextRule {
  /** What the text says, in words. */
  readonly due: string;
  readonly lengthMax: number;
  /** What it has to look like. */
  readonly shape?: RegExp;
}

/** A text with something in it. */
export const text = ({ due, lengthMax, shape }: TextRule): Reader<string> => ({
  kind: "text",
  read: (value) => {
    const remedy = `${due}; at most ${lengthMax} characters`;
    if (value === undefined) return mistake("the key is missing", remedy);
    if (typeof value !== "string") return mistake("a text is due", remedy);
    if (value.trim() === "") return mistake("the text is empty", remedy);
    if (value.length > lengthMax) return mistake(`${value.length} characters are too many`, remedy);
    const isFit = shape?.test(value) ?? true;
    return isFit ? ok(value) : mistake("the text has the wrong form", remedy);
  },
});

/** A text, number or boolean, to be judged later with what it belongs to. */
export const scalar = (kind: "bound" | "scalar"): Reader<string | number | boolean> => ({
  kind,
  read: (value) => {
    if (typeof value === "string" || typeof value === "boolean" || typeof value === "number")
      return ok(value);
    return mistake(
      "a quantity, number, text or boolean is due",
      "one value, as the key itself would take it",
    );
  },
});
