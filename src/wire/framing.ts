/** Cuts a byte stream into messages and back: 48-byte pre-header, header, body (README.md has the layout). */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { assert } from "#stdx/assert.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { decodeFields, type HeaderError, writeFields } from "#wire/codec.ts";
import type { IncomingFrame, MessageSet, MessageType, OutgoingFrame } from "#wire/messages.ts";

export const PRE_HEADER_BYTES = 48;

/** What a sender states about its clock with every message. */
export interface SendStamps {
  /** The sender's clock in ns since the Unix epoch when transmission starts. */
  readonly sendTimeNs: bigint;
  /** The sender's best one-way difference, an int64; `NO_DELTA` before it has received anything. */
  readonly localDeltaNs: bigint;
}

/** Sizes beyond which a frame is refused before any memory is taken for it. */
export interface FrameLimits {
  readonly headerBytesMax: number;
  readonly bodyBytesMax: number;
}

/** The original's limit for headers; it has none for bodies, the largest real ones are about 20 MiB. */
export const DEFAULT_LIMITS: FrameLimits = {
  headerBytesMax: 10 * 2 ** 20,
  bodyBytesMax: 256 * 2 ** 20,
};

/** Why a stream cannot be read any further. */
export type WireError =
  | HeaderError
  | {
      readonly kind: "header_too_large" | "body_too_large" | "unknown_type" | "unexpected_body";
      readonly message: string;
    };

/** A message with what its pre-header said. */
export interface ReceivedFrame<M extends MessageSet> extends SendStamps {
  readonly frame: IncomingFrame<M>;
  /** The `readAt` of the chunk that completed the pre-header. */
  readonly preHeaderAt: number;
  readonly headerBytes: number;
}

interface PreHeader extends SendStamps {
  readonly type: MessageType;
  readonly messageId: bigint;
  readonly headerBytes: number;
  readonly bodyBytes: number;
  readonly readAt: number;
}

/** Memory is taken in steps as bytes arrive, never on the strength of a claimed length. */
const STEP_BYTES = 2 ** 20;

const NO_BYTES = new Uint8Array(0);

/** Reads messages of one direction out of a stream, whatever its chunking. Stops for good at the first error. */
export class FrameDecoder<M extends MessageSet> {
  readonly #set: M;
  readonly #limits: FrameLimits;
  #chunk: Uint8Array = NO_BYTES;
  #offset = 0;
  #readAt = 0;
  /** The piece being put together from several chunks; null while it may still lie in one. */
  #partial: Uint8Array | null = null;
  #partialBytes = 0;
  /** Present once the pre-header of the current message has been read. */
  #preHeader: PreHeader | null = null;
  /** Present once the header of the current message has been read. */
  #fields: IncomingFrame<M>["fields"] | null = null;
  #error: WireError | null = null;

  constructor(set: M, limits: FrameLimits = DEFAULT_LIMITS) {
    this.#set = set;
    this.#limits = limits;
  }

  /** Whether the stream could end here without cutting a message. */
  get isAtBoundary(): boolean {
    return (
      this.#preHeader === null && this.#partial === null && this.#offset === this.#chunk.length
    );
  }

  /** Bytes of memory that hold a message which has not arrived whole. */
  get partialBytes(): number {
    return this.#partial?.length ?? 0;
  }

