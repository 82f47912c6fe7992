/**
 * The two messages that a load generator exchanges with its controller all the time, to and from bytes with nothing
 * allocated on the way: ModelInferenceReq is written, ModelInferenceRsp is read, both exactly as the table-driven codec
 * does it. What is out of the ordinary (negative ids, unknown fields, a message cut by a chunk) is refused, and left to
 * that codec.
 */
import {
  findMessage,
  fits,
  HeaderCursor,
  INT32_MAX,
  type MessageBuffer,
  noPlace,
  noStamps,
  putVarint,
  type ReceivedStamps,
  type StampHalves,
  UINT32_MAX,
  varintBytes,
} from "#wire/direct-fields.ts";
import { PRE_HEADER_BYTES } from "#wire/framing.ts";

/** One inference request; numbers below 2^31, but for the model's id, which is below 2^32. */
export interface InferenceRequest {
  readonly messageId: number;
  readonly userId: number;
  readonly userRequestId: number;
  readonly modelId: number;
  readonly batchSize: number;
  readonly sloFactor: number;
  readonly input: Uint8Array;
}

/** One inference response; filled again and again by `readInferenceResponse`. */
export interface InferenceResponse extends ReceivedStamps {
  messageId: number;
  userRequestId: number;
  status: number;
  modelId: number;
  batchSize: number;
  /** Of the output, which is passed over. */
  bodyBytes: number;
}

export const emptyInferenceResponse = (): InferenceResponse => ({
  messageId: 0,
  userRequestId: 0,
  status: 0,
  modelId: 0,
  batchSize: 0,
  bodyBytes: 0,
  ...noStamps(),
});

const REQUEST_TYPE = 2;
const RESPONSE_TYPE = 102;

/** Pre-header and header of a request take at most this much: five varints of 5 bytes, a float and the tags. */
export const REQUEST_HEAD_BYTES_MAX = PRE_HEADER_BYTES + 48;

/** Whether a request is of the ordinary kind that `writeInferenceHead` writes. */
export const isOrdinary = (request: InferenceRequest): boolean =>
  fits(request.messageId, INT32_MAX) &&
  fits(request.userId, INT32_MAX) &&
  fits(request.userRequestId, INT32_MAX) &&
  fits(request.modelId, UINT32_MAX) &&
  fits(request.batchSize, INT32_MAX) &&
  request.input.length <= INT32_MAX;

/** Appends an ordinary request, for which there must be room. */
export const putInferenceRequest = (
  buffer: MessageBuffer,
  request: InferenceRequest,
  stamps: StampHalves,
): void => {
  const { bytes, view } = buffer;
  const { userId, userRequestId, messageId, input } = request;
  let at = buffer.length + PRE_HEADER_BYTES;
  bytes[at++] = 0x0a;
  bytes[at++] = 2 + varintBytes(userId) + varintBytes(userRequestId);
  bytes[at++] = 0x08;
  at = putVarint(bytes, at, userId);
  bytes[at++] = 0x10;
  at = putVarint(bytes, at, userRequestId);
  bytes[at++] = 0x10;
  at = putVarint(bytes, at, request.modelId);
  bytes[at++] = 0x18;
  at = putVarint(bytes, at, request.batchSize);
  bytes[at++] = 0x25;
  view.setFloat32(at, request.sloFactor, true);
  buffer.finish(at + 4, { type: REQUEST_TYPE, messageId, body: input }, stamps);
};

const cursor = new HeaderCursor();
const place = { ...noPlace(), type: RESPONSE_TYPE };

/** ResponseHeader: its text is passed over. */
const readResponseHeader = (into: InferenceResponse, end: number): void => {
  while (cursor.ok && cursor.at < end) {
    const tag = cursor.tag();
    if (tag === 0x08) into.userRequestId = cursor.varint();
    else if (tag === 0x10) into.status = cursor.varint();
    else if (tag === 0x1a) cursor.skip(cursor.varint());
    else cursor.ok = false;
  }
  if (cursor.at !== end) cursor.ok = false;
};

const readFields = (into: InferenceResponse): boolean => {
  const SEEN_ALL = 7;
  let seen = 0;
  while (cursor.ok && cursor.at < cursor.end) {
    const tag = cursor.tag();
    if (tag === 0x0a && (seen & 1) === 0) {
      const length = cursor.varint();
      const end = cursor.at + length;
      if (end > cursor.end) return false;
      readResponseHeader(into, end);
      seen |= 1;
    } else if (tag === 0x10) {
      into.modelId = cursor.varint();
      seen |= 2;
    } else if (tag === 0x18) {
      into.batchSize = cursor.varint();
      seen |= 4;
    } else {
      return false;
    }
  }
  return cursor.ok && cursor.at === cursor.end && seen === SEEN_ALL;
};

/**
 * Reads the message at `offset` when it is a whole, ordinary inference response; returns its length, or 0 when it is
 * not, whatever `into` then holds.
 */
export const readInferenceResponse = (
  bytes: Uint8Array,
  offset: number,
  into: InferenceResponse,
): number => {
  if (!findMessage(bytes, offset, place)) return 0;
  into.userRequestId = 0;
  into.status = 0;
  cursor.begin(bytes, place.headerStart, place.headerEnd);
  if (!readFields(into)) return 0;
  into.messageId = place.messageId;
  into.bodyBytes = place.end - place.headerEnd;
  into.sendTimeLow = place.sendTimeLow;
  into.sendTimeHigh = place.sendTimeHigh;
  into.localDeltaLow = place.localDeltaLow;
  into.localDeltaHigh = place.localDeltaHigh;
  return place.end - offset;
};
