/** The load generator: sends each request at its scheduled instant, whatever became of the others, and books its outcome. */
import type {
  ClientEffect,
  ClientEvent,
  ClientRecord,
  LoadedModel,
  Outcome,
  SendWindow,
} from "#serving/client/events.ts";
import { type LoaderStep, type ModelDemand, ModelLoader } from "#serving/client/model-loader.ts";
import { ProgressCounters } from "#serving/client/progress.ts";
import type { ClientRequest, ClientResponse, Payload } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import { assert } from "#stdx/assert.ts";
import { addNs, MILLISECOND, type Nanos, ns, SECOND, subNs } from "#stdx/nanos.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";

export interface LoadGeneratorOptions {
  readonly clientId: number;
  readonly models: readonly ModelDemand[];
  /** Folder of the model zoo as the workers see it. */
  readonly modelDir: string;
  readonly arrivals: ArrivalProcess;
  readonly warmUp: Nanos;
  readonly duration: Nanos;
  readonly coolDown: Nanos;
  readonly slo: Nanos;
  /** From the connection until every model serves. */
  readonly readyLimit: Nanos;
  /** From the end of sending until every response is in; what is missing then is unknown. */
  readonly drainLimit: Nanos;
  /** Requests that would make more outstanding are dropped; at least the slots of a closed loop. */
  readonly outstandingMax: number;
  /** Makes the input of a request, given the model's input size. */
  readonly makeInput: (inputBytes: number) => Payload;
  /** Sending begins as soon as every model serves, without a `start` event. */
  readonly startWhenReady: boolean;
}

/** Leaves time to tell the runner before the first request is due. */
const START_LEAD = ns(50 * MILLISECOND);
const PROGRESS_EVERY = SECOND;
/** Requests handled in one step; more that are due follow in the next, after responses had their turn. */
const BATCH_MAX = 256;
/** Ids are signed 32-bit numbers on the wire. */
const ID_MAX = 2 ** 31 - 1;

type Phase = "connecting" | "loading" | "ready" | "sending" | "abandoning" | "draining" | "over";

/** A request on its way. `sent` is null until the network layer took it. */
interface Outstanding {
  readonly arrival: Arrival;
  readonly scheduled: Nanos;
  readonly userRequestId: number;
  readonly modelId: number;
  sent: Nanos | null;
}

interface Ending {
  readonly outcome: Outcome;
  readonly received: Nanos | null;
  readonly result: number | null;
}

const UNKNOWN: Ending = { outcome: "unknown", received: null, result: null };
const DROPPED: Ending = { outcome: "dropped", received: null, result: null };

const NEVER: SendWindow = {
  sendStart: ns(0),
  measureStart: ns(0),
  measureEnd: ns(0),
  sendEnd: ns(0),
};

export class LoadGenerator {
  readonly #options: LoadGeneratorOptions;
  readonly #counters = new ProgressCounters();
  readonly #outstanding = new Map<number, Outstanding>();
  /** Messages handed over but not yet confirmed by a `sent` event, in order of id. */
  #unconfirmed: number[] = [];
  #phase: Phase = "connecting";
  /** Valid while loading. */
  #loader: ModelLoader | null = null;
  /** Valid from ready on. */
  #models: readonly LoadedModel[] = [];
  /** Valid from the start of sending on. */
  #window = NEVER;
  #nextProgress: Nanos = ns(0);
  #startWanted: boolean;
  #nextMessageId = 0;
  #nextUserRequestId = 0;
  #effects: ClientEffect[] = [];

  constructor(options: LoadGeneratorOptions) {
    this.#options = options;
    this.#startWanted = options.startWhenReady;
  }

  /** Advances the state machine; `now` must never decrease between calls. */
  step(now: Nanos, event: ClientEvent): readonly ClientEffect[] {
    this.#effects = [];
    switch (event.kind) {
      case "link_up":
        this.#onLinkUp(now);
        break;
      case "link_down":
        this.#onLinkDown(now, event.reason);
        break;
      case "response":
        this.#onResponse(now, event);
        break;
      case "sent":
        this.#onSent(now, event.upTo);
        break;
      case "start":
        this.#onStart(now);
        break;
      case "stop":
        this.#onStop(now);
        break;
      case "timer":
        this.#onTimer(now);
        break;
    }
    return this.#effects;
  }

  /** When the caller must next send a `timer` event, or null when nothing is due until another event. */
  nextTimeout(): Nanos | null {
    switch (this.#phase) {
      case "loading":
        return this.#loader?.nextTimeout() ?? null;
      case "sending": {
        const next = this.#options.arrivals.nextAt();
        const due = next === null ? this.#window.sendEnd : addNs(this.#window.sendStart, next);
        return due < this.#nextProgress ? due : this.#nextProgress;
      }
      case "abandoning":
        return this.#window.sendStart;
      case "draining": {
        const limit = this.#drainDeadline();
        return limit < this.#nextProgress ? limit : this.#nextProgress;
      }
      default:
        return null;
    }
  }

