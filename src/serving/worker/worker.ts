/**
 * The worker as a state machine: holds actions until their windows open, keeps the weights cache of each GPU, hands
 * loads and executions to a device, and answers every action exactly once.
 */
import type { ActionResult, Payload, WorkerModel, WorkerState } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import { ActionQueue } from "#serving/worker/action-queue.ts";
import type { ModelCatalogue } from "#serving/worker/catalogue.ts";
import { receivedLine, sendingLine } from "#serving/worker/console-lines.ts";
import type {
  DeviceDone,
  DeviceOperation,
  WorkerEffect,
  WorkerEvent,
} from "#serving/worker/events.ts";
import { GpuMemory } from "#serving/worker/gpu-memory.ts";
import {
  type EvictWeights,
  type Held,
  type Infer,
  inputBytesOf,
  type LoadModel,
  type LoadWeights,
  refuseBatch,
  variantFor,
} from "#serving/worker/held-action.ts";
import { ModelTable } from "#serving/worker/model-table.ts";
import {
  failed,
  inferred,
  modelLoaded,
  weightsEvicted,
  weightsLoaded,
} from "#serving/worker/results.ts";
import { windowStatus } from "#serving/worker/windows.ts";
import { assert, assertNever } from "#stdx/assert.ts";
import { type Nanos, ZERO_NS } from "#stdx/nanos.ts";

export interface WorkerOptions {
  readonly gpuCount: number;
  /** Per GPU; what does not fill a page is not used. */
  readonly weightsCacheBytes: number;
  readonly pageSizeBytes: number;
  /** Reported to the controller; nothing is taken from these two. */
  readonly ioPoolBytes: number;
  readonly workspacePoolBytes: number;
  /** Bounds the inputs that wait or are executed. */
  readonly hostIoPoolBytes: number;
  /** Whether inferences may come without inputs; they may when absent. */
  readonly allowsEmptyInputs?: boolean;
  readonly catalogue: ModelCatalogue;
}

type HeldWeights = Held<LoadWeights> | Held<EvictWeights>;

interface Gpu {
  readonly memory: GpuMemory;
  readonly weightsQueue: ActionQueue<HeldWeights>;
  readonly inferQueue: ActionQueue<Held<Infer>>;
  isLoading: boolean;
  isExecuting: boolean;
}

/** What a device operation was started for; `version` is that of the weights when it started. */
type InProgress = { readonly gpu: Gpu; readonly model: WorkerModel; readonly version: number } & (
  | { readonly kind: "load_weights"; readonly held: Held<LoadWeights> }
  | { readonly kind: "infer"; readonly held: Held<Infer> }
);

const NOTHING: Payload = { sizeBytes: 0 };

const isLoad = (held: HeldWeights): held is Held<LoadWeights> =>
  held.action.kind === "load_weights";

