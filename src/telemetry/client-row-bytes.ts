/** The client log's rows as bytes, the same that `encodeClientRow` gives, without a string or a bigint in between. */
import type { ClientRecord, Outcome } from "#serving/client/events.ts";
import type { Nanos } from "#stdx/nanos.ts";

const TAB = 9;
const NEWLINE = 10;
const ZERO = 48;
const INT32_MAX = 2 ** 31 - 1;
const SECOND_NS = 1_000_000_000;
/** Ten cells of at most 20 characters, their tabs, an outcome of at most 7, and the newline. */
const BYTES_MAX_WITHOUT_CLASS = 240;
/** Classes are few; a workload that makes one up for every request is still served. */
const CLASSES_MAX = 4096;

const encoder = new TextEncoder();
const bytesOf = (text: string): Uint8Array => encoder.encode(text);

/** All numbers of three digits, each with its leading zeros. */
const TRIPLES = bytesOf(
  Array.from({ length: 1000 }, (_, index) => String(index).padStart(3, "0")).join(""),
);

const OUTCOMES: Readonly<Record<Outcome, Uint8Array>> = {
  ok: bytesOf("ok"),
  fail: bytesOf("fail"),
  unknown: bytesOf("unknown"),
  dropped: bytesOf("dropped"),
};

const putBytes = (target: Uint8Array, offset: number, bytes: Uint8Array): number => {
  // Short ones: a loop is faster than `set`.
  for (let i = 0; i < bytes.length; i++) target[offset + i] = bytes[i] as number;
  return offset + bytes.length;
};

const putTriple = (target: Uint8Array, offset: number, value: number): void => {
  const at = value * 3;
  target[offset] = TRIPLES[at] as number;
  target[offset + 1] = TRIPLES[at + 1] as number;
  target[offset + 2] = TRIPLES[at + 2] as number;
};

/** A whole number in decimal. */
const putWhole = (target: Uint8Array, offset: number, value: number): number => {
  if (value < 0 || value > INT32_MAX) return putBytes(target, offset, bytesOf(String(value)));
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

/** Encodes the rows of one log, whose instants count from `epochNs` (ns since the Unix epoch). */
export class ClientRowBytes {
  readonly #epochNs: bigint;
  readonly #epochSeconds: number;
  readonly #epochRest: number;
  /** Text of the last second that was written; neighbouring rows share it. */
  #second = -1;
  #secondText = bytesOf("");
  readonly #classes = new Map<string, Uint8Array>();
  #className = "";
  #classText = bytesOf("");
  #slo = -1;
  #sloText = bytesOf("");

  constructor(epochNs: bigint) {
    this.#epochNs = epochNs;
    this.#epochSeconds = Number(epochNs / BigInt(SECOND_NS));
    this.#epochRest = Number(epochNs % BigInt(SECOND_NS));
  }

  /** An upper bound of the row's length, its newline included. */
  bytesMax(record: ClientRecord): number {
    // A UTF-16 unit takes at most 3 bytes of UTF-8.
    return BYTES_MAX_WITHOUT_CLASS + record.className.length * 3;
  }

  /** Writes a row with its newline at `offset`, where there is room for it, and returns where it ends. */
  put(record: ClientRecord, target: Uint8Array, offset: number): number {
    let at = putWhole(target, offset, record.clientId);
    target[at++] = TAB;
    at = putWhole(target, at, record.userRequestId);
    target[at++] = TAB;
    at = putWhole(target, at, record.modelId);
    target[at++] = TAB;
    at = putWhole(target, at, record.user);
    target[at++] = TAB;
    at = putBytes(target, at, this.#classOf(record.className));
    target[at++] = TAB;
    at = this.#putInstant(target, at, record.scheduled);
    target[at++] = TAB;
    at = this.#putInstant(target, at, record.sent);
    target[at++] = TAB;
    at = this.#putInstant(target, at, record.received);
    target[at++] = TAB;
    at = putBytes(target, at, OUTCOMES[record.outcome]);
    target[at++] = TAB;
    if (record.result !== null) at = putWhole(target, at, record.result);
    target[at++] = TAB;
    at = putBytes(target, at, this.#sloOf(record.slo));
    target[at++] = TAB;
    at = this.#putInstant(target, at, record.responseSent);
    target[at++] = NEWLINE;
    return at;
  }

  #classOf(className: string): Uint8Array {
    if (className === this.#className) return this.#classText;
    let text = this.#classes.get(className);
    if (text === undefined) {
      text = bytesOf(className.replaceAll(/[\t\r\n]/g, " "));
      if (this.#classes.size < CLASSES_MAX) this.#classes.set(className, text);
    }
    this.#className = className;
    this.#classText = text;
    return text;
  }

  #sloOf(slo: Nanos): Uint8Array {
    if (slo !== this.#slo) {
      this.#slo = slo;
      this.#sloText = bytesOf(String(slo));
    }
    return this.#sloText;
  }

  #putInstant(target: Uint8Array, offset: number, instant: Nanos | null): number {
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
      return putBytes(target, offset, bytesOf(String(this.#epochNs + BigInt(instant))));
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = bytesOf(String(second));
    }
    const at = putBytes(target, offset, this.#secondText);
    const upper = Math.trunc(rest / 1_000_000);
    const middle = Math.trunc(rest / 1000);
    putTriple(target, at, upper);
    putTriple(target, at + 3, middle - upper * 1000);
    putTriple(target, at + 6, rest - middle * 1000);
    return at + 9;
  }
}
