/** Infer actions and results: byte for byte what the table-driven codec writes, and read as it reads. */
import { describe, expect, test } from "bun:test";
import { Rng } from "#stdx/rng.ts";
import { NO_DELTA } from "#wire/clock-sync.ts";
import { MessageBuffer } from "#wire/direct-fields.ts";
import { encodeHead, FrameDecoder, PRE_HEADER_BYTES } from "#wire/framing.ts";
import {
  actionBytesMax,
  emptyAction,
  emptyResult,
  type Halves,
  type InferActionFields,
  type InferResultFields,
  isOrdinaryAction,
  isOrdinaryResult,
  putInferAction,
  putInferResult,
  RESULT_HEAD_BYTES_MAX,
  readInferAction,
  readInferResult,
  type TimingFields,
} from "#wire/infer-messages.ts";
import { ACTIONS, type OutgoingFrame, RESULTS } from "#wire/messages.ts";
import { anyTime, edge, halves, pick } from "./any-values.ts";

const INT32_MAX = 2 ** 31 - 1;
const UINT32_MAX = 2 ** 32 - 1;

const toBig = ({ high, low }: Halves): bigint => (BigInt(high) << 32n) | BigInt(low);
const duration = (rng: Rng): number =>
  pick(rng, [0, 127, 128, edge(rng, UINT32_MAX), Math.floor(rng.uniform() * 2 ** 53), 2 ** 53 - 1]);

const anyAction = (rng: Rng, max = UINT32_MAX): InferActionFields => ({
  ...emptyAction(),
  actionId: edge(rng, INT32_MAX),
  modelId: edge(rng, INT32_MAX),
  gpuId: edge(rng, max),
  earliest: halves(pick(rng, [0n, anyTime(rng)])),
  latest: halves(pick(rng, [2n ** 64n - 1n, anyTime(rng)])),
  expectedDuration: duration(rng),
  batchSize: edge(rng, max),
  inputSizes: Array.from({ length: rng.below(17) }, () => edge(rng, max)),
});

const anyTiming = (rng: Rng): TimingFields => ({
  begin: halves(anyTime(rng)),
  end: halves(anyTime(rng)),
  duration: duration(rng),
});

const anyResult = (rng: Rng, max = UINT32_MAX): InferResultFields => ({
  ...emptyResult(),
  actionId: edge(rng, INT32_MAX),
  copyInput: anyTiming(rng),
  exec: anyTiming(rng),
  copyOutput: anyTiming(rng),
  gpuId: edge(rng, max),
  gpuClockBefore: edge(rng, max),
  gpuClock: edge(rng, max),
  actionReceived: halves(pick(rng, [0n, anyTime(rng)])),
  resultSent: halves(anyTime(rng)),
});

const toActionFrame = (action: InferActionFields): OutgoingFrame<typeof ACTIONS> => {
  const { actionId, modelId, gpuId, batchSize, inputSizes } = action;
  const [earliest, latest] = [toBig(action.earliest), toBig(action.latest)];
  const expectedDuration = BigInt(action.expectedDuration);
  const ids = { actionId, modelId, gpuId, batchSize, inputSizes };
  const fields = { ...ids, earliest, latest, expectedDuration };
  return { name: "InferAction", messageId: 0n, fields, body: [] };
};

const toTiming = (timing: TimingFields) => ({
  begin: toBig(timing.begin),
  end: toBig(timing.end),
  duration: BigInt(timing.duration),
});

const toResultFrame = (
  result: InferResultFields,
  output: Uint8Array,
): OutgoingFrame<typeof RESULTS> => {
  const { actionId, gpuId, gpuClockBefore, gpuClock } = result;
  const fields = {
    actionId,
    copyInputTiming: toTiming(result.copyInput),
    execTiming: toTiming(result.exec),
    copyOutputTiming: toTiming(result.copyOutput),
    gpuId,
    gpuClockBefore,
    gpuClock,
    actionReceived: toBig(result.actionReceived),
    resultSent: toBig(result.resultSent),
  };
  return { name: "InferResult", messageId: 0n, fields, body: [output] };
};