  #drainDeadline(): Nanos {
    return addNs(this.#window.sendEnd, this.#options.drainLimit);
  }

  #onLinkUp(now: Nanos): void {
    assert(this.#phase === "connecting", "a client connects once");
    const { models, modelDir, readyLimit } = this.#options;
    this.#phase = "loading";
    this.#loader = new ModelLoader(now, { models, modelDir, limit: readyLimit });
    this.#onLoaderStep(now, this.#loader.request());
  }

  #onLoaderStep(now: Nanos, step: LoaderStep): void {
    if (step.kind === "send") {
      this.#send({ ...step.request, userId: 0, userRequestId: this.#nextUserRequestId++ });
    } else if (step.kind === "failed") {
      this.#fail(step.message);
    } else if (step.kind === "loaded") {
      this.#phase = "ready";
      this.#loader = null;
      this.#models = step.models;
      const measureEnd = addNs(this.#options.warmUp, this.#options.duration);
      const expectedRequests = this.#options.arrivals.expectedCount(
        this.#options.warmUp,
        measureEnd,
      );
      this.#effects.push({ kind: "ready", models: step.models, expectedRequests });
      if (this.#startWanted) this.#onStart(now);
    }
  }

  #onStart(now: Nanos): void {
    this.#startWanted = true;
    if (this.#phase !== "ready") return;
    const { warmUp, duration, coolDown } = this.#options;
    const sendStart = addNs(now, START_LEAD);
    const measureStart = addNs(sendStart, warmUp);
    const measureEnd = addNs(measureStart, duration);
    this.#window = { sendStart, measureStart, measureEnd, sendEnd: addNs(measureEnd, coolDown) };
    this.#phase = "sending";
    this.#counters.restart(sendStart);
    this.#nextProgress = addNs(sendStart, PROGRESS_EVERY);
    this.#effects.push({ kind: "started", ...this.#window });
  }

  #onTimer(now: Nanos): void {
    if (this.#phase === "loading" && this.#loader !== null) {
      this.#onLoaderStep(now, this.#loader.onTimer(now));
    } else if (this.#phase === "sending") {
      this.#sendDue(now);
    } else if (this.#phase === "abandoning") {
      this.#abandonSome(now);
    }
    if (this.#phase === "draining" && now >= this.#drainDeadline()) this.#giveUp(now);
    const isLive = this.#phase === "sending" || this.#phase === "draining";
    if (isLive && now >= this.#nextProgress) {
      this.#reportProgress(now);
      // A turn that was missed is not made up for: the next one is a whole interval away.
      while (this.#nextProgress <= now) {
        this.#nextProgress = addNs(this.#nextProgress, PROGRESS_EVERY);
      }
    }
  }

