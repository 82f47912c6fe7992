/** DIRECT: passes a client's calls on to worker 0 as they come, without start-up and without scheduling. */
import type {
  ControllerEffect,
  ControllerEvent,
  ReceivedResult,
} from "#serving/controller/events.ts";
import { type ControllerOptions, MODEL_ID_MAX } from "#serving/controller/options.ts";
import type { Action, ActionResult, ClientRequest, ClientResponse } from "#serving/messages.ts";
import { printable } from "#serving/printable.ts";
import { STATUS } from "#serving/status.ts";
import { assertNever } from "#stdx/assert.ts";
import { addNs, MILLISECOND, maxNs, type Nanos, ns, SECOND, ZERO_NS } from "#stdx/nanos.ts";

type RequestEvent = Extract<ControllerEvent, { readonly kind: "request" }>;
type RequestOf<Kind extends ClientRequest["kind"]> = Extract<
  ClientRequest,
  { readonly kind: Kind }
>;

/** Where a response goes. */
type Caller = Pick<RequestEvent, "connectionId" | "messageId">;

/** An action whose result is due. */
type Outstanding = { readonly action: Action } & (
  | {
      readonly kind: "load_model";
      readonly caller: Caller;
      readonly request: RequestOf<"load_model">;
    }
  | { readonly kind: "infer"; readonly caller: Caller; readonly request: RequestOf<"infer"> }
  | { readonly kind: "load_weights"; readonly place: string }
);

/** The only worker that is used. */
const WORKER = 0;
const WINDOW = ns(10 * SECOND);
/** Weights are taken to be there this long after their load was sent. */
const WEIGHTS_READY_AFTER = ns(7 * MILLISECOND);

export class DirectController {
  readonly #options: ControllerOptions;
  readonly #outstanding = new Map<number, Outstanding>();
  /** Model and GPU of weights that were sent for, with when they should be there. */
  readonly #weights = new Map<string, Nanos>();
  #worker: "awaited" | "up" | "gone" = "awaited";
  #effects: ControllerEffect[] = [];
  #nextActionId = 0;
  #nextModelId = 0;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  /** Advances to `now`, which never decreases between calls, and returns what is to be done, in order. */
  step(now: Nanos, ...events: readonly ControllerEvent[]): readonly ControllerEffect[] {
    for (const event of events) this.#take(now, event);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Everything happens when it comes. */
  nextTimeout(): null {
    return null;
  }

  #take(now: Nanos, event: ControllerEvent): void {
    switch (event.kind) {
      case "request":
        this.#onRequest(now, event);
        break;
      case "result":
        this.#onResult(event);
        break;
      case "worker_up":
        if (event.worker === WORKER && this.#worker === "awaited") {
          this.#worker = "up";
          this.#emit({ kind: "ready" });
        }
        break;
      case "worker_down":
        if (event.worker === WORKER) this.#onWorkerDown(event.reason);
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
    this.#print(`Client  --> Req${request.userRequestId}:${callText(request)}`);
    if (request.kind === "ls" || request.kind === "evict" || request.kind === "upload") {
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
    const room = MODEL_ID_MAX - this.#nextModelId;
    if (copies < 1 || copies > room) {
      const message = `no_of_copies must be from 1 to ${room}, got ${copies}`;
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
    this.#send({ kind: "load_model", action, caller: callerOf(caller), request });
  }

  /** An even request id goes to GPU 1, an odd one to GPU 0: a worker with one GPU refuses half of them. */
  #infer(now: Nanos, caller: Caller, request: RequestOf<"infer">): void {
    const { modelId, batchSize, input, userRequestId } = request;
    const gpuId = userRequestId % 2 === 0 ? 1 : 0;
    const latest = addNs(now, WINDOW);
    const place = `model ${modelId} on GPU ${gpuId}`;
    const common = { modelId, gpuId, latest, expectedDuration: ZERO_NS };
    if (!this.#weights.has(place)) {
      this.#weights.set(place, addNs(now, WEIGHTS_READY_AFTER));
      const actionId = this.#nextActionId++;
      const action = { kind: "load_weights", actionId, earliest: now, ...common } as const;
      this.#send({ kind: "load_weights", action, place });
    }
    const actionId = this.#nextActionId++;
    const earliest = maxNs(now, this.#weights.get(place) ?? now);
    // The client's bytes go on as they are; sizes would announce compressed inputs.
    const body = { batchSize, inputSizes: [], inputs: [input] };
    const action = { kind: "infer", actionId, earliest, ...common, ...body } as const;
    this.#send({ kind: "infer", action, caller: callerOf(caller), request });
  }

  #onResult({ worker, result }: ReceivedResult): void {
    const entry = this.#outstanding.get(result.actionId);
    const kind = result.kind === "error" ? result.action : result.kind;
    if (worker !== WORKER || entry?.kind !== kind) {
      this.#print(
        `Ignoring result R${result.actionId} (${result.kind}) of worker ${worker}: no such action is outstanding`,
      );
      return;
    }
    this.#outstanding.delete(result.actionId);
    if (result.kind === "error") {
      this.#print(`Worker  --> R${result.actionId}:error ${result.status}: ${result.message}`);
      this.#fail(entry, result.message);
      return;
    }
    this.#print(`Worker  --> R${result.actionId}:${result.kind}`);
    this.#succeed(entry, result);
  }

  #succeed(entry: Outstanding, result: ActionResult): void {
    if (entry.kind === "load_weights") return;
    const { userRequestId } = entry.request;
    const header = { userRequestId, status: STATUS.SUCCESS, message: "" };
    if (entry.kind === "load_model" && result.kind === "load_model") {
      const { inputBytes, outputBytes } = result;
      const model = { modelId: modelIdOf(entry.action), inputBytes, outputBytes };
      const { copies } = entry.request;
      this.#respond(entry.caller, { kind: "load_model", ...header, ...model, copies });
    } else if (entry.kind === "infer" && result.kind === "infer") {
      const { modelId, batchSize } = entry.request;
      const payload = result.output;
      const output = payload.sizeBytes === 0 ? null : { payload, index: 0, count: 1 };
      this.#respond(entry.caller, { kind: "infer", ...header, modelId, batchSize, output });
    }
  }

