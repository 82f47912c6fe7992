/** GPUs that take as long as a model of durations says; by default exactly what is profiled, at a constant clock. */

import { Heap } from "#serving/controller/heap.ts";
import type { Payload, WorkerModel } from "#serving/messages.ts";
import type { Device, DeviceDone, DeviceOperation } from "#serving/worker/events.ts";
import { assert } from "#stdx/assert.ts";
import { addNs, type Nanos } from "#stdx/nanos.ts";

/** The clock of the Tesla V100 at which the original's simulated worker reports every execution. */
export const GPU_CLOCK_MHZ = 1380;

/** How long an operation takes, and the clock that its GPU has meanwhile. */
export interface Drawn {
  readonly duration: Nanos;
  readonly gpuClockMhz: number;
}

/** Asked when an operation starts, at `now`, which never decreases between calls; the seam for models of variation. */
export type DurationModel = (operation: DeviceOperation, now: Nanos) => Drawn;

const execDuration = (model: WorkerModel, batchSize: number): Nanos => {
  const duration = model.execNs[model.batchSizes.indexOf(batchSize)];
  assert(duration !== undefined, `model ${model.modelId} has no batch size ${batchSize}`);
  return duration;
};

/** Exactly the profile, every time. */
export const profileDuration: DurationModel = (operation) => ({
  duration:
    operation.kind === "load_weights"
      ? operation.model.weightsLoadNs
      : execDuration(operation.model, operation.batchSize),
  gpuClockMhz: GPU_CLOCK_MHZ,
});

/** Makes an output of a size; by default one that has nothing but its size. */
export type OutputMaker = (sizeBytes: number) => Payload;

const sizeOnly: OutputMaker = (sizeBytes) => ({ sizeBytes });

/** What the batch's requests get; nothing where they came without inputs. */
const outputBytesOf = (operation: DeviceOperation): number =>
  operation.kind === "infer" && operation.inputs.some(({ sizeBytes }) => sizeBytes > 0)
    ? operation.model.outputBytes * operation.count
    : 0;

export class SimulatedDevice implements Device {
  readonly #durationOf: DurationModel;
  readonly #outputOf: OutputMaker;
  /** Operations in progress, the first to end on top. */
  readonly #running = new Heap<DeviceDone>(
    (a, b) => a.end < b.end || (a.end === b.end && a.operationId < b.operationId),
  );

  constructor(durationOf: DurationModel = profileDuration, outputOf: OutputMaker = sizeOnly) {
    this.#durationOf = durationOf;
    this.#outputOf = outputOf;
  }

  start(now: Nanos, operation: DeviceOperation): void {
    const { duration, gpuClockMhz } = this.#durationOf(operation, now);
    this.#running.push({
      operationId: operation.operationId,
      begin: now,
      end: addNs(now, duration),
      duration,
      gpuClockBeforeMhz: gpuClockMhz,
      gpuClockMhz,
      output: this.#outputOf(outputBytesOf(operation)),
    });
  }

  nextTimeout(): Nanos | null {
    return this.#running.peek()?.end ?? null;
  }

  takeDone(now: Nanos): readonly DeviceDone[] {
    const done: DeviceDone[] = [];
    for (;;) {
      const next = this.#running.peek();
      if (next === undefined || next.end > now) return done;
      done.push(next);
      this.#running.pop();
    }
  }
}
