/** Decimal numbers put as bytes into a row, without a string or a bigint in between. */
import type { Nanos } from "#stdx/nanos.ts";

const MINUS = 45;
const ZERO = 48;
const INT32_MAX = 2 ** 31 - 1;
const SECOND_NS = 1_000_000_000;

const encoder = new TextEncoder();
export const textBytes = (text: string): Uint8Array => encoder.encode(text);

/** All numbers of three digits, each with its leading zeros. */
const TRIPLES = textBytes(
  Array.from({ length: 1000 }, (_, index) => String(index).padStart(3, "0")).join(""),
);

/** Short ones: a loop is faster than `set`. */
export const putBytes = (target: Uint8Array, offset: number, bytes: Uint8Array): number => {
  for (let i = 0; i < bytes.length; i++) target[offset + i] = bytes[i] as number;
  return offset + bytes.length;
};

const putTriple = (target: Uint8Array, offset: number, value: number): void => {
  const at = value * 3;
  target[offset] = TRIPLES[at] as number;
  target[offset + 1] = TRIPLES[at + 1] as number;
  target[offset + 2] = TRIPLES[at + 2] as number;
};

/** Nine digits, leading zeros included. */
const putNine = (target: Uint8Array, offset: number, value: number): number => {
  const upper = Math.trunc(value / 1_000_000);
  const middle = Math.trunc(value / 1000);
  putTriple(target, offset, upper);
  putTriple(target, offset + 3, middle - upper * 1000);
  putTriple(target, offset + 6, value - middle * 1000);
  return offset + 9;
};

/** A whole number from 0 to 2^31 − 1. */
const putShort = (target: Uint8Array, offset: number, value: number): number => {
  let digits = 1;
  for (let limit = 10; digits < 10 && value >= limit; limit *= 10) digits++;
  let left = value;
  for (let i = offset + digits - 1; i >= offset; i--) {
    const next = Math.trunc(left / 10);
    target[i] = ZERO + left - next * 10;
    left = next;
  }
  return offset + digits;
};

/** A number as JavaScript prints it; at most 25 bytes. */
export const putNumber = (target: Uint8Array, offset: number, value: number): number => {
  if (value >= 0 && value <= INT32_MAX && Number.isInteger(value))
    return putShort(target, offset, value);
  if (!Number.isSafeInteger(value)) return putBytes(target, offset, textBytes(String(value)));
  let at = offset;
  if (value < 0) target[at++] = MINUS;
  const magnitude = Math.abs(value);
  if (magnitude <= INT32_MAX) return putShort(target, at, magnitude);
  const upper = Math.floor(magnitude / SECOND_NS);
  at = putShort(target, at, upper);
  return putNine(target, at, magnitude - upper * SECOND_NS);
};

/** Instants of one clock, which count from `epochNs` (ns since the Unix epoch), as absolute ones. */
export class InstantBytes {
  readonly #epochNs: bigint;
  readonly #epochSeconds: number;
  readonly #epochRest: number;
  /** Text of the last second that was written; neighbouring rows share it. */
  #second = -1;
  #secondText = textBytes("");

  constructor(epochNs: bigint) {
    this.#epochNs = epochNs;
    this.#epochSeconds = Number(epochNs / BigInt(SECOND_NS));
    this.#epochRest = Number(epochNs % BigInt(SECOND_NS));
  }

  /** At most 20 bytes; none for an absent instant. */
  put(target: Uint8Array, offset: number, instant: Nanos | null): number {
    if (instant === null) return offset;
    const sum = this.#epochRest + instant;
    // 104 days at most: the quotient is off by nothing that its floor could show, but for a sum just below a second.
    let seconds = Math.floor(sum / SECOND_NS);
    let rest = sum - seconds * SECOND_NS;
    if (rest < 0) {
      seconds -= 1;
      rest += SECOND_NS;
    }
    const second = this.#epochSeconds + seconds;
    // Before 1970 the parts have signs, and in the first second of it no leading zeros.
    if (second < 1)
      return putBytes(target, offset, textBytes(String(this.#epochNs + BigInt(instant))));
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = textBytes(String(second));
    }
    return putNine(target, putBytes(target, offset, this.#secondText), rest);
  }
}
