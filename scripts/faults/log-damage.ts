/** Damage to a log as crashed writers, full disks and careless scripts leave it. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";

/** Cuts a log off within the row that lies at this share of its length; at least the header and one row stay. */
export const cutWithinRow = (text: string, share: number): string => {
  const firstRow = text.indexOf("\n") + 1;
  const secondRow = text.indexOf("\n", firstRow) + 1;
  const from = Math.max(secondRow, Math.floor(text.length * share));
  const rowStart = text.lastIndexOf("\n", from - 1) + 1;
  const rowEnd = text.indexOf("\n", rowStart);
  if (secondRow === 0 || rowEnd < 0) throw new Error("the log has no row to be cut within");
  return text.slice(0, rowStart + Math.max(1, Math.floor((rowEnd - rowStart) / 2)));
};

/** Leaves out so many rows from this share of the rows on; the header stays. */
export const deleteRows = (text: string, share: number, count: number): string => {
  const [header = "", ...rows] = text.split("\n").slice(0, -1);
  if (rows.length <= count) throw new Error(`the log has no more than ${rows.length} rows`);
  const from = Math.min(Math.floor(rows.length * share), rows.length - count);
  rows.splice(from, count);
  return `${[header, ...rows].join("\n")}\n`;
};

/** Changes a file that the runner made read-only, and leaves it read-only. */
export const changeFile = (path: string, change: (text: string) => string): void => {
  const text = readFileSync(path, "utf8");
  const changed = change(text);
  if (changed === text) throw new Error(`${path} is as it was`);
  chmodSync(path, 0o644);
  writeFileSync(path, changed);
  chmodSync(path, 0o444);
};
