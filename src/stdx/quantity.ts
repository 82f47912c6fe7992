/** Quantities as people write them ("25ms", "1000/s", "16MiB") and their exact values. */
import { type Nanos, ns } from "#stdx/nanos.ts";

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  min: 60e9,
  m: 60e9,
  h: 3600e9,
};

const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

const RATE_UNITS: Readonly<Record<string, number>> = { s: 1, min: 60, m: 60, h: 3600 };

const split = (text: string): readonly [number, string] | null => {
  const match = /^(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([^\d\s].*)$/i.exec(text.trim());
  return match?.[1] === undefined || match[2] === undefined ? null : [Number(match[1]), match[2]];
};

/** Parses "25ms", "1.5s", "2min"; null when the text is no duration or not a whole number of nanoseconds. */
export const parseDuration = (text: string): Nanos | null => {
  const parts = split(text);
  const unit = parts === null ? undefined : DURATION_UNITS[parts[1]];
  if (parts === null || unit === undefined) return null;
  const value = Math.round(parts[0] * unit * 1e6) / 1e6;
  return Number.isSafeInteger(value) ? ns(value) : null;
};

/** Parses "1000/s" or "60/min" to requests per second; null when the text is no rate. */
export const parseRate = (text: string): number | null => {
  const parts = split(text);
  const per =
    parts === null || !parts[1].startsWith("/") ? undefined : RATE_UNITS[parts[1].slice(1).trim()];
  return parts === null || per === undefined ? null : parts[0] / per;
};

/** Parses "16MiB" to bytes; null when the text is no size or not a whole number of bytes. */
export const parseBytes = (text: string): number | null => {
  const parts = split(text);
  const unit = parts === null ? undefined : BYTE_UNITS[parts[1]];
  if (parts === null || unit === undefined) return null;
  const value = parts[0] * unit;
  return Number.isSafeInteger(value) ? value : null;
};

/** The shortest exact way to write a duration: 25000000 is "25ms". */
export const formatDuration = (value: Nanos): string => {
  for (const [unit, size] of [
    ["h", 3600e9],
    ["min", 60e9],
    ["s", 1e9],
    ["ms", 1e6],
    ["us", 1e3],
  ] as const) {
    if (value !== 0 && value % size === 0) return `${value / size}${unit}`;
  }
  for (const [unit, size] of [
    ["s", 1e9],
    ["ms", 1e6],
    ["us", 1e3],
  ] as const) {
    if (Math.abs(value) >= size) return `${value / size}${unit}`;
  }
  return `${value}ns`;
};

/** The shortest exact way to write a size in binary units: 2^33 is "8GiB". */
export const formatBytes = (value: number): string => {
  for (const unit of ["GiB", "MiB", "KiB"] as const) {
    const size = BYTE_UNITS[unit] as number;
    if (value !== 0 && value % size === 0) return `${value / size}${unit}`;
  }
  return `${value}B`;
};
