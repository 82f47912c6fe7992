/** Brings a worker back into use: asks what it holds, has it load the models that it lacks, and asks once more. */
import type { ControllerEffect, ReceivedResult } from "#serving/controller/events.ts";
import { Fifo } from "#serving/controller/fifo.ts";
import { type ActionIds, startupRecord } from "#serving/controller/in-flight.ts";
import type { Model } from "#serving/controller/model.ts";
import {
  LOAD_PATIENCE,
  LOADS_PER_WORKER,
  type SchedulerOptions,
} from "#serving/controller/options.ts";
import { repairPages } from "#serving/controller/worker-table.ts";
import type { Action, ActionResult, WorkerModel, WorkerState } from "#serving/messages.ts";
import { printable } from "#serving/printable.ts";
import { STATUS } from "#serving/status.ts";
import { addNs, type Nanos } from "#stdx/nanos.ts";

export interface RejoinParts {
  readonly worker: number;
  readonly models: readonly Model[];
  readonly options: SchedulerOptions;
  /** Size of the pages that GPUs are counted in. */
  readonly pageSizeBytes: number;
  readonly nextAction: () => ActionIds;
  readonly emit: (effect: ControllerEffect) => void;
}

/** What of a worker can be used. */
export interface Holdings {
  readonly state: WorkerState;
  /** What each model is there, by id; those that are not there as the controller knows them are missing. */
  readonly models: ReadonlyMap<number, WorkerModel>;
}

/** Consecutive ids of one path. */
interface Block {
  readonly modelId: number;
  readonly path: string;
  copies: number;
}

type Question = Extract<Action, { readonly kind: "get_worker_state" | "load_model" }>;

interface Asked {
  readonly action: Question;
  readonly loggedId: number;
  readonly at: Nanos;
}

export class Rejoin {
  readonly #parts: RejoinParts;
  readonly #asked = new Map<number, Asked>();
  readonly #toLoad = new Fifo<Block>();
  /** When to ask what it holds; null once that was done. */
  #askAt: Nanos | null;
  #hasLoaded = false;
  /** When the oldest question should have been answered; null while nothing is asked. */
  #patienceUntil: Nanos | null = null;
  #holdings: Holdings | null = null;

  constructor(parts: RejoinParts, askAt: Nanos) {
    this.#parts = parts;
    this.#askAt = askAt;
  }

  /** Present once everything was asked and answered. */
  get holdings(): Holdings | null {
    return this.#holdings;
  }

