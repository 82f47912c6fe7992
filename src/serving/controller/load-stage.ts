/** The load stage: each model a client asks for is loaded from disk by every worker, and all must agree on what it is. */

import { STOPPED } from "#serving/controller/bouncer.ts";
import type { ControllerEffect, ReceivedResult } from "#serving/controller/events.ts";
import { Fifo } from "#serving/controller/fifo.ts";
import type { HeldModels } from "#serving/controller/held-models.ts";
import { startupRecord } from "#serving/controller/in-flight.ts";
import { LifeSigns } from "#serving/controller/life-signs.ts";
import {
  type ControllerOptions,
  LOADS_PER_WORKER,
  MODEL_ID_MAX,
} from "#serving/controller/options.ts";
import { profileText } from "#serving/controller/state-text.ts";
import type { WorkerTable } from "#serving/controller/worker-table.ts";
import type { Action, ActionResult, ClientRequest } from "#serving/messages.ts";
import { printable } from "#serving/printable.ts";
import { STATUS } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";

type LoadRequest = Extract<ClientRequest, { readonly kind: "load_model" }>;
type LoadAction = Extract<Action, { readonly kind: "load_model" }>;
type LoadResult = Extract<ActionResult, { readonly kind: "load_model" }>;

/** A client's load request and where its response goes. */
export interface ArrivedLoad {
  readonly connectionId: number;
  readonly messageId: number;
  readonly request: LoadRequest;
}

/** One load: an action per worker, one response. */
interface Load {
  readonly arrived: ArrivedLoad;
  readonly modelId: number;
  /** Actions without an answer yet. */
  pending: number;
  readonly results: { readonly worker: number; readonly result: LoadResult }[];
  /** Message of the first failure; null while there is none. */
  failure: string | null;
}

interface LoadInFlight {
  readonly load: Load;
  readonly worker: number;
  readonly action: LoadAction;
  readonly built: Nanos;
  /** Null while it waits behind the worker's other loads. */
  sent: Nanos | null;
}

export interface LoadStageParts {
  readonly table: WorkerTable;
  readonly limits: Pick<
    ControllerOptions,
    "maxBatchSize" | "maxExec" | "modelsMax" | "silenceTimeout"
  >;
  /** Models that loads are answered with instead of being carried out. */
  readonly held: HeldModels;
  /** Start-up actions before the first load, for the logs' numbering. */
  readonly actionsBefore: number;
  readonly emit: (effect: ControllerEffect) => void;
}

/** What makes two workers' answers describe the same model. */
const signatureOf = (result: LoadResult): string =>
  JSON.stringify([result.inputBytes, result.outputBytes, result.batchSizes, result.weightsBytes]);

export class LoadStage {
  readonly #parts: LoadStageParts;
  readonly #inFlight = new Map<number, LoadInFlight>();
  readonly #waiting = new Map<number, Fifo<LoadInFlight>>();
  readonly #outstanding = new Map<number, number>();
  readonly #lifeSigns: LifeSigns;
  #nextActionId = 0;
  #nextModelId: number;
  /** Model instances that clients have loaded, or are loading. */
  #instances = 0;
  #isStopped = false;

