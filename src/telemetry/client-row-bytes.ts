/** The client log's rows as bytes, the same that `encodeClientRow` gives, without a string or a bigint in between. */
import type { ClientRecord, Outcome } from "#serving/client/events.ts";
import type { Nanos } from "#stdx/nanos.ts";
import { InstantBytes, putBytes, putNumber, textBytes } from "#telemetry/decimal-bytes.ts";

const TAB = 9;
const NEWLINE = 10;
/** Ten cells of at most 20 characters, their tabs, an outcome of at most 7, and the newline. */
const BYTES_MAX_WITHOUT_CLASS = 240;
/** Classes are few; a workload that makes one up for every request is still served. */
const CLASSES_MAX = 4096;

const OUTCOMES: Readonly<Record<Outcome, Uint8Array>> = {
  ok: textBytes("ok"),
  fail: textBytes("fail"),
  unknown: textBytes("unknown"),
  dropped: textBytes("dropped"),
};

/** Encodes the rows of one log, whose instants count from `epochNs` (ns since the Unix epoch). */
export class ClientRowBytes {
  readonly #instants: InstantBytes;
  readonly #classes = new Map<string, Uint8Array>();
  #className = "";
  #classText = textBytes("");
  #slo = -1;
  #sloText = textBytes("");

  constructor(epochNs: bigint) {
    this.#instants = new InstantBytes(epochNs);
  }

  /** An upper bound of the row's length, its newline included. */
  bytesMax(record: ClientRecord): number {
    // A UTF-16 unit takes at most 3 bytes of UTF-8.
    return BYTES_MAX_WITHOUT_CLASS + record.className.length * 3;
  }

  /** Writes a row with its newline at `offset`, where there is room for it, and returns where it ends. */
  put(record: ClientRecord, target: Uint8Array, offset: number): number {
    let at = putNumber(target, offset, record.clientId);
    target[at++] = TAB;
    at = putNumber(target, at, record.userRequestId);
    target[at++] = TAB;
    at = putNumber(target, at, record.modelId);
    target[at++] = TAB;
    at = putNumber(target, at, record.user);
    target[at++] = TAB;
    at = putBytes(target, at, this.#classOf(record.className));
    target[at++] = TAB;
    at = this.#instants.put(target, at, record.scheduled);
    target[at++] = TAB;
    at = this.#instants.put(target, at, record.sent);
    target[at++] = TAB;
    at = this.#instants.put(target, at, record.received);
    target[at++] = TAB;
    at = putBytes(target, at, OUTCOMES[record.outcome]);
    target[at++] = TAB;
    if (record.result !== null) at = putNumber(target, at, record.result);
    target[at++] = TAB;
    at = putBytes(target, at, this.#sloOf(record.slo));
    target[at++] = TAB;
    at = this.#instants.put(target, at, record.responseSent);
    target[at++] = NEWLINE;
    return at;
  }

  #classOf(className: string): Uint8Array {
    if (className === this.#className) return this.#classText;
    let text = this.#classes.get(className);
    if (text === undefined) {
      text = textBytes(className.replaceAll(/[\t\r\n]/g, " "));
      if (this.#classes.size < CLASSES_MAX) this.#classes.set(className, text);
    }
    this.#className = className;
    this.#classText = text;
    return text;
  }

  #sloOf(slo: Nanos): Uint8Array {
    if (slo !== this.#slo) {
      this.#slo = slo;
      this.#sloText = textBytes(String(slo));
    }
    return this.#sloText;
  }
}
