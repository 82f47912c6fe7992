/** A controller's lane toward a worker: infer actions go out by it, and infer results come in. */
import type { Clock } from "#host/clock.ts";
import {
  AbsoluteHalves,
  clampInstant,
  type DirectLane,
  LaneClock,
  LaneOutput,
  type ReadInstants,
} from "#host/direct-lane.ts";
import { EMPTY_PAYLOAD, toPayload } from "#host/wire-mapping.ts";
import type { Action, ActionResult, Timing, WindowEnd } from "#serving/messages.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { ClockSync } from "#wire/clock-sync.ts";
import {
  actionBytesMax,
  copyHalves,
  emptyAction,
  emptyResult,
  type Halves,
  isOrdinaryAction,
  putInferAction,
  readInferResult,
  type TimingFields,
} from "#wire/infer-messages.ts";

export type InferResult = Extract<ActionResult, { readonly kind: "infer" }>;

const OPEN_START: Halves = { high: 0, low: 0 };
const OPEN_END: Halves = { high: 2 ** 32 - 1, low: 2 ** 32 - 1 };

export interface ActionLaneHandlers {
  readonly onResult: (result: InferResult, takenAt: Nanos) => void;
  /** The network layer has taken these actions, in order. */
  readonly onSent: (actionIds: readonly number[]) => void;
}

export class ActionLane implements DirectLane<Action> {
  readonly out = new LaneOutput((lastId) => this.#tellSent(lastId));
  readonly #handlers: ActionLaneHandlers;
  readonly #clock: LaneClock;
  readonly #halves: AbsoluteHalves;
  readonly #action = emptyAction();
  readonly #result = emptyResult();
  /** Actions that the network layer has not taken. */
  #unsent: number[] = [];

  constructor(handlers: ActionLaneHandlers, clock: Clock, sync: ClockSync) {
    this.#handlers = handlers;
    this.#clock = new LaneClock(clock, sync);
    this.#halves = new AbsoluteHalves(clock);
  }

  read(chunk: Uint8Array, offset: number, { readAt, takenAt }: ReadInstants): number {
    const read = this.#result;
    const length = readInferResult(chunk, offset, read);
    if (length === 0) return 0;
    this.#clock.received(readAt, read);
    const { outputStart, outputBytes } = read;
    // A copy, so that a small output does not keep a large chunk alive.
    const output =
      outputBytes === 0
        ? EMPTY_PAYLOAD
        : toPayload(chunk.slice(outputStart, outputStart + outputBytes));
    const result: InferResult = {
      kind: "infer",
      actionId: read.actionId,
      actionReceived: this.#statedInstant(read.actionReceived),
      resultSent: this.#statedInstant(read.resultSent),
      copyInput: this.#timing(read.copyInput),
      exec: this.#timing(read.exec),
      copyOutput: this.#timing(read.copyOutput),
      gpuId: read.gpuId,
      gpuClockBeforeMhz: read.gpuClockBefore,
      gpuClockMhz: read.gpuClock,
      output,
    };
    this.#handlers.onResult(result, takenAt);
    return length;
  }

  add(action: Action): boolean {
    if (action.kind !== "infer" || action.inputs.some((input) => input.sizeBytes > 0)) return false;
    const fields = this.#action;
    fields.actionId = action.actionId;
    fields.modelId = action.modelId;
    fields.gpuId = action.gpuId;
    this.#setEnd(fields.earliest, action.earliest, OPEN_START);
    this.#setEnd(fields.latest, action.latest, OPEN_END);
    fields.expectedDuration = action.expectedDuration;
    fields.batchSize = action.batchSize;
    fields.inputSizes = action.inputSizes;
    if (!isOrdinaryAction(fields)) return false;
    const buffer = this.out.roomFor(actionBytesMax(fields));
    if (buffer === null) return false;
    putInferAction(buffer, fields, this.#clock.stamp());
    this.out.lastId = action.actionId;
    this.#unsent.push(action.actionId);
    return true;
  }

  #setEnd(into: Halves, end: WindowEnd, open: Halves): void {
    if (end !== null) this.#halves.set(end);
    copyHalves(into, end === null ? open : this.#halves);
  }

  #instant({ high, low }: Halves): Nanos {
    return clampInstant(this.#halves.instantOf(high, low));
  }

  /** 0 stands for an instant that is not known. */
  #statedInstant(halves: Halves): Nanos | null {
    return halves.high === 0 && halves.low === 0 ? null : this.#instant(halves);
  }

  #timing({ begin, end, duration }: TimingFields): Timing {
    return {
      begin: this.#instant(begin),
      end: this.#instant(end),
      duration: duration as Nanos,
    };
  }

  #tellSent(lastId: number): void {
    const count = this.#unsent.lastIndexOf(lastId) + 1;
    if (count > 0) this.#handlers.onSent(this.#unsent.splice(0, count));
  }
}
