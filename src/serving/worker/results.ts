/** What a worker says of an action. Instants are on its own clock; the sender stamps when a result leaves. */
import type { ActionResult, Payload, WorkerModel } from "#serving/messages.ts";
import type { DeviceDone, Failure } from "#serving/worker/events.ts";
import type {
  EvictWeights,
  Held,
  Infer,
  LoadModel,
  LoadWeights,
} from "#serving/worker/held-action.ts";
import { addNs, type Nanos, ZERO_NS } from "#stdx/nanos.ts";

const stampsOf = ({ action, received }: Held) => ({
  actionId: action.actionId,
  actionReceived: received,
  resultSent: null,
});

export const failed = (held: Held, { status, message }: Failure): ActionResult => ({
  kind: "error",
  ...stampsOf(held),
  action: held.action.kind,
  status,
  message,
});

export const modelLoaded = (
  held: Held<LoadModel>,
  model: WorkerModel,
  read: { readonly begin: Nanos; readonly duration: Nanos; readonly pageSizeBytes: number },
): ActionResult => {
  const { inputBytes, outputBytes, batchSizes, weightsPages, weightsLoadNs, execNs } = model;
  const { begin, duration } = read;
  return {
    kind: "load_model",
    ...stampsOf(held),
    inputBytes,
    outputBytes,
    batchSizes,
    weightsPages,
    weightsLoadNs,
    execNs,
    timing: { begin, end: addNs(begin, duration), duration },
    weightsBytes: weightsPages * read.pageSizeBytes,
    copies: held.action.copies,
  };
};

export const weightsLoaded = (
  held: Held<LoadWeights>,
  { begin, end, duration }: DeviceDone,
): ActionResult => ({
  kind: "load_weights",
  ...stampsOf(held),
  timing: { begin, end, duration },
});

export const weightsEvicted = (held: Held<EvictWeights>, now: Nanos): ActionResult => ({
  kind: "evict_weights",
  ...stampsOf(held),
  timing: { begin: now, end: now, duration: ZERO_NS },
});

export const inferred = (held: Held<Infer>, done: DeviceDone, output: Payload): ActionResult => {
  const { begin, end, duration } = done;
  return {
    kind: "infer",
    ...stampsOf(held),
    copyInput: done.copyInput ?? { begin, end: begin, duration: ZERO_NS },
    exec: { begin, end, duration },
    copyOutput: done.copyOutput ?? { begin: end, end, duration: ZERO_NS },
    gpuId: held.action.gpuId,
    gpuClockBeforeMhz: done.gpuClockBeforeMhz,
    gpuClockMhz: done.gpuClockMhz,
    output,
  };
};
