/**
 * A client that runs one of the original's workloads: loads its models, asks for the list until the controller serves,
 * sends, and waits for what is out. Speaks as the load generator does: the same events and effects.
 */
import type { ClientEffect, ClientEvent, LoadedModel } from "#serving/client/events.ts";
import { type LoaderStep, ModelLoader } from "#serving/client/model-loader.ts";
import {
  DROPPED,
  type Ending,
  type Outstanding,
  toEnding,
  toRecord,
  UNKNOWN,
} from "#serving/client/outstanding.ts";
import { ProgressCounters } from "#serving/client/progress.ts";
import { ConsoleSummary } from "#serving/client/workloads/console-summary.ts";
import { type Issue, type Workload, WorkloadEngine } from "#serving/client/workloads/engine.ts";
import type { WorkloadPlan } from "#serving/client/workloads/workload-kind.ts";
import type { ClientRequest, ClientResponse, Payload } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import { assert } from "#stdx/assert.ts";
import { addNs, earliestNs, type Nanos, ns, SECOND, subNs, ZERO_NS } from "#stdx/nanos.ts";

export interface WorkloadClientOptions {
  readonly plan: WorkloadPlan;
  readonly clientId: number;
  /** Folder of the model zoo as the workers see it. */
  readonly modelDir: string;
  /** Requests carry the id of the workload that was given their model last, as the original's do. */
  readonly usersAreShared: boolean;
  /** Part of the run, but not of its last line. */
  readonly warmUp: Nanos;
  /** After the warm-up; null: until the workload ends by itself, or is told to. */
  readonly duration: Nanos | null;
  /** For the log and the last line; the controller goes by its own. */
  readonly slo: Nanos;
  readonly connectLimit: Nanos;
  /** From the connection until every model serves. */
  readonly readyLimit: Nanos;
  /** From the end of sending until every response is in; what is missing then is unknown. */
  readonly drainLimit: Nanos;
  /** Requests that would make more outstanding are dropped. */
  readonly outstandingMax: number;
  /** Makes the input of a request, given the model's input size. */
  readonly makeInput: (inputBytes: number) => Payload;
}

type Response = Extract<ClientEvent, { readonly kind: "response" }>;
type Phase = "connecting" | "loading" | "sending" | "draining" | "over";

interface Issued extends Outstanding {
  readonly workload: Workload;
  /** When it was handed on to be sent, from which the original's client counts. */
  readonly issued: Nanos;
}

/** As long as the original waits. */
const LIST_AGAIN_AFTER = SECOND;
/** Timers that fire in one step; more that are due follow in the next, after responses had their turn. */
const BATCH_MAX = 64;
/** Ids are signed 32-bit numbers on the wire. */
const ID_MAX = 2 ** 31 - 1;
/** 52 days. */
const FOREVER = ns(2 ** 52);

export class WorkloadClient {
  readonly #options: WorkloadClientOptions;
  readonly #engine: WorkloadEngine;
  readonly #counters = new ProgressCounters();
  readonly #outstanding = new Map<number, Issued>();
  #phase: Phase = "connecting";
  /** From the connection on. */
  #summary: ConsoleSummary | null = null;
  /** Valid while loading. */
  #loader: ModelLoader | null = null;
  #models: readonly LoadedModel[] = [];
  #sendStart: Nanos = ZERO_NS;
  #measureStart: Nanos = ZERO_NS;
  #sendEnd: Nanos = FOREVER;
  #drainEnd: Nanos = FOREVER;
  #nextId = 0;
  /** The first message that no `sent` event has confirmed yet; ids rise in the order of sending. */
  #firstUnconfirmed = 0;
  /** Within a step. */
  #now: Nanos = ZERO_NS;
  #effects: ClientEffect[] = [];