  #fail(entry: Outstanding, message: string): void {
    if (entry.kind === "load_weights") this.#weights.delete(entry.place);
    else this.#respondError(entry.caller, entry.request, { status: STATUS.ERROR, message });
  }

  #onWorkerDown(reason: string): void {
    this.#worker = "gone";
    this.#print(`Worker ${WORKER} is gone (${reason})`);
    for (const entry of this.#outstanding.values()) {
      this.#fail(entry, `worker ${WORKER} disconnected: ${reason}`);
    }
    this.#outstanding.clear();
  }

  #send(entry: Outstanding): void {
    const { action } = entry;
    this.#outstanding.set(action.actionId, entry);
    this.#print(`Worker <--  A${action.actionId}:${action.kind} model=${modelIdOf(action)}`);
    this.#emit({ kind: "send_action", worker: WORKER, action });
  }

  #respondError(
    caller: Caller,
    request: ClientRequest,
    how: { readonly status: number; readonly message: string },
  ): void {
    const header = { userRequestId: request.userRequestId, ...how };
    switch (request.kind) {
      case "infer": {
        const { kind, modelId, batchSize } = request;
        this.#respond(caller, { kind, ...header, modelId, batchSize, output: null });
        break;
      }
      case "load_model": {
        const nothing = { modelId: 0, inputBytes: 0, outputBytes: 0, copies: 0 };
        this.#respond(caller, { kind: "load_model", ...header, ...nothing });
        break;
      }
      case "ls":
        this.#respond(caller, { kind: "ls", ...header, models: [] });
        break;
      case "evict":
      case "upload":
        this.#respond(caller, { kind: request.kind, ...header });
        break;
      default:
        assertNever(request);
    }
  }

  #respond({ connectionId, messageId }: Caller, response: ClientResponse): void {
    const { status, message, userRequestId } = response;
    const text = status === STATUS.SUCCESS ? "success" : `error ${status}: ${message}`;
    this.#print(`Client <--  Rsp${userRequestId}:${response.kind} ${text}`);
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
