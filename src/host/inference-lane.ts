/** A load generator's lane: inference requests go out by it, and inference responses come in. */
import type { Clock } from "#host/clock.ts";
import {
  COPIED_BODY_BYTES_MAX,
  type DirectLane,
  LaneClock,
  LaneOutput,
  type ReadInstants,
} from "#host/direct-lane.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { ClockSync } from "#wire/clock-sync.ts";
import {
  emptyInferenceResponse,
  type InferenceRequest,
  type InferenceResponse,
  isOrdinary,
  putInferenceRequest,
  REQUEST_HEAD_BYTES_MAX,
  readInferenceResponse,
} from "#wire/inference.ts";

export interface InferenceHandlers {
  /** `response` is only valid during the call; the other two are as for any message. */
  readonly onResponse: (response: InferenceResponse, receivedAt: Nanos, sentAt: Nanos) => void;
  /** The network layer has taken every inference request up to and including this one. */
  readonly onSent: (messageId: number) => void;
}

export class InferenceLane implements DirectLane<InferenceRequest> {
  readonly out: LaneOutput;
  readonly #handlers: InferenceHandlers;
  readonly #clock: LaneClock;
  readonly #response = emptyInferenceResponse();

  constructor(handlers: InferenceHandlers, clock: Clock, sync: ClockSync) {
    this.out = new LaneOutput(handlers.onSent);
    this.#handlers = handlers;
    this.#clock = new LaneClock(clock, sync);
  }

  read(chunk: Uint8Array, offset: number, { readAt }: ReadInstants): number {
    const response = this.#response;
    const length = readInferenceResponse(chunk, offset, response);
    if (length === 0) return 0;
    this.#clock.received(readAt, response);
    this.#handlers.onResponse(response, readAt, this.#clock.sentAt(response));
    return length;
  }

  add(request: InferenceRequest): boolean {
    if (request.input.length > COPIED_BODY_BYTES_MAX || !isOrdinary(request)) return false;
    const buffer = this.out.roomFor(REQUEST_HEAD_BYTES_MAX + request.input.length);
    if (buffer === null) return false;
    putInferenceRequest(buffer, request, this.#clock.stamp());
    this.out.lastId = request.messageId;
    return true;
  }
}