  /** Hands over the next chunk, read at `readAt`; only after `next` has returned null. Borrows `chunk` until then. */
  push(chunk: Uint8Array, readAt: number): void {
    assert(this.#offset === this.#chunk.length || this.#error !== null, "the last chunk is unread");
    // Sockets hand over Buffers, whose `slice` is a view: every "copy" of a small body would keep its whole chunk alive.
    this.#chunk = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#offset = 0;
    this.#readAt = readAt;
  }

  /**
   * Lets `read` take up to `countMax` messages off the chunk itself: given a place between messages, it returns the
   * length of the one that begins there, or 0 to leave that and all that follow it to `next`. Returns how many it took.
   */
  takeDirectly(read: (chunk: Uint8Array, offset: number) => number, countMax: number): number {
    if (this.#preHeader !== null || this.#partial !== null || this.#error !== null) return 0;
    const chunk = this.#chunk;
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let count = 0;
    while (count < countMax && this.#isWithinLimits(view)) {
      const length = read(chunk, this.#offset);
      if (length === 0) break;
      count++;
      this.#offset += length;
    }
    return count;
  }

  /** Whether the sizes of the message that begins here, if its lengths are here already, may be taken. */
  #isWithinLimits(view: DataView): boolean {
    if (view.byteLength - this.#offset < PRE_HEADER_BYTES) return false;
    return (
      view.getUint32(this.#offset, true) <= this.#limits.headerBytesMax &&
      view.getUint32(this.#offset + 8, true) <= this.#limits.bodyBytesMax
    );
  }

  /** The next whole message or the error that ends the stream; null when more bytes are needed. */
  next(): Result<ReceivedFrame<M>, WireError> | null {
    if (this.#error !== null) return err(this.#error);
    if (this.#preHeader === null) {
      const bytes = this.#take(PRE_HEADER_BYTES);
      if (bytes === null) return null;
      const parsed = this.#parsePreHeader(bytes);
      if (!parsed.ok) return this.#fail(parsed.error);
      this.#preHeader = parsed.value;
    }
    const preHeader = this.#preHeader;
    if (this.#fields === null) {
      const bytes = this.#take(preHeader.headerBytes);
      if (bytes === null) return null;
      const decoded = decodeFields(preHeader.type.schema, bytes);
      if (!decoded.ok) return this.#fail(decoded.error);
      this.#fields = decoded.value;
    }
    const body = this.#takeBody(preHeader.bodyBytes);
    if (body === null) return null;
    const frame = {
      name: preHeader.type.schema.name,
      messageId: preHeader.messageId,
      fields: this.#fields,
      body,
    } as unknown as IncomingFrame<M>;
    this.#preHeader = null;
    this.#fields = null;
    return ok({
      frame,
      sendTimeNs: preHeader.sendTimeNs,
      localDeltaNs: preHeader.localDeltaNs,
      preHeaderAt: preHeader.readAt,
      headerBytes: preHeader.headerBytes,
    });
  }

  #fail(error: WireError): Result<never, WireError> {
    this.#error = error;
    this.#partial = null;
    this.#chunk = NO_BYTES;
    this.#offset = 0;
    return err(error);
  }

  #parsePreHeader(bytes: Uint8Array): Result<PreHeader, WireError> {
    const view = new DataView(bytes.buffer, bytes.byteOffset, PRE_HEADER_BYTES);
    const headerLength = view.getBigUint64(0, true);
    const bodyLength = view.getBigUint64(8, true);
    const typeId = view.getBigUint64(16, true);
    const { headerBytesMax, bodyBytesMax } = this.#limits;
    if (headerLength > headerBytesMax) {
      const message = `a header of ${headerLength} bytes is larger than ${headerBytesMax}`;
      return err({ kind: "header_too_large", message });
    }
    const type = this.#set.byId.get(Number(typeId));
    if (type === undefined) {
      const known = this.#set.types.map((each) => each.id).join(", ");
      const message = `message type ${typeId} is not among those of this direction (${known})`;
      return err({ kind: "unknown_type", message });
    }
    if (bodyLength > 0n && !type.mayHaveBody) {
      const message = `${type.schema.name} has a body of ${bodyLength} bytes but takes none`;
      return err({ kind: "unexpected_body", message });
    }
    if (bodyLength > bodyBytesMax) {
      const message = `a body of ${bodyLength} bytes is larger than ${bodyBytesMax}`;
      return err({ kind: "body_too_large", message });
    }
    return ok({
      type,
      messageId: view.getBigUint64(24, true),
      headerBytes: Number(headerLength),
      bodyBytes: Number(bodyLength),
      sendTimeNs: view.getBigUint64(32, true),
      localDeltaNs: view.getBigInt64(40, true),
      readAt: this.#readAt,
    });
  }

  /** A copy, so that a small body does not keep a large chunk alive. */
  #takeBody(length: number): Uint8Array | null {
    if (length === 0) return NO_BYTES;
    const assembled = this.#partial !== null || this.#chunk.length - this.#offset < length;
    const bytes = this.#take(length);
    return bytes === null || assembled ? bytes : bytes.slice();
  }

  /** The next `length` bytes, or null when they are not all there yet; a view of the chunk when they lie in one. */
  #take(length: number): Uint8Array | null {
    const available = this.#chunk.length - this.#offset;
    if (this.#partial === null && available >= length) {
      this.#offset += length;
      return this.#chunk.subarray(this.#offset - length, this.#offset);
    }
    const taken = Math.min(available, length - this.#partialBytes);
    if (taken === 0) return null;
    const partial = this.#grow(this.#partialBytes + taken, length);
    partial.set(this.#chunk.subarray(this.#offset, this.#offset + taken), this.#partialBytes);
    this.#offset += taken;
    this.#partialBytes += taken;
    if (this.#partialBytes < length) return null;
    this.#partial = null;
    this.#partialBytes = 0;
    return partial;
  }

  /** The partial piece with room for `needed` of its `length` bytes; exactly `length` long once all are there. */
  #grow(needed: number, length: number): Uint8Array {
    const current = this.#partial;
    if (current !== null && current.length >= needed) return current;
    const size = Math.min(length, Math.max(needed, STEP_BYTES, 2 * (current?.length ?? 0)));
    const grown = new Uint8Array(size);
    if (current !== null) grown.set(current.subarray(0, this.#partialBytes));
    this.#partial = grown;
    return grown;
  }
}

export const bodyBytesOf = (body: readonly Uint8Array[]): number => {
  let total = 0;
  for (const part of body) total += part.byteLength;
  return total;
};

const BLANK_PRE_HEADER = new Uint8Array(PRE_HEADER_BYTES);

/** Pre-header and header of a message as one piece; its body's parts follow it unchanged. Throws on a bug of the caller. */
export const encodeHead = <M extends MessageSet>(
  set: M,
  frame: OutgoingFrame<M>,
  stamps: SendStamps,
): Uint8Array => {
  const type = set.byName.get(frame.name);
  assert(type !== undefined, `${frame.name} does not travel in this direction`);
  const bodyBytes = bodyBytesOf(frame.body);
  assert(bodyBytes === 0 || type.mayHaveBody, `${frame.name} takes no body`);
  const writer = new BinaryWriter().raw(BLANK_PRE_HEADER);
  writeFields(writer, type.schema, frame.fields);
  const bytes = writer.finish();
  const view = new DataView(bytes.buffer, bytes.byteOffset, PRE_HEADER_BYTES);
  view.setBigUint64(0, BigInt(bytes.length - PRE_HEADER_BYTES), true);
  view.setBigUint64(8, BigInt(bodyBytes), true);
  view.setBigUint64(16, BigInt(type.id), true);
  view.setBigUint64(24, frame.messageId, true);
  view.setBigUint64(32, stamps.sendTimeNs, true);
  view.setBigInt64(40, stamps.localDeltaNs, true);
  return bytes;
};
