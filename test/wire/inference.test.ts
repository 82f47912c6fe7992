/** The load generator's own two messages: byte for byte what the table-driven codec writes, and read as it reads. */
import { describe, expect, test } from "bun:test";
import { Rng } from "#stdx/rng.ts";
import { NO_DELTA } from "#wire/clock-sync.ts";
import { MessageBuffer } from "#wire/direct-fields.ts";
import { encodeHead, FrameDecoder, PRE_HEADER_BYTES } from "#wire/framing.ts";
import {
  emptyInferenceResponse,
  type InferenceRequest,
  type InferenceResponse,
  isOrdinary,
  putInferenceRequest,
  REQUEST_HEAD_BYTES_MAX,
  readInferenceResponse,
} from "#wire/inference.ts";
import { type OutgoingFrame, REQUESTS, RESPONSES } from "#wire/messages.ts";
import { anyTime, edge, halves, pick } from "./any-values.ts";

describe("a request", () => {
  test("is byte for byte what the codec writes", () => {
    const rng = Rng.of(1, "requests");
    const buffer = new MessageBuffer(4096);
    for (let i = 0; i < 5000; i++) {
      const request: InferenceRequest = {
        messageId: edge(rng, 2 ** 31 - 1),
        userId: edge(rng, 2 ** 31 - 1),
        userRequestId: edge(rng, 2 ** 31 - 1),
        modelId: edge(rng, 2 ** 32 - 1),
        batchSize: edge(rng, 2 ** 31 - 1),
        sloFactor: pick(rng, [0, -1, 2.5, 1 / 3]),
        input: new Uint8Array(pick(rng, [0, 1, 300])).map(() => rng.below(256)),
      };
      expect(isOrdinary(request)).toBe(true);
      const sendTimeNs = anyTime(rng);
      const localDeltaNs = pick(rng, [NO_DELTA, -5n, 77n]);
      const { high, low } = halves(sendTimeNs);
      // Garbage of earlier requests must not shine through.
      buffer.bytes.fill(0xaa);
      buffer.length = rng.below(1000);
      const start = buffer.length;
      putInferenceRequest(buffer, request, { sendTimeHigh: high, sendTimeLow: low, localDeltaNs });
      expect(buffer.length - start).toBeLessThanOrEqual(
        REQUEST_HEAD_BYTES_MAX + request.input.length,
      );
      const { messageId, userId, userRequestId, modelId, batchSize, sloFactor, input } = request;
      const frame: OutgoingFrame<typeof REQUESTS> = {
        name: "ModelInferenceReq",
        messageId: BigInt(messageId),
        fields: { header: { userId, userRequestId }, modelId, batchSize, sloFactor },
        body: [input],
      };
      const head = encodeHead(REQUESTS, frame, { sendTimeNs, localDeltaNs });
      const expected = Buffer.concat([head, input]).toHex();
      expect(buffer.bytes.subarray(start, buffer.length).toHex()).toBe(expected);
    }
  });

  test("out of the ordinary is refused", () => {
    const request: InferenceRequest = {
      messageId: 0,
      userId: 0,
      userRequestId: 0,
      modelId: 0,
      batchSize: 1,
      sloFactor: 0,
      input: new Uint8Array(0),
    };
    expect(isOrdinary({ ...request, userId: -1 })).toBe(false);
    expect(isOrdinary({ ...request, messageId: 2 ** 31 })).toBe(false);
    expect(isOrdinary({ ...request, modelId: 2 ** 32 })).toBe(false);
    expect(isOrdinary({ ...request, userRequestId: 0.5 })).toBe(false);
  });
});

/** What the codec makes of a stream that holds one message; null when it is no whole inference response. */
const readByTable = (bytes: Uint8Array): (InferenceResponse & { length: number }) | null => {
  const decoder = new FrameDecoder(RESPONSES);
  decoder.push(bytes, 0);
  const read = decoder.next();
  if (read === null || !read.ok || read.value.frame.name !== "ModelInferenceRsp") return null;
  const { frame, sendTimeNs, localDeltaNs, headerBytes } = read.value;
  const { header, modelId, batchSize } = frame.fields;
  const [sendTime, localDelta] = [halves(sendTimeNs), halves(localDeltaNs)];
  return {
    length: PRE_HEADER_BYTES + headerBytes + frame.body.length,
    messageId: Number(frame.messageId),
    userRequestId: header.userRequestId ?? 0,
    status: header.status ?? 0,
    modelId,
    batchSize,
    bodyBytes: frame.body.length,
    sendTimeHigh: sendTime.high,
    sendTimeLow: sendTime.low,
    localDeltaHigh: localDelta.high,
    localDeltaLow: localDelta.low,
  };
};

const response = (rng: Rng): Uint8Array => {
  const header = {
    ...(rng.below(5) === 0 ? {} : { userRequestId: edge(rng, 2 ** 31 - 1) }),
    ...(rng.below(5) === 0 ? {} : { status: pick(rng, [0, 7, 300]) }),
    ...(rng.below(5) === 0 ? {} : { message: pick(rng, ["", "", "no such model: ä"]) }),
  };
  const body = new Uint8Array(pick(rng, [0, 0, 3, 500]));
  const fields = { header, modelId: edge(rng, 2 ** 31 - 1), batchSize: edge(rng, 2 ** 31 - 1) };
  const messageId = BigInt(edge(rng, 2 ** 31 - 1));
  const frame: OutgoingFrame<typeof RESPONSES> = {
    name: "ModelInferenceRsp",
    messageId,
    fields,
    body: [body],
  };
  const stamps = { sendTimeNs: anyTime(rng), localDeltaNs: pick(rng, [NO_DELTA, -12_345n, 99n]) };
  return Buffer.concat([encodeHead(RESPONSES, frame, stamps), body]);
};

describe("a response", () => {
  test("is read as the codec reads it", () => {
    const rng = Rng.of(2, "responses");
    const into = emptyInferenceResponse();
    for (let i = 0; i < 5000; i++) {
      const bytes = response(rng);
      const before = rng.below(20);
      const stream = Buffer.concat([new Uint8Array(before), bytes, new Uint8Array(rng.below(20))]);
      const length = readInferenceResponse(stream, before, into);
      expect({ ...into, length }).toEqual(readByTable(bytes) as never);
    }
  });

  test("with any bytes changed is refused, or still read as the codec reads it", () => {
    const rng = Rng.of(3, "changed");
    const into = emptyInferenceResponse();
    let accepted = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = response(rng);
      for (let changes = 1 + rng.below(3); changes > 0; changes--) {
        // Lengths and header rather than clocks, which may hold anything.
        const at =
          rng.below(2) === 0
            ? rng.below(bytes.length)
            : Math.min(48 + rng.below(24), bytes.length - 1);
        bytes[at] = pick(rng, [rng.below(256), 0, 0x80, 0xff, 0x0a, 0x10]);
      }
      const length = readInferenceResponse(bytes, 0, into);
      if (length === 0) continue;
      accepted++;
      expect({ ...into, length }).toEqual(readByTable(bytes) as never);
    }
    expect(accepted).toBeGreaterThan(1000);
  });

  test("cut anywhere is left to the codec", () => {
    const rng = Rng.of(4, "cut");
    const into = emptyInferenceResponse();
    for (let i = 0; i < 200; i++) {
      const bytes = response(rng);
      const cut = rng.below(bytes.length);
      expect(readInferenceResponse(bytes.subarray(0, cut), 0, into)).toBe(0);
    }
  });
});
