/** What the roles say to each other, free of bytes and of absolute time; `host` maps it to and from the wire. */

import type { ActionKind } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";

/** Opaque data that travels with a message; its owner (host or sim) knows the bytes, serving only their number. */
export interface Payload {
  readonly sizeBytes: number;
}

/** An instant, or null for an open window end (0 and 2^64 − 1 on the wire). */
export type WindowEnd = Nanos | null;

// ---- client ↔ controller ----

export interface RequestHeader {
  readonly userId: number;
  readonly userRequestId: number;
}

export type ClientRequest = RequestHeader &
  (
    | {
        readonly kind: "infer";
        readonly modelId: number;
        readonly batchSize: number;
        readonly sloFactor: number;
        readonly input: Payload;
      }
    | { readonly kind: "load_model"; readonly path: string; readonly copies: number }
    | { readonly kind: "ls" }
    | { readonly kind: "evict"; readonly modelId: number }
    | { readonly kind: "upload" }
  );

export interface ModelInfo {
  readonly modelId: number;
  readonly path: string;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

/** A slice of an infer result's output: piece `index` of `count` equal pieces. */
export interface OutputSlice {
  readonly payload: Payload;
  readonly index: number;
  readonly count: number;
}

export interface ResponseHeader {
  readonly userRequestId: number;
  readonly status: number;
  /** "" on success. */
  readonly message: string;
}

export type ClientResponse = ResponseHeader &
  (
    | {
        readonly kind: "infer";
        readonly modelId: number;
        readonly batchSize: number;
        readonly output: OutputSlice | null;
      }
    | {
        readonly kind: "load_model";
        /** First of `copies` consecutive ids. */
        readonly modelId: number;
        readonly inputBytes: number;
        readonly outputBytes: number;
        readonly copies: number;
      }
    | { readonly kind: "ls"; readonly models: readonly ModelInfo[] }
    | { readonly kind: "evict" }
    | { readonly kind: "upload" }
  );

// ---- controller ↔ worker ----

export type Action =
  | {
      readonly kind: "load_model";
      readonly actionId: number;
      /** First id; copies take consecutive ids. */
      readonly modelId: number;
      readonly path: string;
      readonly copies: number;
      readonly earliest: WindowEnd;
      readonly latest: WindowEnd;
      readonly maxBatchSize: number;
      readonly maxExecNs: Nanos;
    }
  | {
      readonly kind: "load_weights";
      readonly actionId: number;
      readonly modelId: number;
      readonly gpuId: number;
      readonly earliest: WindowEnd;
      readonly latest: WindowEnd;
      readonly expectedDuration: Nanos;
    }
  | {
      readonly kind: "evict_weights";
      readonly actionId: number;
      readonly modelId: number;
      readonly gpuId: number;
      readonly earliest: WindowEnd;
      readonly latest: WindowEnd;
    }
  | {
      readonly kind: "infer";
      readonly actionId: number;
      readonly modelId: number;
      readonly gpuId: number;
      readonly earliest: WindowEnd;
      /** Deadline to start. */
      readonly latest: WindowEnd;
      readonly expectedDuration: Nanos;
      readonly batchSize: number;
      /** One size per request of the batch, zeros included; empty when the sender gives none. */
      readonly inputSizes: readonly number[];
      /** The inputs in batch order; a worker that read them off the wire holds one concatenated payload. */
      readonly inputs: readonly Payload[];
    }
  | { readonly kind: "clear_cache"; readonly actionId: number }
  | { readonly kind: "get_worker_state"; readonly actionId: number };

/** `begin` and `end` on the controller's clock; `duration` as the device measured it. */
export interface Timing {
  readonly begin: Nanos;
  readonly end: Nanos;
  readonly duration: Nanos;
}

export interface GpuState {
  readonly id: number;
  readonly weightsCacheBytes: number;
  readonly totalPages: number;
  /** Ids of models whose weights are resident, ascending. */
  readonly residentModels: readonly number[];
  readonly ioPoolBytes: number;
  readonly workspacePoolBytes: number;
}

/** A model as a worker knows it. `execNs` is parallel to `batchSizes` (ascending); 0 means unknown. */
export interface WorkerModel {
  readonly modelId: number;
  readonly path: string;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly batchSizes: readonly number[];
  readonly weightsBytes: number;
  readonly weightsPages: number;
  readonly weightsLoadNs: Nanos;
  readonly execNs: readonly Nanos[];
}

export interface WorkerState {
  readonly pageSizeBytes: number;
  readonly hostIoPoolBytes: number;
  readonly gpus: readonly GpuState[];
  readonly models: readonly WorkerModel[];
}

interface ResultCommon {
  readonly actionId: number;
  /** When the worker had read the action, on the controller's clock; null when the worker did not say (0 on the wire). */
  readonly actionReceived: Nanos | null;
  /** When the worker handed the result to its network layer, on the controller's clock; null when not yet or not said. */
  readonly resultSent: Nanos | null;
}

export type ActionResult = ResultCommon &
  (
    | {
        readonly kind: "error";
        readonly action: ActionKind;
        readonly status: number;
        readonly message: string;
      }
    | {
        readonly kind: "load_model";
        readonly timing: Timing;
        readonly inputBytes: number;
        readonly outputBytes: number;
        readonly batchSizes: readonly number[];
        readonly weightsBytes: number;
        readonly weightsPages: number;
        readonly weightsLoadNs: Nanos;
        readonly execNs: readonly Nanos[];
        readonly copies: number;
      }
    | { readonly kind: "load_weights"; readonly timing: Timing }
    | { readonly kind: "evict_weights"; readonly timing: Timing }
    | {
        readonly kind: "infer";
        readonly copyInput: Timing;
        readonly exec: Timing;
        readonly copyOutput: Timing;
        readonly gpuId: number;
        readonly gpuClockBeforeMhz: number;
        readonly gpuClockMhz: number;
        /** All outputs of the batch, concatenated in batch order. */
        readonly output: Payload;
      }
    | { readonly kind: "clear_cache" }
    | { readonly kind: "get_worker_state"; readonly state: WorkerState }
  );
