/**
 * The short way for the messages of which a load generator sends and reads tens of thousands per second: no object per
 * message, and all requests of a turn in one buffer. Belongs to a link, which keeps the order with other messages.
 */
import { type Clock, INSTANT_MAX } from "#host/clock.ts";
import type { StreamSocket } from "#host/stream-socket.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { ClockSync } from "#wire/clock-sync.ts";
import {
  emptyInferenceResponse,
  type InferenceRequest,
  type InferenceResponse,
  isOrdinary,
  RequestBuffer,
  readInferenceResponse,
} from "#wire/inference.ts";

export interface InferenceHandlers {
  /** `response` is only valid during the call; the other two are as for any message. */
  readonly onResponse: (response: InferenceResponse, receivedAt: Nanos, sentAt: Nanos) => void;
  /** The network layer has taken every inference request up to and including this one. */
  readonly onSent: (messageId: number) => void;
}

const UPPER = 2 ** 32;
const BUFFER_BYTES = 256 * 1024;
/** Longer inputs are better sent from where they are than copied. */
const INPUT_BYTES_MAX = 16 * 1024;

const clamp = (instant: number): Nanos =>
  Math.min(Math.max(instant, -INSTANT_MAX), INSTANT_MAX) as Nanos;

export class InferenceLane {
  readonly #handlers: InferenceHandlers;
  readonly #clock: Clock;
  readonly #sync: ClockSync;
  readonly #epochHigh: number;
  readonly #epochLow: number;
  readonly #response = emptyInferenceResponse();
  readonly #stamps = { sendTimeHigh: 0, sendTimeLow: 0, localDeltaNs: 0n };
  #buffer = new RequestBuffer(BUFFER_BYTES);
  #lastId = 0;
  /** The clocks' difference as a number, and the value that it was made from. */
  #skew = 0;
  #skewNs = 0n;

  constructor(handlers: InferenceHandlers, clock: Clock, sync: ClockSync) {
    this.#handlers = handlers;
    this.#clock = clock;
    this.#sync = sync;
    this.#epochHigh = Number(clock.epochNs >> 32n);
    this.#epochLow = Number(clock.epochNs & 0xffff_ffffn);
  }

  /** Takes the message at `offset` if it is an inference response; returns its length, or 0 when it is none. */
  read(chunk: Uint8Array, offset: number, readAt: Nanos): number {
    const response = this.#response;
    const length = readInferenceResponse(chunk, offset, response);
    if (length === 0) return 0;
    const low = this.#epochLow + readAt;
    const carry = Math.floor(low / UPPER);
    this.#sync.addHalves(this.#epochHigh + carry, low - carry * UPPER, response);
    const sent =
      (response.sendTimeHigh - this.#epochHigh) * UPPER + (response.sendTimeLow - this.#epochLow);
    this.#handlers.onResponse(response, readAt, clamp(sent + this.#skewNow()));
    return length;
  }

  /** Puts a request into the buffer; false when it is not of the kind that goes this way, or finds no room. */
  add(request: InferenceRequest): boolean {
    const buffer = this.#buffer;
    if (request.input.length > INPUT_BYTES_MAX || !isOrdinary(request)) return false;
    if (!buffer.hasRoomFor(request)) return false;
    const low = this.#epochLow + this.#clock.now();
    const carry = Math.floor(low / UPPER);
    const stamps = this.#stamps;
    stamps.sendTimeHigh = this.#epochHigh + carry;
    stamps.sendTimeLow = low - carry * UPPER;
    stamps.localDeltaNs = this.#sync.localDeltaNs;
    buffer.put(request, stamps);
    this.#lastId = request.messageId;
    return true;
  }

  /** Writes what was added in one piece; false when the socket asks to wait until it has drained. */
  write(socket: StreamSocket): boolean {
    const { bytes, length } = this.#buffer;
    if (length === 0) return true;
    const lastId = this.#lastId;
    let isTold = false;
    const isTaken = socket.write(bytes.subarray(0, length), (error) => {
      if (!error && !isTold) this.#handlers.onSent(lastId);
    });
    // The callback comes a turn later: too late an instant for what the kernel took at once.
    isTold = socket.writableLength === 0;
    // Otherwise the socket still needs these bytes.
    if (isTold) this.#buffer.length = 0;
    else this.#buffer = new RequestBuffer(BUFFER_BYTES);
    if (isTold) this.#handlers.onSent(lastId);
    return isTaken;
  }

  #skewNow(): number {
    const { skewNs } = this.#sync;
    if (skewNs !== this.#skewNs) {
      this.#skewNs = skewNs;
      this.#skew = clamp(Number(skewNs));
    }
    return this.#skew;
  }
}
