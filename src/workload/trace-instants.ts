/** Instants as traces write them, in whole nanoseconds; nothing passes through a rounded double that need not. */

const UNIT_NS = { s: 1e9, ms: 1e6, us: 1e3, ns: 1 } as const;
export type TimeUnit = keyof typeof UNIT_NS;

/** Beyond it a number of units is not exact as a double. */
const EXACT_DIGITS = 15;

const PLAIN = /^(\d+)(?:\.(\d*))?$/;
const SCIENTIFIC = /^(\d+)(?:\.(\d*))?e([+-]?\d+)$/i;
/** With more places than these a number is as good as infinite, or none. */
const PLACES_MAX = 400;

/** "1.25e+3" as "1250.": the point moves, so that no digit is lost. Any other text as it is. */
const withoutExponent = (text: string): string => {
  const match = SCIENTIFIC.exec(text);
  if (match === null) return text;
  const [, whole = "", fraction = "", exponent = ""] = match;
  const shift = Math.min(Math.max(Number(exponent), -PLACES_MAX), PLACES_MAX);
  const point = whole.length + shift;
  const digits = `${"0".repeat(Math.max(0, -point))}${whole}${fraction}`.padEnd(point, "0");
  const end = Math.max(0, point);
  return `${digits.slice(0, end) || "0"}.${digits.slice(end)}`;
};

/** A decimal number of units as ns after `base` whole units; null when it is none. Rounds to the nearest ns. */
export const parseInstant = (text: string, unit: TimeUnit, base: bigint): number | null => {
  const plain = PLAIN.exec(text) ?? PLAIN.exec(withoutExponent(text));
  if (plain === null) return null;
  const size = UNIT_NS[unit];
  const [, whole = "", fraction = ""] = plain;
  const units =
    whole.length <= EXACT_DIGITS && base === 0n ? Number(whole) : Number(BigInt(whole) - base);
  return units * size + (fraction === "" ? 0 : Math.round(Number(`0.${fraction}`) * size));
};

/** Whole units before the point of a decimal number, as the base of a file whose instants count from long ago. */
export const wholeUnits = (text: string): bigint =>
  BigInt(/^\d+/.exec(withoutExponent(text))?.[0] ?? "0");

const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:Z|\+00:00)?$/;

/** Days from 1970-01-01 in the Gregorian calendar, years beginning in March so that leap days come last. */
const daysSinceEpoch = (year: number, month: number, day: number): number => {
  const y = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const leaps = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return 365 * y + leaps + dayOfYear - 719_468;
};

/** "2023-11-16 18:17:03.9799600" as ns after `baseSeconds` of the epoch; null when it is no such instant. */
export const parseDateTime = (text: string, baseSeconds: number): number | null => {
  const match = DATE_TIME.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
    return null;
  const clock = hour * 3600 + minute * 60 + second;
  const seconds = daysSinceEpoch(year, month, day) * 86_400 + clock - baseSeconds;
  return seconds * 1e9 + Math.round(Number(`0.${match[7] ?? "0"}`) * 1e9);
};

/** Seconds of the epoch at which the day of an instant begins; null when the text does not begin with a day. */
export const startOfDay = (text: string): number | null => {
  const whole = `${text.slice(0, 10)} 00:00:00`;
  const ns = parseDateTime(whole, 0);
  return ns === null ? null : Math.round(ns / 1e9);
};