  constructor(options: WorkloadClientOptions) {
    this.#options = options;
    const { demands, workloads } = options.plan;
    this.#engine = new WorkloadEngine({
      workloads,
      instanceCount: demands.reduce((sum, { instances }) => sum + instances, 0),
      usersAreShared: options.usersAreShared,
      issue: (issue) => this.#issue(issue),
      print: (line) => this.#print(line),
    });
  }

  /** Advances the state machine; `now` must never decrease between calls. */
  step(now: Nanos, event: ClientEvent): readonly ClientEffect[] {
    if (this.#effects.length > 0) this.#effects = [];
    this.#now = now;
    switch (event.kind) {
      case "link_up":
        this.#onLinkUp(now);
        break;
      case "link_down":
        this.#onLinkDown(event.reason);
        break;
      case "response":
        this.#onResponse(now, event);
        break;
      case "sent":
        this.#onSent(now, event.upTo);
        break;
      case "finish":
        this.#onFinish(now);
        break;
      case "stop":
        this.#onStop();
        break;
      case "timer":
        this.#onTimer(now);
        break;
      case "models":
      case "start":
        // Orders of a runner; a workload takes none.
        break;
    }
    return this.#effects;
  }

  /** When the caller must next send a `timer` event, or null when nothing is due until another event. */
  nextTimeout(): Nanos | null {
    const next = this.#nextInPhase();
    return next === null ? null : earliestNs(next, this.#summary?.nextAt ?? null);
  }

  #nextInPhase(): Nanos | null {
    switch (this.#phase) {
      case "loading":
        return this.#loader?.nextTimeout() ?? null;
      case "sending":
        return earliestNs(this.#engine.nextAt(), this.#sendEnd);
      case "draining":
        return this.#drainEnd;
      default:
        return null;
    }
  }

  #onLinkUp(now: Nanos): void {
    const { plan, modelDir, readyLimit } = this.#options;
    this.#phase = "loading";
    this.#summary = new ConsoleSummary(now);
    this.#print("Connection established");
    for (const line of plan.lines) this.#print(line);
    this.#loader = new ModelLoader(now, {
      models: plan.demands,
      modelDir,
      limit: readyLimit,
      retryAfter: LIST_AGAIN_AFTER,
    });
    this.#onLoaderStep(now, this.#loader.request());
  }

  #onLoaderStep(now: Nanos, step: LoaderStep): void {
    if (step.kind === "send") {
      this.#send({ ...step.request, userId: 0, userRequestId: this.#nextId });
    } else if (step.kind === "failed") {
      this.#fail(step.message);
    } else if (step.kind === "loaded") {
      this.#loader = null;
      this.#begin(now, step.models);
    }
  }

  #begin(now: Nanos, models: readonly LoadedModel[]): void {
    const { warmUp, duration } = this.#options;
    this.#models = models;
    this.#phase = "sending";
    this.#sendStart = now;
    this.#measureStart = addNs(now, warmUp);
    if (duration !== null) this.#sendEnd = addNs(this.#measureStart, duration);
    this.#effects.push({
      kind: "started",
      sendStart: now,
      measureStart: this.#measureStart,
      measureEnd: this.#sendEnd,
      sendEnd: this.#sendEnd,
    });
    this.#engine.start(now);
    this.#endIfOver(now);
  }

  #onTimer(now: Nanos): void {
    if (this.#phase === "loading" && this.#loader !== null)
      this.#onLoaderStep(now, this.#loader.onTimer(now));
    if (this.#phase === "sending") this.#fireDue(now);
    if (this.#phase === "draining" && now >= this.#drainEnd) this.#giveUp();
    if (this.#summary !== null && this.#phase !== "over" && now >= this.#summary.nextAt) {
      for (const line of this.#summary.take(now)) this.#print(line);
    }
  }

  #fireDue(now: Nanos): void {
    for (let fired = 0; fired < BATCH_MAX && this.#engine.isRunning; fired++) {
      const next = this.#engine.nextAt();
      if (next === null || next > now || next >= this.#sendEnd) break;
      this.#engine.fire();
    }
    this.#endIfOver(now);
  }

  #endIfOver(now: Nanos): void {
    if (this.#phase !== "sending") return;
    const next = this.#engine.nextAt();
    const isTimeUp = now >= this.#sendEnd && (next === null || next >= this.#sendEnd);
    if (isTimeUp || !this.#engine.isRunning) this.#drain(now);
  }

  #drain(now: Nanos): void {
    this.#phase = "draining";
    if (this.#sendEnd > now) this.#sendEnd = now;
    this.#drainEnd = addNs(now, this.#options.drainLimit);
    this.#effects.push({ kind: "draining", outstanding: this.#outstanding.size });
    if (this.#outstanding.size === 0) this.#finish();
  }

  /** A request that a workload asked for from within one of its own callbacks. */
  #issue(issue: Issue): void {
    if (this.#phase !== "sending") return;
    const model = this.#models[issue.instance];
    assert(model !== undefined, `no model instance ${issue.instance}`);
    if (this.#nextId > ID_MAX) {
      this.#abandon("the ids of requests are used up");
      return;
    }
    const { workload, instance, at, user } = issue;
    const { className } = workload;
    const request: Issued = {
      workload,
      issued: this.#now,
      arrival: { at, instance, user, className },
      scheduled: at,
      userRequestId: this.#nextId,
      modelId: model.modelId,
      sent: null,
    };
    if (this.#isMeasured(request)) this.#counters.onScheduled();
    if (this.#outstanding.size >= this.#options.outstandingMax) {
      this.#nextId++;
      this.#end(request, DROPPED);
      return;
    }
    const id = this.#send({
      kind: "infer",
      userId: user,
      userRequestId: request.userRequestId,
      modelId: model.modelId,
      batchSize: 1,
      sloFactor: issue.sloFactor,
      input: this.#options.makeInput(model.inputBytes),
    });
    this.#outstanding.set(id, request);
    this.#summary?.onSubmitted();
  }

  /** Message ids and request ids are the same, as in the original. */
  #send(request: ClientRequest): number {
    const messageId = this.#nextId++;
    this.#summary?.onSend(request.kind === "infer" ? request.input.sizeBytes : 0);
    this.#effects.push({ kind: "send", messageId, request });
    return messageId;
  }

  #onSent(now: Nanos, upTo: number): void {
    const end = Math.min(upTo + 1, this.#nextId);
    for (; this.#firstUnconfirmed < end; this.#firstUnconfirmed++) {
      const request = this.#outstanding.get(this.#firstUnconfirmed);
      if (request === undefined) continue;
      request.sent = now;
      if (this.#isMeasured(request)) this.#counters.onSent();
    }
  }

  #isMeasured({ scheduled }: Outstanding): boolean {
    return scheduled >= this.#measureStart;
  }

  #onResponse(now: Nanos, { response, messageId, received, responseSent }: Response): void {
    this.#summary?.onReceive(bodyBytesOf(response));
    if (this.#phase === "loading" && this.#loader !== null) {
      if (response.kind === "ls" && response.status === STATUS.INITIALIZING)
        this.#print(`Clockwork initializing, retrying ${response.message}`);
      this.#onLoaderStep(now, this.#loader.onResponse(now, response));
      return;
    }
    const request = this.#outstanding.get(messageId);
    // After the drain limit an answer may still come; its request is booked as unknown already.
    if (request === undefined) return;
    if (response.kind !== "infer") {
      this.#abandon(`the controller answered an inference request with ${response.kind}`);
      return;
    }
    // Of a write that the network layer takes in parts, the first requests are answered before it has the last.
    if (request.sent === null) this.#onSent(received, messageId);
    this.#outstanding.delete(messageId);
    this.#end(request, toEnding(response, received, responseSent));
    const isOk = response.status === STATUS.SUCCESS;
    if (isOk) this.#summary?.onSuccess(subNs(received, request.issued));
    if (this.#phase === "sending") {
      this.#engine.onEnded(received, request.workload, isOk);
      this.#endIfOver(now);
    } else if (this.#phase === "draining" && this.#outstanding.size === 0) this.#finish();
  }

  #end(request: Issued, ending: Ending): void {
    const record = toRecord(request, ending, this.#options);
    if (this.#isMeasured(request)) this.#counters.onEnded(record);
    this.#effects.push({ kind: "request_done", record });
  }

  #onLinkDown(reason: string): void {
    const message = `the connection to the controller was lost: ${reason}`;
    if (this.#phase === "sending" || this.#phase === "draining") this.#abandon(message);
    else if (this.#phase !== "over") this.#fail(message);
  }

  /** Ends a run that cannot go on: what is out is unknown. */
  #abandon(message: string): void {
    this.#effects.push({ kind: "failed", message });
    this.#giveUp();
  }

  /** Sends nothing more, and waits for what is out. */
  #onFinish(now: Nanos): void {
    if (this.#phase === "sending") this.#drain(now);
    else if (this.#phase !== "draining") this.#onStop();
  }

  #onStop(): void {
    if (this.#phase === "sending" || this.#phase === "draining") this.#giveUp();
    this.#phase = "over";
  }

  #giveUp(): void {
    const ended = [...this.#outstanding.values()];
    this.#outstanding.clear();
    for (const request of ended) this.#end(request, request.sent === null ? DROPPED : UNKNOWN);
    this.#finish();
  }

  #finish(): void {
    this.#phase = "over";
    const totals = this.#counters.take(this.#now, 0);
    this.#print(
      `Ended after ${(subNs(this.#now, this.#sendStart) / SECOND).toFixed(1)} s: ` +
        `${totals.scheduled} requests, ${totals.ok} ok (${totals.good} within the SLO), ` +
        `${totals.failed} failed, ${totals.unknown} unknown, ${totals.dropped} dropped`,
    );
    this.#effects.push({ kind: "drained", unknown: totals.unknown });
  }

  #fail(message: string): void {
    this.#phase = "over";
    this.#effects.push({ kind: "failed", message });
  }

  #print(line: string): void {
    this.#effects.push({ kind: "print", line });
  }
}

const bodyBytesOf = (response: ClientResponse): number =>
  response.kind === "infer" ? (response.output?.payload.sizeBytes ?? 0) : 0;
