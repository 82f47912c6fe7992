/** Start-up of the controller: ask the workers what they are, then take model loads until clients have no more. */
import { Bouncer, type Parked, STOPPED } from "#serving/controller/bouncer.ts";
import type { ActionRecord, ControllerEffect, ReceivedResult } from "#serving/controller/events.ts";
import { HeldModels } from "#serving/controller/held-models.ts";
import { type ActionEnding, startupRecord } from "#serving/controller/in-flight.ts";
import { type ArrivedLoad, LoadStage } from "#serving/controller/load-stage.ts";
import type { ControllerOptions } from "#serving/controller/options.ts";
import { refusalOf } from "#serving/controller/refusal.ts";
import { type Copies, NO_COPIES } from "#serving/controller/request-book.ts";
import { tableText } from "#serving/controller/state-text.ts";
import { WorkerTable } from "#serving/controller/worker-table.ts";
import type { ActionResult, GpuState, WorkerModel, WorkerState } from "#serving/messages.ts";
import { printable } from "#serving/printable.ts";
import { STATUS } from "#serving/status.ts";
import { assert } from "#stdx/assert.ts";
import { addNs, earliestNs, type Nanos } from "#stdx/nanos.ts";

/** An action that asks a worker for its state or clears its cache; ids continue from one kind to the next. */
interface Query {
  readonly kind: "get_worker_state" | "clear_cache";
  readonly actionId: number;
  readonly worker: number;
  readonly sent: Nanos;
  isGivenUp: boolean;
}

const queryRecord = ({ actionId, worker, sent, kind }: Query, ending: ActionEnding): ActionRecord =>
  startupRecord({ actionId, action: kind, worker, modelId: 0, sent, built: sent }, ending);

export class Startup {
  readonly #options: ControllerOptions;
  readonly #emit: (effect: ControllerEffect) => void;
  readonly #bouncer: Bouncer;
  readonly table = new WorkerTable();
  readonly #up = new Set<number>();
  readonly #queries = new Map<number, Query>();
  #nextQueryId = 0;
  /** Loads that came before the workers had answered. */
  #early: ArrivedLoad[] = [];
  /** Null until every worker has answered. */
  #stage: LoadStage | null = null;
  /** Null until the first load. */
  #lastLoadEvent: Nanos | null = null;
  #countdownTold = false;
  #failed = false;
  #done = false;

  constructor(options: ControllerOptions, emit: (effect: ControllerEffect) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#bouncer = new Bouncer(emit, (modelId) => this.table.hasModel(modelId));
  }

  /** The load stage has ended: the scheduler may start. */
  get isDone(): boolean {
    return this.#done;
  }

  /** Actions made during start-up, for the logs' numbering. */
  get actionCount(): number {
    return this.#nextQueryId + (this.#stage?.actionCount ?? 0);
  }

  park(parked: Parked): void {
    this.#bouncer.park(parked);
  }

