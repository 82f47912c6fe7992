/** The lines that a worker prints for people about loads and state queries, close to the original's. */
import type {
  Action,
  ActionResult,
  WindowEnd,
  WorkerModel,
  WorkerState,
} from "#serving/messages.ts";
import { printable } from "#serving/printable.ts";
import { type Nanos, toMs } from "#stdx/nanos.ts";

/** In 32-bit floats as the original, which makes 4.05 ms come out as 4.1. */
const ms = (value: Nanos): string => Math.fround(toMs(value)).toFixed(1);
const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;

const end = (at: WindowEnd, now: Nanos): string => (at === null ? "open" : ms((at - now) as Nanos));

/** Null for actions that are too frequent to be printed. Window ends in ms from now. */
export const receivedLine = (action: Action, now: Nanos): string | null => {
  switch (action.kind) {
    case "get_worker_state":
      return `Received A${action.actionId}:GetWorkerState`;
    case "load_model": {
      const window = `[${end(action.earliest, now)}, ${end(action.latest, now)}]`;
      return `Received A${action.actionId}:LoadModelFromDisk model=${action.modelId} ${window} ${printable(action.path)}`;
    }
    case "load_weights":
    case "evict_weights":
    case "infer":
    case "clear_cache":
      return null;
  }
};

const describeBatches = (model: Pick<WorkerModel, "batchSizes" | "execNs">): string =>
  model.batchSizes
    .map((size, index) => `b${size}=${ms(model.execNs[index] ?? (0 as Nanos))}`)
    .join(" ");

const describeState = (state: WorkerState): string => {
  const gpus = state.gpus.map(
    (gpu) =>
      ` GPU-${gpu.id} weights_cache=${mib(gpu.weightsCacheBytes)} (${gpu.totalPages} pages) io_pool=${mib(gpu.ioPoolBytes)} workspace_pool=${mib(gpu.workspacePoolBytes)} ${gpu.residentModels.length} models currently on GPU`,
  );
  const models = state.models.map(
    (model) =>
      ` M-${model.modelId} ${printable(model.path)} ${mib(model.weightsBytes)} ${describeBatches(model)}`,
  );
  return [` page_size=${state.pageSizeBytes}`, "gpus=", ...gpus, "models=", ...models].join("\n");
};

/** Null for results that are too frequent to be printed. */
export const sendingLine = (result: ActionResult): string | null => {
  switch (result.kind) {
    case "get_worker_state":
      return `Sending R${result.actionId}:GetWorkerState:\n${describeState(result.state)}`;
    case "load_model":
      return `Sending R${result.actionId}:LoadModelFromDisk input=${result.inputBytes} output=${result.outputBytes} weights=${mib(result.weightsBytes)} (${result.weightsPages} pages) xfer=${ms(result.weightsLoadNs)} ${describeBatches(result)}`;
    case "error":
      return result.action === "load_model"
        ? `Sending R${result.actionId}:LoadModelFromDisk error ${result.status}: ${printable(result.message)}`
        : null;
    case "load_weights":
    case "evict_weights":
    case "infer":
    case "clear_cache":
      return null;
  }
};
