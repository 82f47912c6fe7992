/** Median and range of a few repetitions, as a table. */

/** One measured quantity: its repetitions in the order they were made. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
  /** What we want it to be at most, in the same unit. */
  readonly goal?: number;
  /** The goal is to be reached instead. */
  readonly isLeast?: boolean;
}

/** The middle value, or the mean of the two middle ones; throws on an empty list. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new Error("no values to take a median of");
  return (lower + upper) / 2;
};

/** Four significant digits, without an exponent for what people measure here. */
const show = (value: number): string => {
  if (value === 0) return "0";
  const digits = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 9));
};

const row = ({ name, unit, values, goal, isLeast }: Series): string => {
  const cells = [
    name,
    `${show(median(values))} ${unit}`,
    `${show(Math.min(...values))} to ${show(Math.max(...values))} ${unit}`,
    `${values.length}`,
    goal === undefined ? "" : `${isLeast === true ? "≥" : "≤"} ${goal} ${unit}`,
  ];
  return `| ${cells.join(" | ")} |`;
};

/** A Markdown table, one row per series. */
export const formatSummary = (series: readonly Series[]): string =>
  ["| what | median | range | n | goal |", "|---|---|---|---|---|", ...series.map(row)].join("\n");
