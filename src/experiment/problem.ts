/** Mistakes in an experiment file in words: values as people recognise them, near names, and the printed list. */
import { distance } from "fastest-levenshtein";
import type { Problem } from "#experiment/resolved.ts";

const VALUE_LENGTH_MAX = 80;

/** A value as people recognise it: JSON where JSON can say it, at most 80 characters; "" when absent. */
export const showValue = (value: unknown): string => {
  if (value === undefined) return "";
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number") return String(value);
  if (Object.prototype.toString.call(value) === "[object Date]") return "a Date";
  const text = writeJson(value);
  return text.length <= VALUE_LENGTH_MAX ? text : `${text.slice(0, VALUE_LENGTH_MAX - 1)}…`;
};

const writeJson = (value: unknown): string => {
  const seen = new Set<unknown>();
  const written = JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === "bigint" || typeof item === "function") return showValue(item);
    if (typeof item !== "object" || item === null) return item;
    if (seen.has(item)) return "…";
    seen.add(item);
    return item;
  });
  return written ?? String(value);
};

const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_.\s]/g, "");

/** The known name that was probably meant, or null when none is near; case, "-" and "_" do not count. */
export const nearest = (name: string, known: readonly string[]): string | null => {
  let best: string | null = null;
  let bestDistance = Infinity;
  for (const candidate of known) {
    const d = distance(plain(name), plain(candidate));
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  const limit = Math.max(2, Math.floor(Math.max(name.length, best?.length ?? 0) / 3));
  return bestDistance <= limit && bestDistance < plain(name).length ? best : null;
};

const NAMES_SHOWN_MAX = 14;

/** Names for people, a long list cut short. */
export const listNames = (names: readonly string[]): string =>
  names.length <= NAMES_SHOWN_MAX
    ? names.join(", ")
    : `${names.slice(0, NAMES_SHOWN_MAX).join(", ")} and ${names.length - NAMES_SHOWN_MAX} more`;

/** The near known name to write, or all known names. */
export const suggest = (name: string, known: readonly string[]): string => {
  const near = nearest(name, known);
  return near === null ? `known here: ${listNames(known)}` : `write "${near}"`;
};

/** "1 mistake", "3 mistakes". */
export const countOf = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;

const formatProblem = ({ path, value, message, remedy }: Problem): string => {
  const where = path === "" ? "(the whole file)" : path;
  return `  ${value === "" ? where : `${where} = ${value}`}\n    ${message}\n    → ${remedy}`;
};

/** All mistakes for people, one block each; `file` as the user named it. */
export const formatProblems = (file: string, problems: readonly Problem[]): string =>
  `${file}: ${countOf(problems.length, "mistake")}, nothing was started\n\n${problems.map(formatProblem).join("\n\n")}`;