  constructor(parts: LoadStageParts) {
    this.#parts = parts;
    this.#nextModelId = parts.table.highestModelId() + 1;
    this.#lifeSigns = new LifeSigns({
      silenceTimeout: parts.limits.silenceTimeout,
      nextAction: () => {
        const actionId = this.#nextActionId++;
        return { actionId, loggedId: parts.actionsBefore + actionId };
      },
      emit: parts.emit,
    });
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0 && !this.#lifeSigns.isWaiting;
  }

  advance(now: Nanos): void {
    this.#lifeSigns.advance(now, this.#owed());
  }

  nextTimeout(): Nanos | null {
    return this.#lifeSigns.nextTimeout(this.#owed());
  }

  /** Actions made so far. */
  get actionCount(): number {
    return this.#nextActionId;
  }

  onLoad(now: Nanos, arrived: ArrivedLoad): void {
    const { request } = arrived;
    const { copies } = request;
    const held = copies < 1 ? null : this.#parts.held.take(request.path, copies);
    if (held !== null) {
      const { modelId } = held;
      this.#respond(arrived, { status: STATUS.SUCCESS, message: "", modelId, result: held });
      return;
    }
    const { modelsMax } = this.#parts.limits;
    const room = Math.min(MODEL_ID_MAX - this.#nextModelId, modelsMax - this.#instances);
    if (copies < 1 || copies > room) {
      const message = `no_of_copies must be from 1 to ${room} (of ${modelsMax} model instances, ${this.#instances} are loaded), got ${copies}`;
      this.#respond(arrived, { status: STATUS.INVALID_REQUEST, message });
      return;
    }
    const workers = this.#workers();
    const load: Load = {
      arrived,
      modelId: this.#nextModelId,
      pending: workers.length,
      results: [],
      failure: workers.length === 0 ? "no worker is connected" : null,
    };
    // The ids are spent even if the load fails.
    this.#nextModelId += copies;
    this.#instances += copies;
    for (const worker of workers) this.#enqueue(now, load, worker);
    if (workers.length === 0) this.#finish(load);
  }

  /** True when the result belongs to a load of this stage. */
  onResult(now: Nanos, event: ReceivedResult): boolean {
    if (this.#lifeSigns.onResult(now, event)) return true;
    const { worker, received, result } = event;
    const entry = this.#inFlight.get(result.actionId);
    if (entry === undefined || entry.sent === null || entry.worker !== worker) return false;
    const { load, action } = entry;
    if (result.kind === "load_model") {
      const duration = (result.timing.duration / 1e6).toFixed(1);
      this.#print(
        `Worker  --> R${action.actionId}:LoadModelFromDisk ${profileText(result)} duration=${duration}`,
      );
      load.results.push({ worker, result });
      this.#end(now, entry, { status: STATUS.SUCCESS, message: "", received, result });
      return true;
    }
    if (result.kind !== "error" || result.action !== "load_model") return false;
    const { status, message } = result;
    this.#print(`Worker  --> R${action.actionId}:error ${status}: ${printable(message)}`);
    this.#end(now, entry, { status, message, received, result });
    return true;
  }

  onWorkerDown(now: Nanos, worker: number, reason: string): void {
    this.#lifeSigns.forget(now, worker);
    const message = `worker ${worker} disconnected: ${reason}`;
    for (const entry of this.#inFlight.values()) {
      if (entry.worker !== worker) continue;
      this.#end(now, entry, { status: STATUS.SHUTTING_DOWN, message, received: now, result: null });
    }
  }

  /** Ends every load, for the controller is ending. */
  stop(now: Nanos): void {
    this.#isStopped = true;
    for (const worker of this.#workers()) this.#lifeSigns.forget(now, worker);
    for (const entry of this.#inFlight.values()) {
      this.#end(now, entry, { ...STOPPED, received: now, result: null });
    }
  }

  /** Since when each worker owes the result of a load: those of one are sent in order. */
  #owed(): ReadonlyMap<number, Nanos> {
    const owed = new Map<number, Nanos>();
    for (const { worker, sent } of this.#inFlight.values()) {
      if (sent !== null && !owed.has(worker)) owed.set(worker, sent);
    }
    return owed;
  }

  #workers(): readonly number[] {
    return [...this.#parts.table.states().entries()].flatMap(([worker, state]) =>
      state === null ? [] : [worker],
    );
  }

  #enqueue(now: Nanos, load: Load, worker: number): void {
    const { path, copies } = load.arrived.request;
    const actionId = this.#nextActionId++;
    const action: LoadAction = {
      kind: "load_model",
      actionId,
      modelId: load.modelId,
      path,
      copies,
      earliest: null,
      latest: null,
      maxBatchSize: this.#parts.limits.maxBatchSize,
      maxExecNs: this.#parts.limits.maxExec,
    };
    const entry: LoadInFlight = { load, worker, action, built: now, sent: null };
    this.#inFlight.set(actionId, entry);
    const queue = this.#waiting.get(worker) ?? new Fifo<LoadInFlight>();
    this.#waiting.set(worker, queue);
    queue.push(entry);
    this.#fill(now, worker);
  }

  /** Sends waiting loads while the worker has fewer than its share in progress. */
  #fill(now: Nanos, worker: number): void {
    const queue = this.#waiting.get(worker);
    while ((this.#outstanding.get(worker) ?? 0) < LOADS_PER_WORKER) {
      const entry = queue?.shift();
      if (entry === undefined) return;
      entry.sent = now;
      this.#outstanding.set(worker, (this.#outstanding.get(worker) ?? 0) + 1);
      const { actionId, modelId, path } = entry.action;
      this.#print(`Worker <--  A${actionId}:LoadModelFromDisk model=${modelId} ${printable(path)}`);
      this.#parts.emit({ kind: "send_action", worker, action: entry.action });
    }
  }

  #end(
    now: Nanos,
    entry: LoadInFlight,
    how: {
      readonly status: number;
      readonly message: string;
      readonly received: Nanos;
      readonly result: ActionResult | null;
    },
  ): void {
    const { load, worker } = entry;
    this.#inFlight.delete(entry.action.actionId);
    const record = startupRecord(
      {
        actionId: this.#parts.actionsBefore + entry.action.actionId,
        action: "load_model",
        worker,
        modelId: entry.action.modelId,
        sent: entry.sent ?? how.received,
        built: entry.built,
      },
      { ...how, processed: now },
    );
    this.#parts.emit({ kind: "action_done", record });
    if (entry.sent === null) this.#waiting.get(worker)?.removeWhere((waiting) => waiting === entry);
    else this.#outstanding.set(worker, (this.#outstanding.get(worker) ?? 1) - 1);
    if (how.status !== STATUS.SUCCESS) load.failure ??= how.message;
    load.pending -= 1;
    if (load.pending === 0) this.#finish(load);
    if (!this.#isStopped && this.#parts.table.states()[worker] !== null) this.#fill(now, worker);
  }

  /** All workers answered: the load holds only if every answer is a success and they describe the same model. */
  #finish(load: Load): void {
    const { arrived, modelId, results } = load;
    const first = results[0]?.result;
    const signatures = new Set(results.map(({ result }) => signatureOf(result)));
    if (signatures.size > 1) {
      load.failure ??= `workers disagree about ${arrived.request.path}: ${[...signatures].join(" and ")}`;
    }
    if (load.failure !== null || first === undefined) {
      this.#instances -= arrived.request.copies;
      const message = load.failure ?? "no worker loaded the model";
      const status = this.#isStopped ? STATUS.SHUTTING_DOWN : STATUS.ERROR;
      this.#respond(arrived, { status, message });
      return;
    }
    const { path, copies } = arrived.request;
    for (const { worker, result } of results) {
      const { inputBytes, outputBytes, batchSizes, weightsBytes, weightsPages } = result;
      const { weightsLoadNs, execNs } = result;
      for (let copy = 0; copy < copies; copy++) {
        this.#parts.table.addModel(worker, {
          modelId: modelId + copy,
          path,
          inputBytes,
          outputBytes,
          batchSizes,
          weightsBytes,
          weightsPages,
          weightsLoadNs,
          execNs,
        });
      }
    }
    this.#respond(arrived, { status: STATUS.SUCCESS, message: "", modelId, result: first });
  }

  #respond(
    arrived: ArrivedLoad,
    outcome: {
      readonly status: number;
      readonly message: string;
      readonly modelId?: number;
      readonly result?: Pick<LoadResult, "inputBytes" | "outputBytes">;
    },
  ): void {
    const { status, message, modelId = 0, result } = outcome;
    const { userRequestId, copies } = arrived.request;
    const sizes = { inputBytes: result?.inputBytes ?? 0, outputBytes: result?.outputBytes ?? 0 };
    const text =
      result === undefined
        ? `error ${status}: ${printable(message)}`
        : `model_id=[${modelId}->${modelId + copies - 1}] input=${sizes.inputBytes} output=${sizes.outputBytes}`;
    this.#print(`Client <--  Rsp${userRequestId}:LoadModel ${text}`);
    this.#parts.emit({
      kind: "respond",
      connectionId: arrived.connectionId,
      messageId: arrived.messageId,
      response: {
        kind: "load_model",
        userRequestId,
        status,
        message,
        modelId,
        ...sizes,
        copies: result === undefined ? 0 : copies,
      },
    });
  }

  #print(line: string): void {
    this.#parts.emit({ kind: "print", line });
  }
}
