/**
 * The two messages that a controller and its workers exchange most, to and from bytes: InferAction and InferResult,
 * exactly as the table-driven codec does it. What is out of the ordinary (inputs in the body, negative ids, unknown
 * fields, a message cut by a chunk) is refused, and left to that codec.
 */
import {
  findMessage,
  fits,
  HeaderCursor,
  INT32_MAX,
  type MessageBuffer,
  noPlace,
  noStamps,
  putLongVarint,
  putVarint,
  type ReceivedStamps,
  type StampHalves,
  UINT32_MAX,
  uint32At,
} from "#wire/direct-fields.ts";
import { PRE_HEADER_BYTES } from "#wire/framing.ts";

const ACTION_TYPE = 3;
const RESULT_TYPE = 103;
const NO_BYTES = new Uint8Array(0);

/** A 64-bit number in unsigned halves. */
export interface Halves {
  high: number;
  low: number;
}

export const copyHalves = (into: Halves, from: Halves): void => {
  into.high = from.high;
  into.low = from.low;
};

const noHalves = (): Halves => ({ high: 0, low: 0 });

/** The fields of an InferAction; it has no body. */
export interface InferActionFields extends ReceivedStamps {
  actionId: number;
  modelId: number;
  gpuId: number;
  readonly earliest: Halves;
  readonly latest: Halves;
  expectedDuration: number;
  batchSize: number;
  inputSizes: readonly number[];
}

export const emptyAction = (): InferActionFields => ({
  actionId: 0,
  modelId: 0,
  gpuId: 0,
  earliest: noHalves(),
  latest: noHalves(),
  expectedDuration: 0,
  batchSize: 0,
  inputSizes: [],
  ...noStamps(),
});

export interface TimingFields {
  readonly begin: Halves;
  readonly end: Halves;
  duration: number;
}

const noTiming = (): TimingFields => ({ begin: noHalves(), end: noHalves(), duration: 0 });

/** The fields of an InferResult; its output is its body. */
export interface InferResultFields extends ReceivedStamps {
  actionId: number;
  readonly copyInput: TimingFields;
  readonly exec: TimingFields;
  readonly copyOutput: TimingFields;
  gpuId: number;
  gpuClockBefore: number;
  gpuClock: number;
  readonly actionReceived: Halves;
  readonly resultSent: Halves;
  /** The output lies in the chunk from here, when the message was read. */
  outputStart: number;
  outputBytes: number;
}

export const emptyResult = (): InferResultFields => ({
  actionId: 0,
  copyInput: noTiming(),
  exec: noTiming(),
  copyOutput: noTiming(),
  gpuId: 0,
  gpuClockBefore: 0,
  gpuClock: 0,
  actionReceived: noHalves(),
  resultSent: noHalves(),
  outputStart: 0,
  outputBytes: 0,
  ...noStamps(),
});

// ---- Writing ----

/** Whether an action is of the ordinary kind that `putInferAction` writes. */
export const isOrdinaryAction = (action: InferActionFields): boolean =>
  fits(action.actionId, INT32_MAX) &&
  fits(action.modelId, INT32_MAX) &&
  fits(action.gpuId, UINT32_MAX) &&
  fits(action.expectedDuration, Number.MAX_SAFE_INTEGER) &&
  fits(action.batchSize, UINT32_MAX) &&
  action.inputSizes.every((size) => fits(size, UINT32_MAX));

/** Room that an action takes at most: varints of up to 10 bytes, two fixed64 and the tags. */
export const actionBytesMax = ({ inputSizes }: InferActionFields): number =>
  PRE_HEADER_BYTES + 60 + 6 * inputSizes.length;

/** Whether a result is of the ordinary kind that `putInferResult` writes. */
export const isOrdinaryResult = (result: InferResultFields): boolean =>
  fits(result.actionId, INT32_MAX) &&
  fits(result.copyInput.duration, Number.MAX_SAFE_INTEGER) &&
  fits(result.exec.duration, Number.MAX_SAFE_INTEGER) &&
  fits(result.copyOutput.duration, Number.MAX_SAFE_INTEGER) &&
  fits(result.gpuId, UINT32_MAX) &&
  fits(result.gpuClockBefore, UINT32_MAX) &&
  fits(result.gpuClock, UINT32_MAX);

/** Room that a result takes at most beside its output. */
export const RESULT_HEAD_BYTES_MAX = PRE_HEADER_BYTES + 160;

