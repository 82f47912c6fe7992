/** The books a strategy works with: models, GPUs and their pages, requests, actions in flight, and what results taught. */
import { STOPPED } from "#serving/controller/bouncer.ts";
import type { ControllerEffect, ReceivedResult } from "#serving/controller/events.ts";
import type { Gpu } from "#serving/controller/gpu.ts";
import {
  type ActionEnding,
  actionRecord,
  type GpuAction,
  type InFlight,
} from "#serving/controller/in-flight.ts";
import type { Model } from "#serving/controller/model.ts";
import { NetworkExecutor } from "#serving/controller/network-executor.ts";
import { LATE_SEND_MARGIN, LEAD_TIME, type SchedulerOptions } from "#serving/controller/options.ts";
import {
  type Arrived,
  answerUnscheduled,
  type Copies,
  type Ending,
  Request,
  RequestBook,
  requestTimes,
} from "#serving/controller/request-book.ts";
import type { Server } from "#serving/controller/server.ts";
import { inputSourceText } from "#serving/controller/state-text.ts";
import type { Strategy, StrategyFactory } from "#serving/controller/strategy.ts";
import type { ActionResult, Payload } from "#serving/messages.ts";
import { printable } from "#serving/printable.ts";
import { STATUS } from "#serving/status.ts";
import { assert } from "#stdx/assert.ts";
import { addNs, earliestNs, maxNs, type Nanos } from "#stdx/nanos.ts";

type InferResult = Extract<ActionResult, { readonly kind: "infer" }>;

export interface ClusterParts {
  readonly models: readonly Model[];
  readonly gpus: readonly Gpu[];
  readonly options: SchedulerOptions;
  /** Actions of start-up, which come before the scheduler's in the logs' numbering. */
  readonly actionsBefore: number;
  readonly emit: (effect: ControllerEffect) => void;
}

export class Cluster implements Server {
  readonly models: readonly Model[];
  readonly gpus: readonly Gpu[];
  readonly options: SchedulerOptions;
  readonly #emit: (effect: ControllerEffect) => void;
  readonly #modelOfId: ReadonlyMap<number, Model>;
  readonly #requests: RequestBook;
  readonly #network: NetworkExecutor<InFlight>;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #strategy: Strategy;
  readonly #actionsBefore: number;
  #nextActionId = 0;
  #inputSourceTold = false;

  constructor(parts: ClusterParts, strategy: StrategyFactory) {
    this.models = parts.models;
    this.gpus = parts.gpus;
    this.options = parts.options;
    this.#actionsBefore = parts.actionsBefore;
    this.#emit = parts.emit;
    this.#modelOfId = new Map(parts.models.map((model) => [model.modelId, model]));
    this.#requests = new RequestBook(parts.emit);
    this.#network = new NetworkExecutor((now, entry) => this.#transmit(now, entry));
    this.#strategy = strategy(this);
  }

  // ---- what happens to it ----

  admit(now: Nanos, arrived: Arrived): void {
    const model = this.#modelOfId.get(arrived.request.modelId);
    if (model === undefined) {
      const reason = { status: STATUS.ERROR, message: "Invalid model ID", copies: null };
      for (const effect of answerUnscheduled(now, arrived, reason)) this.#emit(effect);
      return;
    }
    const times = requestTimes(model, arrived.request.sloFactor, this.options);
    const request = new Request(arrived, model, times);
    this.#tellInputSource(request.input);
    this.#requests.admit(request);
    this.#strategy.onAdmitted(now, request);
  }

  onResult(now: Nanos, { worker, received, result }: ReceivedResult): boolean {
    const entry = this.#inFlight.get(result.actionId);
    const kind = result.kind === "error" ? result.action : result.kind;
    if (entry === undefined || entry.worker !== worker || entry.action.kind !== kind) return false;
    const { status, message } =
      result.kind === "error" ? result : { status: STATUS.SUCCESS, message: "" };
    this.#end(now, entry, { status, message, received, result });
    return true;
  }

