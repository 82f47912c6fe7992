/** Draws in a terminal with block characters: columns over time, and bars. */

const EIGHTHS = " ▁▂▃▄▅▆▇█";
const BAR_EIGHTHS = " ▏▎▍▌▋▊▉█";

export interface ColumnPlot {
  readonly values: readonly number[];
  readonly height: number;
  /** Text of a value on the axis. */
  readonly label: (value: number) => string;
}

/** One column per value, an axis from 0 to the largest value to the left. */
export const plotColumns = ({ values, height, label }: ColumnPlot): readonly string[] => {
  const top = Math.max(...values, 0);
  const labels = [label(top), label(top / 2), label(0)];
  const width = Math.max(...labels.map((text) => text.length));
  const lines = Array.from({ length: height }, (_, line) => {
    const below = height - 1 - line;
    const cells = values.map((value) => {
      const filled = top === 0 ? 0 : (value / top) * height - below;
      const eighth = Math.round(Math.min(1, Math.max(0, filled)) * 8);
      // What is not nothing is seen, however little it is.
      return EIGHTHS[below === 0 && value > 0 ? Math.max(1, eighth) : eighth];
    });
    const name = line === 0 ? labels[0] : below === Math.floor(height / 2) ? labels[1] : "";
    return `${(name ?? "").padStart(width)} ┤${cells.join("").trimEnd()}`;
  });
  return [...lines, `${(labels[2] ?? "").padStart(width)} └${"─".repeat(values.length)}`];
};

/** Instants under a plot of `columns` columns, each at its place where it fits; [column, text], rising. */
export const plotMarks = (
  marks: readonly (readonly [number, string])[],
  indent: number,
): string => {
  let line = "";
  for (const [column, text] of marks) {
    const at = indent + column;
    if (line !== "" && at <= line.length) continue;
    line = `${line.padEnd(at)}${text}`;
  }
  return line;
};

/** A bar of `share` of `width` columns, to an eighth of a column. */
export const bar = (share: number, width: number): string => {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  return "█".repeat(Math.floor(eighths / 8)) + (BAR_EIGHTHS[eighths % 8] ?? "").trimEnd();
};
