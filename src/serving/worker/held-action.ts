/** Actions as a worker holds them, and whether the batch of one can run. */
import type { Action, WorkerModel } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import type { Failure } from "#serving/worker/events.ts";
import type { Nanos } from "#stdx/nanos.ts";

export type LoadModel = Extract<Action, { readonly kind: "load_model" }>;
export type LoadWeights = Extract<Action, { readonly kind: "load_weights" }>;
export type EvictWeights = Extract<Action, { readonly kind: "evict_weights" }>;
export type Infer = Extract<Action, { readonly kind: "infer" }>;

/** An action with what its result must say about its coming, and where the result goes. */
export interface Held<A extends Action = Action> {
  readonly action: A;
  readonly received: Nanos;
  readonly clockDelta: Nanos;
  readonly connectionId: number;
}

export const inputBytesOf = ({ action }: Held<Infer>): number =>
  action.inputs.reduce((sum, input) => sum + input.sizeBytes, 0);

/** The smallest batch size that the model has and the batch fits into. */
export const variantFor = ({ action }: Held<Infer>, model: WorkerModel): number | undefined =>
  model.batchSizes.find((size) => size >= action.batchSize);

/** Why a batch cannot run, or null. */
export const refuseBatch = (
  held: Held<Infer>,
  model: WorkerModel,
  allowsEmptyInputs: boolean,
): Failure | null => {
  const { batchSize, inputSizes } = held.action;
  const inputBytes = inputBytesOf(held);
  if (batchSize < 1 || variantFor(held, model) === undefined) {
    const message = `batch of ${batchSize}, the model's largest is ${model.batchSizes.at(-1)}`;
    return { status: STATUS.INFER_BATCH_SIZE, message };
  }
  // Inputs that come with their sizes are compressed: only unsized ones must have the model's size.
  const isRaw = (inputBytes > 0 || !allowsEmptyInputs) && inputSizes.length === 0;
  if (isRaw && inputBytes !== model.inputBytes * batchSize) {
    const message = `input of ${inputBytes} bytes, expected ${batchSize} × ${model.inputBytes}`;
    return { status: STATUS.INFER_INPUT_SIZE, message };
  }
  return null;
};
