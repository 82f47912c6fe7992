/** Arrivals played to the controller in virtual time, with our simulated worker behind it and a network between them. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type ControllerMachine, createController } from "#serving/controller/controller-types.ts";
import type { ActionRecord, ControllerEvent, RequestRecord } from "#serving/controller/events.ts";
import { DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import type { Action } from "#serving/messages.ts";
import type { Device, DeviceDone, DeviceOperation } from "#serving/worker/events.ts";
import { PacedWorker } from "#serving/worker/paced-worker.ts";
import { ProfileCatalogue, parseProfiles } from "#serving/worker/profiles.ts";
import { type DurationModel, SimulatedDevice } from "#serving/worker/simulated-device.ts";
import { Timeline } from "#sim/timeline.ts";
import { addNs, type Nanos, ns } from "#stdx/nanos.ts";
import type { Lags } from "./recording.ts";

const PAGE_BYTES = 2 ** 24;
/** Between a response and the request that follows it in a closed loop. */
const CLIENT_NS = 100_000;
/** Requests start this long after the scheduler. */
const HEAD_START_NS = 1_000_000;

export interface Arrival {
  /** Since the first one, in ns. */
  readonly at: number;
  readonly modelId: number;
  readonly sloFactor: number;
}

export interface ReplayOptions {
  readonly strategy: string;
  /** In the order in which clients loaded them. */
  readonly models: readonly { readonly name: string; readonly copies: number }[];
  readonly gpus: number;
  readonly pagesPerGpu: number;
  /** One way. */
  readonly networkNs: number;
  /** What the network and the worker's own lateness are instead, by the time since the first arrival. */
  readonly lags?: Lags;
  /** The controller looks for requests this often and takes all that came; each as it comes when absent. */
  readonly lookEveryNs?: number;
  /** Of the worker's GPUs; the profile's when absent. */
  readonly durationOf?: DurationModel;
  /** A closed loop: every response is followed by another request to its model, until this long after the first. */
  readonly repeatForNs?: number;
}

export interface Replayed {
  readonly requests: readonly RequestRecord[];
  /** Of the scheduler, without start-up. */
  readonly actions: readonly ActionRecord[];
}

const readCatalogue = (): ProfileCatalogue => {
  const root = resolve(import.meta.dir, "../../..");
  const parsed = parseProfiles(
    readFileSync(join(root, "experiments/profiles/recording.csv"), "utf8"),
  );
  if (!parsed.ok) throw new Error(parsed.error.join("\n"));
  return new ProfileCatalogue(parsed.value);
};

type RequestEvent = Extract<ControllerEvent, { readonly kind: "request" }>;

/** GPUs that begin each operation as late as was recorded. */
class LateDevice implements Device {
  readonly #device: SimulatedDevice;
  readonly #lagOf: (now: Nanos, kind: DeviceOperation["kind"]) => Nanos;

  constructor(
    device: SimulatedDevice,
    lagOf: (now: Nanos, kind: DeviceOperation["kind"]) => Nanos,
  ) {
    this.#device = device;
    this.#lagOf = lagOf;
  }

  start(now: Nanos, operation: DeviceOperation): void {
    this.#device.start(addNs(now, this.#lagOf(now, operation.kind)), operation);
  }

  nextTimeout(): Nanos | null {
    return this.#device.nextTimeout();
  }

