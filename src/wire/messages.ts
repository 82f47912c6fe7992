/** Every message of both links of the original's protocol, as tables; the layouts are explained in README.md. */
import { type FieldsOf, optional, repeated, required, type Schema, schema } from "#wire/schema.ts";

// ---- Parts of messages ----

export const RequestHeader = schema("RequestHeader", {
  /** Chosen by the client: which workload or user. */
  userId: optional(1, "int32"),
  userRequestId: optional(2, "int32"),
});

export const ResponseHeader = schema("ResponseHeader", {
  /** Echo; the original leaves it uninitialised in successful load responses. */
  userRequestId: optional(1, "int32"),
  /** 0 on success. */
  status: optional(2, "int32"),
  /** "" on success. */
  message: optional(3, "string"),
});

/** `begin` and `end` in ns since the Unix epoch on the controller's clock; `duration` in ns as the device measured it. */
export const Timing = schema("Timing", {
  begin: required(1, "fixed64"),
  end: required(2, "fixed64"),
  duration: required(3, "fixed64"),
});

export const ClientModelInfo = schema("ClientModelInfo", {
  modelId: required(1, "uint32"),
  remotePath: required(2, "string"),
  /** Bytes of one uncompressed input. */
  inputSize: required(3, "uint64"),
  outputSize: required(4, "uint64"),
});

export const GpuInfo = schema("GPUInfo", {
  id: required(1, "int32"),
  weightsCacheSize: required(2, "uint64"),
  weightsCacheTotalPages: required(3, "int32"),
  /** Ids of models whose weights are resident, ascending. */
  models: repeated(4, "uint32"),
  ioPoolSize: required(5, "uint64"),
  workspacePoolSize: required(6, "uint64"),
});

export const ModelInfo = schema("ModelInfo", {
  id: required(1, "int32"),
  source: required(2, "string"),
  inputSize: required(3, "uint64"),
  outputSize: required(4, "uint64"),
  supportedBatchSizes: repeated(5, "uint32"),
  weightsSize: required(6, "uint64"),
  numWeightsPages: required(7, "uint32"),
  weightsLoadTimeNanos: required(8, "uint64"),
  /** Parallel to the batch sizes; 0 if unknown. */
  batchSizeExecTimesNanos: repeated(9, "uint64"),
});

export const WorkerMemoryInfo = schema("WorkerMemoryInfo", {
  pageSize: required(1, "uint64"),
  /** Always 2^64 − 1. */
  hostWeightsCacheSize: required(2, "uint64"),
  hostIoPoolSize: required(3, "uint64"),
  gpus: repeated(4, GpuInfo),
  models: repeated(5, ModelInfo),
});

// ---- Client to controller ----

/** There is no field 2. */
export const ModelUploadReq = schema("ModelUploadReq", {
  header: required(1, RequestHeader),
  batchsize: required(3, "uint32"),
  soLen: required(4, "uint64"),
  clockworkLen: required(5, "uint64"),
  paramsLen: required(6, "uint64"),
});

export const ModelInferenceReq = schema("ModelInferenceReq", {
  header: required(1, RequestHeader),
  modelId: required(2, "uint32"),
  batchSize: required(3, "uint32"),
  /** At most 0: the controller's default SLO. */
  sloFactor: required(4, "float"),
});

const LoadModelFromDiskReq = schema("LoadModelFromDiskReq", {
  header: required(1, RequestHeader),
  /** A path prefix that is valid on the workers. */
  remotePath: required(2, "string"),
  noOfCopies: required(3, "int32"),
});

export const EvictReq = schema("EvictReq", {
  header: required(1, RequestHeader),
  modelId: required(2, "uint32"),
});

export const LsReq = schema("LSReq", { header: required(1, RequestHeader) });

// ---- Controller to client ----

const ModelUploadRsp = schema("ModelUploadRsp", {
  header: required(1, ResponseHeader),
  modelId: required(2, "uint32"),
  inputSize: required(3, "uint64"),
  outputSize: required(4, "uint64"),
});

const ModelInferenceRsp = schema("ModelInferenceRsp", {
  header: required(1, ResponseHeader),
  modelId: required(2, "uint32"),
  batchSize: required(3, "uint32"),
});

const LoadModelFromDiskRsp = schema("LoadModelFromDiskRsp", {
  header: required(1, ResponseHeader),
  /** First of `copiesCreated` consecutive ids; this and the rest are garbage on failure. */
  modelId: required(2, "uint32"),
  inputSize: required(3, "uint64"),
  outputSize: required(4, "uint64"),
  copiesCreated: required(5, "int32"),
});

