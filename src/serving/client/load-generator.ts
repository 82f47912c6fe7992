/** The load generator: sends each request at its scheduled instant, whatever became of the others, and books its outcome. */
import type { ClientEffect, ClientEvent, LoadedModel } from "#serving/client/events.ts";
import { type LoaderStep, ModelLoader } from "#serving/client/model-loader.ts";
import type { LoadGeneratorOptions } from "#serving/client/options.ts";
import {
  DROPPED,
  type Ending,
  type Outstanding,
  toEnding,
  toRecord,
  UNKNOWN,
} from "#serving/client/outstanding.ts";
import { ProgressCounters } from "#serving/client/progress.ts";
import { SendSchedule } from "#serving/client/send-schedule.ts";
import type { ClientRequest } from "#serving/messages.ts";
import { assert } from "#stdx/assert.ts";
import { addNs, MILLISECOND, minNs, type Nanos, ns, SECOND, subNs } from "#stdx/nanos.ts";
import type { Arrival } from "#workload/arrival.ts";

/** Leaves time to tell the runner before the first request is due. */
const START_LEAD = ns(50 * MILLISECOND);
const PROGRESS_EVERY = SECOND;
/** Requests handled in one step; more that are due follow in the next, after responses had their turn. */
const BATCH_MAX = 64;
/** Ids are signed 32-bit numbers on the wire. */
const ID_MAX = 2 ** 31 - 1;

type Phase = "connecting" | "loading" | "ready" | "sending" | "abandoning" | "draining" | "over";

export class LoadGenerator {
  readonly #options: LoadGeneratorOptions;
  readonly #schedule: SendSchedule;
  readonly #counters = new ProgressCounters();
  readonly #outstanding = new Map<number, Outstanding>();
  /** The first message that no `sent` event has confirmed yet; ids rise in the order of sending. */
  #firstUnconfirmed = 0;
  #phase: Phase = "connecting";
  /** Valid while loading. */
  #loader: ModelLoader | null = null;
  /** Valid from ready on. */
  #models: readonly LoadedModel[] = [];
  #nextProgress: Nanos = ns(0);
  #startWanted: boolean;
  #startAt: Nanos | undefined;
  /** Told before the connection stood. */
  #givenModels: readonly LoadedModel[] | null = null;
  #nextMessageId = 0;
  #nextUserRequestId = 0;
  #effects: ClientEffect[] = [];

  constructor(options: LoadGeneratorOptions) {
    this.#options = options;
    this.#schedule = new SendSchedule(options);
    this.#startWanted = options.startWhenReady;
  }