  onLoad(now: Nanos, arrived: ArrivedLoad): void {
    if (this.#stage === null) {
      this.#early.push(arrived);
      return;
    }
    const { userRequestId, path } = arrived.request;
    this.#print(`Client  --> Req${userRequestId}:LoadModel path=${printable(path)}`);
    if (this.#lastLoadEvent === null) this.#print("(Startup-4) LoadModelStage has begun");
    this.#loadEvent(now);
    this.#stage.onLoad(now, arrived);
  }

  /** Whether the worker is connected; one that was lost meanwhile may be connected again. */
  isUp(worker: number): boolean {
    return this.#up.has(worker);
  }

  onWorkerUp(now: Nanos, worker: number): void {
    if (this.#up.has(worker)) return;
    this.#up.add(worker);
    if (this.#stage !== null) {
      this.#print(`Worker ${worker} is connected again; it is used once start-up is over`);
      return;
    }
    if (this.#up.size < this.#options.workerCount) return;
    this.#print("(Startup) Running ControllerStartup");
    this.#print("(Startup-1) Bouncing LS and Infer requests until startup is complete");
    this.#print("(Startup-2) Querying current worker state");
    for (let index = 0; index < this.#options.workerCount; index++) {
      this.#ask(now, "get_worker_state", index);
    }
  }

  /** No weights are on GPUs before there is a scheduler. */
  copiesOf(modelId: number): Copies | null {
    return this.table.hasModel(modelId) ? NO_COPIES : null;
  }

  /** Answers everybody who waits, and leaves a record of every action that is out. */
  stop(now: Nanos): void {
    for (const query of this.#queries.values()) {
      const record = queryRecord(query, {
        ...STOPPED,
        received: now,
        processed: now,
        result: null,
      });
      this.#emit({ kind: "action_done", record });
    }
    this.#queries.clear();
    for (const { connectionId, messageId, request } of this.#early.splice(0)) {
      const response = refusalOf(request, STOPPED);
      this.#emit({ kind: "respond", connectionId, messageId, response });
    }
    this.#stage?.stop(now);
    this.#bouncer.release(now, STOPPED);
  }

  /** Before all workers have answered, a loss is final; later, start-up goes on without the worker. */
  onWorkerDown(now: Nanos, worker: number, reason: string): void {
    if (this.#stage === null) {
      this.#fail(`worker ${worker} disconnected before it had reported its state: ${reason}`);
      return;
    }
    this.#print(`Worker ${worker} is gone (${reason}); going on without it`);
    this.#up.delete(worker);
    this.table.remove(worker);
    if (!this.#stage.isIdle) this.#loadEvent(now);
    this.#stage.onWorkerDown(now, worker, reason);
  }

  /** True when the result belongs to start-up. */
  onResult(now: Nanos, { worker, received, result }: ReceivedResult): boolean {
    if (this.#stage !== null) {
      if (!this.#stage.onResult(now, { worker, received, result })) return false;
      this.#loadEvent(now);
      return true;
    }
    const query = this.#queries.get(result.actionId);
    const kind = result.kind === "error" ? result.action : result.kind;
    if (query === undefined || query.worker !== worker || query.kind !== kind) return false;
    this.#endQuery(now, query, { received, result });
    return true;
  }

  /** Runs what is due; the stage ends here. */
  advance(now: Nanos): void {
    if (this.#failed || this.#done) return;
    this.#bouncer.advance(now);
    this.#stage?.advance(now);
    this.#giveUpSilent(now);
    const ends = this.#stageEnds();
    if (ends === null) return;
    if (!this.#countdownTold && now >= this.#countdownAt(ends)) {
      this.#countdownTold = true;
      const seconds = Math.max(0, Math.floor((ends - now) / 1e9));
      this.#print(`(Startup-5) LoadModelStage ending in ${seconds} seconds...`);
    }
    if (now <= ends) return;
    this.#print("(Startup-6) LoadModelStage complete.  Printing loaded models: ");
    for (const line of tableText(this.table)) this.#print(line);
    this.#print("(Startup-end) Transitioning to scheduler");
    this.#bouncer.release(now);
    this.#done = true;
  }

  nextTimeout(): Nanos | null {
    if (this.#failed) return null;
    const silent = earliestNs(this.#stage?.nextTimeout() ?? null, this.#silentAt());
    const waiting = earliestNs(this.#bouncer.nextTimeout(), silent);
    const ends = this.#stageEnds();
    if (ends === null) return waiting;
    const due = this.#countdownTold ? ((ends + 1) as Nanos) : this.#countdownAt(ends);
    return earliestNs(waiting, due);
  }

  /** When the first of the questions that are out should have been answered. */
  #silentAt(): Nanos | null {
    const oldest = this.#queries.values().find(({ isGivenUp }) => !isGivenUp);
    return oldest === undefined ? null : addNs(oldest.sent, this.#options.silenceTimeout);
  }

  /** A worker that does not even say what it is cannot be used. */
  #giveUpSilent(now: Nanos): void {
    const due = this.#silentAt();
    if (due === null || now < due) return;
    for (const query of this.#queries.values()) {
      if (addNs(query.sent, this.#options.silenceTimeout) > now) continue;
      query.isGivenUp = true;
      const { worker } = query;
      this.#emit({ kind: "close_worker", worker, reason: "it does not answer" });
    }
  }

  /** The stage ends just after this instant; null while a load is in progress or none has come. */
  #stageEnds(): Nanos | null {
    if (this.#lastLoadEvent === null || this.#stage?.isIdle !== true) return null;
    return (this.#lastLoadEvent + this.#options.loadStageTimeout) as Nanos;
  }

  #countdownAt(ends: Nanos): Nanos {
    return (ends - Math.floor(this.#options.loadStageTimeout / 2)) as Nanos;
  }

  #loadEvent(now: Nanos): void {
    this.#lastLoadEvent = now;
    this.#countdownTold = false;
  }

  #ask(now: Nanos, kind: Query["kind"], worker: number): void {
    const actionId = this.#nextQueryId++;
    this.#queries.set(actionId, { kind, actionId, worker, sent: now, isGivenUp: false });
    this.#emit({ kind: "send_action", worker, action: { kind, actionId } });
  }

  #endQuery(
    now: Nanos,
    query: Query,
    { received, result }: { readonly received: Nanos; readonly result: ActionResult },
  ): void {
    const { actionId, worker, kind } = query;
    this.#queries.delete(actionId);
    const status = result.kind === "error" ? result.status : STATUS.SUCCESS;
    const record = queryRecord(query, { status, received, processed: now, result });
    this.#emit({ kind: "action_done", record });
    if (result.kind === "error") {
      this.#fail(
        `worker ${worker} cannot be used: ${kind} failed with ${status} ${result.message}`,
      );
      return;
    }
    if (result.kind === "get_worker_state") this.#onState(worker, result.state);
    else this.table.clear(worker);
    if (this.#queries.size === 0 && !this.#failed) this.#onAnswered(now, kind);
  }

  #onState(worker: number, state: WorkerState): void {
    // Signed where a worker reports them, unsigned wherever else they travel.
    const ids = [...state.gpus.map(({ id }) => id), ...state.models.map(({ modelId }) => modelId)];
    const negative = ids.find((id) => id < 0);
    if (negative === undefined) this.table.set(worker, state);
    else this.#fail(`worker ${worker} cannot be used: it reports the id ${negative}`);
  }

  #onAnswered(now: Nanos, kind: Query["kind"]): void {
    if (kind === "get_worker_state") {
      if (this.table.pageSizeBytes() === null) {
        const sizes = this.table.states().map((state) => state?.pageSizeBytes);
        this.#fail(
          `the workers must have the same page size, but they have ${sizes.join(", ")} bytes`,
        );
        return;
      }
      for (const line of tableText(this.table)) this.#print(line);
      this.#takeOver(now);
      if (this.#queries.size > 0) return;
    }
    this.#openStage(now);
  }

  /** Weights of an earlier controller are kept where their models are; otherwise they would take room for nothing. */
  #takeOver(now: Nanos): void {
    const { models } = this.table.commonModels();
    const common = new Map(models.map((model) => [model.modelId, model]));
    for (const [worker, state] of this.table.states().entries()) {
      const resident = state?.gpus.flatMap((gpu) => gpu.residentModels) ?? [];
      if (resident.length === 0) continue;
      const stranger = resident.find((modelId) => !common.has(modelId));
      if (stranger === undefined && state?.gpus.every((gpu) => fits(gpu, common)) === true) {
        this.#print(`Worker ${worker} holds weights of an earlier controller; keeping them`);
        continue;
      }
      const why =
        stranger === undefined
          ? "more of them than fit"
          : `those of model ${stranger}, which not every worker has alike`;
      this.#print(
        `Worker ${worker} holds weights of an earlier controller, ${why}; clearing its cache`,
      );
      this.#ask(now, "clear_cache", worker);
    }
  }

  #openStage(now: Nanos): void {
    assert(this.#stage === null, "the load stage opens once");
    const held = this.#options.startsWarm ? this.table.commonModels().models : [];
    this.#stage = new LoadStage({
      table: this.table,
      held: new HeldModels(held),
      limits: this.#options,
      actionsBefore: this.#nextQueryId,
      emit: this.#emit,
    });
    this.#print("(Startup-3) Awaiting LoadModel requests from clients");
    this.#emit({ kind: "ready" });
    if (held.length > 0) {
      this.#print(
        `(Startup-4) LoadModelStage has begun with ${held.length} models that the workers hold`,
      );
      this.#loadEvent(now);
    }
    const early = this.#early;
    this.#early = [];
    for (const arrived of early) this.onLoad(now, arrived);
  }

  #fail(message: string): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#emit({ kind: "fatal", message });
  }

  #print(line: string): void {
    this.#emit({ kind: "print", line });
  }
}

/** Whether the weights that the GPU is said to hold have room there. */
const fits = (gpu: GpuState, models: ReadonlyMap<number, WorkerModel>): boolean => {
  const ids = new Set(gpu.residentModels);
  const pages = [...ids].reduce((sum, id) => sum + (models.get(id)?.weightsPages ?? 0), 0);
  return pages <= gpu.totalPages;
};
