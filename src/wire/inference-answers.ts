/**
 * The controller's half of the two messages of inference.ts: ModelInferenceReq is read and ModelInferenceRsp is written
 * with next to nothing allocated, exactly as the table-driven codec does it; what is out of the ordinary is left to it.
 */
import {
  findMessage,
  fits,
  HeaderCursor,
  INT32_MAX,
  type MessageBuffer,
  noPlace,
  putVarint,
  type StampHalves,
  UINT32_MAX,
  varintBytes,
} from "#wire/direct-fields.ts";
import { PRE_HEADER_BYTES } from "#wire/framing.ts";

const REQUEST_TYPE = 2;
const RESPONSE_TYPE = 102;

/** An inference request as it was read; filled again and again by `readInferenceRequest`. */
export interface ReadRequest {
  messageId: number;
  userId: number;
  userRequestId: number;
  modelId: number;
  batchSize: number;
  sloFactor: number;
  /** The input lies in the chunk from here. */
  inputStart: number;
  inputBytes: number;
  sendTimeHigh: number;
  sendTimeLow: number;
  localDeltaHigh: number;
  localDeltaLow: number;
}

export const emptyRequest = (): ReadRequest => ({
  messageId: 0,
  userId: 0,
  userRequestId: 0,
  modelId: 0,
  batchSize: 0,
  sloFactor: 0,
  inputStart: 0,
  inputBytes: 0,
  sendTimeHigh: 0,
  sendTimeLow: 0,
  localDeltaHigh: 0,
  localDeltaLow: 0,
});

const cursor = new HeaderCursor();
const place = { ...noPlace(), type: REQUEST_TYPE };
const floatBytes = new Uint8Array(4);
const float = new DataView(floatBytes.buffer);

const readRequestHeader = (into: ReadRequest, end: number): void => {
  while (cursor.ok && cursor.at < end) {
    const tag = cursor.tag();
    if (tag === 0x08) into.userId = cursor.varint();
    else if (tag === 0x10) into.userRequestId = cursor.varint();
    else cursor.ok = false;
  }
  if (cursor.at !== end) cursor.ok = false;
};

/** The four bytes at the cursor as a float. */
const readFloat = (): number => {
  const { bytes } = cursor;
  const at = cursor.fixed32();
  if (!cursor.ok) return 0;
  for (let i = 0; i < 4; i++) floatBytes[i] = bytes[at + i] as number;
  return float.getFloat32(0, true);
};

const readFields = (into: ReadRequest): boolean => {
  const SEEN_ALL = 15;
  let seen = 0;
  while (cursor.ok && cursor.at < cursor.end) {
    const tag = cursor.tag();
    if (tag === 0x0a && (seen & 1) === 0) {
      const length = cursor.varint();
      const end = cursor.at + length;
      if (end > cursor.end) return false;
      readRequestHeader(into, end);
      seen |= 1;
    } else if (tag === 0x10) {
      into.modelId = cursor.varint();
      seen |= 2;
    } else if (tag === 0x18) {
      into.batchSize = cursor.varint();
      seen |= 4;
    } else if (tag === 0x25) {
      into.sloFactor = readFloat();
      seen |= 8;
    } else {
      return false;
    }
  }
  return cursor.ok && cursor.at === cursor.end && seen === SEEN_ALL;
};

/**
 * Reads the message at `offset` when it is a whole, ordinary inference request; returns its length, or 0 when it is not,
 * whatever `into` then holds.
 */
export const readInferenceRequest = (
  bytes: Uint8Array,
  offset: number,
  into: ReadRequest,
): number => {
  if (!findMessage(bytes, offset, place)) return 0;
  into.userId = 0;
  into.userRequestId = 0;
  cursor.begin(bytes, place.headerStart, place.headerEnd);
  if (!readFields(into)) return 0;
  into.messageId = place.messageId;
  into.inputStart = place.headerEnd;
  into.inputBytes = place.end - place.headerEnd;
  into.sendTimeLow = place.sendTimeLow;
  into.sendTimeHigh = place.sendTimeHigh;
  into.localDeltaLow = place.localDeltaLow;
  into.localDeltaHigh = place.localDeltaHigh;
  return place.end - offset;
};

/** One inference response to write; the text is in UTF-8. */
export interface WrittenResponse {
  readonly messageId: number;
  readonly userRequestId: number;
  readonly status: number;
  readonly text: Uint8Array;
  readonly modelId: number;
  readonly batchSize: number;
  readonly output: Uint8Array;
}

/** Whether a response is of the ordinary kind that `putInferenceResponse` writes. */
export const isOrdinaryResponse = (response: WrittenResponse): boolean =>
  fits(response.messageId, INT32_MAX) &&
  fits(response.userRequestId, INT32_MAX) &&
  fits(response.status, INT32_MAX) &&
  fits(response.modelId, UINT32_MAX) &&
  fits(response.batchSize, INT32_MAX);

/** Room that a response takes at most: four varints of 5 bytes, two lengths and the tags beside text and output. */
export const responseBytesMax = ({ text, output }: WrittenResponse): number =>
  PRE_HEADER_BYTES + 48 + text.length + output.length;

/** Appends an ordinary response, for which there must be room. */
export const putInferenceResponse = (
  buffer: MessageBuffer,
  response: WrittenResponse,
  stamps: StampHalves,
): void => {
  const { bytes } = buffer;
  const { messageId, userRequestId, status, text, output } = response;
  const idsBytes = 2 + varintBytes(userRequestId) + varintBytes(status);
  let at = buffer.length + PRE_HEADER_BYTES;
  bytes[at++] = 0x0a;
  at = putVarint(bytes, at, idsBytes + 1 + varintBytes(text.length) + text.length);
  bytes[at++] = 0x08;
  at = putVarint(bytes, at, userRequestId);
  bytes[at++] = 0x10;
  at = putVarint(bytes, at, status);
  bytes[at++] = 0x1a;
  at = putVarint(bytes, at, text.length);
  if (text.length > 0) bytes.set(text, at);
  at += text.length;
  bytes[at++] = 0x10;
  at = putVarint(bytes, at, response.modelId);
  bytes[at++] = 0x18;
  at = putVarint(bytes, at, response.batchSize);
  buffer.finish(at, { type: RESPONSE_TYPE, messageId, body: output }, stamps);
};
