/** What goes by a worker link's lanes means what the same message means as a frame, on two clocks. */
import { expect, test } from "bun:test";
import { ActionLane, type InferResult } from "#host/action-lane.ts";
import { actionFromWire, actionToWire } from "#host/action-mapping.ts";
import type { Clock } from "#host/clock.ts";
import type { LaneOutput } from "#host/direct-lane.ts";
import { ResultLane } from "#host/result-lane.ts";
import { resultFromWire, resultToWire } from "#host/result-mapping.ts";
import type { StreamSocket } from "#host/stream-socket.ts";
import { toPayload } from "#host/wire-mapping.ts";
import type { Action, Timing } from "#serving/messages.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { ClockSync } from "#wire/clock-sync.ts";
import { encodeHead } from "#wire/framing.ts";
import { ACTIONS, type OutgoingFrame, RESULTS } from "#wire/messages.ts";

type Infer = Extract<Action, { readonly kind: "infer" }>;

const NOW = ns(5_000_000_000);
const clockAt = (epochNs: bigint): Clock => ({ epochNs, now: () => NOW });
const controllerClock = clockAt(1_795_450_000_123_456_789n);
/** 2.5 s ahead. */
const workerClock = clockAt(1_795_450_002_623_456_789n);

const instant = (rng: Rng): Nanos => ns(rng.below(100) * 1e9 + rng.below(1e9));

const anyInfer = (rng: Rng): Infer => {
  const batchSize = rng.below(17);
  return {
    kind: "infer",
    actionId: rng.below(2 ** 31),
    modelId: rng.below(1000),
    gpuId: rng.below(16),
    earliest: rng.below(5) === 0 ? null : instant(rng),
    latest: rng.below(5) === 0 ? null : instant(rng),
    expectedDuration: ns(rng.below(1e9)),
    batchSize,
    inputSizes: Array.from({ length: batchSize }, () => 0),
    inputs: [],
  };
};

const anyTiming = (rng: Rng): Timing => ({
  begin: instant(rng),
  end: instant(rng),
  duration: ns(rng.below(1e9)),
});

const anyResult = (rng: Rng): InferResult => ({
  kind: "infer",
  actionId: rng.below(2 ** 31),
  actionReceived: rng.below(5) === 0 ? null : instant(rng),
  resultSent: null,
  copyInput: anyTiming(rng),
  exec: anyTiming(rng),
  copyOutput: anyTiming(rng),
  gpuId: rng.below(16),
  gpuClockBeforeMhz: rng.below(2000),
  gpuClockMhz: rng.below(2000),
  output: toPayload(new Uint8Array(rng.below(2) * 40).map(() => rng.below(256))),
});

/** Takes everything that a lane writes. */
const bytesWritten = (out: LaneOutput): Uint8Array => {
  const chunks: Uint8Array[] = [];
  const socket = {
    writableLength: 0,
    write: (bytes: Uint8Array) => chunks.push(bytes.slice()) > 0,
  };
  out.write(socket as unknown as StreamSocket);
  return Buffer.concat(chunks);
};

const stampsOf = (clock: Clock) => ({
  sendTimeNs: clock.epochNs + BigInt(NOW),
  localDeltaNs: new ClockSync().localDeltaNs,
});

test("an action leaves as the mapping and the codec write it, and is told once it was taken", () => {
  const rng = Rng.of(1, "actions");
  const sent: number[] = [];
  const handlers = { onResult: () => {}, onSent: (ids: readonly number[]) => sent.push(...ids) };
  const lane = new ActionLane(handlers, controllerClock, new ClockSync());
  for (let i = 0; i < 500; i++) {
    const actions = Array.from({ length: 1 + rng.below(3) }, () => anyInfer(rng));
    for (const action of actions) expect(lane.add(action)).toBe(true);
    const expected = actions.map((action) =>
      encodeHead(ACTIONS, actionToWire(action, controllerClock), stampsOf(controllerClock)),
    );
    expect(bytesWritten(lane.out).toHex()).toBe(Buffer.concat(expected).toHex());
    expect(sent.splice(0)).toEqual(actions.map(({ actionId }) => actionId));
  }
});