const anyStamps = (rng: Rng) => {
  const sendTimeNs = anyTime(rng);
  const localDeltaNs = pick(rng, [NO_DELTA, -5n, 77n]);
  const { high: sendTimeHigh, low: sendTimeLow } = halves(sendTimeNs);
  return { sendTimeNs, localDeltaNs, sendTimeHigh, sendTimeLow };
};

/** A buffer that begins somewhere and in which garbage of earlier messages must not shine through. */
const soiled = (rng: Rng): MessageBuffer => {
  const buffer = new MessageBuffer(4096);
  buffer.bytes.fill(0xaa);
  buffer.length = rng.below(1000);
  return buffer;
};

describe("what is written", () => {
  test("an action is byte for byte what the codec writes", () => {
    const rng = Rng.of(1, "actions");
    for (let i = 0; i < 3000; i++) {
      const action = anyAction(rng);
      expect(isOrdinaryAction(action)).toBe(true);
      const stamps = anyStamps(rng);
      const buffer = soiled(rng);
      const start = buffer.length;
      putInferAction(buffer, action, stamps);
      expect(buffer.length - start).toBeLessThanOrEqual(actionBytesMax(action));
      const expected = encodeHead(ACTIONS, toActionFrame(action), stamps).toHex();
      expect(buffer.bytes.subarray(start, buffer.length).toHex()).toBe(expected);
    }
  });

  test("a result is byte for byte what the codec writes", () => {
    const rng = Rng.of(2, "results");
    for (let i = 0; i < 3000; i++) {
      const result = anyResult(rng);
      expect(isOrdinaryResult(result)).toBe(true);
      const output = new Uint8Array(pick(rng, [0, 0, 1, 300])).map(() => rng.below(256));
      const stamps = anyStamps(rng);
      const buffer = soiled(rng);
      const start = buffer.length;
      putInferResult(buffer, { result, output }, stamps);
      expect(buffer.length - start).toBeLessThanOrEqual(RESULT_HEAD_BYTES_MAX + output.length);
      const head = encodeHead(RESULTS, toResultFrame(result, output), stamps);
      const expected = Buffer.concat([head, output]).toHex();
      expect(buffer.bytes.subarray(start, buffer.length).toHex()).toBe(expected);
    }
  });

  test("out of the ordinary is refused", () => {
    const action = emptyAction();
    expect(isOrdinaryAction({ ...action, actionId: -1 })).toBe(false);
    expect(isOrdinaryAction({ ...action, modelId: 2 ** 31 })).toBe(false);
    expect(isOrdinaryAction({ ...action, expectedDuration: 2 ** 53 })).toBe(false);
    expect(isOrdinaryAction({ ...action, inputSizes: [0, -1] })).toBe(false);
    const result = emptyResult();
    expect(isOrdinaryResult({ ...result, actionId: -1 })).toBe(false);
    expect(isOrdinaryResult({ ...result, gpuClock: 2 ** 32 })).toBe(false);
    const exec = { ...result.exec, duration: -1 };
    expect(isOrdinaryResult({ ...result, exec })).toBe(false);
  });
});

const stampsOf = (received: { readonly sendTimeNs: bigint; readonly localDeltaNs: bigint }) => {
  const [sendTime, localDelta] = [halves(received.sendTimeNs), halves(received.localDeltaNs)];
  return {
    sendTimeHigh: sendTime.high,
    sendTimeLow: sendTime.low,
    localDeltaHigh: localDelta.high,
    localDeltaLow: localDelta.low,
  };
};