const UPPER = 2 ** 32;

const putFixed64 = (view: DataView, at: number, { high, low }: Halves): number => {
  view.setUint32(at, low, true);
  view.setUint32(at + 4, high, true);
  return at + 8;
};

/** Appends an ordinary action, for which there must be room. */
export const putInferAction = (
  buffer: MessageBuffer,
  action: InferActionFields,
  stamps: StampHalves,
): void => {
  const { bytes, view } = buffer;
  let at = buffer.length + PRE_HEADER_BYTES;
  bytes[at++] = 0x08;
  at = putVarint(bytes, at, action.actionId);
  bytes[at++] = 0x10;
  at = putVarint(bytes, at, action.modelId);
  bytes[at++] = 0x18;
  at = putVarint(bytes, at, action.gpuId);
  bytes[at++] = 0x21;
  at = putFixed64(view, at, action.earliest);
  bytes[at++] = 0x29;
  at = putFixed64(view, at, action.latest);
  bytes[at++] = 0x30;
  at = putLongVarint(bytes, at, action.expectedDuration);
  bytes[at++] = 0x38;
  at = putVarint(bytes, at, action.batchSize);
  for (const size of action.inputSizes) {
    bytes[at++] = 0x40;
    at = putVarint(bytes, at, size);
  }
  buffer.finish(at, { type: ACTION_TYPE, messageId: 0, body: NO_BYTES }, stamps);
};

const TIMING_BYTES = 27;

/** The fields of a timing without the tag of the field that it is. */
const putTiming = (
  { bytes, view }: MessageBuffer,
  offset: number,
  timing: TimingFields,
): number => {
  let at = offset;
  bytes[at++] = TIMING_BYTES;
  bytes[at++] = 0x09;
  at = putFixed64(view, at, timing.begin);
  bytes[at++] = 0x11;
  at = putFixed64(view, at, timing.end);
  bytes[at++] = 0x19;
  view.setUint32(at, timing.duration % UPPER, true);
  view.setUint32(at + 4, Math.floor(timing.duration / UPPER), true);
  return at + 8;
};

/** Appends an ordinary result and its output, for which there must be room. */
export const putInferResult = (
  buffer: MessageBuffer,
  { result, output }: { readonly result: InferResultFields; readonly output: Uint8Array },
  stamps: StampHalves,
): void => {
  const { bytes, view } = buffer;
  let at = buffer.length + PRE_HEADER_BYTES;
  bytes[at++] = 0x08;
  at = putVarint(bytes, at, result.actionId);
  bytes[at++] = 0x12;
  at = putTiming(buffer, at, result.copyInput);
  bytes[at++] = 0x1a;
  at = putTiming(buffer, at, result.exec);
  bytes[at++] = 0x22;
  at = putTiming(buffer, at, result.copyOutput);
  bytes[at++] = 0x28;
  at = putVarint(bytes, at, result.gpuId);
  bytes[at++] = 0x30;
  at = putVarint(bytes, at, result.gpuClockBefore);
  bytes[at++] = 0x38;
  at = putVarint(bytes, at, result.gpuClock);
  bytes[at++] = 0x41;
  at = putFixed64(view, at, result.actionReceived);
  bytes[at++] = 0x49;
  at = putFixed64(view, at, result.resultSent);
  buffer.finish(at, { type: RESULT_TYPE, messageId: 0, body: output }, stamps);
};

// ---- Reading ----

const cursor = new HeaderCursor();
const actionPlace = { ...noPlace(), type: ACTION_TYPE };
const resultPlace = { ...noPlace(), type: RESULT_TYPE };

const readFixed64 = (into: Halves): void => {
  const at = cursor.at;
  cursor.skip(8);
  if (!cursor.ok) return;
  into.low = uint32At(cursor.bytes, at);
  into.high = uint32At(cursor.bytes, at + 4);
};

const takeStamps = (into: ReceivedStamps, from: ReceivedStamps): void => {
  into.sendTimeLow = from.sendTimeLow;
  into.sendTimeHigh = from.sendTimeHigh;
  into.localDeltaLow = from.localDeltaLow;
  into.localDeltaHigh = from.localDeltaHigh;
};

