/**
 * The short way through a link for its most frequent messages: no frame per message, and all messages of a turn in one
 * buffer. What is out of the ordinary goes as frames do; the link keeps the order of both.
 */
import { type Clock, INSTANT_MAX } from "#host/clock.ts";
import type { StreamSocket } from "#host/stream-socket.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { ClockSync } from "#wire/clock-sync.ts";
import { MessageBuffer, type ReceivedStamps, type StampHalves } from "#wire/direct-fields.ts";

/** When bytes came: `readAt` off the network, `takenAt` up for being handled, which is later under overload only. */
export interface ReadInstants {
  readonly readAt: Nanos;
  readonly takenAt: Nanos;
}

/** One link's short way; `T` is what goes out by it. */
export interface DirectLane<T> {
  /** Takes the message at `offset` if it is of the lane's kind; returns its length, or 0 when it is not. */
  read(chunk: Uint8Array, offset: number, instants: ReadInstants): number;
  /** Puts a message into the buffer; false when it is not of the lane's kind, or finds no room. */
  add(message: T): boolean;
  readonly out: LaneOutput;
}

const UPPER = 2 ** 32;
const BUFFER_BYTES = 16 * 1024;
/** A buffer that grew is used again up to this size. */
const KEPT_BYTES_MAX = 256 * 1024;
/** While a peer does not read, a buffer grows up to this; more goes as frames, which the link bounds. */
const BUFFER_BYTES_MAX = 4 * 2 ** 20;
/** Longer bodies are better sent from where they are than copied. */
export const COPIED_BODY_BYTES_MAX = 16 * 1024;

export const clampInstant = (instant: number): Nanos =>
  Math.min(Math.max(instant, -INSTANT_MAX), INSTANT_MAX) as Nanos;

/** A clock's instants in ns since the Unix epoch, as halves of 64-bit numbers. */
export class AbsoluteHalves {
  readonly #epochHigh: number;
  readonly #epochLow: number;
  high = 0;
  low = 0;

  constructor({ epochNs }: Clock) {
    this.#epochHigh = Number(epochNs >> 32n);
    this.#epochLow = Number(epochNs & 0xffff_ffffn);
  }

  /** Puts an instant into `high` and `low`. */
  set(instant: number): void {
    const low = this.#epochLow + instant;
    const carry = Math.floor(low / UPPER);
    this.high = this.#epochHigh + carry;
    this.low = low - carry * UPPER;
  }

  /** The instant of these halves; exact up to 104 days from the clock's epoch, and about right beyond. */
  instantOf(high: number, low: number): number {
    return (high - this.#epochHigh) * UPPER + (low - this.#epochLow);
  }
}

/** What a lane knows of both clocks: it feeds a link's estimate with what arrives, and stamps what leaves. */
export class LaneClock {
  readonly #clock: Clock;
  readonly #sync: ClockSync;
  readonly #halves: AbsoluteHalves;
  readonly #stamps = { sendTimeHigh: 0, sendTimeLow: 0, localDeltaNs: 0n };
  /** The clocks' difference as a number, and the value that it was made from. */
  #skew = 0;
  #skewNs = 0n;

  constructor(clock: Clock, sync: ClockSync) {
    this.#clock = clock;
    this.#sync = sync;
    this.#halves = new AbsoluteHalves(clock);
  }

  /** This side's clock minus the peer's. */
  get skew(): number {
    const { skewNs } = this.#sync;
    if (skewNs !== this.#skewNs) {
      this.#skewNs = skewNs;
      this.#skew = clampInstant(Number(skewNs));
    }
    return this.#skew;
  }

  received(readAt: Nanos, stamps: ReceivedStamps): void {
    this.#halves.set(readAt);
    this.#sync.addHalves(this.#halves.high, this.#halves.low, stamps);
  }

  /** When the peer says that it sent the message, by this side's clock. */
  sentAt({ sendTimeHigh, sendTimeLow }: ReceivedStamps): Nanos {
    return clampInstant(this.#halves.instantOf(sendTimeHigh, sendTimeLow) + this.skew);
  }

  /** For a message that leaves now; valid until the next call. */
  stamp(): StampHalves {
    this.#halves.set(this.#clock.now());
    const stamps = this.#stamps;
    stamps.sendTimeHigh = this.#halves.high;
    stamps.sendTimeLow = this.#halves.low;
    stamps.localDeltaNs = this.#sync.localDeltaNs;
    return stamps;
  }
}

/** What a lane has to send. */
export class LaneOutput {
  readonly #onTaken: (lastId: number) => void;
  #buffer = new MessageBuffer(BUFFER_BYTES);
  /** Of the last message that was added, whatever the lane numbers them by. */
  lastId = 0;

  /** `onTaken`: the network layer has taken all messages up to this one. */
  constructor(onTaken: (lastId: number) => void) {
    this.#onTaken = onTaken;
  }

  get queuedBytes(): number {
    return this.#buffer.length;
  }

  /** A buffer with room for a message of `bytes`; null when too much waits already. */
  roomFor(bytes: number): MessageBuffer | null {
    const buffer = this.#buffer;
    if (buffer.hasRoomFor(bytes)) return buffer;
    const capacity = Math.max(2 * buffer.bytes.length, buffer.length + bytes);
    if (capacity > BUFFER_BYTES_MAX) return null;
    const grown = new MessageBuffer(capacity);
    grown.bytes.set(buffer.bytes.subarray(0, buffer.length));
    grown.length = buffer.length;
    this.#buffer = grown;
    return grown;
  }

  /** Writes what was added in one piece; false when the socket asks to wait until it has drained. */
  write(socket: StreamSocket): boolean {
    const { bytes, length } = this.#buffer;
    if (length === 0) return true;
    const { lastId } = this;
    let isTold = false;
    const isTaken = socket.write(bytes.subarray(0, length), (error) => {
      if (!error && !isTold) this.#onTaken(lastId);
    });
    // The callback comes a turn later: too late an instant for what the kernel took at once.
    isTold = socket.writableLength === 0;
    // Otherwise the socket still needs these bytes.
    if (isTold && bytes.length <= KEPT_BYTES_MAX) this.#buffer.length = 0;
    else this.#buffer = new MessageBuffer(BUFFER_BYTES);
    if (isTold) this.#onTaken(lastId);
    return isTaken;
  }
}