/** What the codec makes of a stream that holds one message; null when it is no whole InferAction. */
const actionByTable = (bytes: Uint8Array) => {
  const decoder = new FrameDecoder(ACTIONS);
  decoder.push(bytes, 0);
  const read = decoder.next();
  if (read === null || !read.ok || read.value.frame.name !== "InferAction") return null;
  const { fields, body } = read.value.frame;
  return {
    length: PRE_HEADER_BYTES + read.value.headerBytes + body.length,
    ...fields,
    earliest: halves(fields.earliest),
    latest: halves(fields.latest),
    expectedDuration: Number(fields.expectedDuration),
    ...stampsOf(read.value),
  };
};

const resultByTable = (bytes: Uint8Array) => {
  const decoder = new FrameDecoder(RESULTS);
  decoder.push(bytes, 0);
  const read = decoder.next();
  if (read === null || !read.ok || read.value.frame.name !== "InferResult") return null;
  const { fields, body } = read.value.frame;
  const { copyInputTiming, execTiming, copyOutputTiming, ...rest } = fields;
  const timing = (of: typeof execTiming): TimingFields => ({
    begin: halves(of.begin),
    end: halves(of.end),
    duration: Number(of.duration),
  });
  return {
    length: PRE_HEADER_BYTES + read.value.headerBytes + body.length,
    ...rest,
    copyInput: timing(copyInputTiming),
    exec: timing(execTiming),
    copyOutput: timing(copyOutputTiming),
    actionReceived: halves(fields.actionReceived),
    resultSent: halves(fields.resultSent),
    outputStart: PRE_HEADER_BYTES + read.value.headerBytes,
    outputBytes: body.length,
    ...stampsOf(read.value),
  };
};

const actionBytes = (rng: Rng): Uint8Array =>
  encodeHead(ACTIONS, toActionFrame(anyAction(rng, INT32_MAX)), anyStamps(rng));

const resultBytes = (rng: Rng): Uint8Array => {
  const output = new Uint8Array(pick(rng, [0, 0, 3, 500]));
  const frame = toResultFrame(anyResult(rng, INT32_MAX), output);
  return Buffer.concat([encodeHead(RESULTS, frame, anyStamps(rng)), output]);
};

const KINDS = [
  {
    name: "action",
    make: actionBytes,
    read: (bytes: Uint8Array, at: number) => {
      const into = emptyAction();
      return { ...into, length: readInferAction(bytes, at, into), ...into };
    },
    byTable: actionByTable,
  },
  {
    name: "result",
    make: resultBytes,
    read: (bytes: Uint8Array, at: number) => {
      const into = emptyResult();
      const length = readInferResult(bytes, at, into);
      return { ...into, length, outputStart: into.outputStart - at };
    },
    byTable: resultByTable,
  },
] as const;

describe.each(KINDS)("what is read: $name", ({ name, make, read, byTable }) => {
  test("as the codec reads it", () => {
    const rng = Rng.of(3, name);
    for (let i = 0; i < 3000; i++) {
      const bytes = make(rng);
      const before = rng.below(20);
      const stream = Buffer.concat([new Uint8Array(before), bytes, new Uint8Array(rng.below(20))]);
      expect(read(stream, before)).toEqual(byTable(bytes) as never);
    }
  });

  test("with any bytes changed it is refused, or still read as the codec reads it", () => {
    const rng = Rng.of(4, name);
    let accepted = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = make(rng);
      for (let changes = 1 + rng.below(2); changes > 0; changes--) {
        const at = PRE_HEADER_BYTES + rng.below(bytes.length - PRE_HEADER_BYTES);
        bytes[at] = pick(rng, [rng.below(256), 0, 0x80, 0xff, 0x08, 0x12, 0x21, 0x40]);
      }
      const seen = read(bytes, 0);
      if (seen.length === 0) continue;
      accepted++;
      expect(seen).toEqual(byTable(bytes) as never);
    }
    expect(accepted).toBeGreaterThan(1000);
  });

  test("cut anywhere it is left to the codec", () => {
    const rng = Rng.of(5, name);
    for (let i = 0; i < 200; i++) {
      const bytes = make(rng);
      expect(read(bytes.subarray(0, rng.below(bytes.length)), 0).length).toBe(0);
    }
  });
});
