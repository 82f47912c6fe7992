/** Controller, worker and client in virtual time, for messages that none of them would send. */

import { actionFromWire, actionToWire } from "#host/action-mapping.ts";
import type { Clock } from "#host/clock.ts";
import { resultFromWire, resultToWire } from "#host/result-mapping.ts";
import {
  requestFromWire,
  requestToWire,
  responseFromWire,
  responseToWire,
  toPayload,
} from "#host/wire-mapping.ts";
import type { ClientEffect, ClientEvent, LoadedModel } from "#serving/client/events.ts";
import { LoadGenerator } from "#serving/client/load-generator.ts";
import { type ControllerMachine, createController } from "#serving/controller/controller-types.ts";
import type { ControllerEffect, ControllerEvent } from "#serving/controller/events.ts";
import { DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import type { ActionResult, ClientRequest } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import type { CatalogueEntry } from "#serving/worker/catalogue.ts";
import type { WorkerEvent } from "#serving/worker/events.ts";
import { type PacedEffect, PacedWorker } from "#serving/worker/paced-worker.ts";
import { SimulatedDevice } from "#serving/worker/simulated-device.ts";
import { addNs, MICROSECOND, MILLISECOND, type Nanos, ns, SECOND, ZERO_NS } from "#stdx/nanos.ts";
import { encodeActionRow } from "#telemetry/action-log.ts";
import { encodeBatchRows } from "#telemetry/batch-log.ts";
import { encodeRequestRow } from "#telemetry/request-log.ts";
import { encodeHead } from "#wire/framing.ts";
import {
  ACTIONS,
  type IncomingFrame,
  type MessageSet,
  type OutgoingFrame,
  REQUESTS,
  RESPONSES,
  RESULTS,
} from "#wire/messages.ts";
import { ClosedLoopArrivals } from "#workload/closed-loop.ts";
import { Answers } from "./answers.ts";
import { FUZZ_EPOCH_NS } from "./frames.ts";

const PAGE_BYTES = 2 ** 24;
/** Work that one message may cause at one instant; far above what any should. */
const STEPS_MAX = 100_000;
const LIVE_FRAMES = 32;
/** One way, between any two of them. Without it, those who disagree about weights would argue without time passing. */
const NETWORK = ns(100 * MICROSECOND);
const MODELS = [
  { model: "0", instances: 3 },
  { model: "2", instances: 2 },
];
const DIALECTS = ["documented", "original"] as const;

/** Small models: "/zoo/<k>/model" with k pages of weights, at least one. */
const entryOf = (path: string): CatalogueEntry => {
  const pages = Number(/^\/zoo\/(\d)\/model$/.exec(path)?.[1] ?? Number.NaN) + 1;
  if (Number.isNaN(pages))
    return { ok: false, status: STATUS.BAD_MODEL_PATH, message: `no model ${path}` };
  const batchSizes = [1, 2, 4, 8];
  const profile = {
    inputBytes: 16,
    outputBytes: 8,
    weightsBytes: pages * PAGE_BYTES,
    weightsLoadNs: ns(pages * MILLISECOND),
    batchSizes,
    execNs: batchSizes.map((size) => ns(size * MILLISECOND)),
  };
  return { ok: true, profile };
};

const workerOptions = {
  gpuCount: 2,
  weightsCacheBytes: 4 * PAGE_BYTES,
  pageSizeBytes: PAGE_BYTES,
  ioPoolBytes: 0,
  workspacePoolBytes: 0,
  hostIoPoolBytes: 0,
  catalogue: { find: entryOf },
};

const WORKERS = 2;

/** Two workers, a client with a closed loop, and a connection of a stranger. Whatever is wrong is thrown. */
export class FuzzWorld {
  readonly clock: Clock = { epochNs: FUZZ_EPOCH_NS, now: () => this.#now };
  /** Whole frames that the three sent each other lately, by direction. */
  readonly live = new Map<MessageSet, Uint8Array[]>();
  readonly answers = new Answers();
  readonly #controller: ControllerMachine;
  readonly #workers: readonly PacedWorker[];
  #client: LoadGenerator;
  #clientConnection = 0;
  #models: readonly LoadedModel[] = [];
  #strangerConnection = 1_000_000;
  #now: Nanos = ZERO_NS;
  #work: (() => void)[] = [];
  /** On its way, the first to arrive in front. */
  readonly #network: { readonly at: Nanos; readonly arrive: () => void }[] = [];
  /** Start-up was made impossible: nothing more may come. */
  #isDead = false;
  #clientIsWanted = true;

  constructor(strategy: string) {
    this.#controller = createController({
      ...DEFAULT_OPTIONS,
      strategy,
      loadStageTimeout: ns(20 * MILLISECOND),
      workerCount: WORKERS,
    });
    this.#workers = Array.from(
      { length: WORKERS },
      () => new PacedWorker(workerOptions, new SimulatedDevice()),
    );
    this.#client = this.#makeClient(false);
    for (let worker = 0; worker < WORKERS; worker++)
      this.#stepController({ kind: "worker_up", worker });
    this.#stepClient({ kind: "link_up" });
    this.#carryOut();
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** A message of either link as if it had come in; the stranger sends requests, worker 0 results. */
  deliver(set: MessageSet, frame: IncomingFrame<MessageSet>): void {
    if (this.#isDead) return;
    if (set === REQUESTS) this.#takeRequest(frame as IncomingFrame<typeof REQUESTS>);
    else if (set === RESPONSES) this.#takeResponse(frame as IncomingFrame<typeof RESPONSES>);
    else if (set === ACTIONS) this.#takeAction(frame as IncomingFrame<typeof ACTIONS>);
    else this.#takeResult(frame as IncomingFrame<typeof RESULTS>);
    this.#carryOut();
  }

  /** The stranger leaves and comes again. */
  hangUp(): void {
    if (this.#isDead) return;
    this.answers.close(this.#strangerConnection);
    this.#stepController({ kind: "client_down", connectionId: this.#strangerConnection++ });
    this.#carryOut();
  }

  advance(by: Nanos): void {
    const target = addNs(this.#now, by);
    for (let steps = 0; !this.#isDead; steps++) {
      if (steps > STEPS_MAX) throw new Error("somebody wants to be woken without end");
      const next = this.#nextTimeout();
      if (next === null || next > target) break;
      if (next > this.#now) this.#now = next;
      this.#wake();
      this.#carryOut();
    }
    this.#now = target;
  }

  /** Everybody has time to answer what is open; throws when that is not done. */
  settle(): void {
    this.#clientIsWanted = false;
    this.#stepClient({ kind: "stop" });
    this.#carryOut();
    for (let s = 0; s < 60 && this.answers.areDue && !this.#isDead; s++) this.advance(SECOND);
    if (!this.#isDead) this.answers.assertNoneDue();
  }

  // ---- What comes in from outside ----

  #takeRequest(frame: IncomingFrame<typeof REQUESTS>): void {
    const { messageId, message } = requestFromWire(frame);
    this.#request(this.#strangerConnection, messageId, message);
  }

  #request(connectionId: number, messageId: number, request: ClientRequest): void {
    this.answers.ask(connectionId, messageId, request);
    this.#stepController({ kind: "request", connectionId, messageId, arrival: this.#now, request });
  }

  #takeResponse(frame: IncomingFrame<typeof RESPONSES>): void {
    const { messageId, message } = responseFromWire(frame);
    this.#stepClient({
      kind: "response",
      messageId,
      received: this.#now,
      responseSent: this.#now,
      response: message,
    });
  }

  #takeAction(frame: IncomingFrame<typeof ACTIONS>): void {
    const action = actionFromWire(frame, { clock: this.clock, clockDelta: ZERO_NS });
    this.#stepWorker(0, { kind: "action", action, received: this.#now, clockDelta: ZERO_NS });
  }

  #takeResult(frame: IncomingFrame<typeof RESULTS>): void {
    const result = resultFromWire(frame, this.clock);
    if (result.ok) this.#result(0, result.value);
  }

  #result(worker: number, result: ActionResult): void {
    this.#stepController({ kind: "result", worker, received: this.#now, result });
  }

  // ---- The three machines ----

  #stepController(event: ControllerEvent): void {
    if (this.#isDead) return;
    for (const effect of this.#controller.step(this.#now, event)) this.#applyController(effect);
  }

  #applyController(effect: ControllerEffect): void {
    switch (effect.kind) {
      case "send_action": {
        const { worker, action } = effect;
        this.#keep(ACTIONS, actionToWire(action, this.clock));
        const event = { kind: "action", action, received: this.#now, clockDelta: ZERO_NS } as const;
        this.#send(() => this.#stepWorker(worker, { ...event, received: this.#now }));
        const { actionId } = action;
        this.#work.push(() => this.#stepController({ kind: "action_sent", worker, actionId }));
        break;
      }
      case "respond": {
        const { connectionId, messageId, response } = effect;
        this.answers.answer(connectionId, messageId);
        this.#keep(RESPONSES, responseToWire(response, messageId));
        if (connectionId !== this.#clientConnection) break;
        const event = { kind: "response", messageId, responseSent: this.#now, response } as const;
        this.#send(() => this.#stepClient({ ...event, received: this.#now }));
        break;
      }
      case "request_done":
        for (const dialect of DIALECTS) encodeRequestRow(effect.record, FUZZ_EPOCH_NS, dialect);
        break;
      case "action_done":
        for (const dialect of DIALECTS) encodeActionRow(effect.record, FUZZ_EPOCH_NS, dialect);
        encodeBatchRows(effect.record, FUZZ_EPOCH_NS);
        break;
      case "fatal":
        this.#isDead = true;
        break;
      default:
        break;
    }
  }

  #stepWorker(worker: number, event: WorkerEvent): void {
    for (const effect of this.#workers[worker]?.step(this.#now, event) ?? [])
      this.#applyWorker(worker, effect);
  }

  #applyWorker(worker: number, effect: PacedEffect): void {
    if (effect.kind === "print") return;
    const { result } = effect;
    const whole: ActionResult =
      result.kind === "infer"
        ? { ...result, output: toPayload(new Uint8Array(result.output.sizeBytes)) }
        : result;
    const stamps = { clock: this.clock, clockDelta: ZERO_NS, sentAt: this.#now };
    this.#keep(RESULTS, resultToWire(whole, stamps));
    const sent = { ...whole, resultSent: this.#now };
    this.#send(() => this.#result(worker, sent));
  }

  #stepClient(event: ClientEvent): void {
    for (const effect of this.#client.step(this.#now, event)) this.#applyClient(effect);
  }

  #applyClient(effect: ClientEffect): void {
    if (effect.kind === "send") {
      const { messageId, request } = effect;
      const connectionId = this.#clientConnection;
      this.#keep(REQUESTS, requestToWire(request, messageId));
      this.#work.push(() => this.#stepClient({ kind: "sent", upTo: messageId }));
      this.#send(() => {
        // What is still on its way when a connection closes never arrives.
        if (connectionId === this.#clientConnection)
          this.#request(connectionId, messageId, request);
      });
    } else if (effect.kind === "ready") {
      this.#models = effect.models;
    } else if (effect.kind === "failed") {
      this.#work.push(() => this.#replaceClient());
    }
  }

  /** A client that was told nonsense gives up; the next one knows the models. */
  #replaceClient(): void {
    this.answers.close(this.#clientConnection);
    this.#stepController({ kind: "client_down", connectionId: this.#clientConnection++ });
    if (!this.#clientIsWanted || this.#models.length === 0) return;
    this.#client = this.#makeClient(true);
    this.#stepClient({ kind: "models", models: this.#models });
    this.#stepClient({ kind: "link_up" });
  }

  #makeClient(modelsAreGiven: boolean): LoadGenerator {
    const end = ns(SECOND * 1e6);
    const loop = { concurrency: 2, thinkTime: ns(20 * MILLISECOND), instances: 5, end };
    return new LoadGenerator({
      clientId: 0,
      models: MODELS,
      modelsAreGiven,
      modelDir: "/zoo",
      arrivals: new ClosedLoopArrivals(loop),
      warmUp: ZERO_NS,
      duration: end,
      coolDown: ZERO_NS,
      slo: ns(100 * MILLISECOND),
      readyLimit: ns(10 * SECOND),
      drainLimit: SECOND,
      outstandingMax: 1000,
      makeInput: () => toPayload(new Uint8Array(16)),
      startWhenReady: true,
    });
  }

  // ---- Time and bytes ----

  #nextTimeout(): Nanos | null {
    let next: Nanos | null = this.#network[0]?.at ?? null;
    const machines = [this.#controller, this.#client, ...this.#workers];
    for (const machine of machines) {
      const at = machine.nextTimeout();
      if (at !== null && (next === null || at < next)) next = at;
    }
    return next;
  }

  #send(arrive: () => void): void {
    this.#network.push({ at: addNs(this.#now, NETWORK), arrive });
  }

  #wake(): void {
    for (let first = this.#network[0]; first !== undefined && first.at <= this.#now; ) {
      this.#network.shift();
      first.arrive();
      first = this.#network[0];
    }
    const isDue = (at: Nanos | null): boolean => at !== null && at <= this.#now;
    if (isDue(this.#controller.nextTimeout())) this.#stepController({ kind: "timer" });
    for (const [index, worker] of this.#workers.entries())
      if (isDue(worker.nextTimeout())) this.#stepWorker(index, { kind: "timer" });
    if (isDue(this.#client.nextTimeout())) this.#stepClient({ kind: "timer" });
  }

  #carryOut(): void {
    let steps = 0;
    while (this.#work.length > 0) {
      const work = this.#work;
      this.#work = [];
      for (const run of work) {
        if (++steps > STEPS_MAX) throw new Error("one message causes work without end");
        run();
      }
    }
  }

  /** Whatever is sent must be a frame. */
  #keep<M extends MessageSet>(set: M, frame: OutgoingFrame<M>): void {
    const stamps = { sendTimeNs: this.clock.epochNs + BigInt(this.#now), localDeltaNs: 1000n };
    const parts = [encodeHead(set, frame, stamps), ...frame.body];
    const frames = this.live.get(set) ?? [];
    this.live.set(set, frames);
    if (frames.length === LIVE_FRAMES) frames.shift();
    frames.push(new Uint8Array(Buffer.concat(parts)));
  }
}