const EvictRsp = schema("EvictRsp", { header: required(1, ResponseHeader) });

export const LsRsp = schema("LSRsp", {
  header: required(1, ResponseHeader),
  /** Ascending by id, one entry per id. */
  models: repeated(2, ClientModelInfo),
});

// ---- Controller to worker; `earliest` and `latest` are ns since the Unix epoch on the controller's clock ----

const LoadModelFromDiskAction = schema("LoadModelFromDiskAction", {
  actionId: required(1, "int32"),
  modelId: required(2, "int32"),
  modelPath: required(3, "string"),
  earliest: required(4, "fixed64"),
  latest: required(5, "fixed64"),
  noOfCopies: required(6, "int32"),
  maxBatchSize: required(7, "uint32"),
  /** In ns. */
  maxExecDuration: required(8, "uint64"),
});

const LoadWeightsAction = schema("LoadWeightsAction", {
  actionId: required(1, "int32"),
  modelId: required(2, "int32"),
  gpuId: required(3, "uint32"),
  earliest: required(4, "fixed64"),
  latest: required(5, "fixed64"),
  /** In ns. */
  expectedDuration: required(6, "uint64"),
});

const EvictWeightsAction = schema("EvictWeightsAction", {
  actionId: required(1, "int32"),
  modelId: required(2, "int32"),
  gpuId: required(3, "uint32"),
  earliest: required(4, "fixed64"),
  latest: required(5, "fixed64"),
});

export const InferAction = schema("InferAction", {
  actionId: required(1, "int32"),
  modelId: required(2, "int32"),
  gpuId: required(3, "uint32"),
  earliest: required(4, "fixed64"),
  latest: required(5, "fixed64"),
  /** In ns. */
  expectedDuration: required(6, "uint64"),
  batchSize: required(7, "uint32"),
  /** Bytes of each input in the body, zeros included, in batch order; or empty. */
  inputSizes: repeated(8, "uint32"),
});

export const ClearCacheAction = schema("ClearCacheAction", { actionId: required(1, "int32") });

const GetWorkerStateAction = schema("GetWorkerStateAction", {
  actionId: required(1, "int32"),
});

// ---- Worker to controller; `actionReceived` and `resultSent` as above, 0 when not known ----

export const ErrorResult = schema("ErrorResult", {
  actionId: required(1, "int32"),
  /** Zero-based, unlike the message ids. */
  actionType: required(2, "int32"),
  status: required(3, "int32"),
  message: required(4, "string"),
  actionReceived: required(5, "fixed64"),
  resultSent: required(6, "fixed64"),
});

export const LoadModelFromDiskResult = schema("LoadModelFromDiskResult", {
  actionId: required(1, "int32"),
  timing: required(2, Timing),
  inputSize: required(3, "uint64"),
  outputSize: required(4, "uint64"),
  supportedBatchSizes: repeated(5, "uint32"),
  weightsSizeInCache: required(6, "uint64"),
  numWeightsPages: required(7, "uint32"),
  weightsLoadTimeNanos: required(8, "uint64"),
  batchSizeExecTimesNanos: repeated(9, "uint64"),
  copiesCreated: required(10, "int32"),
  actionReceived: required(11, "fixed64"),
  resultSent: required(12, "fixed64"),
});

const LoadWeightsResult = schema("LoadWeightsResult", {
  actionId: required(1, "int32"),
  timing: required(2, Timing),
  actionReceived: required(3, "fixed64"),
  resultSent: required(4, "fixed64"),
});

const EvictWeightsResult = schema("EvictWeightsResult", {
  actionId: required(1, "int32"),
  timing: required(2, Timing),
  actionReceived: required(3, "fixed64"),
  resultSent: required(4, "fixed64"),
});

const InferResult = schema("InferResult", {
  actionId: required(1, "int32"),
  copyInputTiming: required(2, Timing),
  execTiming: required(3, Timing),
  copyOutputTiming: required(4, Timing),
  gpuId: required(5, "uint32"),
  /** In MHz. */
  gpuClockBefore: required(6, "uint32"),
  /** In MHz; never 0, the original's controller divides by it. */
  gpuClock: required(7, "uint32"),
  actionReceived: required(8, "fixed64"),
  resultSent: required(9, "fixed64"),
});