  /** Advances the state machine; `now` must never decrease between calls. */
  step(now: Nanos, event: ClientEvent): readonly ClientEffect[] {
    // Most steps tell that something was sent, and do nothing: a list that stayed empty serves again.
    if (this.#effects.length > 0) this.#effects = [];
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
      case "models":
        this.#onModels(now, event.models);
        break;
      case "start":
        this.#onStart(now, event.at);
        break;
      case "finish":
        if (this.#phase === "sending") this.#schedule.shorten(event.at);
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
        const due = this.#schedule.nextAt() ?? this.#schedule.window.sendEnd;
        return minNs(due, this.#nextProgress);
      }
      case "abandoning":
        return this.#schedule.window.sendStart;
      case "draining":
        return minNs(this.#drainDeadline(), this.#nextProgress);
      default:
        return null;
    }
  }

  #drainDeadline(): Nanos {
    return addNs(this.#schedule.window.sendEnd, this.#options.drainLimit);
  }

  #onLinkUp(now: Nanos): void {
    assert(this.#phase === "connecting", "a client connects once");
    const { models, modelDir, readyLimit, modelsAreGiven } = this.#options;
    this.#phase = "loading";
    if (modelsAreGiven === true) {
      if (this.#givenModels !== null) this.#onModels(now, this.#givenModels);
      return;
    }
    this.#loader = new ModelLoader(now, { models, modelDir, limit: readyLimit });
    this.#onLoaderStep(now, this.#loader.request());
  }

  #onLoaderStep(now: Nanos, step: LoaderStep): void {
    if (step.kind === "send") {
      this.#send({ ...step.request, userId: 0, userRequestId: this.#nextUserRequestId++ });
    } else if (step.kind === "failed") {
      this.#fail(step.message);
    } else if (step.kind === "loaded") {
      this.#loader = null;
      this.#becomeReady(now, step.models);
    }
  }

  #onModels(now: Nanos, models: readonly LoadedModel[]): void {
    if (this.#options.modelsAreGiven !== true) return;
    this.#givenModels = models;
    if (this.#phase !== "loading") return;
    const wanted = this.#options.models.reduce((sum, { instances }) => sum + instances, 0);
    if (models.length === wanted) this.#becomeReady(now, models);
    else this.#fail(`was told of ${models.length} model instances, the run has ${wanted}`);
  }

  #becomeReady(now: Nanos, models: readonly LoadedModel[]): void {
    this.#phase = "ready";
    this.#models = models;
    const expectedRequests = this.#schedule.expectedRequests();
    this.#effects.push({ kind: "ready", models, expectedRequests });
    if (this.#startWanted) this.#onStart(now, this.#startAt);
  }

  #onStart(now: Nanos, at: Nanos | undefined): void {
    this.#startWanted = true;
    this.#startAt = at;
    if (this.#phase !== "ready") return;
    // A generator that begins later than the others would offer another load than the one that is asked for.
    if (at !== undefined && at < now) {
      const lateMs = subNs(now, at) / MILLISECOND;
      this.#fail(`was told to start sending ${lateMs.toFixed(1)} ms after the instant itself`);
      return;
    }
    const sendStart = at ?? addNs(now, START_LEAD);
    this.#schedule.begin(sendStart);
    this.#phase = "sending";
    this.#counters.restart(sendStart);
    this.#nextProgress = addNs(sendStart, PROGRESS_EVERY);
    this.#effects.push({ kind: "started", ...this.#schedule.window });
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
    const schedule = this.#schedule;
    for (let i = 0; i < BATCH_MAX; i++) {
      const next = schedule.nextAt();
      if (next === null || next > now) break;
      this.#issue(now, next, schedule.take());
    }
    if (schedule.nextAt() === null && now >= schedule.window.sendEnd) this.#startDraining(now);
  }

  #startDraining(now: Nanos): void {
    this.#phase = "draining";
    this.#effects.push({ kind: "draining", outstanding: this.#outstanding.size });
    if (this.#outstanding.size === 0) this.#finish(now);
  }

  #issue(now: Nanos, scheduled: Nanos, arrival: Arrival): void {
    const model = this.#modelOf(arrival);
    const request = this.#book(arrival, scheduled, model);
    // Ids are used once: a client that has spent them all can only say so, request by request.
    const hasId = this.#nextMessageId <= ID_MAX && request.userRequestId <= ID_MAX;
    if (!hasId || this.#outstanding.size >= this.#options.outstandingMax) {
      this.#end(request, DROPPED);
      this.#schedule.onEnded(now, arrival);
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
  }

  #modelOf({ instance }: Arrival): LoadedModel {
    const model = this.#models[instance];
    assert(model !== undefined, `no model instance ${instance}`);
    return model;
  }

  #book(arrival: Arrival, scheduled: Nanos, model: LoadedModel): Outstanding {
    this.#counters.onScheduled();
    return {
      arrival,
      scheduled,
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
    const end = Math.min(upTo + 1, this.#nextMessageId);
    for (; this.#firstUnconfirmed < end; this.#firstUnconfirmed++) {
      const request = this.#outstanding.get(this.#firstUnconfirmed);
      // Messages that load models are no requests.
      if (request === undefined) continue;
      request.sent = now;
      this.#counters.onSent();
    }
  }

  #onResponse(now: Nanos, event: Extract<ClientEvent, { readonly kind: "response" }>): void {
    const { response, messageId, received, responseSent } = event;
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
    // Of a write that the network layer takes in parts, the first requests are answered before it has the last.
    if (request.sent === null) this.#onSent(received, messageId);
    this.#outstanding.delete(messageId);
    this.#end(request, toEnding(response, received, responseSent));
    this.#schedule.onEnded(received, request.arrival);
    if (this.#phase === "draining" && this.#outstanding.size === 0) this.#finish(now);
  }

  /** Books the outcome; the caller tells the schedule. */
  #end(request: Outstanding, ending: Ending): void {
    const record = toRecord(request, ending, this.#options);
    this.#counters.onEnded(record);
    this.#effects.push({ kind: "request_done", record });
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
    for (let i = 0; i < BATCH_MAX; i++) {
      const next = this.#schedule.nextAt();
      if (next === null) break;
      this.#dropNext(now, next);
    }
    if (this.#schedule.nextAt() === null) this.#finish(now);
  }

  /** Books the next arrival, due at `scheduled`, as never sent. */
  #dropNext(now: Nanos, scheduled: Nanos): void {
    const arrival = this.#schedule.take();
    this.#end(this.#book(arrival, scheduled, this.#modelOf(arrival)), DROPPED);
    this.#schedule.onGivenUp(now, arrival);
  }

  /** What was due and not yet sent would leave no trace otherwise. */
  #dropOverdue(now: Nanos): void {
    for (;;) {
      const next = this.#schedule.nextAt();
      if (next === null || next > now) return;
      this.#dropNext(now, next);
    }
  }

  #endOutstanding(now: Nanos): void {
    const ended = [...this.#outstanding.values()];
    this.#outstanding.clear();
    for (const request of ended) {
      this.#end(request, request.sent === null ? DROPPED : UNKNOWN);
      this.#schedule.onGivenUp(now, request.arrival);
    }
  }

  #onStop(now: Nanos): void {
    const hasBegun =
      this.#phase === "sending" || this.#phase === "draining" || this.#phase === "abandoning";
    if (hasBegun) {
      this.#dropOverdue(now);
      this.#giveUp(now);
    }
    this.#phase = "over";
  }

  #giveUp(now: Nanos): void {
    this.#endOutstanding(now);
    this.#finish(now);
  }

  #finish(now: Nanos): void {
    this.#phase = "over";
    this.#reportProgress(now);
    const { unknown } = this.#counters;
    const shortened = this.#schedule.isShortened
      ? { expectedRequests: this.#schedule.expectedRequests() }
      : {};
    this.#effects.push({ kind: "drained", unknown, ...shortened });
  }

  #fail(message: string): void {
    this.#phase = "over";
    this.#effects.push({ kind: "failed", message });
  }
}
