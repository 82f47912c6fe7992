/** DIRECT: passes a client's calls on to worker 0 as they come, without start-up and without scheduling. */
import { STOPPED, type Verdict } from "#serving/controller/bouncer.ts";
import type {
  ControllerEffect,
  ControllerEvent,
  ReceivedResult,
} from "#serving/controller/events.ts";
import { Fifo } from "#serving/controller/fifo.ts";
import {
  type ControllerOptions,
  LOAD_PATIENCE,
  MODEL_ID_MAX,
} from "#serving/controller/options.ts";
import { type Counted, Outstanding } from "#serving/controller/outstanding.ts";
import { refusalOf } from "#serving/controller/refusal.ts";
import type { Action, ActionResult, ClientRequest, ClientResponse } from "#serving/messages.ts";
import { printable } from "#serving/printable.ts";
import { STATUS } from "#serving/status.ts";
import { assertNever } from "#stdx/assert.ts";
import {
  addNs,
  earliestNs,
  MILLISECOND,
  maxNs,
  type Nanos,
  ns,
  SECOND,
  ZERO_NS,
} from "#stdx/nanos.ts";

type RequestEvent = Extract<ControllerEvent, { readonly kind: "request" }>;
type RequestOf<Kind extends ClientRequest["kind"]> = Extract<
  ClientRequest,
  { readonly kind: Kind }
>;

/** Where a response goes. */
type Caller = Pick<RequestEvent, "connectionId" | "messageId">;

/** An action whose result is due. */
type Call = { readonly action: Action } & (
  | {
      readonly kind: "load_model";
      readonly caller: Caller;
      readonly request: RequestOf<"load_model">;
    }
  | { readonly kind: "infer"; readonly caller: Caller; readonly request: RequestOf<"infer"> }
  | { readonly kind: "load_weights"; readonly place: string }
);

interface Due {
  readonly actionId: number;
  readonly sent: Nanos;
  readonly at: Nanos;
}

/** The only worker that is used. */
const WORKER = 0;
const WINDOW = ns(10 * SECOND);
/** A call that has no answer by then gets none from the worker. */
const PATIENCE = ns(12 * SECOND);
/** Weights are taken to be there this long after their load was sent. */
const WEIGHTS_READY_AFTER = ns(7 * MILLISECOND);

