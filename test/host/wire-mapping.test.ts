/** Roles' messages to and from the wire: every captured frame there and back, and time on two clocks. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { actionFromWire, actionToWire, windowFromWire } from "#host/action-mapping.ts";
import { type Clock, INSTANT_MAX } from "#host/clock.ts";
import { resultFromWire, resultToWire } from "#host/result-mapping.ts";
import {
  BytesPayload,
  bytesOf,
  EMPTY_PAYLOAD,
  requestFromWire,
  requestToWire,
  responseFromWire,
  responseToWire,
  sliceBytes,
} from "#host/wire-mapping.ts";
import type { ActionResult, ClientResponse } from "#serving/messages.ts";
import { type Nanos, ns, ZERO_NS } from "#stdx/nanos.ts";
import { type FrameRecord, messageSetOf } from "#wire/capture.ts";
import { encodeHead, FrameDecoder } from "#wire/framing.ts";
import type { RESULTS } from "#wire/messages.ts";
import {
  ACTIONS,
  type IncomingFrame,
  type MessageSet,
  type OutgoingFrame,
  REQUESTS,
  RESPONSES,
} from "#wire/messages.ts";

const U64_MAX = 2n ** 64n - 1n;
/** About when the frames were captured. */
const EPOCH_NS = 1_795_450_000_000_000_000n;

const clockAt = (epochNs: bigint): Clock => ({ epochNs, now: () => ZERO_NS });
const clock = clockAt(EPOCH_NS);

const thereAndBack = (
  set: MessageSet,
  frame: IncomingFrame<MessageSet>,
): OutgoingFrame<MessageSet> => {
  if (set === REQUESTS) {
    const { message, messageId } = requestFromWire(frame as IncomingFrame<typeof REQUESTS>);
    return requestToWire(message, messageId);
  }
  if (set === RESPONSES) {
    const { message, messageId } = responseFromWire(frame as IncomingFrame<typeof RESPONSES>);
    return responseToWire(message, messageId);
  }
  const shifted = { clock, clockDelta: ZERO_NS };
  if (set === ACTIONS) {
    const action = actionFromWire(frame as IncomingFrame<typeof ACTIONS>, shifted);
    return actionToWire(action, clock);
  }
  const result = resultFromWire(frame as IncomingFrame<typeof RESULTS>, clock);
  if (!result.ok) throw new Error(result.error);
  const sentAt = result.value.resultSent;
  if (sentAt === null) throw new Error("captured results all say when they were sent");
  return resultToWire(result.value, { ...shifted, sentAt });
};

test("every captured message keeps its bytes through the roles' form, but for garbage in failed loads", () => {
  const folder = join(import.meta.dir, "../golden/wire");
  let count = 0;
  let failedLoads = 0;
  for (const file of readdirSync(folder)) {
    for (const line of readFileSync(join(folder, file), "utf8").trimEnd().split("\n")) {
      const golden = JSON.parse(line) as FrameRecord & { stream: string; head: string };
      const set = messageSetOf(`${golden.stream}.bin`) as MessageSet;
      const decoder = new FrameDecoder(set);
      decoder.push(
        Buffer.concat([Buffer.from(golden.head, "hex"), new Uint8Array(golden.body_len)]),
        0,
      );
      const step = decoder.next();
      if (step?.ok !== true) throw new Error(`${file}: ${line}`);
      const back = thereAndBack(set, step.value.frame);
      const head = encodeHead(set, back, step.value).toHex();
      const header = (golden.fields as { header?: { status: number } }).header;
      if (golden.message === "LoadModelFromDiskRspProto" && header?.status !== 0) {
        failedLoads++;
        expect(back.fields).toMatchObject({
          modelId: 0,
          inputSize: 0n,
          outputSize: 0n,
          copiesCreated: 0,
        });
      } else {
        expect(head).toBe(golden.head);
      }
      count++;
    }
  }
  expect(count).toBeGreaterThan(300);
  expect(failedLoads).toBeGreaterThanOrEqual(3);
});

test("open window ends are null here and 0 and 2^64 − 1 there", () => {
  const action = {
    kind: "evict_weights",
    actionId: 1,
    modelId: 2,
    gpuId: 0,
    earliest: null,
    latest: null,
  } as const;
  const frame = actionToWire(action, clock);
  expect(frame.fields).toMatchObject({ earliest: 0n, latest: U64_MAX });
  const shifted = { clock, clockDelta: ns(-500) };
  expect(actionFromWire({ ...frame, body: new Uint8Array(0) }, shifted)).toEqual(action);
});

