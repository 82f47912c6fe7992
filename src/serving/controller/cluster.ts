/** The books a strategy works with: models, GPUs and their pages, requests, actions in flight, and what results taught. */
import { STOPPED } from "#serving/controller/bouncer.ts";
import { Dispatcher } from "#serving/controller/dispatcher.ts";
import type { ControllerEffect, ReceivedResult } from "#serving/controller/events.ts";
import { Fleet } from "#serving/controller/fleet.ts";
import { forgetWeights, type Gpu } from "#serving/controller/gpu.ts";
import { type ActionEnding, actionRecord, type InFlight } from "#serving/controller/in-flight.ts";
import type { Model } from "#serving/controller/model.ts";
import type { SchedulerOptions } from "#serving/controller/options.ts";
import { OverdueWatch } from "#serving/controller/overdue-watch.ts";
import { plausibleClock, plausibleDuration, plausibleEnd } from "#serving/controller/plausible.ts";
import type { Holdings } from "#serving/controller/rejoin.ts";
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
import { earliestNs, type Nanos } from "#stdx/nanos.ts";

type InferResult = Extract<ActionResult, { readonly kind: "infer" }>;

/** What a worker never answers while it holds what the books say: too few pages, no such model, no such GPU. */
const BOOKS_ARE_WRONG: ReadonlySet<number> = new Set([
  STATUS.LOAD_WEIGHTS_NO_PAGES,
  STATUS.LOAD_WEIGHTS_UNKNOWN_MODEL,
  STATUS.INFER_UNKNOWN_MODEL,
  STATUS.INVALID_GPU,
]);

/** What is left is due at once: thousands that came together must not keep results waiting that keep GPUs busy. */
const TIMEOUTS_PER_STEP = 64;

export interface ClusterParts {
  readonly models: readonly Model[];
  readonly gpus: readonly Gpu[];
  readonly options: SchedulerOptions;
  readonly pageSizeBytes: number;
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
  readonly #dispatcher: Dispatcher;
  readonly #watch: OverdueWatch;
  readonly #fleet: Fleet;
  readonly #strategy: Strategy;
  #inputSourceTold = false;

