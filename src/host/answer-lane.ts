/** A controller's lane toward a client: inference requests come in by it, and inference responses go out. */
import type { Clock } from "#host/clock.ts";
import {
  COPIED_BODY_BYTES_MAX,
  type DirectLane,
  LaneClock,
  LaneOutput,
  type ReadInstants,
} from "#host/direct-lane.ts";
import { EMPTY_PAYLOAD, sliceBytes, toPayload } from "#host/wire-mapping.ts";
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { ClockSync } from "#wire/clock-sync.ts";
import {
  emptyRequest,
  isOrdinaryResponse,
  putInferenceResponse,
  readInferenceRequest,
  responseBytesMax,
} from "#wire/inference-answers.ts";

/** A response with the client's correlation id. */
export interface Answer {
  readonly messageId: number;
  readonly response: ClientResponse;
}

/** Takes a request and the instant at which it was taken up. */
export type OnRequest = (messageId: number, request: ClientRequest, takenAt: Nanos) => void;

const NO_TEXT = new Uint8Array(0);
/** Refusals have a handful of texts. */
const TEXTS_MAX = 256;

export class AnswerLane implements DirectLane<Answer> {
  readonly out = new LaneOutput(() => {});
  readonly #onRequest: OnRequest;
  readonly #clock: LaneClock;
  readonly #request = emptyRequest();
  readonly #texts = new Map<string, Uint8Array>();

  constructor(onRequest: OnRequest, clock: Clock, sync: ClockSync) {
    this.#onRequest = onRequest;
    this.#clock = new LaneClock(clock, sync);
  }

  read(chunk: Uint8Array, offset: number, { readAt, takenAt }: ReadInstants): number {
    const read = this.#request;
    const length = readInferenceRequest(chunk, offset, read);
    if (length === 0) return 0;
    this.#clock.received(readAt, read);
    const { messageId, userId, userRequestId, modelId, batchSize, sloFactor } = read;
    const { inputStart, inputBytes } = read;
    // A copy, so that a small input does not keep a large chunk alive.
    const input =
      inputBytes === 0
        ? EMPTY_PAYLOAD
        : toPayload(chunk.slice(inputStart, inputStart + inputBytes));
    this.#onRequest(
      messageId,
      { kind: "infer", userId, userRequestId, modelId, batchSize, sloFactor, input },
      takenAt,
    );
    return length;
  }

  add({ messageId, response }: Answer): boolean {
    if (response.kind !== "infer") return false;
    const { userRequestId, status, modelId, batchSize } = response;
    const output = response.output === null ? NO_TEXT : sliceBytes(response.output);
    const text = this.#textOf(response.message);
    const written = { messageId, userRequestId, status, text, modelId, batchSize, output };
    if (output.length + text.length > COPIED_BODY_BYTES_MAX || !isOrdinaryResponse(written))
      return false;
    const buffer = this.out.roomFor(responseBytesMax(written));
    if (buffer === null) return false;
    putInferenceResponse(buffer, written, this.#clock.stamp());
    return true;
  }

  #textOf(message: string): Uint8Array {
    if (message === "") return NO_TEXT;
    const known = this.#texts.get(message);
    if (known !== undefined) return known;
    const text = new TextEncoder().encode(message);
    if (this.#texts.size < TEXTS_MAX) this.#texts.set(message, text);
    return text;
  }
}