/** A worker with one or more GPUs. Instants are on the worker's clock. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #gpus: readonly Gpu[];
  readonly #models: ModelTable;
  readonly #modelQueue = new ActionQueue<Held<LoadModel>>();
  readonly #inProgress = new Map<number, InProgress>();
  #nextOperationId = 0;
  /** Of all infer actions that have no result yet. */
  #inputBytes = 0;
  /** Of the step in progress. */
  #effects: WorkerEffect[] = [];

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#models = new ModelTable(options.catalogue, options.pageSizeBytes);
    const totalPages = Math.floor(options.weightsCacheBytes / options.pageSizeBytes);
    this.#gpus = Array.from({ length: options.gpuCount }, () => ({
      memory: new GpuMemory(totalPages),
      weightsQueue: new ActionQueue<HeldWeights>(),
      inferQueue: new ActionQueue<Held<Infer>>(),
      isLoading: false,
      isExecuting: false,
    }));
  }

  /** Advances the state machine; `now` must never decrease between calls. Effects are in order. */
  step(now: Nanos, event: WorkerEvent): readonly WorkerEffect[] {
    this.#effects = [];
    switch (event.kind) {
      case "action":
        this.#onAction(now, event);
        break;
      case "device_done":
        this.#onDeviceDone(event.done);
        break;
      case "timer":
        break;
      default:
        assertNever(event);
    }
    this.#startEligible(now);
    return this.#effects;
  }

  /** When the next window opens that something idle waits for, or null: then only an event brings news. */
  nextTimeout(): Nanos | null {
    let next = this.#modelQueue.nextOpening();
    const consider = (opening: Nanos | null): void => {
      if (opening !== null && (next === null || opening < next)) next = opening;
    };
    for (const gpu of this.#gpus) {
      if (!gpu.isLoading) consider(gpu.weightsQueue.nextOpening());
      if (!gpu.isExecuting) consider(gpu.inferQueue.nextOpening());
    }
    return next;
  }

  // ---- Actions ----

  #onAction(now: Nanos, event: WorkerEvent & { readonly kind: "action" }): void {
    const { action, received, clockDelta, connectionId = 0 } = event;
    const common = { received, clockDelta, connectionId };
    this.#print(receivedLine(action, now));
    switch (action.kind) {
      case "load_model":
        this.#enqueue(this.#modelQueue, { action, ...common });
        break;
      case "load_weights":
        this.#enqueue(this.#gpus[action.gpuId]?.weightsQueue, { action, ...common });
        break;
      case "evict_weights":
        this.#enqueue(this.#gpus[action.gpuId]?.weightsQueue, { action, ...common });
        break;
      case "infer":
        this.#onInfer({ action, ...common });
        break;
      case "clear_cache":
        for (const [gpuId, { memory }] of this.#gpus.entries()) {
          for (const modelId of memory.residentModels) this.#release(gpuId, modelId);
          memory.clear();
        }
        this.#sendUnstamped(connectionId, { kind: "clear_cache", actionId: action.actionId });
        break;
      case "get_worker_state": {
        const { actionId } = action;
        const state = this.#state();
        this.#sendUnstamped(connectionId, { kind: "get_worker_state", actionId, state });
        break;
      }
      default:
        assertNever(action);
    }
  }

  #onInfer(held: Held<Infer>): void {
    this.#inputBytes += inputBytesOf(held);
    const { hostIoPoolBytes } = this.#options;
    if (this.#inputBytes > hostIoPoolBytes) {
      const message = `inputs in hand would be ${this.#inputBytes} bytes, the host's pool has ${hostIoPoolBytes}`;
      return this.#fail(held, STATUS.INPUT_POOL_FULL, message);
    }
    this.#enqueue(this.#gpus[held.action.gpuId]?.inferQueue, held);
  }

  #enqueue<H extends Held<LoadModel | LoadWeights | EvictWeights | Infer>>(
    queue: ActionQueue<H> | undefined,
    held: H,
  ): void {
    if (queue === undefined) {
      const message = `this worker has GPUs 0 to ${this.#gpus.length - 1}`;
      this.#fail(held, STATUS.INVALID_GPU, message);
    } else if (!queue.push(held.action.earliest, held)) {
      this.#fail(held, STATUS.RUNTIME_ERROR, `${queue.size} actions wait already`);
    }
  }

  #startEligible(now: Nanos): void {
    for (;;) {
      const held = this.#modelQueue.take(now);
      if (held === undefined) break;
      this.#loadModel(now, held);
    }
    for (const gpu of this.#gpus) {
      while (!gpu.isLoading) {
        const held = gpu.weightsQueue.take(now);
        if (held === undefined) break;
        if (isLoad(held)) this.#startLoad(now, gpu, held);
        else this.#evict(now, gpu, held);
      }
      while (!gpu.isExecuting) {
        const held = gpu.inferQueue.take(now);
        if (held === undefined) break;
        this.#startInfer(now, gpu, held);
      }
    }
  }

  #loadModel(now: Nanos, held: Held<LoadModel>): void {
    const outside = windowStatus(now, held.action);
    if (outside !== null) return this.#fail(held, outside, "LoadModelFromDisk outside its window");
    const loaded = this.#models.load(held.action);
    if (!loaded.ok) return this.#fail(held, loaded.error.status, loaded.error.message);
    const { model, readNs } = loaded.value;
    const { pageSizeBytes } = this.#options;
    this.#send(held, modelLoaded(held, model, { begin: now, duration: readNs, pageSizeBytes }));
  }

  #startLoad(now: Nanos, gpu: Gpu, held: Held<LoadWeights>): void {
    const outside = windowStatus(now, held.action);
    if (outside !== null) return this.#fail(held, outside, "LoadWeights outside its window");
    const model = this.#models.get(held.action.modelId);
    if (model === undefined) {
      return this.#fail(held, STATUS.LOAD_WEIGHTS_UNKNOWN_MODEL, "LoadWeights of an unknown model");
    }
    const { memory } = gpu;
    if (!memory.beginLoad(model.modelId, model.weightsPages)) {
      const message = `${model.weightsPages} pages needed, ${memory.freePages} of ${memory.totalPages} free`;
      return this.#fail(held, STATUS.LOAD_WEIGHTS_NO_PAGES, message);
    }
    gpu.isLoading = true;
    const { version } = memory.weightsOf(model.modelId);
    const { gpuId } = held.action;
    this.#begin(
      { kind: "load_weights", gpu, model, version, held },
      { kind: "load_weights", operationId: this.#nextOperationId++, gpuId, model },
    );
  }

  #evict(now: Nanos, gpu: Gpu, held: Held<EvictWeights>): void {
    const { gpuId, modelId } = held.action;
    const outside = windowStatus(now, held.action);
    if (outside !== null) return this.#fail(held, outside, "EvictWeights outside its window");
    if (this.#models.get(modelId) === undefined) {
      return this.#fail(held, STATUS.EVICT_UNKNOWN_MODEL, "EvictWeights of an unknown model");
    }
    if (!gpu.memory.evict(modelId)) {
      return this.#fail(held, STATUS.EVICT_NOT_RESIDENT, "the weights are not on this GPU");
    }
    this.#release(gpuId, modelId);
    this.#send(held, weightsEvicted(held, now));
  }

  #startInfer(now: Nanos, gpu: Gpu, held: Held<Infer>): void {
    const { gpuId, modelId } = held.action;
    const outside = windowStatus(now, held.action);
    if (outside !== null) return this.#fail(held, outside, "Infer outside its window");
    const model = this.#models.get(modelId);
    if (model === undefined) {
      return this.#fail(held, STATUS.INFER_UNKNOWN_MODEL, "Infer of an unknown model");
    }
    const refusal = refuseBatch(held, model, this.#options.allowsEmptyInputs ?? true);
    if (refusal !== null) return this.#fail(held, refusal.status, refusal.message);
    const { version, isResident } = gpu.memory.weightsOf(modelId);
    if (!isResident) {
      return this.#fail(
        held,
        STATUS.EXEC_NO_WEIGHTS,
        "ExecTask failed due to missing model weights",
      );
    }
    gpu.isExecuting = true;
    const { batchSize: count, inputs, inputSizes } = held.action;
    const batchSize = variantFor(held, model) ?? count;
    const operationId = this.#nextOperationId++;
    this.#begin(
      { kind: "infer", gpu, model, version, held },
      { kind: "infer", operationId, gpuId, model, batchSize, count, inputs, inputSizes },
    );
  }

  // ---- Device ----

  #begin(progress: InProgress, operation: DeviceOperation): void {
    this.#inProgress.set(operation.operationId, progress);
    this.#effects.push({ kind: "device_start", operation });
  }

  #release(gpuId: number, modelId: number): void {
    this.#effects.push({ kind: "device_release", gpuId, modelId });
  }

  #onDeviceDone(done: DeviceDone): void {
    const progress = this.#inProgress.get(done.operationId);
    assert(progress !== undefined, `the device was not given operation ${done.operationId}`);
    this.#inProgress.delete(done.operationId);
    if (progress.kind === "load_weights") this.#onLoaded(progress, done);
    else this.#onInferred(progress, done);
  }

  #onLoaded(progress: InProgress & { readonly kind: "load_weights" }, done: DeviceDone): void {
    const { gpu, held, model, version } = progress;
    const { gpuId } = held.action;
    gpu.isLoading = false;
    const isCurrent = gpu.memory.weightsOf(model.modelId).version === version;
    if (isCurrent && done.failure === undefined) {
      gpu.memory.completeLoad(model.modelId);
      this.#send(held, weightsLoaded(held, done));
      return;
    }
    this.#release(gpuId, model.modelId);
    if (isCurrent) gpu.memory.abandonLoad(model.modelId);
    const status = STATUS.LOAD_WEIGHTS_CHANGED;
    const changed = { status, message: "the weights changed while they were loaded" };
    this.#send(held, failed(held, done.failure ?? changed));
  }

  #onInferred(progress: InProgress & { readonly kind: "infer" }, done: DeviceDone): void {
    const { gpu, held, model, version } = progress;
    gpu.isExecuting = false;
    const weights = gpu.memory.weightsOf(model.modelId);
    if (weights.version !== version || !weights.isResident) {
      const message = "ExecTask failed due to weights version mismatch";
      return this.#fail(held, STATUS.EXEC_WEIGHTS_CHANGED, message);
    }
    const { failure, output } = done;
    if (failure !== undefined) return this.#fail(held, failure.status, failure.message);
    // An action without inputs gets no output either.
    const hasOutput = inputBytesOf(held) > 0;
    const outputBytes = hasOutput ? model.outputBytes * held.action.batchSize : 0;
    const given = hasOutput ? (output ?? NOTHING) : NOTHING;
    if (given.sizeBytes !== outputBytes) {
      const message = `the device gave ${given.sizeBytes} bytes of output, the model has ${outputBytes}`;
      return this.#fail(held, STATUS.RUNTIME_ERROR, message);
    }
    this.#send(held, inferred(held, done, given));
  }

  // ---- Results ----

  #state(): WorkerState {
    const { pageSizeBytes, hostIoPoolBytes, ioPoolBytes, workspacePoolBytes } = this.#options;
    // As it is configured, like the original's simulated worker: what does not fill a page is in it.
    const { weightsCacheBytes } = this.#options;
    const gpus = this.#gpus.map(({ memory }, id) => ({
      id,
      weightsCacheBytes,
      totalPages: memory.totalPages,
      residentModels: memory.residentModels,
      ioPoolBytes,
      workspacePoolBytes,
    }));
    return { pageSizeBytes, hostIoPoolBytes, gpus, models: this.#models.list() };
  }

  #fail(held: Held, status: number, message: string): void {
    this.#send(held, failed(held, { status, message }));
  }

  #send(held: Held, result: ActionResult): void {
    if (held.action.kind === "infer") this.#inputBytes -= inputBytesOf(held as Held<Infer>);
    const { clockDelta, connectionId } = held;
    this.#print(sendingLine(result));
    this.#effects.push({ kind: "send_result", result, clockDelta, connectionId });
  }

  /** State queries and cache clears carry no instants and no skew, as in the original. */
  #sendUnstamped(
    connectionId: number,
    result:
      | { readonly kind: "clear_cache"; readonly actionId: number }
      | {
          readonly kind: "get_worker_state";
          readonly actionId: number;
          readonly state: WorkerState;
        },
  ): void {
    const stamped: ActionResult = { ...result, actionReceived: null, resultSent: null };
    this.#print(sendingLine(stamped));
    const clockDelta = ZERO_NS;
    this.#effects.push({ kind: "send_result", result: stamped, clockDelta, connectionId });
  }

  #print(line: string | null): void {
    if (line !== null) this.#effects.push({ kind: "print", line });
  }
}
