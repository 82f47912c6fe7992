/** The controller as a state machine: events and the present instant in, effects out; it knows no socket and no timer. */
import { STOPPED, type Verdict } from "#serving/controller/bouncer.ts";
import { Cluster } from "#serving/controller/cluster.ts";
import { Echo } from "#serving/controller/echo.ts";
import type {
  ControllerEffect,
  ControllerEvent,
  ReceivedResult,
} from "#serving/controller/events.ts";
import { Gpu, selectGpus } from "#serving/controller/gpu.ts";
import { buildModels, type Model } from "#serving/controller/model.ts";
import type { ControllerOptions } from "#serving/controller/options.ts";
import { Outstanding } from "#serving/controller/outstanding.ts";
import { refusalOf } from "#serving/controller/refusal.ts";
import { type Arrived, answerUnscheduled, type Copies } from "#serving/controller/request-book.ts";
import type { Server } from "#serving/controller/server.ts";
import { Startup } from "#serving/controller/startup.ts";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import { Summary } from "#serving/controller/summary.ts";
import { toModelInfo } from "#serving/controller/worker-table.ts";
import type { ClientResponse, ModelInfo, WorkerModel } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import { assert } from "#stdx/assert.ts";
import { earliestNs, type Nanos } from "#stdx/nanos.ts";

type RequestEvent = Extract<ControllerEvent, { readonly kind: "request" }>;

/** What runs once start-up is over. */
interface Serving {
  readonly server: Server;
  readonly models: readonly ModelInfo[];
  readonly summary: Summary;
}

/** The type that schedules nothing. */
const ECHO = "ECHO";

export class Controller {
  readonly #options: ControllerOptions;
  readonly #startup: Startup;
  readonly #outstanding: Outstanding;
  #isStopped = false;
  #serving: Serving | null = null;
  #effects: ControllerEffect[] = [];
  #nextRequestId = 0;

  /** `options.strategy` must be one of `STRATEGIES`, or ECHO. */
  constructor(options: ControllerOptions) {
    const { strategy } = options;
    assert(STRATEGIES.has(strategy) || strategy === ECHO, `unknown strategy ${strategy}`);
    assert(options.workerCount > 0, "a controller needs at least one worker");
    this.#options = options;
    this.#outstanding = new Outstanding(options.requestLimits);
    this.#startup = new Startup(options, (effect) => this.#emit(effect));
  }

  /**
   * Advances to `now`, which never decreases between calls, and returns what is to be done, in order. Events that came
   * together are all taken in before anything is decided.
   */
  step(now: Nanos, ...events: readonly ControllerEvent[]): readonly ControllerEffect[] {
    for (const event of events) this.#take(now, event);
    if (!this.#isStopped) this.#advance(now);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When `step` must be called with a timer at the latest; null while only events can make something happen. */
  nextTimeout(): Nanos | null {
    if (this.#isStopped) return null;
    if (this.#serving === null) return this.#startup.nextTimeout();
    const { server, summary } = this.#serving;
    return earliestNs(server.nextTimeout(), summary.nextTimeout());
  }

  #emit(effect: ControllerEffect): void {
    this.#effects.push(effect);
    this.#countEnding(effect);
    if (this.#serving === null) return;
    if (effect.kind === "request_done") this.#serving.summary.onRequest(effect.record);
    else if (effect.kind === "action_done") this.#serving.summary.onAction(effect.record);
  }

  /** A request ends with its response, an inference request with the record that follows it. */
  #countEnding(effect: ControllerEffect): void {
    if (effect.kind === "request_done") {
      this.#outstanding.ended(effect.record);
    } else if (effect.kind === "respond" && effect.response.kind !== "infer") {
      const { connectionId } = effect;
      this.#outstanding.ended({ connectionId, userId: null, inputBytes: 0 });
    }
  }

  #print(line: string): void {
    this.#emit({ kind: "print", line });
  }

  #take(now: Nanos, event: ControllerEvent): void {
    switch (event.kind) {
      case "request":
        this.#onRequest(now, event);
        break;
      case "result":
        this.#onResult(now, event);
        break;
      case "action_sent":
        this.#serving?.server.onActionSent(now, event.actionId);
        break;
      case "worker_up":
        (this.#serving?.server ?? this.#startup).onWorkerUp(now, event.worker);
        break;
      case "worker_down":
        this.#onWorkerDown(now, event.worker, event.reason);
        break;
      // Responses to a client that left are dropped by whoever owns its connection; its requests still get records.
      case "client_down":
      case "timer":
        break;
      case "stop":
        this.#onStop(now);
        break;
    }
  }

  #onStop(now: Nanos): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    (this.#serving?.server ?? this.#startup).stop(now);
  }

  #onResult(now: Nanos, event: ReceivedResult): void {
    const taker = this.#serving?.server ?? this.#startup;
    if (taker.onResult(now, event)) return;
    const { worker, result } = event;
    const what = `R${result.actionId} (${result.kind}) of worker ${worker}`;
    this.#print(`Ignoring result ${what}: no such action is outstanding`);
  }