test("a window moves to the worker's clock, whose epoch is another one", () => {
  // The worker started 100 s after the controller and its clock is 3 s ahead.
  const worker = clockAt(EPOCH_NS + 103_000_000_000n);
  const delta = ns(3_000_000_000);
  const window = { earliest: EPOCH_NS + 150_000_000_000n, latest: EPOCH_NS + 150_000_000_007n };
  // 150 s on the controller's is 50 s after the worker started.
  expect(windowFromWire(window, worker, delta)).toEqual({
    earliest: ns(50_000_000_000),
    latest: ns(50_000_000_007),
  });
});

test("absurd windows keep their meaning: long past, far off, never", () => {
  expect(windowFromWire({ earliest: 5n, latest: 2n ** 63n }, clock, ZERO_NS)).toEqual({
    earliest: null,
    latest: null,
  });
  // May start only at the end of time, or had to start in 1970.
  expect(windowFromWire({ earliest: U64_MAX, latest: 0n }, clock, ZERO_NS)).toEqual({
    earliest: INSTANT_MAX,
    latest: ns(-INSTANT_MAX),
  });
});

const timing = (begin: number): { begin: Nanos; end: Nanos; duration: Nanos } => ({
  begin: ns(begin),
  end: ns(begin + 10),
  duration: ns(9),
});

const inferResult: ActionResult = {
  kind: "infer",
  actionId: 4,
  actionReceived: ns(1e3),
  resultSent: null,
  copyInput: timing(2e3),
  exec: timing(3e3),
  copyOutput: timing(4e3),
  gpuId: 1,
  gpuClockBeforeMhz: 1380,
  gpuClockMhz: 1380,
  output: new BytesPayload(new Uint8Array([1, 2, 3, 4])),
};

test("a result's instants move back to the controller's clock, its durations do not", () => {
  const delta = ns(3_000_000_000);
  const worker = clockAt(EPOCH_NS + 3_000_000_000n);
  const frame = resultToWire(inferResult, { clock: worker, clockDelta: delta, sentAt: ns(5000) });
  expect(frame.fields).toMatchObject({
    actionReceived: EPOCH_NS + 1000n,
    copyInputTiming: { begin: EPOCH_NS + 2000n, end: EPOCH_NS + 2010n, duration: 9n },
    resultSent: EPOCH_NS + 5000n,
  });
  const body = Buffer.concat(frame.body);
  const back = resultFromWire({ ...frame, body: new Uint8Array(body) }, clock);
  // The controller's epoch is the worker's minus the difference, so that the numbers are the same.
  expect(back).toEqual({ ok: true, value: { ...inferResult, resultSent: ns(5000) } });
});

test("times that a worker does not say are null, not the year 1970", () => {
  const result: ActionResult = {
    kind: "clear_cache",
    actionId: 1,
    actionReceived: null,
    resultSent: null,
  };
  const frame = resultToWire(result, { clock, clockDelta: ZERO_NS, sentAt: ns(7) });
  expect(frame.fields).toEqual({ actionId: 1, actionReceived: 0n, resultSent: EPOCH_NS + 7n });
  const fields = { ...frame.fields, resultSent: 0n };
  const back = resultFromWire({ ...frame, fields, body: new Uint8Array(0) } as never, clock);
  expect(back).toEqual({ ok: true, value: result });
});

test("an error result for an action type that does not exist is refused", () => {
  const result: ActionResult = {
    kind: "error",
    actionId: 1,
    action: "infer",
    status: 81,
    message: "late",
    actionReceived: null,
    resultSent: null,
  };
  const frame = resultToWire(result, { clock, clockDelta: ZERO_NS, sentAt: ZERO_NS });
  expect(frame.fields).toMatchObject({ actionType: 2, status: 81 });
  const fields = { ...frame.fields, actionType: 6 };
  const back = resultFromWire({ ...frame, fields, body: new Uint8Array(0) } as never, clock);
  expect(back).toEqual({ ok: false, error: "error result for unknown action type 6" });
});

test("the inputs of a batch are concatenated in order, with one size each, zeros included", () => {
  const inputs = [[1, 2], [], [3]].map((bytes) => new BytesPayload(new Uint8Array(bytes)));
  const frame = actionToWire(
    {
      kind: "infer",
      actionId: 1,
      modelId: 2,
      gpuId: 0,
      earliest: ns(1),
      latest: ns(2),
      expectedDuration: ns(3),
      batchSize: 3,
      inputSizes: [2, 0, 1],
      inputs,
    },
    clock,
  );
  expect(Buffer.concat(frame.body).toHex()).toBe("010203");
  expect(frame.fields).toMatchObject({ inputSizes: [2, 0, 1], batchSize: 3 });
  const action = actionFromWire(
    { ...frame, body: new Uint8Array([1, 2, 3]) },
    {
      clock,
      clockDelta: ZERO_NS,
    },
  );
  if (action.kind !== "infer") throw new Error(action.kind);
  expect(action.inputs.map((payload) => [...bytesOf(payload)])).toEqual([[1, 2, 3]]);
});