/** Its times are varints, unlike those of the other results. */
export const ClearCacheResult = schema("ClearCacheResult", {
  actionId: required(1, "int32"),
  actionReceived: required(2, "uint64"),
  resultSent: required(3, "uint64"),
});

/** Its times are varints, unlike those of the other results. */
const GetWorkerStateResult = schema("GetWorkerStateResult", {
  actionId: required(1, "int32"),
  workerMemoryInfo: required(2, WorkerMemoryInfo),
  actionReceived: required(3, "uint64"),
  resultSent: required(4, "uint64"),
});

// ---- Which messages travel in which direction, under which id ----

/** One kind of message in one direction of a link. */
export interface MessageType<S extends Schema = Schema> {
  readonly id: number;
  readonly schema: S;
  readonly mayHaveBody: boolean;
}

/** Everything that may travel in one direction of one link; ids are unique in it. */
export interface MessageSet<T extends MessageType = MessageType> {
  readonly types: readonly T[];
  readonly byId: ReadonlyMap<number, T>;
  readonly byName: ReadonlyMap<string, T>;
}

const headerOnly = <S extends Schema>(id: number, of: S): MessageType<S> => ({
  id,
  schema: of,
  mayHaveBody: false,
});

const withBody = <S extends Schema>(id: number, of: S): MessageType<S> => ({
  id,
  schema: of,
  mayHaveBody: true,
});

const messageSet = <T extends MessageType>(types: readonly T[]): MessageSet<T> => ({
  types,
  byId: new Map(types.map((type) => [type.id, type])),
  byName: new Map(types.map((type) => [type.schema.name, type])),
});

/** Client to controller. */
export const REQUESTS = messageSet([
  withBody(1, ModelUploadReq),
  withBody(2, ModelInferenceReq),
  headerOnly(3, LoadModelFromDiskReq),
  headerOnly(4, EvictReq),
  headerOnly(5, LsReq),
]);

/** Controller to client. */
export const RESPONSES = messageSet([
  headerOnly(101, ModelUploadRsp),
  withBody(102, ModelInferenceRsp),
  headerOnly(103, LoadModelFromDiskRsp),
  headerOnly(104, EvictRsp),
  headerOnly(105, LsRsp),
]);

/** Controller to worker. */
export const ACTIONS = messageSet([
  headerOnly(1, LoadModelFromDiskAction),
  headerOnly(2, LoadWeightsAction),
  withBody(3, InferAction),
  headerOnly(4, EvictWeightsAction),
  headerOnly(5, ClearCacheAction),
  headerOnly(6, GetWorkerStateAction),
]);

/** Worker to controller. */
export const RESULTS = messageSet([
  headerOnly(100, ErrorResult),
  headerOnly(101, LoadModelFromDiskResult),
  headerOnly(102, LoadWeightsResult),
  withBody(103, InferResult),
  headerOnly(104, EvictWeightsResult),
  headerOnly(105, ClearCacheResult),
  headerOnly(106, GetWorkerStateResult),
]);

/** What one end of a link sends and receives. */
export interface Endpoint<R extends MessageSet = MessageSet, S extends MessageSet = MessageSet> {
  readonly receives: R;
  readonly sends: S;
}

export const ENDPOINTS = {
  /** The client, toward its controller. */
  client: { receives: RESPONSES, sends: REQUESTS },
  /** The controller, toward a client. */
  controllerForClients: { receives: REQUESTS, sends: RESPONSES },
  /** The controller, toward a worker. */
  controllerForWorkers: { receives: RESULTS, sends: ACTIONS },
  /** The worker, toward its controller. */
  worker: { receives: ACTIONS, sends: RESULTS },
} as const satisfies Readonly<Record<string, Endpoint>>;

type FrameOfType<T> =
  T extends MessageType<infer S>
    ? {
        readonly name: S["name"];
        /** The RPC id: a uint64, chosen by the client; 0 on worker links. */
        readonly messageId: bigint;
        readonly fields: FieldsOf<S>;
      }
    : never;

type BareFrameOf<M extends MessageSet> = M extends MessageSet<infer T> ? FrameOfType<T> : never;

/** A received message, discriminated by `name`; `body` is its own memory. */
export type IncomingFrame<M extends MessageSet> = BareFrameOf<M> & { readonly body: Uint8Array };

/** A message to send, discriminated by `name`; the parts of `body` follow each other on the wire. */
export type OutgoingFrame<M extends MessageSet> = BareFrameOf<M> & {
  readonly body: readonly Uint8Array[];
};