  constructor(parts: ClusterParts, strategy: StrategyFactory) {
    this.models = parts.models;
    this.gpus = parts.gpus;
    this.options = parts.options;
    this.#emit = parts.emit;
    this.#modelOfId = new Map(parts.models.map((model) => [model.modelId, model]));
    this.#requests = new RequestBook(parts.emit);
    this.#dispatcher = new Dispatcher({
      ...parts,
      onTransmit: (now, entry) => this.#watch.onSent(now, entry),
    });
    const { inFlight } = this.#dispatcher;
    this.#watch = new OverdueWatch({
      ...parts,
      inFlight,
      onStranded: (now, request, entry) => this.#endStranded(now, request, entry),
    });
    this.#fleet = new Fleet({
      ...parts,
      inFlight,
      nextAction: () => this.#dispatcher.nextAction(),
      onGone: (now, gpu) => this.#strategy.onGpuGone(now, gpu),
      onBack: (now, gpu) => this.#strategy.onGpuBack(now, gpu),
    });
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

  onResult(now: Nanos, event: ReceivedResult): boolean {
    const { worker, received, result } = event;
    this.#watch.onHeard(now, worker);
    if (this.#fleet.onResult(now, event)) return true;
    const entry = this.#dispatcher.inFlight.get(result.actionId);
    const kind = result.kind === "error" ? result.action : result.kind;
    if (entry?.worker !== worker || entry.action.kind !== kind || entry.sent === null) return false;
    const { status, message } =
      result.kind === "error" ? result : { status: STATUS.SUCCESS, message: "" };
    this.#end(now, entry, { status, message, received, result });
    return true;
  }

  onActionSent(now: Nanos, actionId: number): void {
    this.#dispatcher.network.onSent(now, actionId);
  }

  onWorkerUp(now: Nanos, worker: number): void {
    this.#fleet.onWorkerUp(now, worker);
  }

  /** Ends everything that was on the worker and takes its GPUs out of use. */
  onWorkerDown(now: Nanos, worker: number, reason: string): void {
    this.#dispatcher.network.onWorkerDown(now, worker);
    for (const gpu of this.gpus) {
      if (gpu.worker === worker) gpu.isUp = false;
    }
    const message = `worker ${worker} disconnected: ${reason}`;
    for (const entry of this.#dispatcher.inFlight.values()) {
      if (entry.worker !== worker) continue;
      const status = STATUS.SHUTTING_DOWN;
      this.#end(now, entry, { status, message, received: now, result: null });
    }
    this.#watch.onWorkerDown(worker);
    this.#fleet.onWorkerDown(now, worker);
  }

  /** The worker's GPUs were not empty when the controller started. */
  takeOver(now: Nanos, worker: number, holdings: Holdings): void {
    this.#fleet.take(now, worker, holdings);
  }

  copiesOf(modelId: number): Copies | null {
    const model = this.#modelOfId.get(modelId);
    return model === undefined ? null : { workers: model.workers, gpus: model.copies };
  }

  stop(now: Nanos): void {
    for (const entry of this.#dispatcher.inFlight.values()) {
      this.#end(now, entry, { ...STOPPED, received: now, result: null });
    }
    this.#fleet.stop(now);
    this.#requests.endAll(now, { ...STOPPED, result: STOPPED.status, output: null });
  }

  /** Ends what is due and lets the strategy act. */
  advance(now: Nanos): void {
    this.#dispatcher.network.expire(now);
    for (;;) {
      const unsent = this.#dispatcher.network.takeUnsent(now);
      if (unsent === null) break;
      const message = "Could not send action to worker in time";
      const status = STATUS.NOT_SENT_IN_TIME;
      this.#end(now, unsent.entry, { status, message, received: unsent.decided, result: null });
    }
    for (let count = 0; count < TIMEOUTS_PER_STEP; count++) {
      const request = this.#requests.takeTimedOut(now);
      if (request === null) break;
      this.#strategy.onTimedOut(now, request);
    }
    this.#watch.check(now);
    this.#fleet.advance(now);
    this.#strategy.schedule(now);
  }

  nextTimeout(): Nanos | null {
    const network = earliestNs(this.#dispatcher.network.nextTimeout(), this.#watch.nextTimeout());
    const workers = earliestNs(network, this.#fleet.nextTimeout());
    return earliestNs(
      this.#requests.nextTimeout(),
      earliestNs(workers, this.#strategy.nextTimeout()),
    );
  }

  // ---- what a strategy may do ----

  /** Sends a batch to a GPU; `execStart` is when the GPU is expected to be free for it. */
  infer(
    now: Nanos,
    gpu: Gpu,
    work: { readonly batch: readonly Request[]; readonly execStart: Nanos },
  ): InFlight {
    return this.#dispatcher.infer(now, gpu, work);
  }

  /** Sends LoadWeights and takes the pages; they must be free. */
  load(now: Nanos, gpu: Gpu, model: Model): InFlight {
    return this.#dispatcher.load(now, gpu, model);
  }

  /** Sends EvictWeights; the pages count as free at once, since workers take actions in order. */
  evict(now: Nanos, gpu: Gpu, model: Model): InFlight {
    return this.#dispatcher.evict(now, gpu, model);
  }

  // ---- the books ----

  #end(
    now: Nanos,
    entry: InFlight,
    how: Omit<ActionEnding, "processed"> & { readonly message: string },
  ): void {
    // An action that was given up on may be reported once more when its worker goes.
    if (!this.#dispatcher.take(entry)) return;
    this.#watch.onEnded(entry);
    switch (entry.action.kind) {
      case "infer":
        this.#endInfer(now, entry, how);
        break;
      case "load_weights":
        this.#endLoad(now, entry, how);
        break;
      case "evict_weights":
        this.#endEvict(now, entry, how);
        break;
    }
    const record = actionRecord(entry, { ...how, processed: now });
    this.#emit({ kind: "action_done", record });
    if (entry.action.kind === "infer") this.#strategy.onBatchEnded(now, entry);
  }

  #endInfer(
    now: Nanos,
    entry: InFlight,
    how: Pick<ActionEnding, "status" | "received" | "result"> & { readonly message: string },
  ): void {
    const { gpu, model, batch, actionId } = entry;
    if (how.result?.kind === "infer") {
      this.#learn(entry, how.result, how.received);
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
      forgetWeights(gpu, model);
      this.#strategy.onWeightsLost(now, gpu, model);
    }
    if (gpu.isUp && BOOKS_ARE_WRONG.has(how.status)) this.#fleet.resync(now, gpu.worker);
  }

  #learn(entry: InFlight, result: InferResult, received: Nanos): void {
    const { gpu, model, batch, actionId } = entry;
    gpu.exec.succeeded(actionId, plausibleEnd(result.exec, received));
    // A clock of 0 means that the worker does not know; the last known one stands in.
    const after = plausibleClock(result.gpuClockMhz) ?? gpu.exec.clockMhz;
    const before = plausibleClock(result.gpuClockBeforeMhz) ?? after;
    gpu.exec.clockMhz = after;
    const clockMhz = Math.floor((before + after) / 2);
    const duration = plausibleDuration(result.exec, entry, received);
    if (duration !== null) model.exec.measured(batch.length, { duration, clockMhz });
  }

  #endLoad(
    now: Nanos,
    entry: InFlight,
    { status, received, result }: Pick<ActionEnding, "status" | "received" | "result">,
  ): void {
    const { gpu, model, actionId } = entry;
    if (!gpu.isUp) {
      // What its worker holds is found out before the GPU is used again.
      gpu.loads.failed(actionId, now);
      return;
    }
    const current = gpu.version(model.index) === entry.version;
    if (result?.kind === "load_weights") {
      gpu.loads.succeeded(actionId, plausibleEnd(result.timing, received));
      const duration = plausibleDuration(result.timing, entry, received);
      if (duration !== null) model.load.measured(duration);
      if (current) {
        gpu.setLoaded(model.index);
        model.gained(gpu.worker);
      }
    } else {
      gpu.loads.failed(actionId, now);
      if (current) forgetWeights(gpu, model);
      if (BOOKS_ARE_WRONG.has(status)) this.#fleet.resync(now, gpu.worker);
    }
    this.#strategy.onLoadEnded(now, gpu, model);
  }

  #endEvict(
    now: Nanos,
    entry: InFlight,
    { status, message }: { readonly status: number; readonly message: string },
  ): void {
    // The books call the weights gone already; "not resident" therefore agrees with them.
    const agrees = status === STATUS.SUCCESS || status === STATUS.EVICT_NOT_RESIDENT;
    if (agrees || !entry.gpu.isUp) return;
    const place = `worker ${entry.worker} GPU ${entry.gpu.gpuId}`;
    const line = `EvictWeights A${entry.actionId} of model ${entry.model.modelId} failed on ${place}: status ${status} ${printable(message)}`;
    this.#emit({ kind: "print", line });
    this.#fleet.resync(now, entry.worker);
  }

  /** The request's deadline came in an action that does not end; when that ends, nothing more is said. */
  #endStranded(now: Nanos, request: Request, { worker, gpu }: InFlight): void {
    const message = `deadline exceeded: worker ${worker} GPU ${gpu.gpuId} does not answer`;
    this.#requests.end(now, request, { result: STATUS.TIMEOUT, message, output: null });
  }

  /** Says once where inputs come from, judged by the first request, as the original does. */
  #tellInputSource(input: Payload): void {
    if (this.#inputSourceTold) return;
    this.#inputSourceTold = true;
    const line = inputSourceText(input.sizeBytes > 0, this.options.inputFor !== null);
    this.#emit({ kind: "print", line });
  }
}