  onActionSent(now: Nanos, actionId: number): void {
    this.#network.onSent(now, actionId);
  }

  /** Ends everything that was on the worker and takes its GPUs out of use. */
  onWorkerDown(now: Nanos, worker: number, reason: string): void {
    this.#network.onWorkerDown(now, worker);
    for (const gpu of this.gpus) {
      if (gpu.worker === worker) gpu.alive = false;
    }
    const message = `worker ${worker} disconnected: ${reason}`;
    for (const entry of this.#inFlight.values()) {
      if (entry.worker !== worker) continue;
      const status = STATUS.SHUTTING_DOWN;
      this.#end(now, entry, { status, message, received: now, result: null });
    }
    for (const gpu of this.gpus) {
      if (gpu.worker !== worker) continue;
      for (const model of this.models) this.#forget(gpu, model);
      this.#strategy.onGpuGone(now, gpu);
    }
  }

  copiesOf(modelId: number): Copies | null {
    const model = this.#modelOfId.get(modelId);
    return model === undefined ? null : { workers: model.workers, gpus: model.copies };
  }

  stop(now: Nanos): void {
    for (const entry of this.#inFlight.values()) {
      this.#end(now, entry, { ...STOPPED, received: now, result: null });
    }
    this.#requests.endAll(now, { ...STOPPED, result: STOPPED.status, output: null });
  }

  /** Ends what is due and lets the strategy act. */
  advance(now: Nanos): void {
    this.#network.expire(now);
    for (;;) {
      const unsent = this.#network.takeUnsent(now);
      if (unsent === null) break;
      const message = "Could not send action to worker in time";
      const status = STATUS.NOT_SENT_IN_TIME;
      this.#end(now, unsent.entry, { status, message, received: unsent.decided, result: null });
    }
    for (;;) {
      const request = this.#requests.takeTimedOut(now);
      if (request === null) break;
      this.#strategy.onTimedOut(now, request);
    }
    this.#strategy.schedule(now);
  }

  nextTimeout(): Nanos | null {
    return earliestNs(
      this.#requests.nextTimeout(),
      earliestNs(this.#network.nextTimeout(), this.#strategy.nextTimeout()),
    );
  }

  // ---- what a strategy may do ----

  /** Sends a batch to a GPU; `execStart` is when the GPU is expected to be free for it. */
  infer(
    now: Nanos,
    gpu: Gpu,
    work: { readonly batch: readonly Request[]; readonly execStart: Nanos },
  ): InFlight {
    const { batch, execStart } = work;
    const model = batch[0]?.model;
    assert(model !== undefined, "a batch has at least one request");
    for (const request of batch) request.locked = true;
    const clock = gpu.exec.clockMhz;
    const duration = model.exec.estimate(batch.length, clock);
    const inputs = batch.map((request) => this.#inputOf(request));
    const latest = this.#latestStart(now, execStart);
    const action: GpuAction = {
      kind: "infer",
      actionId: this.#nextActionId++,
      modelId: model.modelId,
      gpuId: gpu.gpuId,
      earliest: now,
      latest,
      expectedDuration: duration,
      batchSize: batch.length,
      inputSizes: inputs.map((input) => input.sizeBytes),
      inputs,
    };
    gpu.exec.add(now, action.actionId, duration);
    return this.#dispatch(now, action, {
      gpu,
      model,
      batch,
      expected: { duration, complete: addNs(execStart, duration), gpuClockMhz: clock },
      sendBy: maxNs(addNs(now, LEAD_TIME), (latest - LATE_SEND_MARGIN) as Nanos),
      reportErrorAt: addNs(latest, duration),
    });
  }

