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

/** Repeats so many rows, right after themselves, from this share of the rows on. */
export const repeatRows = (text: string, share: number, count: number): string => {
  const [header = "", ...rows] = text.split("\n").slice(0, -1);
  if (rows.length < count) throw new Error(`the log has only ${rows.length} rows`);
  const from = Math.min(Math.floor(rows.length * share), rows.length - count);
  rows.splice(from, 0, ...rows.slice(from, from + count));
  return `${[header, ...rows].join("\n")}\n`;
};

/** Flips one bit of a character at each of these shares of what follows the header; tabs and line breaks stay. */
export const flipBits = (text: string, shares: readonly number[]): string => {
  const from = text.indexOf("\n") + 1;
  const characters = text.split("");
  for (const share of shares) {
    let index = from + Math.floor((characters.length - from) * share);
    while (/\s/.test(characters[index] ?? "x")) index++;
    const code = characters[index]?.charCodeAt(0);
    if (code !== undefined) characters[index] = String.fromCharCode(code ^ 1);
  }
  return characters.join("");
};

/** Makes each response come sooner by this share of its latency, as somebody would who likes it better so. */
export const embellish = (text: string, share: number): string => {
  const [header = "", ...rows] = text.split("\n").slice(0, -1);
  const columns = header.split("\t");
  const scheduled = columns.indexOf("scheduled_ns");
  const received = columns.indexOf("received_ns");
  if (scheduled < 0 || received < 0) throw new Error("the log has no instants to embellish");
  const embellished = rows.map((row) => {
    const cells = row.split("\t");
    const latency = Number(cells[received]) - Number(cells[scheduled]);
    if (cells[received] === "" || !Number.isFinite(latency)) return row;
    const earlierNs = BigInt(Math.round(latency * share));
    return cells.with(received, String(BigInt(cells[received] ?? "0") - earlierNs)).join("\t");
  });
  return `${[header, ...embellished].join("\n")}\n`;
};
