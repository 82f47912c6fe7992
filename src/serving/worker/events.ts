/** What goes into and comes out of the worker's state machine, and the device that it drives. */
import type { Action, ActionResult, Payload, Timing, WorkerModel } from "#serving/messages.ts";
import type { Nanos } from "#stdx/nanos.ts";

export type WorkerEvent =
  | {
      readonly kind: "action";
      /** Its window is on the worker's clock already. */
      readonly action: Action;
      /** When the whole action had been read, on the worker's clock. */
      readonly received: Nanos;
      /** Worker clock minus controller clock, as estimated when the action arrived. */
      readonly clockDelta: Nanos;
      /** Which controller's it is, where there are several; comes back with its result. 0 unless given. */
      readonly connectionId?: number;
    }
  | { readonly kind: "device_done"; readonly done: DeviceDone }
  | { readonly kind: "timer" };

export type WorkerEffect =
  /**
   * Instants of `result` are on the worker's clock and `resultSent` is null: the sender stamps it when it hands the
   * result over, and takes `clockDelta` off all of them.
   */
  | {
      readonly kind: "send_result";
      readonly result: ActionResult;
      readonly clockDelta: Nanos;
      readonly connectionId: number;
    }
  | { readonly kind: "device_start"; readonly operation: DeviceOperation }
  | { readonly kind: "device_release"; readonly gpuId: number; readonly modelId: number }
  | { readonly kind: "print"; readonly line: string };

/** Why an action failed, as its result says it; `status` is one of telemetry.md's worker codes. */
export interface Failure {
  readonly status: number;
  readonly message: string;
}

/** Work for a GPU. The worker has at most one exec and one load in progress per GPU. */
export type DeviceOperation = {
  readonly operationId: number;
  readonly gpuId: number;
  /** Its `path` is what the controller named. */
  readonly model: WorkerModel;
} & ({ readonly kind: "load_weights" } | DeviceInfer);

export interface DeviceInfer {
  readonly kind: "infer";
  /** The batch size to run with: the smallest of the model's that holds `count` requests. */
  readonly batchSize: number;
  readonly count: number;
  /** The inputs in batch order, concatenated where they came off the wire; none where inputs may be left out. */
  readonly inputs: readonly Payload[];
  /** Compressed sizes of the requests' inputs; empty when the inputs are raw. */
  readonly inputSizes: readonly number[];
}

/** A finished operation; `begin` and `end` on the worker's clock. */
export interface DeviceDone {
  readonly operationId: number;
  readonly begin: Nanos;
  readonly end: Nanos;
  readonly duration: Nanos;
  readonly gpuClockBeforeMhz: number;
  readonly gpuClockMhz: number;
  /** Why it failed; the weights of a failed load are not there. */
  readonly failure?: Failure;
  /** Of an inference with inputs: `count` outputs of the model's size, concatenated in batch order. */
  readonly output?: Payload;
  /** Of inferences whose device copies in stages of their own; without, copies take no time at both ends of the exec. */
  readonly copyInput?: Timing;
  readonly copyOutput?: Timing;
}

/**
 * A set of GPUs that executes operations: simulated from profiles, or a real engine. A simulated one knows ends ahead; an
 * engine learns of them when they have come, and has `nextTimeout` tell them from then on. Everything else (windows,
 * queues, pages, which weights are valid, status codes, the wire) is the worker's.
 */
export interface Device {
  /** Begins an operation; `now` and all instants of its end are on the worker's clock. */
  start(now: Nanos, operation: DeviceOperation): void;
  /** When the next operation ends or has ended, as far as that is known; otherwise null. */
  nextTimeout(): Nanos | null;
  /** Takes operations that have ended by `now`, in order of their end. */
  takeDone(now: Nanos): readonly DeviceDone[];
  /** A model's weights are no longer wanted on a GPU, if they are there; an operation that uses them has failed. */
  release?(gpuId: number, modelId: number): void;
  /** For devices whose `nextTimeout` changes other than by these calls: `wake` is to be called each time that it has. */
  onChange?(wake: () => void): void;
}
