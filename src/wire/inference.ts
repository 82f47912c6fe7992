/**
 * The two messages that a load generator exchanges with its controller all the time, to and from bytes with nothing
 * allocated on the way: ModelInferenceReq is written, ModelInferenceRsp is read, both exactly as the table-driven codec
 * does it. What is out of the ordinary (negative ids, unknown fields, a message cut by a chunk) is refused, and left to
 * that codec.
 */
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
export interface InferenceResponse {
  messageId: number;
  userRequestId: number;
  status: number;
  modelId: number;
  batchSize: number;
  /** Of the output, which is passed over. */
  bodyBytes: number;
  /** The halves of the pre-header's send time, an uint64 in ns since the Unix epoch. */
  sendTimeHigh: number;
  sendTimeLow: number;
  /** The halves of the sender's best one-way difference, an int64; unsigned. */
  localDeltaHigh: number;
  localDeltaLow: number;
}

export const emptyInferenceResponse = (): InferenceResponse => ({
  messageId: 0,
  userRequestId: 0,
  status: 0,
  modelId: 0,
  batchSize: 0,
  bodyBytes: 0,
  sendTimeHigh: 0,
  sendTimeLow: 0,
  localDeltaHigh: 0,
  localDeltaLow: 0,
});

const REQUEST_TYPE = 2;
const RESPONSE_TYPE = 102;
const INT32_MAX = 2 ** 31 - 1;
const UINT32_MAX = 2 ** 32 - 1;
/** A response's header is 20 bytes or so, a failed one's a line of text longer. */
const HEADER_BYTES_MAX = 4096;

/** Pre-header and header of a request take at most this much: five varints of 5 bytes, a float and the tags. */
export const REQUEST_HEAD_BYTES_MAX = PRE_HEADER_BYTES + 48;

const fits = (value: number, max: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= max;

/** Whether a request is of the ordinary kind that `writeInferenceHead` writes. */
export const isOrdinary = (request: InferenceRequest): boolean =>
  fits(request.messageId, INT32_MAX) &&
  fits(request.userId, INT32_MAX) &&
  fits(request.userRequestId, INT32_MAX) &&
  fits(request.modelId, UINT32_MAX) &&
  fits(request.batchSize, INT32_MAX) &&
  request.input.length <= INT32_MAX;

/** Bytes of a value below 2^32 as a varint. */
const varintBytes = (value: number): number => {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
};

const putVarint = (target: Uint8Array, offset: number, value: number): number => {
  let left = value;
  let at = offset;
  while (left > 0x7f) {
    target[at++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  target[at++] = left;
  return at;
};

/** What the sender states of its clock, as halves of 64-bit numbers. */
export interface StampHalves {
  readonly sendTimeHigh: number;
  readonly sendTimeLow: number;
  readonly localDeltaNs: bigint;
}

/** Where requests are put together. */
export class RequestBuffer {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  length = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  hasRoomFor({ input }: InferenceRequest): boolean {
    return this.length + REQUEST_HEAD_BYTES_MAX + input.length <= this.bytes.length;
  }

  /** Appends an ordinary request, for which there must be room. */
  put(request: InferenceRequest, stamps: StampHalves): void {
    const { bytes } = this;
    const start = this.length;
    const view = this.#view;
    const { userId, userRequestId, input } = request;
    let at = start + PRE_HEADER_BYTES;
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
    at += 4;
    view.setUint32(start, at - start - PRE_HEADER_BYTES, true);
    view.setUint32(start + 4, 0, true);
    view.setUint32(start + 8, input.length, true);
    view.setUint32(start + 12, 0, true);
    view.setUint32(start + 16, REQUEST_TYPE, true);
    view.setUint32(start + 20, 0, true);
    view.setUint32(start + 24, request.messageId, true);
    view.setUint32(start + 28, 0, true);
    view.setUint32(start + 32, stamps.sendTimeLow, true);
    view.setUint32(start + 36, stamps.sendTimeHigh, true);
    view.setBigInt64(start + 40, stamps.localDeltaNs, true);
    if (input.length > 0) bytes.set(input, at);
    this.length = at + input.length;
  }
}

const uint32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0;

/** Reads the header's fields one by one; `ok` turns false at the first that is out of the ordinary. */
class HeaderCursor {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;
  ok = true;

  begin(bytes: Uint8Array, at: number, end: number): void {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.ok = true;
  }

  /** A varint below 2^31. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35 && this.at < this.end; shift += 7) {
      const byte = this.bytes[this.at++] as number;
      if (shift === 28 && byte > 0x07) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.ok = false;
    return 0;
  }

  skip(length: number): void {
    this.at += length;
  }
}

const cursor = new HeaderCursor();

/** ResponseHeader: its text is passed over. */
const readResponseHeader = (into: InferenceResponse, end: number): void => {
  while (cursor.ok && cursor.at < end) {
    const tag = cursor.bytes[cursor.at++];
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
    const tag = cursor.bytes[cursor.at++];
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
  const left = bytes.length - offset;
  if (left < PRE_HEADER_BYTES) return 0;
  const headerBytes = uint32At(bytes, offset);
  const bodyBytes = uint32At(bytes, offset + 8);
  // The upper halves of three lengths and ids, and the sign of the message's id.
  const upper =
    uint32At(bytes, offset + 4) |
    uint32At(bytes, offset + 12) |
    uint32At(bytes, offset + 20) |
    uint32At(bytes, offset + 28);
  if (upper !== 0 || uint32At(bytes, offset + 16) !== RESPONSE_TYPE) return 0;
  if (headerBytes > HEADER_BYTES_MAX || PRE_HEADER_BYTES + headerBytes + bodyBytes > left) return 0;
  const messageId = uint32At(bytes, offset + 24);
  if (messageId > INT32_MAX) return 0;
  const start = offset + PRE_HEADER_BYTES;
  into.userRequestId = 0;
  into.status = 0;
  cursor.begin(bytes, start, start + headerBytes);
  if (!readFields(into)) return 0;
  into.messageId = messageId;
  into.bodyBytes = bodyBytes;
  into.sendTimeLow = uint32At(bytes, offset + 32);
  into.sendTimeHigh = uint32At(bytes, offset + 36);
  into.localDeltaLow = uint32At(bytes, offset + 40);
  into.localDeltaHigh = uint32At(bytes, offset + 44);
  return PRE_HEADER_BYTES + headerBytes + bodyBytes;
};
