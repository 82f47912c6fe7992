/** Results of actions as the roles know them, to and from messages of the worker link, on the controller's clock. */
import type { ShiftedClock } from "#host/action-mapping.ts";
import { type Clock, fromAbsolute, toAbsolute } from "#host/clock.ts";
import { fromUint64, toBody, toPayload, toUint64 } from "#host/wire-mapping.ts";
import type {
  ActionResult,
  GpuState,
  Timing,
  WorkerModel,
  WorkerState,
} from "#serving/messages.ts";
import { ACTION_TYPE, type ActionKind } from "#serving/status.ts";
import { assertNever } from "#stdx/assert.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { shiftInstant, wrapInstant } from "#wire/clock-sync.ts";
import type {
  GpuInfo,
  IncomingFrame,
  ModelInfo,
  OutgoingFrame,
  RESULTS,
  Timing as WireTiming,
} from "#wire/messages.ts";
import type { FieldsOf } from "#wire/schema.ts";

/** The original's workers report no limit for weights in host memory. */
const HOST_WEIGHTS_CACHE_BYTES = 2n ** 64n - 1n;

/** Moves an instant of the worker's clock to the controller's, in ns since the Unix epoch. */
const toControllerInstant = (instant: Nanos, { clock, clockDelta }: ShiftedClock): bigint =>
  shiftInstant(toAbsolute(clock, instant), -BigInt(clockDelta));

const timingToWire = (timing: Timing, shifted: ShiftedClock): FieldsOf<typeof WireTiming> => ({
  begin: toControllerInstant(timing.begin, shifted),
  end: toControllerInstant(timing.end, shifted),
  duration: toUint64(timing.duration),
});

const gpuToWire = (gpu: GpuState): FieldsOf<typeof GpuInfo> => ({
  id: gpu.id,
  weightsCacheSize: toUint64(gpu.weightsCacheBytes),
  weightsCacheTotalPages: gpu.totalPages,
  models: gpu.residentModels,
  ioPoolSize: toUint64(gpu.ioPoolBytes),
  workspacePoolSize: toUint64(gpu.workspacePoolBytes),
});

const modelToWire = (model: WorkerModel): FieldsOf<typeof ModelInfo> => ({
  id: model.modelId,
  source: model.path,
  inputSize: toUint64(model.inputBytes),
  outputSize: toUint64(model.outputBytes),
  supportedBatchSizes: model.batchSizes,
  weightsSize: toUint64(model.weightsBytes),
  numWeightsPages: model.weightsPages,
  weightsLoadTimeNanos: toUint64(model.weightsLoadNs),
  batchSizeExecTimesNanos: model.execNs.map(toUint64),
});

export interface ResultToWireOptions extends ShiftedClock {
  /** When the result is handed to the link, on the worker's clock. */
  readonly sentAt: Nanos;
}

/**
 * Worker side: a result to send. Instants of `result` are on the worker's clock and are moved to the controller's;
 * its `resultSent` is not looked at.
 */
export const resultToWire = (
  result: ActionResult,
  options: ResultToWireOptions,
): OutgoingFrame<typeof RESULTS> => {
  const { clock, clockDelta, sentAt } = options;
  const common = { messageId: 0n, body: [] };
  const stamps = {
    actionId: result.actionId,
    actionReceived:
      result.actionReceived === null ? 0n : toControllerInstant(result.actionReceived, options),
    resultSent: wrapInstant(toAbsolute(clock, sentAt), -BigInt(clockDelta)),
  };
  switch (result.kind) {
    case "error": {
      const { status, message } = result;
      const fields = { ...stamps, actionType: ACTION_TYPE[result.action], status, message };
      return { ...common, name: "ErrorResult", fields };
    }
    case "load_model": {
      const fields = {
        ...stamps,
        ...loadedToWire(result),
        timing: timingToWire(result.timing, options),
      };
      return { ...common, name: "LoadModelFromDiskResult", fields };
    }
    case "load_weights":
    case "evict_weights": {
      const fields = { ...stamps, timing: timingToWire(result.timing, options) };
      const name = result.kind === "load_weights" ? "LoadWeightsResult" : "EvictWeightsResult";
      return { ...common, name, fields };
    }
    case "infer": {
      const fields = {
        ...stamps,
        copyInputTiming: timingToWire(result.copyInput, options),
        execTiming: timingToWire(result.exec, options),
        copyOutputTiming: timingToWire(result.copyOutput, options),
        gpuId: result.gpuId,
        gpuClockBefore: result.gpuClockBeforeMhz,
        gpuClock: result.gpuClockMhz,
      };
      return { ...common, name: "InferResult", fields, body: toBody([result.output]) };
    }
    case "clear_cache":
      return { ...common, name: "ClearCacheResult", fields: stamps };
    case "get_worker_state": {
      const fields = { ...stamps, workerMemoryInfo: stateToWire(result.state) };
      return { ...common, name: "GetWorkerStateResult", fields };
    }
    default:
      return assertNever(result);
  }
};

const loadedToWire = (result: ActionResult & { readonly kind: "load_model" }) => ({
  inputSize: toUint64(result.inputBytes),
  outputSize: toUint64(result.outputBytes),
  supportedBatchSizes: result.batchSizes,
  weightsSizeInCache: toUint64(result.weightsBytes),
  numWeightsPages: result.weightsPages,
  weightsLoadTimeNanos: toUint64(result.weightsLoadNs),
  batchSizeExecTimesNanos: result.execNs.map(toUint64),
  copiesCreated: result.copies,
});

