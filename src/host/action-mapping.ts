/** Actions as the roles know them, to and from messages of the worker link, with window ends in absolute time. */
import { type Clock, fromAbsolute, INSTANT_MAX, toAbsolute } from "#host/clock.ts";
import { fromUint64, toBody, toPayload, toUint64 } from "#host/wire-mapping.ts";
import type { Action, WindowEnd } from "#serving/messages.ts";
import { assertNever } from "#stdx/assert.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { shiftInstant } from "#wire/clock-sync.ts";
import type { ACTIONS, IncomingFrame, OutgoingFrame } from "#wire/messages.ts";

/** How the wire writes "no end": 0 for `earliest`, 2^64 − 1 for `latest`. */
const OPEN_START = 0n;
const OPEN_END = 2n ** 64n - 1n;

interface Window {
  readonly earliest: WindowEnd;
  readonly latest: WindowEnd;
}

interface AbsoluteWindow {
  readonly earliest: bigint;
  readonly latest: bigint;
}

const windowToWire = (window: Window, clock: Clock): AbsoluteWindow => ({
  earliest: window.earliest === null ? OPEN_START : toAbsolute(clock, window.earliest),
  latest: window.latest === null ? OPEN_END : toAbsolute(clock, window.latest),
});

/** Moves a window from the controller's clock to this worker's; an end more than 52 days out counts as open. */
export const windowFromWire = (window: AbsoluteWindow, clock: Clock, clockDelta: Nanos): Window => {
  const delta = BigInt(clockDelta);
  const earliest = fromAbsolute(clock, shiftInstant(window.earliest, delta));
  const latest = fromAbsolute(clock, shiftInstant(window.latest, delta));
  return {
    earliest: earliest === -INSTANT_MAX ? null : earliest,
    latest: latest === INSTANT_MAX ? null : latest,
  };
};

/** Controller side: an action to send; instants are those of `clock`. */
export const actionToWire = (action: Action, clock: Clock): OutgoingFrame<typeof ACTIONS> => {
  const common = { messageId: 0n, body: [] };
  const { actionId } = action;
  switch (action.kind) {
    case "load_model": {
      const { modelId, path, copies, maxBatchSize } = action;
      const fields = {
        actionId,
        modelId,
        modelPath: path,
        ...windowToWire(action, clock),
        noOfCopies: copies,
        maxBatchSize,
        maxExecDuration: toUint64(action.maxExecNs),
      };
      return { ...common, name: "LoadModelFromDiskAction", fields };
    }
    case "load_weights": {
      const { modelId, gpuId } = action;
      const expectedDuration = toUint64(action.expectedDuration);
      const fields = { actionId, modelId, gpuId, ...windowToWire(action, clock), expectedDuration };
      return { ...common, name: "LoadWeightsAction", fields };
    }
    case "evict_weights": {
      const { modelId, gpuId } = action;
      const fields = { actionId, modelId, gpuId, ...windowToWire(action, clock) };
      return { ...common, name: "EvictWeightsAction", fields };
    }
    case "infer": {
      const { modelId, gpuId, batchSize, inputSizes, inputs } = action;
      const expectedDuration = toUint64(action.expectedDuration);
      const fields = {
        actionId,
        modelId,
        gpuId,
        ...windowToWire(action, clock),
        expectedDuration,
        batchSize,
        inputSizes,
      };
      return { ...common, name: "InferAction", fields, body: toBody(inputs) };
    }
    case "clear_cache":
      return { ...common, name: "ClearCacheAction", fields: { actionId } };
    case "get_worker_state":
      return { ...common, name: "GetWorkerStateAction", fields: { actionId } };
    default:
      return assertNever(action);
  }
};

/** The worker's clock and how far it is ahead of the controller's. */
export interface ShiftedClock {
  readonly clock: Clock;
  /** Worker clock minus controller clock, as the link estimated it when the action had arrived. */
  readonly clockDelta: Nanos;
}

/** Worker side: an action that was received, its window moved to the worker's clock. Total. */
export const actionFromWire = (
  frame: IncomingFrame<typeof ACTIONS>,
  { clock, clockDelta }: ShiftedClock,
): Action => {
  const { actionId } = frame.fields;
  switch (frame.name) {
    case "LoadModelFromDiskAction": {
      const { modelId, modelPath, noOfCopies, maxBatchSize, maxExecDuration } = frame.fields;
      return {
        kind: "load_model",
        actionId,
        modelId,
        path: modelPath,
        copies: noOfCopies,
        ...windowFromWire(frame.fields, clock, clockDelta),
        maxBatchSize,
        maxExecNs: ns(fromUint64(maxExecDuration)),
      };
    }
    case "LoadWeightsAction": {
      const { modelId, gpuId } = frame.fields;
      const expectedDuration = ns(fromUint64(frame.fields.expectedDuration));
      const window = windowFromWire(frame.fields, clock, clockDelta);
      return { kind: "load_weights", actionId, modelId, gpuId, ...window, expectedDuration };
    }
    case "EvictWeightsAction": {
      const { modelId, gpuId } = frame.fields;
      const window = windowFromWire(frame.fields, clock, clockDelta);
      return { kind: "evict_weights", actionId, modelId, gpuId, ...window };
    }
    case "InferAction": {
      const { modelId, gpuId, batchSize, inputSizes } = frame.fields;
      return {
        kind: "infer",
        actionId,
        modelId,
        gpuId,
        batchSize,
        inputSizes,
        ...windowFromWire(frame.fields, clock, clockDelta),
        expectedDuration: ns(fromUint64(frame.fields.expectedDuration)),
        inputs: frame.body.byteLength === 0 ? [] : [toPayload(frame.body)],
      };
    }
    case "ClearCacheAction":
      return { kind: "clear_cache", actionId };
    case "GetWorkerStateAction":
      return { kind: "get_worker_state", actionId };
    default:
      return assertNever(frame);
  }
};
