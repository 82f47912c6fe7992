/** Damages valid frames in the ways in which streams are damaged, by accident or on purpose. */
import type { Rng } from "#stdx/rng.ts";
import { PRE_HEADER_BYTES } from "#wire/framing.ts";

const UINT64_MAX = 2n ** 64n - 1n;
/** More would only make each frame slower to mutate. */
const FRAME_BYTES_MAX = 64 * 1024;
const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff];

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.below(values.length)] as T;

const viewOf = (frame: Uint8Array): DataView =>
  new DataView(frame.buffer, frame.byteOffset, frame.byteLength);

const join = (...parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
};

const randomBytes = (rng: Rng, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => rng.below(256));

/** Where a frame's header ends, as far as its length can be believed. */
const headerEnd = (frame: Uint8Array): number => {
  if (frame.length < PRE_HEADER_BYTES) return frame.length;
  const length = viewOf(frame).getUint32(0, true);
  return Math.min(frame.length, PRE_HEADER_BYTES + length);
};

type Mutation = (frame: Uint8Array, rng: Rng, other: Uint8Array) => Uint8Array;

const flipBits: Mutation = (frame, rng) => {
  const bytes = frame.slice();
  for (let left = 1 + rng.below(8); left > 0 && bytes.length > 0; left--) {
    const at = rng.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << rng.below(8));
  }
  return bytes;
};

const setBytes: Mutation = (frame, rng) => {
  const bytes = frame.slice();
  for (let left = 1 + rng.below(8); left > 0 && bytes.length > 0; left--)
    bytes[rng.below(bytes.length)] = pick(rng, BYTES);
  return bytes;
};

const truncate: Mutation = (frame, rng) => frame.slice(0, rng.below(frame.length + 1));

const insert: Mutation = (frame, rng) => {
  const at = rng.below(frame.length + 1);
  return join(frame.subarray(0, at), randomBytes(rng, 1 + rng.below(16)), frame.subarray(at));
};

const splice: Mutation = (frame, rng, other) =>
  join(frame.subarray(0, rng.below(frame.length + 1)), other.subarray(rng.below(other.length + 1)));

const LENGTHS = [0n, 1n, 127n, 4096n, 2n ** 20n, 10n * 2n ** 20n, 2n ** 28n].flatMap((length) => [
  length,
  length + 1n,
]);
const HUGE = [2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, UINT64_MAX - 47n, UINT64_MAX];

/** Claims another length for header or body, another type, or another id, send time or delta. */
const lie: Mutation = (frame, rng) => {
  if (frame.length < PRE_HEADER_BYTES) return frame;
  const bytes = frame.slice();
  const view = viewOf(bytes);
  // Lengths and type are what a decoder believes.
  const at = pick(rng, [0, 0, 8, 8, 16, 24, 32, 40]);
  const truth = view.getBigUint64(at, true);
  const near = BigInt.asUintN(64, truth + BigInt(rng.below(9)) - 4n);
  const claim = pick(rng, [near, near, pick(rng, LENGTHS), pick(rng, HUGE)]);
  view.setBigUint64(at, claim, true);
  return bytes;
};

/** The frame with another header, whose length it states rightly, so that what reads headers gets to see it. */
const withHeader = (frame: Uint8Array, header: Uint8Array): Uint8Array => {
  if (frame.length < PRE_HEADER_BYTES) return frame;
  const bytes = join(frame.subarray(0, PRE_HEADER_BYTES), header, frame.subarray(headerEnd(frame)));
  viewOf(bytes).setBigUint64(0, BigInt(header.length), true);
  return bytes;
};

const headerOf = (frame: Uint8Array): Uint8Array =>
  frame.subarray(Math.min(frame.length, PRE_HEADER_BYTES), headerEnd(frame));

/** Cuts a stretch out of the header. */
const cutHeader: Mutation = (frame, rng) => {
  const header = headerOf(frame);
  const at = rng.below(header.length + 1);
  const end = Math.min(header.length, at + 1 + rng.below(12));
  return withHeader(frame, join(header.subarray(0, at), header.subarray(end)));
};

/** Repeats a stretch of the header, up to a few hundred times. */
const repeatHeader: Mutation = (frame, rng) => {
  const header = headerOf(frame);
  const at = rng.below(header.length + 1);
  const stretch = header.subarray(at, at + 1 + rng.below(12));
  const copies = Array.from({ length: pick(rng, [1, 2, 300]) }, () => stretch);
  return withHeader(frame, join(header.subarray(0, at), ...copies, header.subarray(at)));
};

/** Puts a varint of too many bytes, or a group, or a field of another message into the header. */
const poison: Mutation = (frame, rng, other) => {
  const header = headerOf(frame);
  const at = rng.below(header.length + 1);
  const long = new Uint8Array(1 + rng.below(12)).fill(0xff);
  const what = pick(rng, [
    join(long, Uint8Array.of(0x01)),
    // A group that is opened again and again, and one that is closed without having been opened.
    new Uint8Array(1 + rng.below(200)).fill(0x0b),
    Uint8Array.of(0x0c),
    headerOf(other),
    // A length that reaches beyond every end.
    Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
  ]);
  return withHeader(frame, join(header.subarray(0, at), what, header.subarray(at)));
};

/** The header of another message, under this one's type. */
const swapHeader: Mutation = (frame, _rng, other) => withHeader(frame, headerOf(other));

const flipHeaderBits: Mutation = (frame, rng) =>
  withHeader(frame, flipBits(headerOf(frame), rng, frame));
const setHeaderBytes: Mutation = (frame, rng) =>
  withHeader(frame, setBytes(headerOf(frame), rng, frame));

/** Those that leave the framing whole come more often: the others end a stream at once. */
const MUTATIONS: readonly Mutation[] = [
  flipBits,
  setBytes,
  truncate,
  insert,
  splice,
  lie,
  lie,
  cutHeader,
  repeatHeader,
  poison,
  swapHeader,
  flipHeaderBits,
  flipHeaderBits,
  setHeaderBytes,
];

/** `frame`, damaged once to three times; `other` lends parts. Neither is changed. */
export const mutate = (frame: Uint8Array, other: Uint8Array, rng: Rng): Uint8Array => {
  let bytes = frame;
  for (let left = pick(rng, [1, 1, 1, 2, 3]); left > 0; left--) {
    bytes = pick(rng, MUTATIONS)(bytes, rng, other);
    if (bytes.length > FRAME_BYTES_MAX) bytes = bytes.subarray(0, FRAME_BYTES_MAX);
  }
  return bytes;
};

/** `stream` in chunks of random sizes, mostly one or a few. */
export const chunksOf = (stream: Uint8Array, rng: Rng): readonly Uint8Array[] => {
  const size = pick(rng, [stream.length, stream.length, 48, 1 + rng.below(stream.length + 1)]);
  const least = Math.max(1, size, Math.ceil(stream.length / 64));
  const chunks: Uint8Array[] = [];
  for (let offset = 0; offset < stream.length; offset += least)
    chunks.push(stream.subarray(offset, Math.min(stream.length, offset + least)));
  return chunks;
};