const stateToWire = (state: WorkerState) => ({
  pageSize: toUint64(state.pageSizeBytes),
  hostWeightsCacheSize: HOST_WEIGHTS_CACHE_BYTES,
  hostIoPoolSize: toUint64(state.hostIoPoolBytes),
  gpus: state.gpus.map(gpuToWire),
  models: state.models.map(modelToWire),
});

const timingFromWire = (timing: FieldsOf<typeof WireTiming>, clock: Clock): Timing => ({
  begin: fromAbsolute(clock, timing.begin),
  end: fromAbsolute(clock, timing.end),
  duration: ns(fromUint64(timing.duration)),
});

const ACTION_KINDS: ReadonlyMap<number, ActionKind> = new Map(
  (Object.keys(ACTION_TYPE) as ActionKind[]).map((kind) => [ACTION_TYPE[kind], kind]),
);

/** Controller side: a result that was received; fails only on an error result for an action type that does not exist. */
export const resultFromWire = (
  frame: IncomingFrame<typeof RESULTS>,
  clock: Clock,
): Result<ActionResult, string> => {
  const { actionId, actionReceived, resultSent } = frame.fields;
  const stamps = {
    actionId,
    actionReceived: actionReceived === 0n ? null : fromAbsolute(clock, actionReceived),
    resultSent: resultSent === 0n ? null : fromAbsolute(clock, resultSent),
  };
  switch (frame.name) {
    case "ErrorResult": {
      const { actionType, status, message } = frame.fields;
      const action = ACTION_KINDS.get(actionType);
      if (action === undefined) return err(`error result for unknown action type ${actionType}`);
      return ok({ ...stamps, kind: "error", action, status, message });
    }
    case "LoadModelFromDiskResult":
      return ok({
        ...stamps,
        ...loadedFromWire(frame.fields),
        timing: timingFromWire(frame.fields.timing, clock),
      });
    case "LoadWeightsResult":
      return ok({
        ...stamps,
        kind: "load_weights",
        timing: timingFromWire(frame.fields.timing, clock),
      });
    case "EvictWeightsResult":
      return ok({
        ...stamps,
        kind: "evict_weights",
        timing: timingFromWire(frame.fields.timing, clock),
      });
    case "InferResult": {
      const { fields } = frame;
      return ok({
        ...stamps,
        kind: "infer",
        copyInput: timingFromWire(fields.copyInputTiming, clock),
        exec: timingFromWire(fields.execTiming, clock),
        copyOutput: timingFromWire(fields.copyOutputTiming, clock),
        gpuId: fields.gpuId,
        gpuClockBeforeMhz: fields.gpuClockBefore,
        gpuClockMhz: fields.gpuClock,
        output: toPayload(frame.body),
      });
    }
    case "ClearCacheResult":
      return ok({ ...stamps, kind: "clear_cache" });
    case "GetWorkerStateResult":
      return ok({ ...stamps, kind: "get_worker_state", state: stateFromWire(frame.fields) });
    default:
      return assertNever(frame);
  }
};

type FieldsNamed<N extends string> = (IncomingFrame<typeof RESULTS> & {
  readonly name: N;
})["fields"];

const loadedFromWire = (fields: FieldsNamed<"LoadModelFromDiskResult">) => ({
  kind: "load_model" as const,
  inputBytes: fromUint64(fields.inputSize),
  outputBytes: fromUint64(fields.outputSize),
  batchSizes: fields.supportedBatchSizes,
  weightsBytes: fromUint64(fields.weightsSizeInCache),
  weightsPages: fields.numWeightsPages,
  weightsLoadNs: ns(fromUint64(fields.weightsLoadTimeNanos)),
  execNs: fields.batchSizeExecTimesNanos.map((each) => ns(fromUint64(each))),
  copies: fields.copiesCreated,
});

const stateFromWire = ({
  workerMemoryInfo: info,
}: FieldsNamed<"GetWorkerStateResult">): WorkerState => ({
  pageSizeBytes: fromUint64(info.pageSize),
  hostIoPoolBytes: fromUint64(info.hostIoPoolSize),
  gpus: info.gpus.map((gpu) => ({
    id: gpu.id,
    weightsCacheBytes: fromUint64(gpu.weightsCacheSize),
    totalPages: gpu.weightsCacheTotalPages,
    residentModels: gpu.models,
    ioPoolBytes: fromUint64(gpu.ioPoolSize),
    workspacePoolBytes: fromUint64(gpu.workspacePoolSize),
  })),
  models: info.models.map((model) => ({
    modelId: model.id,
    path: model.source,
    inputBytes: fromUint64(model.inputSize),
    outputBytes: fromUint64(model.outputSize),
    batchSizes: model.supportedBatchSizes,
    weightsBytes: fromUint64(model.weightsSize),
    weightsPages: model.numWeightsPages,
    weightsLoadNs: ns(fromUint64(model.weightsLoadTimeNanos)),
    execNs: model.batchSizeExecTimesNanos.map((each) => ns(fromUint64(each))),
  })),
});