  #onWorkerDown(now: Nanos, worker: number, reason: string): void {
    if (this.#serving === null) {
      this.#startup.onWorkerDown(now, worker, reason);
      return;
    }
    this.#print(`Worker ${worker} is gone (${reason}); going on without it`);
    this.#serving.server.onWorkerDown(now, worker, reason);
  }

  #onRequest(now: Nanos, event: RequestEvent): void {
    const { request, connectionId, messageId, arrival } = event;
    const common = { connectionId, messageId };
    const refusal = this.#refusal(event);
    if (refusal !== null && request.kind !== "infer") {
      this.#respond(event, refusalOf(request, refusal));
      return;
    }
    switch (request.kind) {
      case "infer": {
        const requestId = this.#nextRequestId++;
        const arrived: Arrived = { ...common, requestId, arrival, request };
        if (refusal !== null) this.#refuse(now, arrived, refusal);
        else if (this.#serving === null) this.#startup.park({ kind: "infer", arrived });
        else this.#serving.server.admit(now, arrived);
        return;
      }
      case "load_model": {
        if (this.#serving === null) {
          this.#startup.onLoad(now, { ...common, request });
          return;
        }
        const message = "Controller startup phase has completed";
        this.#respond(event, refusalOf(request, { status: STATUS.INVALID_REQUEST, message }));
        return;
      }
      case "ls":
        this.#onLs(event);
        return;
      case "evict":
      case "upload": {
        const message = `${request.kind} is not supported by this controller`;
        this.#respond(event, refusalOf(request, { status: STATUS.INVALID_REQUEST, message }));
      }
    }
  }

  /** Counts the request, and says why it is answered at once whatever it asks for; null when it is not. */
  #refusal({ connectionId, request }: RequestEvent): Verdict | null {
    const isInference = request.kind === "infer";
    const userId = isInference ? request.userId : null;
    const inputBytes = isInference ? request.input.sizeBytes : 0;
    const message = this.#outstanding.begun({ connectionId, userId, inputBytes });
    if (this.#isStopped) return STOPPED;
    return message === null ? null : { status: STATUS.OVERLOADED, message };
  }

  #refuse(now: Nanos, arrived: Arrived, refusal: Verdict): void {
    const copies = this.#copiesOf(arrived.request.modelId);
    for (const effect of answerUnscheduled(now, arrived, { ...refusal, copies })) {
      this.#emit(effect);
    }
  }

  #copiesOf(modelId: number): Copies | null {
    return (this.#serving?.server ?? this.#startup).copiesOf(modelId);
  }

  #onLs(event: RequestEvent): void {
    const { connectionId, messageId, arrival, request } = event;
    const { userRequestId } = request;
    if (this.#serving === null) {
      this.#print(`Client  --> Req${userRequestId}:LS`);
      const arrived = { connectionId, messageId, userRequestId, arrival };
      this.#startup.park({ kind: "ls", arrived });
      return;
    }
    const header = { userRequestId, status: STATUS.SUCCESS, message: "" };
    this.#respond(event, { kind: "ls", ...header, models: this.#serving.models });
  }

  #respond(event: RequestEvent, response: ClientResponse): void {
    const { connectionId, messageId } = event;
    this.#emit({ kind: "respond", connectionId, messageId, response });
  }

  #advance(now: Nanos): void {
    if (this.#serving === null) this.#advanceStartup(now);
    if (this.#serving !== null) this.#advanceServing(now, this.#serving);
  }

  #advanceStartup(now: Nanos): void {
    this.#startup.advance(now);
    if (this.#startup.isDone) this.#serving = this.#startServing(now);
  }

  #advanceServing(now: Nanos, { server, summary }: Serving): void {
    server.advance(now);
    for (const line of summary.takeLines(now)) this.#print(line);
  }

  #startServing(now: Nanos): Serving {
    const { table } = this.#startup;
    const { models: infos, leftOut } = table.commonModels();
    for (const { modelId, reason } of leftOut) {
      this.#print(`Model ${modelId} ${reason} and is left out`);
    }
    const { server, known } = this.#makeServer(now, infos);
    this.#catchUp(now, server);
    this.#print(" * Admitting inference requests");
    const listed = infos.filter((info) => known.has(info.modelId)).map(toModelInfo);
    return { server, models: listed, summary: new Summary(now) };
  }

  /** Also tells which of the models it serves. */
  #makeServer(
    now: Nanos,
    infos: readonly WorkerModel[],
  ): { readonly server: Server; readonly known: ReadonlySet<number> } {
    const emit = (effect: ControllerEffect): void => this.#emit(effect);
    const strategy = STRATEGIES.get(this.#options.strategy);
    if (strategy === undefined) {
      const known = new Set(infos.map((info) => info.modelId));
      return { server: new Echo((modelId) => known.has(modelId), emit), known };
    }
    const print = (line: string): void => this.#print(line);
    const workerCount = this.#options.workerCount;
    const models = buildModels(infos, this.#options, { workerCount, print });
    const { table, actionCount: actionsBefore } = this.#startup;
    const places = selectGpus(table.lastStates(), this.#options.maxGpus);
    const gpus = places.map((place, index) => new Gpu(index, place, models.length));
    this.#describe(models, gpus);
    const pageSizeBytes = table.lastStates()[0]?.pageSizeBytes ?? 0;
    const parts = { models, gpus, options: this.#options, pageSizeBytes, actionsBefore, emit };
    const cluster = new Cluster(parts, strategy.create);
    for (const [worker, state] of table.states().entries()) {
      if (state?.gpus.every((gpu) => gpu.residentModels.length === 0) !== false) continue;
      const there = new Map(table.modelsOf(worker).map((model) => [model.modelId, model]));
      cluster.takeOver(now, worker, { state, models: there });
    }
    return { server: cluster, known: new Set(models.map((model) => model.modelId)) };
  }

  /** Tells of workers that were lost during start-up, and of those that are connected again. */
  #catchUp(now: Nanos, server: Server): void {
    for (const [worker, state] of this.#startup.table.states().entries()) {
      if (state !== null) continue;
      server.onWorkerDown(now, worker, "lost during start-up");
      if (this.#startup.isUp(worker)) server.onWorkerUp(now, worker);
    }
  }

  #describe(models: readonly Model[], gpus: readonly Gpu[]): void {
    const workers = new Set(gpus.map((gpu) => gpu.worker)).size;
    const capacity = gpus.reduce((sum, gpu) => sum + gpu.totalPages, 0);
    const needed = models.reduce((sum, model) => sum + model.weightsPages, 0);
    const perGpu = gpus.length === 0 ? 0 : Math.floor(capacity / gpus.length);
    const share = capacity === 0 ? 0 : Math.floor((100 * needed) / capacity);
    this.#print(`Created ${models.length} models`);
    this.#print(`Created ${gpus.length} GPUs on ${workers} Workers`);
    this.#print(`Total GPU capacity ${capacity} pages (${perGpu} per GPU).`);
    this.#print(`Total model pages ${needed} (${share}% oversubscription).`);
    for (const model of models) {
      if (gpus.every((gpu) => gpu.totalPages < model.weightsPages)) {
        this.#print(
          `Model ${model.modelId} needs ${model.weightsPages} pages: no GPU is large enough`,
        );
      }
    }
  }
}
