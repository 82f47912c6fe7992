/** A small virtual-time world around the controller: a queue of events, and workers that do exactly what profiles say. */
import { Controller } from "#serving/controller/controller.ts";
import type {
  ActionRecord,
  ControllerEffect,
  ControllerEvent,
  RequestRecord,
} from "#serving/controller/events.ts";
import { type ControllerOptions, DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import type {
  Action,
  ActionResult,
  ClientRequest,
  ClientResponse,
  Timing,
  WorkerModel,
} from "#serving/messages.ts";
import type { ActionKind } from "#serving/status.ts";
import { Timeline } from "#sim/timeline.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";

export const PAGE_BYTES = 2 ** 24;

/** resnet50_v2 of the recordings: load 8.31 ms; batches of 1, 2, 4, 8, 16. */
export const RESNET50 = {
  inputBytes: 602_112,
  outputBytes: 4000,
  weightsPages: 7,
  weightsNs: 8_310_000,
  batchSizes: [1, 2, 4, 8, 16],
  execNs: [2_730_000, 4_050_000, 5_880_000, 9_930_000, 17_330_000],
} as const;

export interface Profile {
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly weightsPages: number;
  readonly weightsNs: number;
  readonly batchSizes: readonly number[];
  readonly execNs: readonly number[];
}

interface SimGpu {
  loadFreeAt: number;
  execFreeAt: number;
  pages: number;
  readonly resident: Map<number, number>;
}

export interface WorldOptions {
  readonly controller?: Partial<ControllerOptions>;
  readonly workers?: number;
  readonly gpusPerWorker?: number;
  readonly pagesPerGpu?: number;
  /** Where workers differ; else all have `pagesPerGpu`. */
  readonly pagesOfWorker?: (worker: number) => number;
  /** One way, between controller and worker. */
  readonly networkNs?: number;
  /** Profile of a path; null when a worker cannot load it. */
  readonly profile?: (path: string, worker: number) => Profile | null;
  readonly resultDelayNs?: (action: Action) => number;
}

const timing = (begin: number, end: number, duration = end - begin): Timing => ({
  begin: ns(begin),
  end: ns(end),
  duration: ns(duration),
});

/** Facts pile up in `requests`, `actions`, `lines` and `responses`; `onResponse` may send more requests. */
export class World {
  readonly controller: Controller;
  readonly requests: RequestRecord[] = [];
  readonly actions: ActionRecord[] = [];
  readonly lines: string[] = [];
  readonly responses: { readonly messageId: number; readonly response: ClientResponse }[] = [];
  readonly sent: { readonly at: number; readonly worker: number; readonly action: Action }[] = [];
  onResponse: (messageId: number, response: ClientResponse) => void = () => {};
  onEffect: (effect: ControllerEffect) => void = () => {};
  fatal: string | null = null;
  steps = 0;
  now = 0;
  readonly #options: Required<Omit<WorldOptions, "pagesOfWorker">>;
  readonly #pagesOf: (worker: number) => number;
  readonly #queue = new Timeline();
  #nextMessage = 0;
  readonly #gpus: SimGpu[][];
  readonly #models: Map<number, Profile>[];
  readonly #held: WorkerModel[][];
  readonly #down = new Set<number>();
  #areDeaf = false;

  constructor(options: WorldOptions = {}) {
    this.#options = {
      controller: {},
      workers: 1,
      gpusPerWorker: 1,
      pagesPerGpu: 1376,
      networkNs: 0,
      profile: () => RESNET50,
      resultDelayNs: () => 0,
      ...options,
    };
    const { workers, gpusPerWorker, pagesPerGpu } = this.#options;
    this.#pagesOf = options.pagesOfWorker ?? (() => pagesPerGpu);
    this.controller = new Controller({
      ...DEFAULT_OPTIONS,
      strategy: "INFER5",
      workerCount: workers,
      ...this.#options.controller,
    });
    this.#gpus = Array.from({ length: workers }, (_, worker) =>
      Array.from({ length: gpusPerWorker }, () => ({
        loadFreeAt: 0,
        execFreeAt: 0,
        pages: this.#pagesOf(worker),
        resident: new Map<number, number>(),
      })),
    );
    this.#models = Array.from({ length: workers }, () => new Map<number, Profile>());
    this.#held = Array.from({ length: workers }, () => []);
  }

  at(instant: number, run: () => void): void {
    this.#queue.put(instant, run);
  }

  /** Runs events and timers up to and including `until`. */
  run(until: number): void {
    for (;;) {
      const next = this.#queue.nextAt();
      const timer = this.controller.nextTimeout();
      const due = Math.min(next, timer === null ? Infinity : Math.max(timer, this.now));
      if (due > until) break;
      this.now = Math.max(this.now, due);
      // Events of an instant come before its timer, as a driver that drains its sockets first would do.
      if (next <= due) this.#queue.runNext();
      else this.step({ kind: "timer" });
    }
    this.now = until;
  }

  connectWorkers(): void {
    for (let worker = 0; worker < this.#options.workers; worker++) {
      this.step({ kind: "worker_up", worker });
    }
  }

  /** Loads models, waits for the load stage to end; returns the instant. */
  startUp(paths: readonly { readonly path: string; readonly copies: number }[]): number {
    this.connectWorkers();
    for (const { path, copies } of paths) {
      this.request({ kind: "load_model", path, copies, userId: 0, userRequestId: 0 });
    }
    while (!this.lines.includes(" * Admitting inference requests")) this.run(this.now + 10_000_000);
    return this.now;
  }

  request(request: ClientRequest): number {
    const messageId = this.#nextMessage++;
    const arrival = ns(this.now);
    this.step({ kind: "request", connectionId: 0, messageId, arrival, request });
    return messageId;
  }

  infer(
    modelId: number,
    extra: { readonly sloFactor?: number; readonly userId?: number } = {},
  ): number {
    const { sloFactor = 0, userId = 0 } = extra;
    return this.request({
      kind: "infer",
      modelId,
      batchSize: 1,
      sloFactor,
      userId,
      userRequestId: this.#nextMessage,
      input: { sizeBytes: 0 },
    });
  }

  /** From now on nothing reaches a worker. */
  deafen(): void {
    this.#areDeaf = true;
  }

  /** Connected again, as it was. */
  workerUp(worker: number): void {
    this.#down.delete(worker);
    this.step({ kind: "worker_up", worker });
  }

  workerDown(worker: number): void {
    this.#down.add(worker);
    this.step({ kind: "worker_down", worker, reason: "connection reset" });
  }

  step(event: ControllerEvent): void {
    this.steps += 1;
    const effects = this.controller.step(ns(this.now), event);
    for (const effect of effects) this.#apply(effect);
  }

  #apply(effect: ControllerEffect): void {
    this.onEffect(effect);
    switch (effect.kind) {
      case "send_action":
        this.#send(effect.worker, effect.action);
        break;
      case "respond":
        this.responses.push(effect);
        this.onResponse(effect.messageId, effect.response);
        break;
      case "request_done":
        this.requests.push(effect.record);
        break;
      case "action_done":
        this.actions.push(effect.record);
        break;
      case "print":
        this.lines.push(effect.line);
        break;
      case "close_worker":
        this.lines.push(`[close ${effect.worker}]`);
        break;
      case "fatal":
        this.fatal = effect.message;
        break;
      case "ready":
        this.lines.push("[ready]");
    }
  }

  #send(worker: number, action: Action): void {
    this.sent.push({ at: this.now, worker, action });
    if (this.#down.has(worker) || this.#areDeaf) return;
    this.at(this.now, () => this.step({ kind: "action_sent", worker, actionId: action.actionId }));
    this.at(this.now + this.#options.networkNs, () => this.#onAction(worker, action));
  }

  /** The worker takes the action; its result comes when it has ended. */
  #onAction(worker: number, action: Action): void {
    const received = ns(this.now);
    const { end, result } = this.#execute(worker, action);
    const arrives = end + this.#options.networkNs + this.#options.resultDelayNs(action);
    this.at(arrives, () => {
      if (this.#down.has(worker)) return;
      const stamped = { ...result(), actionReceived: received, resultSent: ns(end) };
      this.step({ kind: "result", worker, received: ns(this.now), result: stamped });
    });
  }

  #execute(
    worker: number,
    action: Action,
  ): { readonly end: number; readonly result: () => ActionResult } {
    const { actionId } = action;
    const bare = { actionId, actionReceived: null, resultSent: null };
    const fail = (
      kind: ActionKind,
      status: number,
    ): { end: number; result: () => ActionResult } => ({
      end: this.now,
      result: () => ({ ...bare, kind: "error", action: kind, status, message: `status ${status}` }),
    });
    switch (action.kind) {
      case "get_worker_state":
        return {
          end: this.now,
          result: () => ({ ...bare, kind: "get_worker_state", state: this.#stateOf(worker) }),
        };
      case "clear_cache":
        return { end: this.now, result: () => ({ ...bare, kind: "clear_cache" }) };
      case "load_model": {
        const profile = this.#options.profile(action.path, worker);
        if (profile === null) return fail("load_model", 41);
        const model = toWorkerModel(action.modelId, action.path, profile, action.maxBatchSize);
        for (let copy = 0; copy < action.copies; copy++) {
          const modelId = action.modelId + copy;
          this.#models[worker]?.set(modelId, profile);
          this.#held[worker]?.push({ ...model, modelId });
        }
        return {
          end: this.now,
          result: () => ({
            ...bare,
            ...model,
            kind: "load_model",
            timing: timing(this.now, this.now),
            copies: action.copies,
          }),
        };
      }
      case "load_weights":
        return this.#loadWeights(worker, action, fail);
      case "evict_weights": {
        const gpu = this.#gpuOf(worker, action.gpuId);
        const pages = gpu.resident.get(action.modelId);
        if (pages === undefined) return fail("evict_weights", 63);
        gpu.resident.delete(action.modelId);
        gpu.pages += pages;
        return {
          end: this.now,
          result: () => ({ ...bare, kind: "evict_weights", timing: timing(this.now, this.now) }),
        };
      }
      case "infer":
        return this.#infer(worker, action, fail);
    }
  }

  #loadWeights(
    worker: number,
    action: Extract<Action, { readonly kind: "load_weights" }>,
    fail: (kind: ActionKind, status: number) => { end: number; result: () => ActionResult },
  ): { readonly end: number; readonly result: () => ActionResult } {
    const gpu = this.#gpuOf(worker, action.gpuId);
    const profile = this.#models[worker]?.get(action.modelId);
    const begin = Math.max(this.now, gpu.loadFreeAt);
    if (profile === undefined) return fail("load_weights", 52);
    if (action.latest !== null && begin > action.latest)
      return { ...fail("load_weights", 51), end: begin };
    if (gpu.pages < profile.weightsPages) return fail("load_weights", 53);
    gpu.pages -= profile.weightsPages;
    const end = begin + profile.weightsNs;
    gpu.loadFreeAt = end;
    return {
      end,
      result: () => {
        gpu.resident.set(action.modelId, profile.weightsPages);
        const { actionId } = action;
        const bare = { actionId, actionReceived: null, resultSent: null };
        return { ...bare, kind: "load_weights", timing: timing(begin, end) };
      },
    };
  }

  #infer(
    worker: number,
    action: Extract<Action, { readonly kind: "infer" }>,
    fail: (kind: ActionKind, status: number) => { end: number; result: () => ActionResult },
  ): { readonly end: number; readonly result: () => ActionResult } {
    const gpu = this.#gpuOf(worker, action.gpuId);
    const profile = this.#models[worker]?.get(action.modelId);
    const begin = Math.max(this.now, gpu.execFreeAt);
    if (profile === undefined) return fail("infer", 72);
    if (action.latest !== null && begin > action.latest)
      return { ...fail("infer", 81), end: begin };
    if (!gpu.resident.has(action.modelId)) return { ...fail("infer", 82), end: begin };
    const index = profile.batchSizes.findIndex((size) => size >= action.batchSize);
    const end = begin + (profile.execNs[index] as number);
    gpu.execFreeAt = end;
    const { actionId, gpuId } = action;
    return {
      end,
      result: () => ({
        kind: "infer",
        actionId,
        actionReceived: null,
        resultSent: null,
        gpuId,
        copyInput: timing(begin, begin),
        exec: timing(begin, end),
        copyOutput: timing(end, end),
        gpuClockBeforeMhz: 1380,
        gpuClockMhz: 1380,
        output: { sizeBytes: 0 },
      }),
    };
  }

  #gpuOf(worker: number, gpuId: number): SimGpu {
    return this.#gpus[worker]?.[gpuId] as SimGpu;
  }

  #stateOf(worker: number): Extract<ActionResult, { readonly kind: "get_worker_state" }>["state"] {
    const { gpusPerWorker } = this.#options;
    const totalPages = this.#pagesOf(worker);
    return {
      pageSizeBytes: PAGE_BYTES,
      hostIoPoolBytes: 0,
      gpus: Array.from({ length: gpusPerWorker }, (_, id) => ({
        id,
        weightsCacheBytes: totalPages * PAGE_BYTES,
        totalPages,
        residentModels: [...(this.#gpus[worker]?.[id]?.resident.keys() ?? [])],
        ioPoolBytes: 0,
        workspacePoolBytes: 0,
      })),
      models: this.#held[worker] ?? [],
    };
  }
}

const toWorkerModel = (
  modelId: number,
  path: string,
  profile: Profile,
  maxBatchSize: number,
): WorkerModel => {
  const kept = profile.batchSizes.filter((size) => size <= maxBatchSize).length;
  return {
    modelId,
    path,
    inputBytes: profile.inputBytes,
    outputBytes: profile.outputBytes,
    batchSizes: profile.batchSizes.slice(0, kept),
    weightsBytes: profile.weightsPages * PAGE_BYTES,
    weightsPages: profile.weightsPages,
    weightsLoadNs: ns(profile.weightsNs),
    execNs: profile.execNs.slice(0, kept) as unknown as readonly Nanos[],
  };
};