export class DirectController {
  readonly #options: ControllerOptions;
  readonly #outstanding: Outstanding;
  readonly #calls = new Map<number, Call>();
  /** Model and GPU of weights that were sent for, with when they should be there. */
  readonly #weights = new Map<string, Nanos>();
  /** When calls are given up, in order: those that have a window, and loads from disk. */
  readonly #due = new Fifo<Due>();
  readonly #loadsDue = new Fifo<Due>();
  #worker: "awaited" | "up" | "gone" = "awaited";
  #heardAt: Nanos = ZERO_NS;
  #effects: ControllerEffect[] = [];
  #nextActionId = 0;
  #nextModelId = 0;
  /** Model instances that clients have loaded, or are loading. */
  #instances = 0;
  #isStopped = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#outstanding = new Outstanding(options.requestLimits);
  }

  /** Advances to `now`, which never decreases between calls, and returns what is to be done, in order. */
  step(now: Nanos, ...events: readonly ControllerEvent[]): readonly ControllerEffect[] {
    for (const event of events) this.#take(now, event);
    this.#expire(now, this.#due);
    this.#expire(now, this.#loadsDue);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Everything happens when it comes, but for what never comes. */
  nextTimeout(): Nanos | null {
    return earliestNs(this.#due.peek()?.at ?? null, this.#loadsDue.peek()?.at ?? null);
  }

  /** Gives up calls that have had no answer for too long, and a worker that has said nothing at all meanwhile. */
  #expire(now: Nanos, due: Fifo<Due>): void {
    for (;;) {
      const first = due.peek();
      if (first === undefined) return;
      const call = this.#calls.get(first.actionId);
      if (call !== undefined && first.at > now) return;
      due.shift();
      if (call === undefined) continue;
      this.#calls.delete(first.actionId);
      const reason = `worker ${WORKER} has not answered for ${(now - first.sent) / 1e9} s`;
      this.#fail(call, { status: STATUS.TIMEOUT, message: reason });
      if (this.#worker !== "up" || this.#heardAt >= first.sent) continue;
      this.#heardAt = now;
      this.#emit({ kind: "close_worker", worker: WORKER, reason });
    }
  }

  #take(now: Nanos, event: ControllerEvent): void {
    switch (event.kind) {
      case "request":
        this.#onRequest(now, event);
        break;
      case "result":
        if (event.worker === WORKER) this.#heardAt = now;
        this.#onResult(event);
        break;
      case "worker_up":
        if (event.worker === WORKER) this.#onWorkerUp();
        break;
      case "worker_down":
        if (event.worker === WORKER) this.#onWorkerDown(event.reason);
        break;
      case "stop":
        this.#onStop();
        break;
      case "action_sent":
      case "client_down":
      case "timer":
        break;
      default:
        assertNever(event);
    }
  }

  #onRequest(now: Nanos, event: RequestEvent): void {
    const { request } = event;
    const overload = this.#outstanding.begun(countedOf(event.connectionId, request));
    this.#print(`Client  --> Req${request.userRequestId}:${callText(request)}`);
    if (this.#isStopped) {
      this.#respondError(event, request, STOPPED);
    } else if (overload !== null) {
      this.#respondError(event, request, { status: STATUS.OVERLOADED, message: overload });
    } else if (request.kind === "ls" || request.kind === "evict" || request.kind === "upload") {
      const status = request.kind === "ls" ? STATUS.ERROR : STATUS.INVALID_REQUEST;
      const message = `${request.kind} not supported by this controller`;
      this.#respondError(event, request, { status, message });
    } else if (this.#worker !== "up") {
      const isAwaited = this.#worker === "awaited";
      const status = isAwaited ? STATUS.INITIALIZING : STATUS.ERROR;
      const message = isAwaited ? "Controller initializing" : `worker ${WORKER} is gone`;
      this.#respondError(event, request, { status, message });
    } else if (request.kind === "load_model") {
      this.#loadModel(now, event, request);
    } else {
      this.#infer(now, event, request);
    }
  }

  #loadModel(now: Nanos, caller: Caller, request: RequestOf<"load_model">): void {
    const { path, copies } = request;
    const { modelsMax } = this.#options;
    const room = Math.min(MODEL_ID_MAX - this.#nextModelId, modelsMax - this.#instances);
    if (copies < 1 || copies > room) {
      const message = `no_of_copies must be from 1 to ${room} (of ${modelsMax} model instances, ${this.#instances} are loaded), got ${copies}`;
      this.#respondError(caller, request, { status: STATUS.INVALID_REQUEST, message });
      return;
    }
    const action = {
      kind: "load_model",
      actionId: this.#nextActionId++,
      modelId: this.#nextModelId,
      path,
      copies,
      earliest: null,
      latest: addNs(now, WINDOW),
      maxBatchSize: this.#options.maxBatchSize,
      maxExecNs: this.#options.maxExec,
    } as const;
    this.#nextModelId += copies;
    this.#instances += copies;
    this.#send(now, { kind: "load_model", action, caller: callerOf(caller), request });
  }

  /** An even request id goes to GPU 1, an odd one to GPU 0: a worker with one GPU refuses half of them. */
  #infer(now: Nanos, caller: Caller, request: RequestOf<"infer">): void {
    const { batchSize, input, userRequestId } = request;
    // Unsigned in requests and signed in actions; the original narrows it, too. Worker 0 refuses what it does not know.
    const modelId = request.modelId | 0;
    const gpuId = userRequestId % 2 === 0 ? 1 : 0;
    const latest = addNs(now, WINDOW);
    const place = `model ${modelId} on GPU ${gpuId}`;
    const common = { modelId, gpuId, latest, expectedDuration: ZERO_NS };
    if (!this.#weights.has(place)) {
      this.#weights.set(place, addNs(now, WEIGHTS_READY_AFTER));
      const actionId = this.#nextActionId++;
      const action = { kind: "load_weights", actionId, earliest: now, ...common } as const;
      this.#send(now, { kind: "load_weights", action, place });
    }
    const actionId = this.#nextActionId++;
    const earliest = maxNs(now, this.#weights.get(place) ?? now);
    // The client's bytes go on as they are; sizes would announce compressed inputs.
    const body = { batchSize, inputSizes: [], inputs: [input] };
    const action = { kind: "infer", actionId, earliest, ...common, ...body } as const;
    this.#send(now, { kind: "infer", action, caller: callerOf(caller), request });
  }

  #onResult({ worker, result }: ReceivedResult): void {
    const entry = this.#calls.get(result.actionId);
    const kind = result.kind === "error" ? result.action : result.kind;
    if (worker !== WORKER || entry?.kind !== kind) {
      this.#print(
        `Ignoring result R${result.actionId} (${result.kind}) of worker ${worker}: no such action is outstanding`,
      );
      return;
    }
    this.#calls.delete(result.actionId);
    if (result.kind === "error") {
      this.#print(`Worker  --> R${result.actionId}:error ${result.status}: ${result.message}`);
      this.#fail(entry, { status: STATUS.ERROR, message: result.message });
      return;
    }
    this.#print(`Worker  --> R${result.actionId}:${result.kind}`);
    this.#succeed(entry, result);
  }

  #succeed(entry: Call, result: ActionResult): void {
    if (entry.kind === "load_weights") return;
    const { userRequestId } = entry.request;
    const header = { userRequestId, status: STATUS.SUCCESS, message: "" };
    if (entry.kind === "load_model" && result.kind === "load_model") {
      const { inputBytes, outputBytes } = result;
      const model = { modelId: modelIdOf(entry.action), inputBytes, outputBytes };
      const { request } = entry;
      const { copies } = request;
      this.#respond(entry.caller, request, { kind: "load_model", ...header, ...model, copies });
    } else if (entry.kind === "infer" && result.kind === "infer") {
      const { request } = entry;
      const { modelId, batchSize } = request;
      const payload = result.output;
      const output = payload.sizeBytes === 0 ? null : { payload, index: 0, count: 1 };
      this.#respond(entry.caller, request, {
        kind: "infer",
        ...header,
        modelId,
        batchSize,
        output,
      });
    }
  }

  #fail(entry: Call, verdict: Verdict): void {
    if (entry.kind === "load_weights") {
      this.#weights.delete(entry.place);
      return;
    }
    if (entry.kind === "load_model") this.#instances -= entry.request.copies;
    this.#respondError(entry.caller, entry.request, verdict);
  }

  #failAll(verdict: Verdict): void {
    const entries = [...this.#calls.values()];
    this.#calls.clear();
    for (const entry of entries) this.#fail(entry, verdict);
  }

  #onStop(): void {
    this.#isStopped = true;
    this.#failAll(STOPPED);
  }

  #onWorkerUp(): void {
    if (this.#worker === "awaited") this.#emit({ kind: "ready" });
    else this.#print(`Worker ${WORKER} is connected again`);
    this.#worker = "up";
  }

  /** What it held may be gone with it. */
  #onWorkerDown(reason: string): void {
    this.#worker = "gone";
    this.#weights.clear();
    this.#print(`Worker ${WORKER} is gone (${reason})`);
    const message = `worker ${WORKER} disconnected: ${reason}`;
    this.#failAll({ status: STATUS.ERROR, message });
  }

  #send(now: Nanos, entry: Call): void {
    const { action } = entry;
    const { actionId } = action;
    const isLoad = entry.kind === "load_model";
    const at = addNs(now, isLoad ? LOAD_PATIENCE : PATIENCE);
    (isLoad ? this.#loadsDue : this.#due).push({ actionId, sent: now, at });
    this.#calls.set(action.actionId, entry);
    this.#print(`Worker <--  A${action.actionId}:${action.kind} model=${modelIdOf(action)}`);
    this.#emit({ kind: "send_action", worker: WORKER, action });
  }

  #respondError(
    caller: Caller,
    request: ClientRequest,
    how: { readonly status: number; readonly message: string },
  ): void {
    this.#respond(caller, request, refusalOf(request, how));
  }

  #respond(
    { connectionId, messageId }: Caller,
    request: ClientRequest,
    response: ClientResponse,
  ): void {
    const { status, message, userRequestId } = response;
    const text = status === STATUS.SUCCESS ? "success" : `error ${status}: ${message}`;
    this.#print(`Client <--  Rsp${userRequestId}:${response.kind} ${text}`);
    this.#outstanding.ended(countedOf(connectionId, request));
    this.#emit({ kind: "respond", connectionId, messageId, response });
  }

  /** Lines hold what clients and workers sent. */
  #print(line: string): void {
    this.#emit({ kind: "print", line: printable(line) });
  }

  #emit(effect: ControllerEffect): void {
    this.#effects.push(effect);
  }
}

const callerOf = ({ connectionId, messageId }: Caller): Caller => ({ connectionId, messageId });

/** What of a call is counted as outstanding. */
const countedOf = (connectionId: number, request: ClientRequest): Counted =>
  request.kind === "infer"
    ? { connectionId, userId: request.userId, inputBytes: request.input.sizeBytes }
    : { connectionId, userId: null, inputBytes: 0 };

const modelIdOf = (action: Action): number => ("modelId" in action ? action.modelId : 0);

const callText = (request: ClientRequest): string => {
  switch (request.kind) {
    case "infer":
      return `infer model=${request.modelId} batch=${request.batchSize} input=${request.input.sizeBytes}`;
    case "load_model":
      return `load_model path=${request.path} copies=${request.copies}`;
    default:
      return request.kind;
  }
};