test("actions with inputs, and other actions, go as frames", () => {
  const rng = Rng.of(2, "frames");
  const handlers = { onResult: () => {}, onSent: () => {} };
  const lane = new ActionLane(handlers, controllerClock, new ClockSync());
  const inputs = [toPayload(new Uint8Array(3))];
  expect(lane.add({ ...anyInfer(rng), inputs, inputSizes: [3], batchSize: 1 })).toBe(false);
  expect(lane.add({ kind: "clear_cache", actionId: 1 })).toBe(false);
  expect(lane.add({ ...anyInfer(rng), actionId: -1 })).toBe(false);
  expect(lane.out.queuedBytes).toBe(0);
});

/** Both sides know how far their clocks are apart, from messages that took no time. */
const synchronised = (own: Clock, peer: Clock): ClockSync => {
  const sync = new ClockSync();
  const difference = own.epochNs - peer.epochNs;
  sync.add({
    receivedNs: own.epochNs,
    sendTimeNs: peer.epochNs,
    localDeltaNs: -difference,
  });
  return sync;
};

test("an action comes in as the mapping reads it, its window moved to the worker's clock", () => {
  const rng = Rng.of(3, "received");
  const sync = synchronised(workerClock, controllerClock);
  const clockDelta = ns(Number(sync.skewNs));
  expect(clockDelta).toBe(ns(2_500_000_000));
  const seen: unknown[] = [];
  const onInfer = (action: Infer, takenAt: Nanos, delta: Nanos): void =>
    void seen.push(action, takenAt, delta);
  const lane = new ResultLane(onInfer, workerClock, sync);
  for (let i = 0; i < 500; i++) {
    const frame = actionToWire(anyInfer(rng), controllerClock);
    const bytes = encodeHead(ACTIONS, frame, { ...stampsOf(controllerClock), localDeltaNs: 0n });
    const readAt = ns(10_000_000_000);
    expect(lane.read(bytes, 0, { readAt, takenAt: ns(readAt + 7) })).toBe(bytes.length);
    const incoming = { ...frame, body: new Uint8Array(0) } as never;
    const expected = actionFromWire(incoming, { clock: workerClock, clockDelta });
    expect(seen.splice(0)).toEqual([expected, ns(readAt + 7), clockDelta]);
  }
});

test("a result leaves as the mapping and the codec write it", () => {
  const rng = Rng.of(4, "results");
  const lane = new ResultLane(() => {}, workerClock, new ClockSync());
  for (let i = 0; i < 500; i++) {
    const result = anyResult(rng);
    const clockDelta = ns(rng.below(2 ** 31) - 2 ** 30);
    const sentAt = instant(rng);
    expect(lane.add({ result, clockDelta, sentAt })).toBe(true);
    const frame = resultToWire(result, { clock: workerClock, clockDelta, sentAt });
    const head = encodeHead(RESULTS, frame, stampsOf(workerClock));
    expect(bytesWritten(lane.out).toHex()).toBe(Buffer.concat([head, ...frame.body]).toHex());
  }
  const failed = { kind: "error", action: "infer", status: 81, message: "late" } as const;
  const stamps = { actionId: 1, actionReceived: null, resultSent: null };
  const result = { ...failed, ...stamps };
  expect(lane.add({ result, clockDelta: ns(0), sentAt: NOW })).toBe(false);
});

test("a result comes in as the mapping reads it", () => {
  const rng = Rng.of(5, "received");
  const seen: unknown[] = [];
  const onResult = (result: InferResult, takenAt: Nanos): void => void seen.push(result, takenAt);
  const handlers = { onResult, onSent: () => {} };
  const lane = new ActionLane(handlers, controllerClock, new ClockSync());
  for (let i = 0; i < 500; i++) {
    const shifted = { clock: workerClock, clockDelta: ns(2_500_000_000), sentAt: instant(rng) };
    const frame: OutgoingFrame<typeof RESULTS> = resultToWire(anyResult(rng), shifted);
    const head = encodeHead(RESULTS, frame, stampsOf(workerClock));
    const bytes = Buffer.concat([head, ...frame.body]);
    const takenAt = ns(10_000_000_007);
    expect(lane.read(bytes, 0, { readAt: NOW, takenAt })).toBe(bytes.length);
    const incoming = { ...frame, body: new Uint8Array(Buffer.concat(frame.body)) } as never;
    const expected = resultFromWire(incoming, controllerClock);
    if (!expected.ok) throw new Error(expected.error);
    expect(seen.splice(0)).toEqual([expected.value, takenAt]);
  }
});
