/** Actions as a worker holds them, and whether the batch of one can run. */
import type { Action, WorkerModel } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";

export type LoadModel = Extract<Action, { readonly kind: "load_model" }>;
export type LoadWeights = Extract<Action, { readonly kind: "load_weights" }>;
export type EvictWeights = Extract<Action, { readonly kind: "evict_weights" }>;
export type Infer = Extract<Action, { readonly kind: "infer" }>;

/** An action with what its result must say about its coming. */
export interface Held<A extends Action = Action> {
  readonly action: A;
  readonly received: Nanos;
  readonly clockDelta: Nanos;
}

/** A held infer action remembers the length of its body, not the body. */
export type HeldInfer = Held<Infer> & { readonly bodyBytes: number };

export const holdInfer = (event: Held<Infer>): HeldInfer => {
  const { action, received, clockDelta } = event;
  const bodyBytes = action.inputs.reduce((sum, input) => sum + input.sizeBytes, 0);
  return { action: { ...action, inputs: [] }, received, clockDelta, bodyBytes };
};

/** Why an action failed, as its result says it. */
export interface Failure {
  readonly status: number;
  readonly message: string;
}

/** The smallest batch size that the model has and the batch fits into. */
export const variantFor = ({ action }: HeldInfer, model: WorkerModel): number | undefined =>
  model.batchSizes.find((size) => size >= action.batchSize);

/** Why a batch cannot run, or null. */
export const refuseBatch = (
  held: HeldInfer,
  model: WorkerModel,
  allowsEmptyInputs: boolean,
): Failure | null => {
  const { batchSize, inputSizes } = held.action;
  if (batchSize < 1 || variantFor(held, model) === undefined) {
    const message = `batch of ${batchSize}, the model's largest is ${model.batchSizes.at(-1)}`;
    return { status: STATUS.INFER_BATCH_SIZE, message };
  }
  // Inputs that come with their sizes are compressed: only unsized ones must have the model's size.
  const isRaw = (held.bodyBytes > 0 || !allowsEmptyInputs) && inputSizes.length === 0;
  if (isRaw && held.bodyBytes !== model.inputBytes * batchSize) {
    const message = `input of ${held.bodyBytes} bytes, expected ${batchSize} × ${model.inputBytes}`;
    return { status: STATUS.INFER_INPUT_SIZE, message };
  }
  return null;
};