  #reportProgress(now: Nanos): void {
    const progress = this.#counters.take(now, this.#outstanding.size);
    this.#effects.push({ kind: "progress", progress });
  }

  #sendDue(now: Nanos): void {
    const { arrivals } = this.#options;
    for (let i = 0; i < BATCH_MAX; i++) {
      const next = arrivals.nextAt();
      if (next === null || addNs(this.#window.sendStart, next) > now) break;
      this.#issue(now, arrivals.take());
    }
    if (arrivals.nextAt() === null && now >= this.#window.sendEnd) this.#startDraining(now);
  }

  #startDraining(now: Nanos): void {
    this.#phase = "draining";
    this.#effects.push({ kind: "draining", outstanding: this.#outstanding.size });
    if (this.#outstanding.size === 0) this.#finish(now);
  }

  #issue(now: Nanos, arrival: Arrival): void {
    const model = this.#models[arrival.instance];
    assert(model !== undefined, `no model instance ${arrival.instance}`);
    const request = this.#book(arrival, model);
    // Ids are used once: a client that has spent them all can only say so, request by request.
    const hasId = this.#nextMessageId <= ID_MAX && request.userRequestId <= ID_MAX;
    if (!hasId || this.#outstanding.size >= this.#options.outstandingMax) {
      this.#end(now, request, DROPPED);
      return;
    }
    const input = this.#options.makeInput(model.inputBytes);
    const { userRequestId, modelId } = request;
    const id = this.#send({
      kind: "infer",
      userId: arrival.user,
      userRequestId,
      modelId,
      batchSize: 1,
      sloFactor: 0,
      input,
    });
    this.#outstanding.set(id, request);
    this.#unconfirmed.push(id);
  }

  #book(arrival: Arrival, model: LoadedModel): Outstanding {
    this.#counters.onScheduled();
    return {
      arrival,
      scheduled: addNs(this.#window.sendStart, arrival.at),
      userRequestId: this.#nextUserRequestId++,
      modelId: model.modelId,
      sent: null,
    };
  }

  #send(request: ClientRequest): number {
    const messageId = this.#nextMessageId++;
    this.#effects.push({ kind: "send", messageId, request });
    return messageId;
  }

  #onSent(now: Nanos, upTo: number): void {
    let confirmed = 0;
    for (const id of this.#unconfirmed) {
      if (id > upTo) break;
      confirmed++;
      const request = this.#outstanding.get(id);
      if (request === undefined) continue;
      request.sent = now;
      this.#counters.onSent();
    }
    if (confirmed > 0) this.#unconfirmed = this.#unconfirmed.slice(confirmed);
  }

  #onResponse(now: Nanos, event: Extract<ClientEvent, { readonly kind: "response" }>): void {
    const { response, messageId, received } = event;
    if (this.#phase === "loading" && this.#loader !== null) {
      this.#onLoaderStep(now, this.#loader.onResponse(now, response));
      return;
    }
    const request = this.#outstanding.get(messageId);
    // After the drain limit an answer may still come; its request is booked as unknown already.
    if (request === undefined) return;
    if (response.kind !== "infer") {
      this.#abandon(now, `the controller answered an inference request with ${response.kind}`);
      return;
    }
    this.#outstanding.delete(messageId);
    this.#end(received, request, toEnding(response, received));
    if (this.#phase === "draining" && this.#outstanding.size === 0) this.#finish(now);
  }

  /** Books the outcome and tells the arrival process, at `instant`. */
  #end(instant: Nanos, request: Outstanding, ending: Ending): void {
    const { clientId, slo, arrivals } = this.#options;
    const record: ClientRecord = {
      clientId,
      userRequestId: request.userRequestId,
      modelId: request.modelId,
      user: request.arrival.user,
      className: request.arrival.className,
      scheduled: request.scheduled,
      sent: request.sent,
      received: ending.received,
      outcome: ending.outcome,
      result: ending.result,
      slo,
    };
    this.#counters.onEnded(record);
    this.#effects.push({ kind: "request_done", record });
    arrivals.onEnded(subNs(instant, this.#window.sendStart), request.arrival);
  }

  #onLinkDown(now: Nanos, reason: string): void {
    const message = `the connection to the controller was lost: ${reason}`;
    if (this.#phase === "sending" || this.#phase === "draining") this.#abandon(now, message);
    else if (this.#phase !== "over" && this.#phase !== "abandoning") this.#fail(message);
  }

  /** Ends a run that cannot go on: what is out is unknown, and what was still to come is dropped. */
  #abandon(now: Nanos, message: string): void {
    this.#phase = "abandoning";
    this.#effects.push({ kind: "failed", message });
    this.#endOutstanding(now);
    this.#abandonSome(now);
  }

  /** The rest of the schedule is booked as dropped, so that the log still says what was to be offered. */
  #abandonSome(now: Nanos): void {
    const { arrivals } = this.#options;
    for (let i = 0; i < BATCH_MAX && arrivals.nextAt() !== null; i++) {
      const arrival = arrivals.take();
      const model = this.#models[arrival.instance];
      assert(model !== undefined, `no model instance ${arrival.instance}`);
      // A closed loop is told of an end beyond its own, so that it asks no more.
      this.#end(this.#window.sendEnd, this.#book(arrival, model), DROPPED);
    }
    if (arrivals.nextAt() === null) this.#finish(now);
  }

  #endOutstanding(now: Nanos): void {
    const ended = [...this.#outstanding.values()];
    this.#outstanding.clear();
    this.#unconfirmed = [];
    const end = now > this.#window.sendEnd ? now : this.#window.sendEnd;
    for (const request of ended) this.#end(end, request, request.sent === null ? DROPPED : UNKNOWN);
  }

  #onStop(now: Nanos): void {
    const hasBegun =
      this.#phase === "sending" || this.#phase === "draining" || this.#phase === "abandoning";
    if (hasBegun) this.#giveUp(now);
    this.#phase = "over";
  }

  #giveUp(now: Nanos): void {
    this.#endOutstanding(now);
    this.#finish(now);
  }

  #finish(now: Nanos): void {
    this.#phase = "over";
    this.#reportProgress(now);
    this.#effects.push({ kind: "drained", unknown: this.#counters.unknown });
  }

  #fail(message: string): void {
    this.#phase = "over";
    this.#effects.push({ kind: "failed", message });
  }
}

const toEnding = (response: ClientResponse, received: Nanos): Ending => ({
  outcome: response.status === STATUS.SUCCESS ? "ok" : "fail",
  received,
  result: response.status,
});
