/** Framing: any chunking, limits before memory, and errors that stay. */
import { expect, test } from "bun:test";
import { Rng } from "#stdx/rng.ts";
import { NO_DELTA } from "#wire/clock-sync.ts";
import { encodeHead, FrameDecoder, PRE_HEADER_BYTES, type ReceivedFrame } from "#wire/framing.ts";
import { ACTIONS, type OutgoingFrame, REQUESTS } from "#wire/messages.ts";

const stamps = { sendTimeNs: 1_795_450_679_419_767_911n, localDeltaNs: -42n };

const infer = (id: number, bodyBytes: number): OutgoingFrame<typeof REQUESTS> => ({
  name: "ModelInferenceReq",
  messageId: BigInt(id),
  fields: { header: { userId: 1, userRequestId: id }, modelId: 2, batchSize: 1, sloFactor: 0 },
  body: bodyBytes === 0 ? [] : [new Uint8Array(bodyBytes).map((_, index) => index + id)],
});

const toBytes = (frame: OutgoingFrame<typeof REQUESTS>): Uint8Array =>
  Buffer.concat([encodeHead(REQUESTS, frame, stamps), ...frame.body]);

const readAll = (
  decoder: FrameDecoder<typeof REQUESTS>,
  chunk: Uint8Array,
  readAt = 0,
): ReceivedFrame<typeof REQUESTS>[] => {
  decoder.push(chunk, readAt);
  const frames: ReceivedFrame<typeof REQUESTS>[] = [];
  for (let step = decoder.next(); step !== null; step = decoder.next()) {
    if (!step.ok) throw new Error(step.error.message);
    frames.push(step.value);
  }
  return frames;
};

test("the pre-header is six little-endian integers", () => {
  const frame = {
    name: "ClearCacheAction",
    messageId: 7n,
    fields: { actionId: 300 },
    body: [],
  } as const;
  const head = encodeHead(ACTIONS, frame, { sendTimeNs: 2n ** 64n - 2n, localDeltaNs: NO_DELTA });
  expect(head.toHex()).toBe(
    [
      "0300000000000000",
      "0000000000000000",
      "0500000000000000",
      "0700000000000000",
      "feffffffffffffff",
      "ffffffffffffff7f",
      "08ac02",
    ].join(""),
  );
});

test("frames come out the same whatever the chunks, with the body as memory of its own", () => {
  const frames = [infer(0, 0), infer(1, 1), infer(2, 70_000), infer(3, 0), infer(4, 2_500_000)];
  const stream = Buffer.concat(frames.map(toBytes));
  const rng = Rng.of(1, "chunks");
  const sizes = [
    () => stream.length,
    () => 7,
    () => 1 + rng.below(100_000),
    () => PRE_HEADER_BYTES,
  ];
  for (const nextSize of sizes) {
    const decoder = new FrameDecoder(REQUESTS);
    const seen: ReceivedFrame<typeof REQUESTS>[] = [];
    for (let offset = 0; offset < stream.length; ) {
      const chunk = new Uint8Array(stream.subarray(offset, offset + nextSize()));
      offset += chunk.length;
      seen.push(...readAll(decoder, chunk));
      // What was borrowed may be overwritten by the next read.
      chunk.fill(0xee);
    }
    expect(decoder.isAtBoundary).toBe(true);
    expect(
      seen.map(({ frame }) => ({ ...frame, body: frame.body.length === 0 ? [] : [frame.body] })),
    ).toEqual(frames as never);
    expect(seen.every((each) => each.sendTimeNs === stamps.sendTimeNs)).toBe(true);
    expect(seen.every((each) => each.localDeltaNs === -42n)).toBe(true);
  }
});

test("the receive time is that of the chunk that completed the pre-header", () => {
  const bytes = toBytes(infer(1, 1000));
  const decoder = new FrameDecoder(REQUESTS);
  expect(readAll(decoder, bytes.subarray(0, 40), 100)).toEqual([]);
  expect(decoder.isAtBoundary).toBe(false);
  expect(readAll(decoder, bytes.subarray(40, 50), 200)).toEqual([]);
  expect(readAll(decoder, bytes.subarray(50, 500), 300)).toEqual([]);
  expect(readAll(decoder, bytes.subarray(500), 400).map((each) => each.preHeaderAt)).toEqual([200]);
});

