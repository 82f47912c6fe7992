/** Instants and durations in whole nanoseconds, exact to 104 days from their epoch. */
import { assert } from "#stdx/assert.ts";

declare const nanosBrand: unique symbol;

/** A whole number of nanoseconds: a duration, or an instant relative to an epoch that its owner names. */
export type Nanos = number & { readonly [nanosBrand]: true };

/** Brands a whole number of nanoseconds; throws on fractions, NaN and values that a double cannot hold exactly. */
export const ns = (value: number): Nanos => {
  // Written out: as an argument of `assert` the text would be made for every instant.
  if (!Number.isSafeInteger(value)) {
    assert(false, `nanoseconds must be a whole, exact number, got ${value}`);
  }
  return value as Nanos;
};

/** Truncates toward zero and brands; for results of divisions and of floating-point formulas. */
export const truncNs = (value: number): Nanos => ns(Math.trunc(value));

export const ZERO_NS = 0 as Nanos;
export const MICROSECOND = 1_000 as Nanos;
export const MILLISECOND = 1_000_000 as Nanos;
export const SECOND = 1_000_000_000 as Nanos;
export const MINUTE = 60_000_000_000 as Nanos;

export const addNs = (a: Nanos, b: Nanos): Nanos => (a + b) as Nanos;
export const subNs = (a: Nanos, b: Nanos): Nanos => (a - b) as Nanos;
export const maxNs = (a: Nanos, b: Nanos): Nanos => (a > b ? a : b);
export const minNs = (a: Nanos, b: Nanos): Nanos => (a < b ? a : b);

/** Milliseconds for people and timers; loses nothing below 104 days but is no longer a whole number. */
export const toMs = (value: Nanos): number => value / 1_000_000;
export const toSeconds = (value: Nanos): number => value / 1_000_000_000;

/** The earlier of two instants, either of which may be absent. */
export const earliestNs = (a: Nanos | null, b: Nanos | null): Nanos | null => {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
};