  advance(now: Nanos): void {
    if (this.#patienceUntil !== null && now >= this.#patienceUntil) {
      this.#patienceUntil = null;
      this.#giveUp("it does not answer");
      return;
    }
    if (this.#askAt === null || now < this.#askAt) return;
    this.#askAt = null;
    this.#askState(now);
  }

  nextTimeout(): Nanos | null {
    return this.#askAt ?? this.#patienceUntil;
  }

  /** True when the result answers a question of this one. */
  onResult(now: Nanos, { received, result }: ReceivedResult): boolean {
    const asked = this.#asked.get(result.actionId);
    const kind = result.kind === "error" ? result.action : result.kind;
    if (asked === undefined || asked.action.kind !== kind) return false;
    this.#asked.delete(result.actionId);
    const { status, message } =
      result.kind === "error" ? result : { status: STATUS.SUCCESS, message: "" };
    this.#record(now, asked, { status, received, result });
    if (result.kind === "get_worker_state") this.#onState(now, result.state);
    else if (asked.action.kind === "load_model")
      this.#onLoaded(now, asked.action, { status, message });
    else this.#giveUp(`get_worker_state failed with ${status} ${message}`);
    return true;
  }

  /** The worker is gone again: what was asked gets no answer. */
  abandon(now: Nanos): void {
    for (const asked of this.#asked.values()) {
      const lost = { status: STATUS.SHUTTING_DOWN, received: now, result: null };
      this.#record(now, asked, lost);
    }
    this.#asked.clear();
  }

  #onState(now: Nanos, state: WorkerState): void {
    const { pageSizeBytes, models, worker } = this.#parts;
    this.#patienceUntil = null;
    const ids = [...state.gpus.map(({ id }) => id), ...state.models.map(({ modelId }) => modelId)];
    const negative = ids.find((id) => id < 0);
    if (negative !== undefined) return this.#giveUp(`it reports the id ${negative}`);
    if (state.pageSizeBytes !== pageSizeBytes) {
      this.#print(
        `Worker ${worker} is not used: its pages have ${state.pageSizeBytes} bytes, the others' ${pageSizeBytes}`,
      );
      return;
    }
    const there = new Map(
      state.models.map((model) => [model.modelId, repairPages(model, pageSizeBytes)]),
    );
    const lacking = models.filter(({ modelId }) => !there.has(modelId));
    if (lacking.length > 0 && !this.#hasLoaded) {
      this.#hasLoaded = true;
      for (const block of blocksOf(lacking)) this.#toLoad.push(block);
      this.#load(now);
      return;
    }
    for (const model of models) {
      const difference = differenceOf(model, there.get(model.modelId));
      if (difference === null) continue;
      there.delete(model.modelId);
      this.#print(`Worker ${worker} goes without model ${model.modelId}: ${difference}`);
    }
    this.#holdings = { state, models: there };
  }

  #onLoaded(
    now: Nanos,
    { modelId, path }: Extract<Question, { readonly kind: "load_model" }>,
    how: { readonly status: number; readonly message: string },
  ): void {
    if (how.status !== STATUS.SUCCESS) {
      const what = `model ${modelId} from ${printable(path)}: ${how.status} ${printable(how.message)}`;
      this.#print(`Worker ${this.#parts.worker} cannot load ${what}`);
    }
    this.#load(now);
    if (this.#asked.size > 0) return;
    this.#askState(now);
  }

  #load(now: Nanos): void {
    const { maxBatchSize, maxExec } = this.#parts.options;
    while (this.#asked.size < LOADS_PER_WORKER) {
      const block = this.#toLoad.shift();
      if (block === undefined) return;
      const { actionId, loggedId } = this.#parts.nextAction();
      const limits = { maxBatchSize, maxExecNs: maxExec, earliest: null, latest: null };
      this.#ask(now, loggedId, { kind: "load_model", actionId, ...block, ...limits });
    }
  }

  #askState(now: Nanos): void {
    const { actionId, loggedId } = this.#parts.nextAction();
    this.#ask(now, loggedId, { kind: "get_worker_state", actionId });
  }

  #ask(now: Nanos, loggedId: number, action: Question): void {
    this.#asked.set(action.actionId, { action, loggedId, at: now });
    const patience =
      action.kind === "load_model" ? LOAD_PATIENCE : this.#parts.options.silenceTimeout;
    this.#patienceUntil = addNs(now, patience);
    this.#parts.emit({ kind: "send_action", worker: this.#parts.worker, action });
  }

  /** A new connection is a new chance. */
  #giveUp(reason: string): void {
    this.#parts.emit({ kind: "close_worker", worker: this.#parts.worker, reason });
  }

  #record(
    now: Nanos,
    { action, at, loggedId: actionId }: Asked,
    how: {
      readonly status: number;
      readonly received: Nanos;
      readonly result: ActionResult | null;
    },
  ): void {
    const { worker, emit } = this.#parts;
    const modelId = action.kind === "load_model" ? action.modelId : 0;
    const facts = { actionId, action: action.kind, worker, modelId, sent: at, built: at };
    emit({ kind: "action_done", record: startupRecord(facts, { ...how, processed: now }) });
  }

  #print(line: string): void {
    this.#parts.emit({ kind: "print", line });
  }
}

/** Models in as few loads as there can be; `models` ascend by id. */
const blocksOf = (models: readonly Model[]): readonly Block[] => {
  const blocks: Block[] = [];
  for (const { modelId, path } of models) {
    const last = blocks.at(-1);
    if (last?.path === path && last.modelId + last.copies === modelId) last.copies += 1;
    else blocks.push({ modelId, path, copies: 1 });
  }
  return blocks;
};

/** Why the worker's model cannot serve as the controller's; null when it can. */
const differenceOf = (model: Model, there: WorkerModel | undefined): string | null => {
  if (there === undefined) return "it is not there";
  if (there.path !== model.path) return `there it is ${printable(there.path)}`;
  const { inputBytes, outputBytes, weightsPages } = model;
  const isAlike =
    there.inputBytes === inputBytes &&
    there.outputBytes === outputBytes &&
    there.weightsPages === weightsPages;
  if (!isAlike) return "its sizes are others there";
  const lacking = model.exec.batchSizes.filter((size) => !there.batchSizes.includes(size));
  return lacking.length === 0 ? null : `there it has no batches of ${lacking.join(", ")}`;
};
