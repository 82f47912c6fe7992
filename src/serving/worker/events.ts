/** What goes into and comes out of the worker's state machine, and the device that it drives. */
import type { Action, ActionResult, WorkerModel } from "#serving/messages.ts";
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
    }
  | { readonly kind: "device_done"; readonly done: DeviceDone }
  | { readonly kind: "timer" };

export type WorkerEffect =
  /**
   * Instants of `result` are on the worker's clock and `resultSent` is null: the sender stamps it when it hands the
   * result over, and takes `clockDelta` off all of them. The output has a size only.
   */
  | { readonly kind: "send_result"; readonly result: ActionResult; readonly clockDelta: Nanos }
  | { readonly kind: "device_start"; readonly operation: DeviceOperation }
  | { readonly kind: "print"; readonly line: string };

/** Work for a GPU. The worker has at most one exec and one load in progress per GPU. */
export type DeviceOperation = {
  readonly operationId: number;
  readonly gpuId: number;
  readonly model: WorkerModel;
} & ({ readonly kind: "load_weights" } | { readonly kind: "infer"; readonly batchSize: number });

/** A finished operation; `begin` and `end` on the worker's clock. */
export interface DeviceDone {
  readonly operationId: number;
  readonly begin: Nanos;
  readonly end: Nanos;
  readonly duration: Nanos;
  readonly gpuClockBeforeMhz: number;
  readonly gpuClockMhz: number;
}

/**
 * A set of GPUs that executes operations: simulated from profiles, or a real engine. A simulated one knows ends ahead; an
 * engine learns of them when they have come, and has `nextTimeout` tell them from then on.
 */
export interface Device {
  start(now: Nanos, operation: DeviceOperation): void;
  /** When the next operation ends or has ended, as far as that is known; otherwise null. */
  nextTimeout(): Nanos | null;
  /** Takes operations that have ended by `now`, in order of their end. */
  takeDone(now: Nanos): readonly DeviceDone[];
  /** For devices whose `nextTimeout` changes other than by these calls: `wake` is to be called each time that it has. */
  onChange?(wake: () => void): void;
}
