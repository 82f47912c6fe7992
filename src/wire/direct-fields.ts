/** What the direct codecs share: fields read from and written to bytes in place, with nothing allocated on the way. */
import { PRE_HEADER_BYTES } from "#wire/framing.ts";

export const INT32_MAX = 2 ** 31 - 1;
export const UINT32_MAX = 2 ** 32 - 1;
const UPPER = 2 ** 32;
/** Longer headers are out of the ordinary. */
const HEADER_BYTES_MAX = 4096;

/** Whether `value` is a whole number from 0 to `max`. */
export const fits = (value: number, max: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= max;

/** Bytes of a value below 2^32 as a varint. */
export const varintBytes = (value: number): number => {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
};

/** A value below 2^32. */
export const putVarint = (target: Uint8Array, offset: number, value: number): number => {
  let left = value;
  let at = offset;
  while (left > 0x7f) {
    target[at++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  target[at++] = left;
  return at;
};

/** A whole number below 2^53. */
export const putLongVarint = (target: Uint8Array, offset: number, value: number): number => {
  let left = value;
  let at = offset;
  while (left > UINT32_MAX) {
    target[at++] = (left % 0x80) | 0x80;
    left = Math.floor(left / 0x80);
  }
  return putVarint(target, at, left);
};

export const uint32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0;

/** What a sender states of its clock, as halves of 64-bit numbers. */
export interface StampHalves {
  readonly sendTimeHigh: number;
  readonly sendTimeLow: number;
  readonly localDeltaNs: bigint;
}

/** What a received message says of its sender's clock: halves of an uint64 in ns since the Unix epoch and of an int64. */
export interface ReceivedStamps {
  sendTimeHigh: number;
  sendTimeLow: number;
  localDeltaHigh: number;
  localDeltaLow: number;
}

export const noStamps = (): ReceivedStamps => ({
  sendTimeHigh: 0,
  sendTimeLow: 0,
  localDeltaHigh: 0,
  localDeltaLow: 0,
});

/** Where messages are put together. */
export class MessageBuffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  length = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  hasRoomFor(bytes: number): boolean {
    return this.length + bytes <= this.bytes.length;
  }

  /** Completes the message at `length` with a header that ends at `headerEnd`: its pre-header, then its body. */
  finish(
    headerEnd: number,
    message: { readonly type: number; readonly messageId: number; readonly body: Uint8Array },
    stamps: StampHalves,
  ): void {
    const { view, length: start } = this;
    const { body } = message;
    view.setUint32(start, headerEnd - start - PRE_HEADER_BYTES, true);
    view.setUint32(start + 4, 0, true);
    view.setUint32(start + 8, body.length, true);
    view.setUint32(start + 12, 0, true);
    view.setUint32(start + 16, message.type, true);
    view.setUint32(start + 20, 0, true);
    view.setUint32(start + 24, message.messageId, true);
    view.setUint32(start + 28, 0, true);
    view.setUint32(start + 32, stamps.sendTimeLow, true);
    view.setUint32(start + 36, stamps.sendTimeHigh, true);
    view.setBigInt64(start + 40, stamps.localDeltaNs, true);
    if (body.length > 0) this.bytes.set(body, headerEnd);
    this.length = headerEnd + body.length;
  }
}

/** The place of a whole message in a chunk; filled by `findMessage`. */
export interface MessagePlace extends ReceivedStamps {
  messageId: number;
  headerStart: number;
  headerEnd: number;
  end: number;
}

export const noPlace = (): MessagePlace => ({
  messageId: 0,
  headerStart: 0,
  headerEnd: 0,
  end: 0,
  ...noStamps(),
});

/** Finds the message at `offset` if it is whole, of this type, and of ordinary size and id. */
export const findMessage = (
  bytes: Uint8Array,
  offset: number,
  into: MessagePlace & { readonly type: number },
): boolean => {
  const left = bytes.length - offset;
  if (left < PRE_HEADER_BYTES || uint32At(bytes, offset + 16) !== into.type) return false;
  const headerBytes = uint32At(bytes, offset);
  const bodyBytes = uint32At(bytes, offset + 8);
  // The upper halves of three lengths and ids, and the sign of the message's id.
  const upper =
    uint32At(bytes, offset + 4) |
    uint32At(bytes, offset + 12) |
    uint32At(bytes, offset + 20) |
    uint32At(bytes, offset + 28);
  if (upper !== 0) return false;
  if (headerBytes > HEADER_BYTES_MAX || PRE_HEADER_BYTES + headerBytes + bodyBytes > left)
    return false;
  const messageId = uint32At(bytes, offset + 24);
  if (messageId > INT32_MAX) return false;
  into.messageId = messageId;
  into.headerStart = offset + PRE_HEADER_BYTES;
  into.headerEnd = into.headerStart + headerBytes;
  into.end = into.headerEnd + bodyBytes;
  into.sendTimeLow = uint32At(bytes, offset + 32);
  into.sendTimeHigh = uint32At(bytes, offset + 36);
  into.localDeltaLow = uint32At(bytes, offset + 40);
  into.localDeltaHigh = uint32At(bytes, offset + 44);
  return true;
};

/** Reads a header's fields one by one; `ok` turns false at the first that is out of the ordinary. */
export class HeaderCursor {
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

  /** The next byte, which is a tag where a field begins. */
  tag(): number {
    return this.bytes[this.at++] as number;
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

  /** A varint below 2^53. */
  longVarint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8 && this.at < this.end; count++) {
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    this.ok = false;
    return 0;
  }

  /** The place of four bytes, which are passed over. */
  fixed32(): number {
    const place = this.at;
    this.skip(4);
    return place;
  }

  /** A fixed64 below 2^53. */
  shortFixed64(): number {
    const place = this.at;
    this.skip(8);
    if (!this.ok) return 0;
    const high = uint32At(this.bytes, place + 4);
    if (high >= 2 ** 21) this.ok = false;
    return high * UPPER + uint32At(this.bytes, place);
  }

  skip(length: number): void {
    this.at += length;
    if (this.at > this.end) this.ok = false;
  }
}