const preHeader = (...values: readonly bigint[]): Uint8Array =>
  new Uint8Array(new BigUint64Array(values).buffer);

const U64_MAX = 2n ** 64n - 1n;
const LIMITS = { headerBytesMax: 100, bodyBytesMax: 1000 };

test.each<readonly [string, bigint, bigint, bigint, string]>([
  ["header over the limit", 101n, 0n, 2n, "header_too_large"],
  ["header of 2^64 − 1", U64_MAX, 0n, 2n, "header_too_large"],
  ["body over the limit", 100n, 1001n, 2n, "body_too_large"],
  ["body of 2^64 − 1", 0n, U64_MAX, 2n, "body_too_large"],
  ["type 0", 0n, 0n, 0n, "unknown_type"],
  ["type of the other direction", 0n, 0n, 101n, "unknown_type"],
  ["type that only its low bits make known", 0n, 0n, 2n ** 32n + 2n, "unknown_type"],
  ["type of 2^64 − 1", 0n, 0n, U64_MAX, "unknown_type"],
  ["body where none belongs", 0n, 1n, 5n, "unexpected_body"],
])("%s is refused with the pre-header alone", (_, header, body, type, kind) => {
  const decoder = new FrameDecoder(REQUESTS, LIMITS);
  decoder.push(preHeader(header, body, type, 0n, 0n, 0n), 0);
  expect(decoder.next()).toMatchObject({ ok: false, error: { kind } });
});

test("sizes at the limits are accepted, and a header that is incomplete is refused", () => {
  const decoder = new FrameDecoder(REQUESTS, LIMITS);
  decoder.push(preHeader(100n, 1000n, 2n, 0n, 0n, 0n), 0);
  expect(decoder.next()).toBeNull();
  decoder.push(new Uint8Array(100), 0);
  // A hundred zero bytes are no message: field number 0.
  expect(decoder.next()).toMatchObject({ ok: false, error: { kind: "malformed_header" } });
});

test("a claimed length takes no memory before its bytes come", () => {
  // A terabyte, as if it were allowed: nothing of that size can be had.
  const decoder = new FrameDecoder(REQUESTS, { headerBytesMax: 100, bodyBytesMax: 2 ** 40 });
  const head = encodeHead(REQUESTS, infer(1, 0), stamps);
  new DataView(head.buffer, head.byteOffset).setBigUint64(8, 2n ** 40n, true);
  decoder.push(head, 0);
  expect(decoder.next()).toBeNull();
  decoder.push(new Uint8Array(3), 0);
  expect(decoder.next()).toBeNull();
});

test("after an error nothing more is read, whatever follows", () => {
  const decoder = new FrameDecoder(REQUESTS);
  decoder.push(Buffer.concat([preHeader(0n, 0n, 99n, 0n, 0n, 0n), toBytes(infer(1, 0))]), 0);
  const first = decoder.next();
  decoder.push(toBytes(infer(2, 0)), 1);
  expect(decoder.next()).toEqual(first);
  expect(first).toMatchObject({ ok: false, error: { kind: "unknown_type" } });
});

test("a message that does not belong in this direction cannot be sent", () => {
  expect(() => encodeHead(ACTIONS, infer(1, 0) as never, stamps)).toThrow(
    "does not travel in this direction",
  );
  const withBody = {
    name: "LSReq",
    messageId: 0n,
    fields: { header: {} },
    body: [new Uint8Array(1)],
  } as const;
  expect(() => encodeHead(REQUESTS, withBody, stamps)).toThrow("takes no body");
});

test("a small body keeps none of the chunk that it came in, also when that is a Buffer", () => {
  const chunk = Buffer.concat([toBytes(infer(1, 40)), toBytes(infer(2, 60)), toBytes(infer(3, 0))]);
  const frames = readAll(new FrameDecoder(REQUESTS), chunk);
  expect(frames.map(({ frame }) => frame.body.buffer.byteLength)).toEqual([40, 60, 0]);
  // What a lane reads off the chunk itself is sliced by the lane.
  const decoder = new FrameDecoder(REQUESTS);
  decoder.push(chunk, 0);
  const slices: Uint8Array[] = [];
  decoder.takeDirectly((bytes) => {
    slices.push(bytes.slice(0, 10));
    return 0;
  }, 1);
  expect(slices.map(({ buffer }) => buffer.byteLength)).toEqual([10]);
});