test("inputs and outputs pass through as the bytes that came, without a copy", () => {
  const input = new Uint8Array(600_000);
  const request = requestFromWire({
    name: "ModelInferenceReq",
    messageId: 0n,
    fields: { header: { userId: 0, userRequestId: 0 }, modelId: 2, batchSize: 1, sloFactor: 0 },
    body: input,
  } as never).message;
  if (request.kind !== "infer") throw new Error(request.kind);
  const frame = actionToWire(
    {
      kind: "infer",
      actionId: 1,
      modelId: 2,
      gpuId: 0,
      earliest: null,
      latest: null,
      expectedDuration: ns(3),
      batchSize: 2,
      inputSizes: [600_000, 600_000],
      inputs: [request.input, request.input],
    },
    clock,
  );
  expect(frame.body.map(({ buffer }) => buffer === input.buffer)).toEqual([true, true]);
  const output = new BytesPayload(new Uint8Array(8_000));
  const piece = sliceBytes({ payload: output, index: 1, count: 2 });
  expect(piece.buffer).toBe(output.data.buffer);
});

test("an output is cut into equal pieces, and a remainder belongs to none", () => {
  const payload = new BytesPayload(new Uint8Array([0, 1, 2, 3, 4, 5, 6]));
  const pieces = [0, 1, 2].map((index) => [...sliceBytes({ payload, index, count: 3 })]);
  // floor(7 / 3) = 2 bytes each.
  expect(pieces).toEqual([
    [0, 1],
    [2, 3],
    [4, 5],
  ]);
});

test("a response carries its own piece of the output as its body", () => {
  const payload = new BytesPayload(new Uint8Array([9, 8, 7, 6]));
  const response: ClientResponse = {
    kind: "infer",
    userRequestId: 3,
    status: 0,
    message: "",
    modelId: 1,
    batchSize: 1,
    output: {
      payload,
      index: 1,
      count: 2,
    },
  };
  const frame = responseToWire(response, 12);
  expect(frame.messageId).toBe(12n);
  expect(frame.body.map((part) => [...part])).toEqual([[7, 6]]);
  const received = responseFromWire({ ...frame, body: new Uint8Array([7, 6]) });
  expect(received.messageId).toBe(12);
  if (received.message.kind !== "infer" || received.message.output === null)
    throw new Error("no output");
  expect([...sliceBytes(received.message.output)]).toEqual([7, 6]);
});

test("message ids are narrowed to 32 signed bits and echoed sign-extended, as by the original", () => {
  const frame = requestToWire({ kind: "ls", userId: 0, userRequestId: 0 }, 0);
  const narrowed = requestFromWire({
    ...frame,
    messageId: 2n ** 31n,
    body: new Uint8Array(0),
  });
  expect(narrowed.messageId).toBe(-(2 ** 31));
  const response: ClientResponse = { kind: "evict", userRequestId: 0, status: 6, message: "no" };
  expect(responseToWire(response, narrowed.messageId).messageId).toBe(2n ** 64n - 2n ** 31n);
});

test("absent optional header fields count as 0 and empty", () => {
  const body = new Uint8Array(0);
  const request = {
    name: "EvictReq",
    messageId: 1n,
    fields: { header: {}, modelId: 4 },
    body,
  } as const;
  expect(requestFromWire(request).message).toEqual({
    kind: "evict",
    userId: 0,
    userRequestId: 0,
    modelId: 4,
  });
  const response = { name: "EvictRsp", messageId: 1n, fields: { header: {} }, body } as const;
  expect(responseFromWire(response).message).toEqual({
    kind: "evict",
    userRequestId: 0,
    status: 0,
    message: "",
  });
});

test("sizes beyond 2^53 are held there rather than rounded", () => {
  const fields = { header: {}, modelId: 0, inputSize: U64_MAX, outputSize: 5n, copiesCreated: 1 };
  const frame = {
    name: "LoadModelFromDiskRsp",
    messageId: 0n,
    fields,
    body: new Uint8Array(0),
  } as const;
  expect(responseFromWire(frame).message).toMatchObject({
    inputBytes: Number.MAX_SAFE_INTEGER,
    outputBytes: 5,
  });
});

test("a payload without bytes can only cross a process when it is empty", () => {
  expect(bytesOf({ sizeBytes: 0 })).toBe(EMPTY_PAYLOAD.data);
  expect(() => bytesOf({ sizeBytes: 1 })).toThrow("holds its bytes");
});
