/** About how many bytes a message has on the wire: what the network's bandwidth is spent on. */
import type { Action, ActionResult, ClientRequest, ClientResponse } from "#serving/messages.ts";

/** The fixed part of a message, its protobuf header and TCP's and IP's own. */
const HEAD_BYTES = 160;
/** A model in a list. */
const MODEL_BYTES = 96;

export const requestBytes = (request: ClientRequest): number =>
  HEAD_BYTES + (request.kind === "infer" ? request.input.sizeBytes : 0);

export const responseBytes = (response: ClientResponse): number => {
  if (response.kind === "ls") return HEAD_BYTES + MODEL_BYTES * response.models.length;
  if (response.kind !== "infer" || response.output === null) return HEAD_BYTES;
  const { payload, count } = response.output;
  return HEAD_BYTES + Math.ceil(payload.sizeBytes / count);
};

export const actionBytes = (action: Action): number => {
  if (action.kind !== "infer") return HEAD_BYTES;
  let bytes = HEAD_BYTES;
  for (const { sizeBytes } of action.inputs) bytes += sizeBytes;
  return bytes;
};

export const resultBytes = (result: ActionResult): number => {
  if (result.kind === "infer") return HEAD_BYTES + result.output.sizeBytes;
  if (result.kind !== "get_worker_state") return HEAD_BYTES;
  return HEAD_BYTES + MODEL_BYTES * (result.state.models.length + result.state.gpus.length);
};
