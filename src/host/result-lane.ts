/** A worker's lane toward a controller: infer actions come in by it, and infer results go out. */
import { type Clock, INSTANT_MAX } from "#host/clock.ts";
import {
  AbsoluteHalves,
  COPIED_BODY_BYTES_MAX,
  clampInstant,
  type DirectLane,
  LaneClock,
  LaneOutput,
  type ReadInstants,
} from "#host/direct-lane.ts";
import { bytesOf } from "#host/wire-mapping.ts";
import type { Action, ActionResult, Timing } from "#serving/messages.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { ClockSync } from "#wire/clock-sync.ts";
import {
  copyHalves,
  emptyAction,
  emptyResult,
  type Halves,
  isOrdinaryResult,
  putInferResult,
  RESULT_HEAD_BYTES_MAX,
  readInferAction,
  type TimingFields,
} from "#wire/infer-messages.ts";

type Infer = Extract<Action, { readonly kind: "infer" }>;

/** What is written for an instant that is not known. */
const UNKNOWN: Halves = { high: 0, low: 0 };

/** Takes an infer action, and how far this clock was ahead of the controller's when it came. */
export type OnInfer = (action: Infer, takenAt: Nanos, clockDelta: Nanos) => void;

/** An infer result to send; its instants are on the worker's clock. */
export interface SentResult {
  readonly result: ActionResult;
  readonly clockDelta: Nanos;
  readonly sentAt: Nanos;
}

/** A worker's lane toward a controller: infer actions come in by it, and infer results go out. */
export class ResultLane implements DirectLane<SentResult> {
  readonly out = new LaneOutput(() => {});
  readonly #onInfer: OnInfer;
  readonly #clock: LaneClock;
  readonly #halves: AbsoluteHalves;
  readonly #action = emptyAction();
  readonly #result = emptyResult();

  constructor(onInfer: OnInfer, clock: Clock, sync: ClockSync) {
    this.#onInfer = onInfer;
    this.#clock = new LaneClock(clock, sync);
    this.#halves = new AbsoluteHalves(clock);
  }

  read(chunk: Uint8Array, offset: number, { readAt, takenAt }: ReadInstants): number {
    const read = this.#action;
    const length = readInferAction(chunk, offset, read);
    if (length === 0) return 0;
    this.#clock.received(readAt, read);
    const clockDelta = this.#clock.skew as Nanos;
    const earliest = this.#instant(read.earliest, clockDelta);
    const latest = this.#instant(read.latest, clockDelta);
    const { actionId, modelId, gpuId, batchSize, inputSizes, expectedDuration } = read;
    const action: Infer = {
      kind: "infer",
      actionId,
      modelId,
      gpuId,
      batchSize,
      inputSizes,
      earliest: earliest === -INSTANT_MAX ? null : earliest,
      latest: latest === INSTANT_MAX ? null : latest,
      expectedDuration: expectedDuration as Nanos,
      inputs: [],
    };
    this.#onInfer(action, takenAt, clockDelta);
    return length;
  }

  add({ result, clockDelta, sentAt }: SentResult): boolean {
    if (result.kind !== "infer") return false;
    const output = bytesOf(result.output);
    if (output.length > COPIED_BODY_BYTES_MAX) return false;
    const fields = this.#result;
    fields.actionId = result.actionId;
    this.#setTiming(fields.copyInput, result.copyInput, clockDelta);
    this.#setTiming(fields.exec, result.exec, clockDelta);
    this.#setTiming(fields.copyOutput, result.copyOutput, clockDelta);
    fields.gpuId = result.gpuId;
    fields.gpuClockBefore = result.gpuClockBeforeMhz;
    fields.gpuClock = result.gpuClockMhz;
    if (result.actionReceived === null) copyHalves(fields.actionReceived, UNKNOWN);
    else this.#setHalves(fields.actionReceived, result.actionReceived - clockDelta);
    this.#setHalves(fields.resultSent, sentAt - clockDelta);
    if (!isOrdinaryResult(fields)) return false;
    const buffer = this.out.roomFor(RESULT_HEAD_BYTES_MAX + output.length);
    if (buffer === null) return false;
    putInferResult(buffer, { result: fields, output }, this.#clock.stamp());
    return true;
  }

  #instant({ high, low }: Halves, clockDelta: Nanos): Nanos {
    return clampInstant(this.#halves.instantOf(high, low) + clockDelta);
  }

  #setHalves(into: Halves, instant: number): void {
    this.#halves.set(instant);
    copyHalves(into, this.#halves);
  }

  #setTiming(into: TimingFields, timing: Timing, clockDelta: Nanos): void {
    this.#setHalves(into.begin, timing.begin - clockDelta);
    this.#setHalves(into.end, timing.end - clockDelta);
    into.duration = timing.duration;
  }
}