  /** Sends LoadWeights and takes the pages; they must be free. */
  load(now: Nanos, gpu: Gpu, model: Model): InFlight {
    assert(gpu.freePages >= model.weightsPages, "weights are loaded into free pages only");
    const start = gpu.loads.available(now);
    const duration = model.load.estimate();
    const latest = this.#latestStart(now, start);
    const action: GpuAction = {
      kind: "load_weights",
      actionId: this.#nextActionId++,
      modelId: model.modelId,
      gpuId: gpu.gpuId,
      earliest: now,
      latest,
      expectedDuration: duration,
    };
    gpu.freePages -= model.weightsPages;
    gpu.startLoading(model.index);
    gpu.loads.add(now, action.actionId, duration);
    return this.#dispatch(now, action, {
      gpu,
      model,
      batch: [],
      expected: { duration, complete: addNs(start, duration), gpuClockMhz: 0 },
      sendBy: null,
      reportErrorAt: addNs(latest, duration),
    });
  }

  /** Sends EvictWeights; the pages count as free at once, since workers take actions in order. */
  evict(now: Nanos, gpu: Gpu, model: Model): InFlight {
    const action: GpuAction = {
      kind: "evict_weights",
      actionId: this.#nextActionId++,
      modelId: model.modelId,
      gpuId: gpu.gpuId,
      earliest: null,
      latest: null,
    };
    // Copies are counted before the evict, as in the original's log.
    const copies = { copiesWorkers: model.workers, copiesGpus: model.copies };
    this.#forget(gpu, model);
    return this.#dispatch(now, action, {
      gpu,
      model,
      batch: [],
      expected: null,
      sendBy: null,
      reportErrorAt: now,
      ...copies,
    });
  }

  // ---- the books ----

  #latestStart(now: Nanos, start: Nanos): Nanos {
    const { scheduleAhead } = this.options;
    return maxNs((now + LEAD_TIME + scheduleAhead) as Nanos, addNs(start, scheduleAhead));
  }

  #dispatch(
    now: Nanos,
    action: GpuAction,
    facts: Pick<InFlight, "gpu" | "model" | "batch" | "expected" | "sendBy" | "reportErrorAt"> &
      Partial<Pick<InFlight, "copiesWorkers" | "copiesGpus">>,
  ): InFlight {
    const { gpu, model } = facts;
    const entry: InFlight = {
      actionId: action.actionId,
      loggedId: this.#actionsBefore + action.actionId,
      worker: gpu.worker,
      action,
      gpu,
      model,
      version: gpu.version(model.index),
      batch: facts.batch,
      built: now,
      sent: null,
      expected: facts.expected,
      sendBy: facts.sendBy,
      reportErrorAt: facts.reportErrorAt,
      requestsQueued: model.requestsQueued,
      copiesWorkers: facts.copiesWorkers ?? model.workers,
      copiesGpus: facts.copiesGpus ?? model.copies,
    };
    this.#inFlight.set(entry.actionId, entry);
    this.#network.send(now, entry);
    return entry;
  }

  #transmit(now: Nanos, entry: InFlight): void {
    entry.sent = now;
    this.#emit({ kind: "send_action", worker: entry.worker, action: entry.action });
  }

  #end(
    now: Nanos,
    entry: InFlight,
    how: Omit<ActionEnding, "processed"> & { readonly message: string },
  ): void {
    // An action that was given up on may be reported once more when its worker goes.
    if (!this.#inFlight.delete(entry.actionId)) return;
    switch (entry.action.kind) {
      case "infer":
        this.#endInfer(now, entry, how);
        break;
      case "load_weights":
        this.#endLoad(now, entry, how.result);
        break;
      case "evict_weights":
        this.#endEvict(entry, how.status, how.message);
        break;
    }
    const record = actionRecord(entry, { ...how, processed: now });
    this.#emit({ kind: "action_done", record });
    if (entry.action.kind === "infer") this.#strategy.onBatchEnded(now, entry);
  }

  #endInfer(
    now: Nanos,
    entry: InFlight,
    how: Pick<ActionEnding, "status" | "result"> & { readonly message: string },
  ): void {
    const { gpu, model, batch, actionId } = entry;
    if (how.result?.kind === "infer") {
      this.#learn(entry, how.result);
      const { output } = how.result;
      const generated =
        this.options.inputFor !== null && batch.some((request) => request.input.sizeBytes === 0);
      const isEmpty = output.sizeBytes === 0 || generated;
      for (const [index, request] of batch.entries()) {
        const slice = isEmpty ? null : { payload: output, index, count: batch.length };
        this.#requests.end(now, request, { result: STATUS.SUCCESS, message: "", output: slice });
      }
      return;
    }
    gpu.exec.failed(actionId, now);
    const ending: Ending = { result: how.status, message: how.message, output: null };
    for (const request of batch) this.#requests.end(now, request, ending);
    const believed = gpu.isLoaded(model.index) && gpu.version(model.index) === entry.version;
    if (how.status === STATUS.EXEC_NO_WEIGHTS && believed) {
      this.#forget(gpu, model);
      this.#strategy.onWeightsLost(now, gpu, model);
    }
  }

  #learn(entry: InFlight, result: InferResult): void {
    const { gpu, model, batch, actionId } = entry;
    gpu.exec.succeeded(actionId, result.exec.end);
    // A clock of 0 means that the worker does not know; the last known one stands in.
    const after = result.gpuClockMhz > 0 ? result.gpuClockMhz : gpu.exec.clockMhz;
    const before = result.gpuClockBeforeMhz > 0 ? result.gpuClockBeforeMhz : after;
    gpu.exec.clockMhz = after;
    const clockMhz = Math.floor((before + after) / 2);
    model.exec.measured(batch.length, { duration: result.exec.duration, clockMhz });
  }

  #endLoad(now: Nanos, entry: InFlight, result: ActionResult | null): void {
    const { gpu, model, actionId } = entry;
    if (!gpu.alive) return;
    const current = gpu.version(model.index) === entry.version;
    if (result?.kind === "load_weights") {
      gpu.loads.succeeded(actionId, result.timing.end);
      model.load.measured(result.timing.duration);
      if (current) {
        gpu.setLoaded(model.index);
        model.gained(gpu.worker);
      }
    } else {
      gpu.loads.failed(actionId, now);
      if (current) this.#forget(gpu, model);
    }
    this.#strategy.onLoadEnded(now, gpu, model);
  }

  #endEvict(entry: InFlight, status: number, message: string): void {
    // The books call the weights gone already; "not resident" therefore agrees with them.
    const agrees = status === STATUS.SUCCESS || status === STATUS.EVICT_NOT_RESIDENT;
    if (agrees || !entry.gpu.alive) return;
    const place = `worker ${entry.worker} GPU ${entry.gpu.gpuId}`;
    const line = `EvictWeights A${entry.actionId} of model ${entry.model.modelId} failed on ${place}: status ${status} ${printable(message)}`;
    this.#emit({ kind: "print", line });
  }

  /** The weights are not on the GPU, or no longer on their way there; their pages are free. */
  #forget(gpu: Gpu, model: Model): void {
    const loaded = gpu.isLoaded(model.index);
    if (!loaded && !gpu.isLoading(model.index)) return;
    gpu.setAbsent(model.index);
    gpu.freePages += model.weightsPages;
    if (loaded) model.lost(gpu.worker);
  }

  #inputOf(request: Request): Payload {
    const { inputFor } = this.options;
    return inputFor !== null && request.input.sizeBytes === 0
      ? inputFor(request.model.inputBytes)
      : request.input;
  }

  /** Says once where inputs come from, judged by the first request, as the original does. */
  #tellInputSource(input: Payload): void {
    if (this.#inputSourceTold) return;
    this.#inputSourceTold = true;
    const line = inputSourceText(input.sizeBytes > 0, this.options.inputFor !== null);
    this.#emit({ kind: "print", line });
  }
}