  takeDone(now: Nanos): readonly DeviceDone[] {
    return this.#device.takeDone(now);
  }
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #controller: ControllerMachine;
  readonly #worker: PacedWorker;
  readonly #due = new Timeline();
  readonly requests: RequestRecord[] = [];
  readonly actions: ActionRecord[] = [];
  /** Requests that came since the controller's last look. */
  readonly #came: RequestEvent[] = [];
  #nextMessageId = 0;
  #now = 0;
  /** The first arrival may come then. */
  #start = 0;
  /** Messages do not overtake each other. */
  #workerLinkFreeAt = 0;
  #controllerLinkFreeAt = 0;
  #isAdmitting = false;
  #repeatUntil = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
    const { strategy, gpus, pagesPerGpu } = options;
    const maxBatchSize = STRATEGIES.get(strategy)?.maxBatchSize as number;
    this.#controller = createController({
      ...DEFAULT_OPTIONS,
      strategy,
      maxBatchSize,
      workerCount: 1,
    });
    this.#worker = new PacedWorker(
      {
        gpuCount: gpus,
        weightsCacheBytes: pagesPerGpu * PAGE_BYTES,
        pageSizeBytes: PAGE_BYTES,
        ioPoolBytes: 0,
        workspacePoolBytes: 0,
        hostIoPoolBytes: 0,
        catalogue: readCatalogue(),
      },
      new LateDevice(new SimulatedDevice(options.durationOf), (now, kind) => {
        const { lags } = this.#options;
        if (lags === undefined) return ns(0);
        return ns(Math.round((kind === "infer" ? lags.infer : lags.load)(now - this.#start)));
      }),
    );
  }

  run(arrivals: readonly Arrival[]): Replayed {
    this.#step({ kind: "worker_up", worker: 0 });
    for (const [index, { name, copies }] of this.#options.models.entries()) {
      const request = { kind: "load_model", path: `/zoo/${name}/model`, copies } as const;
      this.#at(1000 + index, () => this.#request({ ...request, userId: 0, userRequestId: index }));
    }
    while (!this.#isAdmitting) this.#runUntil(this.#now + 1_000_000);
    const start = this.#now + HEAD_START_NS;
    this.#start = start;
    const before = this.actions.length;
    for (const [userRequestId, { at, modelId, sloFactor }] of arrivals.entries()) {
      const input = { sizeBytes: 0 };
      const request = { kind: "infer", batchSize: 1, modelId, sloFactor, input } as const;
      this.#at(start + at, () => this.#arrive({ ...request, userId: 0, userRequestId }));
    }
    this.#repeatUntil = start + (this.#options.repeatForNs ?? 0);
    this.#runUntil(Math.max(start + (arrivals.at(-1)?.at ?? 0), this.#repeatUntil) + 1_000_000_000);
    return { requests: this.requests, actions: this.actions.slice(before) };
  }

  #at(at: number, run: () => void): void {
    this.#due.put(at, run);
  }

  /** Runs messages and both sides' timers in order of time; at one instant messages first, then the worker. */
  #runUntil(until: number): void {
    for (;;) {
      const message = this.#due.nextAt();
      const worker = this.#timeOf(this.#worker.nextTimeout());
      const controller = this.#timeOf(this.#controller.nextTimeout());
      const next = Math.min(message, worker, controller);
      if (next > until) break;
      this.#now = next;
      if (message <= next) this.#due.runNext();
      else if (worker <= next) this.#stepWorker({ kind: "timer" });
      else this.#step({ kind: "timer" });
    }
    this.#now = until;
  }

  #timeOf(timeout: Nanos | null): number {
    return timeout === null ? Infinity : Math.max(timeout, this.#now);
  }

  #request(request: RequestEvent["request"]): void {
    this.#step(this.#eventOf(request));
  }

  #eventOf(request: RequestEvent["request"]): RequestEvent {
    const arrival = ns(this.#now);
    return { kind: "request", connectionId: 0, messageId: this.#nextMessageId++, arrival, request };
  }

  /** Waits for the controller's next look, together with what else comes before it. */
  #arrive(request: RequestEvent["request"]): void {
    const { lookEveryNs } = this.#options;
    if (lookEveryNs === undefined) return this.#request(request);
    this.#came.push(this.#eventOf(request));
    if (this.#came.length > 1) return;
    const sinceStart = this.#now - this.#start;
    const look = (Math.floor(sinceStart / lookEveryNs) + 1) * lookEveryNs;
    this.#at(this.#start + look, () => this.#step(...this.#came.splice(0)));
  }

  #step(...events: readonly ControllerEvent[]): void {
    for (const effect of this.#controller.step(ns(this.#now), ...events)) {
      if (effect.kind === "send_action") this.#send(effect.action);
      else if (effect.kind === "request_done") this.#onDone(effect.record);
      else if (effect.kind === "action_done") this.actions.push(effect.record);
      else if (effect.kind === "fatal") throw new Error(effect.message);
      else if (effect.kind === "print" && effect.line === " * Admitting inference requests") {
        this.#isAdmitting = true;
      }
    }
  }

  #onDone(record: RequestRecord): void {
    this.requests.push(record);
    const at = this.#now + (this.#options.lags?.client[this.requests.length - 1] ?? CLIENT_NS);
    if (at >= this.#repeatUntil) return;
    const { modelId, sloFactor, userRequestId } = record;
    const again = {
      kind: "infer",
      batchSize: 1,
      modelId,
      sloFactor,
      userId: 0,
      userRequestId,
    } as const;
    this.#at(at, () => this.#arrive({ ...again, input: { sizeBytes: 0 } }));
  }

  #send(action: Action): void {
    const { actionId } = action;
    this.#at(this.#now, () => this.#step({ kind: "action_sent", worker: 0, actionId }));
    const delay = this.#delayOf("toWorker");
    this.#workerLinkFreeAt = Math.max(this.#workerLinkFreeAt, this.#now + delay);
    this.#at(this.#workerLinkFreeAt, () => {
      const received = ns(this.#now);
      this.#stepWorker({ kind: "action", action, received, clockDelta: ns(0) });
    });
  }

  #delayOf(direction: "toWorker" | "back"): number {
    const { networkNs, lags } = this.#options;
    return lags === undefined ? networkNs : Math.round(lags[direction](this.#now - this.#start));
  }

  #stepWorker(event: Parameters<PacedWorker["step"]>[1]): void {
    const resultSent = ns(this.#now);
    for (const effect of this.#worker.step(resultSent, event)) {
      if (effect.kind !== "send_result") continue;
      const result = { ...effect.result, resultSent };
      const delay = this.#delayOf("back");
      this.#controllerLinkFreeAt = Math.max(this.#controllerLinkFreeAt, this.#now + delay);
      this.#at(this.#controllerLinkFreeAt, () =>
        this.#step({ kind: "result", worker: 0, received: ns(this.#now), result }),
      );
    }
  }
}

/** Starts a controller and a worker, plays the arrivals and waits a second for what is left. */
export const replay = (options: ReplayOptions, arrivals: readonly Arrival[]): Replayed =>
  new Replay(options).run(arrivals);
