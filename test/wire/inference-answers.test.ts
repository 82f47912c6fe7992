/** The controller's half of an inference: requests read as the table-driven codec reads them, responses as it writes. */
import { describe, expect, test } from "bun:test";
import { Rng } from "#stdx/rng.ts";
import { NO_DELTA } from "#wire/clock-sync.ts";
import { MessageBuffer } from "#wire/direct-fields.ts";
import { encodeHead, FrameDecoder, PRE_HEADER_BYTES } from "#wire/framing.ts";
import {
  emptyRequest,
  isOrdinaryResponse,
  putInferenceResponse,
  readInferenceRequest,
  responseBytesMax,
  type WrittenResponse,
} from "#wire/inference-answers.ts";
import { type OutgoingFrame, REQUESTS, RESPONSES } from "#wire/messages.ts";
import { anyTime, edge, halves, pick } from "./any-values.ts";

describe("a response", () => {
  test("is byte for byte what the codec writes", () => {
    const rng = Rng.of(1, "responses");
    const buffer = new MessageBuffer(4096);
    for (let i = 0; i < 5000; i++) {
      const message = pick(rng, ["", "", "too late", "ä".repeat(100)]);
      const response: WrittenResponse = {
        messageId: edge(rng, 2 ** 31 - 1),
        userRequestId: edge(rng, 2 ** 31 - 1),
        status: pick(rng, [0, 4, 300]),
        text: new TextEncoder().encode(message),
        modelId: edge(rng, 2 ** 32 - 1),
        batchSize: edge(rng, 2 ** 31 - 1),
        output: new Uint8Array(pick(rng, [0, 0, 1, 300])).map(() => rng.below(256)),
      };
      expect(isOrdinaryResponse(response)).toBe(true);
      const sendTimeNs = anyTime(rng);
      const localDeltaNs = pick(rng, [NO_DELTA, -5n, 77n]);
      const { high, low } = halves(sendTimeNs);
      // Garbage of earlier messages must not shine through.
      buffer.bytes.fill(0xaa);
      buffer.length = rng.below(1000);
      const start = buffer.length;
      putInferenceResponse(buffer, response, {
        sendTimeHigh: high,
        sendTimeLow: low,
        localDeltaNs,
      });
      expect(buffer.length - start).toBeLessThanOrEqual(responseBytesMax(response));
      const { messageId, userRequestId, status, modelId, batchSize, output } = response;
      const frame: OutgoingFrame<typeof RESPONSES> = {
        name: "ModelInferenceRsp",
        messageId: BigInt(messageId),
        fields: { header: { userRequestId, status, message }, modelId, batchSize },
        body: [output],
      };
      const head = encodeHead(RESPONSES, frame, { sendTimeNs, localDeltaNs });
      const expected = Buffer.concat([head, output]).toHex();
      expect(buffer.bytes.subarray(start, buffer.length).toHex()).toBe(expected);
    }
  });

  test("out of the ordinary is refused", () => {
    const none = new Uint8Array(0);
    const response: WrittenResponse = {
      messageId: 0,
      userRequestId: 0,
      status: 0,
      text: none,
      modelId: 0,
      batchSize: 1,
      output: none,
    };
    expect(isOrdinaryResponse({ ...response, messageId: -1 })).toBe(false);
    expect(isOrdinaryResponse({ ...response, userRequestId: -1 })).toBe(false);
    expect(isOrdinaryResponse({ ...response, status: -1 })).toBe(false);
    expect(isOrdinaryResponse({ ...response, modelId: 2 ** 32 })).toBe(false);
  });
});

/** What the codec makes of a stream that holds one message; null when it is no whole inference request. */
const readByTable = (bytes: Uint8Array) => {
  const decoder = new FrameDecoder(REQUESTS);
  decoder.push(bytes, 0);
  const read = decoder.next();
  if (read === null || !read.ok || read.value.frame.name !== "ModelInferenceReq") return null;
  const { frame, sendTimeNs, localDeltaNs, headerBytes } = read.value;
  const { header, modelId, batchSize, sloFactor } = frame.fields;
  const [sendTime, localDelta] = [halves(sendTimeNs), halves(localDeltaNs)];
  return {
    length: PRE_HEADER_BYTES + headerBytes + frame.body.length,
    messageId: Number(frame.messageId),
    userId: header.userId ?? 0,
    userRequestId: header.userRequestId ?? 0,
    modelId,
    batchSize,
    sloFactor,
    inputStart: PRE_HEADER_BYTES + headerBytes,
    inputBytes: frame.body.length,
    sendTimeHigh: sendTime.high,
    sendTimeLow: sendTime.low,
    localDeltaHigh: localDelta.high,
    localDeltaLow: localDelta.low,
  };
};

const request = (rng: Rng): Uint8Array => {
  const header = {
    ...(rng.below(5) === 0 ? {} : { userId: edge(rng, 2 ** 31 - 1) }),
    ...(rng.below(5) === 0 ? {} : { userRequestId: edge(rng, 2 ** 31 - 1) }),
  };
  const body = new Uint8Array(pick(rng, [0, 0, 3, 500]));
  const frame: OutgoingFrame<typeof REQUESTS> = {
    name: "ModelInferenceReq",
    messageId: BigInt(edge(rng, 2 ** 31 - 1)),
    fields: {
      header,
      modelId: edge(rng, 2 ** 31 - 1),
      batchSize: edge(rng, 2 ** 31 - 1),
      sloFactor: Math.fround(pick(rng, [0, -1, 2.5, 1 / 3, Number.NaN, Number.POSITIVE_INFINITY])),
    },
    body: [body],
  };
  const stamps = { sendTimeNs: anyTime(rng), localDeltaNs: pick(rng, [NO_DELTA, -12_345n, 99n]) };
  return Buffer.concat([encodeHead(REQUESTS, frame, stamps), body]);
};

describe("a request", () => {
  test("is read as the codec reads it", () => {
    const rng = Rng.of(2, "requests");
    const into = emptyRequest();
    for (let i = 0; i < 5000; i++) {
      const bytes = request(rng);
      const before = rng.below(20);
      const stream = Buffer.concat([new Uint8Array(before), bytes, new Uint8Array(rng.below(20))]);
      const length = readInferenceRequest(stream, before, into);
      const inputStart = into.inputStart - before;
      expect({ ...into, inputStart, length }).toEqual(readByTable(bytes) as never);
    }
  });

  test("with any bytes changed is refused, or still read as the codec reads it", () => {
    const rng = Rng.of(3, "changed");
    const into = emptyRequest();
    let accepted = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = request(rng);
      for (let changes = 1 + rng.below(3); changes > 0; changes--) {
        // Lengths and header rather than clocks, which may hold anything.
        const at =
          rng.below(2) === 0
            ? rng.below(bytes.length)
            : Math.min(48 + rng.below(24), bytes.length - 1);
        bytes[at] = pick(rng, [rng.below(256), 0, 0x80, 0xff, 0x0a, 0x10, 0x25]);
      }
      const length = readInferenceRequest(bytes, 0, into);
      if (length === 0) continue;
      accepted++;
      expect({ ...into, length }).toEqual(readByTable(bytes) as never);
    }
    expect(accepted).toBeGreaterThan(1000);
  });

  test("cut anywhere is left to the codec", () => {
    const rng = Rng.of(4, "cut");
    const into = emptyRequest();
    for (let i = 0; i < 200; i++) {
      const bytes = request(rng);
      expect(readInferenceRequest(bytes.subarray(0, rng.below(bytes.length)), 0, into)).toBe(0);
    }
  });
});