/** Reads the field of a tag; returns its bit among those that must be there, 0 for a repeat, −1 for anything else. */
const readActionField = (tag: number, into: InferActionFields, sizes: number[]): number => {
  switch (tag) {
    case 0x08:
      into.actionId = cursor.varint();
      return 1;
    case 0x10:
      into.modelId = cursor.varint();
      return 2;
    case 0x18:
      into.gpuId = cursor.varint();
      return 4;
    case 0x21:
      readFixed64(into.earliest);
      return 8;
    case 0x29:
      readFixed64(into.latest);
      return 16;
    case 0x30:
      into.expectedDuration = cursor.longVarint();
      return 32;
    case 0x38:
      into.batchSize = cursor.varint();
      return 64;
    case 0x40:
      sizes.push(cursor.varint());
      return 0;
    default:
      return -1;
  }
};

const ALL_ACTION_FIELDS = 127;

/**
 * Reads the message at `offset` when it is a whole, ordinary InferAction without a body; returns its length, or 0 when it
 * is not, whatever `into` then holds. `inputSizes` is a new array each time.
 */
export const readInferAction = (
  bytes: Uint8Array,
  offset: number,
  into: InferActionFields,
): number => {
  const place = actionPlace;
  if (!findMessage(bytes, offset, place)) return 0;
  if (place.end !== place.headerEnd || place.messageId !== 0) return 0;
  cursor.begin(bytes, place.headerStart, place.headerEnd);
  const sizes: number[] = [];
  let seen = 0;
  while (cursor.ok && cursor.at < cursor.end) {
    const field = readActionField(cursor.tag(), into, sizes);
    if (field < 0) return 0;
    seen |= field;
  }
  if (!cursor.ok || seen !== ALL_ACTION_FIELDS) return 0;
  into.inputSizes = sizes;
  takeStamps(into, place);
  return place.end - offset;
};

const ALL_TIMING_FIELDS = 7;

const readTiming = (into: TimingFields): void => {
  const length = cursor.varint();
  const end = cursor.at + length;
  let seen = 0;
  while (cursor.ok && cursor.at < end) {
    const tag = cursor.tag();
    if (tag === 0x09) readFixed64(into.begin);
    else if (tag === 0x11) readFixed64(into.end);
    else if (tag === 0x19) into.duration = cursor.shortFixed64();
    else cursor.ok = false;
    seen |= tag === 0x09 ? 1 : tag === 0x11 ? 2 : 4;
  }
  if (cursor.at !== end || seen !== ALL_TIMING_FIELDS) cursor.ok = false;
};

/** As `readActionField`; a timing that comes twice would have to be merged, and is refused. */
const readResultField = (tag: number, into: InferResultFields, seen: number): number => {
  switch (tag) {
    case 0x08:
      into.actionId = cursor.varint();
      return 1;
    case 0x12:
      readTiming(into.copyInput);
      return (seen & 2) === 0 ? 2 : -1;
    case 0x1a:
      readTiming(into.exec);
      return (seen & 4) === 0 ? 4 : -1;
    case 0x22:
      readTiming(into.copyOutput);
      return (seen & 8) === 0 ? 8 : -1;
    case 0x28:
      into.gpuId = cursor.varint();
      return 16;
    case 0x30:
      into.gpuClockBefore = cursor.varint();
      return 32;
    case 0x38:
      into.gpuClock = cursor.varint();
      return 64;
    case 0x41:
      readFixed64(into.actionReceived);
      return 128;
    case 0x49:
      readFixed64(into.resultSent);
      return 256;
    default:
      return -1;
  }
};

const ALL_RESULT_FIELDS = 511;

/** Reads the message at `offset` when it is a whole, ordinary InferResult; as `readInferAction`. */
export const readInferResult = (
  bytes: Uint8Array,
  offset: number,
  into: InferResultFields,
): number => {
  const place = resultPlace;
  if (!findMessage(bytes, offset, place) || place.messageId !== 0) return 0;
  cursor.begin(bytes, place.headerStart, place.headerEnd);
  let seen = 0;
  while (cursor.ok && cursor.at < cursor.end) {
    const field = readResultField(cursor.tag(), into, seen);
    if (field < 0) return 0;
    seen |= field;
  }
  if (!cursor.ok || seen !== ALL_RESULT_FIELDS) return 0;
  into.outputStart = place.headerEnd;
  into.outputBytes = place.end - place.headerEnd;
  takeStamps(into, place);
  return place.end - offset;
};
