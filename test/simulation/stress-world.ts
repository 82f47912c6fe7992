/** Controller, workers and devices in virtual time, with everything that may vary drawn from a seed. */
import { Controller } from "#serving/controller/controller.ts";
import type {
  ActionRecord,
  ControllerEffect,
  ControllerEvent,
  RequestRecord,
} from "#serving/controller/events.ts";
import { type ControllerOptions, DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import type { Action, ClientRequest } from "#serving/messages.ts";
import type { CatalogueEntry } from "#serving/worker/catalogue.ts";
import type { Device, DeviceDone, DeviceOperation } from "#serving/worker/events.ts";
import { PacedWorker } from "#serving/worker/paced-worker.ts";
import { profileDuration, SimulatedDevice } from "#serving/worker/simulated-device.ts";
import { Timeline } from "#sim/timeline.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";

/** When a connection that was given up is made anew. */
const RECONNECT = 100_000_000;
const PAGE_BYTES = 2 ** 24;
export const MS = 1_000_000;

/** What a seed draws about the world. */
export interface Draw {
  /** Nothing in this world is a reason to fail a few requests that come alone and have time. */
  readonly isCalm: boolean;
  readonly workers: number;
  readonly gpusPerWorker: number;
  readonly pagesPerGpu: number;
  readonly models: number;
  /** One way, at most. */
  readonly networkMax: number;
  /** Wake-ups of controller and workers come up to this late. */
  readonly lateMax: number;
  /** The network layer takes an action this long after it was handed over, at most. */
  readonly sendMax: number;
  /** Operations take up to this many times as long as the profile says. */
  readonly noise: number;
  readonly options: Partial<ControllerOptions>;
}

const draw = (seed: number): Draw => {
  const rng = Rng.of(seed, "draw");
  const isCalm = rng.below(3) === 0;
  const pick = <T>(calm: readonly T[], wild: readonly T[]): T => {
    const values = isCalm ? calm : [...calm, ...wild];
    return values[rng.below(values.length)] as T;
  };
  return {
    isCalm,
    workers: 1 + rng.below(3),
    gpusPerWorker: 1 + rng.below(3),
    pagesPerGpu: pick([14, 20, 40, 200], [3, 7, 8]),
    models: 1 + rng.below(15),
    networkMax: pick([1, 100_000, MS], [5 * MS]),
    lateMax: pick([0, 200_000], [3 * MS]),
    sendMax: pick([0, 50_000], [2 * MS, 30 * MS]),
    noise: pick([1, 1.05, 2, 6], []),
    options: {
      maxGpus: pick([1, 2, 3, 100], []),
      maxBatchSize: pick([1, 4, 8, 16], []),
      defaultSlo: ns(pick([1, 10, 25, 100, 500], []) * MS),
      scheduleAhead: ns(pick([5, 10, 15], [1]) * MS),
    },
  };
};

/** Models of several sizes; path "/zoo/<k>/model". */
const entryOf = (path: string): CatalogueEntry => {
  const kind = Number(path.split("/")[2]) % 4;
  const pages = [1, 3, 7, 9][kind] as number;
  const base = [200_000, 1 * MS, 2_730_000, 9 * MS][kind] as number;
  const batchSizes = [1, 2, 4, 8, 16];
  return {
    ok: true,
    profile: {
      inputBytes: 1000,
      outputBytes: 40,
      weightsBytes: pages * PAGE_BYTES,
      weightsLoadNs: ns(pages * 1_200_000),
      batchSizes,
      execNs: batchSizes.map((size) => ns(Math.floor(base * (0.4 + 0.6 * size)))),
    },
  };
};

/** Remembers when each operation began, so that windows can be checked against what the device really did. */
class WatchedDevice implements Device {
  readonly #device: SimulatedDevice;
  readonly begun: { readonly at: Nanos; readonly operation: DeviceOperation }[] = [];

  constructor(rng: Rng, noise: number) {
    this.#device = new SimulatedDevice((operation, now) => {
      const factor = 1 + (noise - 1) * rng.uniform();
      const profiled = profileDuration(operation, now);
      return { ...profiled, duration: ns(Math.floor(profiled.duration * factor)) };
    });
  }

  start(now: Nanos, operation: DeviceOperation): void {
    this.begun.push({ at: now, operation });
    this.#device.start(now, operation);
  }

  nextTimeout(): Nanos | null {
    return this.#device.nextTimeout();
  }

  takeDone(now: Nanos): readonly DeviceDone[] {
    return this.#device.takeDone(now);
  }
}

interface Host {
  worker: PacedWorker;
  device: WatchedDevice;
  /** Those of earlier lives and of this one. */
  readonly devices: WatchedDevice[];
  /** Whether the controller is connected to it. */
  isUp: boolean;
  /** Grows with every connection; what belongs to an earlier one is late. */
  connection: number;
  /** Grows with every restart. */
  life: number;
  /** What happens to it while it is stopped, for when it goes on. */
  inbox: (() => void)[] | null;
  /** A connection keeps order: nothing arrives before what was sent earlier. */
  lastToWorker: number;
  lastToController: number;
  /** Wake-up in the queue, so that only the newest counts. */
  wakeUp: number;
}

export class StressWorld {
  readonly drawn: Draw;
  readonly controller: Controller;
  readonly hosts: readonly Host[];
  readonly requests: RequestRecord[] = [];
  readonly actions: ActionRecord[] = [];
  readonly responses = new Map<number, number[]>();
  readonly sent: { readonly worker: number; readonly action: Action }[] = [];
  readonly lines: string[] = [];
  /** What a timer brought about before it was due. */
  readonly surprises: string[] = [];
  /** Inferences that were asked for. */
  inferences = 0;
  /** Connections that the controller gave up. */
  closed = 0;
  now = 0;
  readonly #rng: Rng;
  readonly #queue = new Timeline();
  #nextMessage = 0;
  #controllerWakeUp = 0;

  constructor(seed: number, strategy: string) {
    const drawn = draw(seed);
    this.drawn = drawn;
    this.#rng = Rng.of(seed, "world");
    this.controller = new Controller({
      ...DEFAULT_OPTIONS,
      strategy,
      ...drawn.options,
      workerCount: drawn.workers,
    });
    this.hosts = Array.from({ length: drawn.workers }, (_, index) => {
      const { worker, device } = this.#makeWorker(`device ${index}`);
      return {
        worker,
        device,
        devices: [device],
        isUp: true,
        connection: 0,
        life: 0,
        inbox: null,
        lastToWorker: 0,
        lastToController: 0,
        wakeUp: 0,
      };
    });
  }

  #makeWorker(name: string): { readonly worker: PacedWorker; readonly device: WatchedDevice } {
    const { gpusPerWorker, pagesPerGpu, noise } = this.drawn;
    const device = new WatchedDevice(this.#rng.split(name), noise);
    const options = {
      gpuCount: gpusPerWorker,
      weightsCacheBytes: pagesPerGpu * PAGE_BYTES,
      pageSizeBytes: PAGE_BYTES,
      ioPoolBytes: 0,
      workspacePoolBytes: 0,
      hostIoPoolBytes: 2 ** 29,
      catalogue: { find: entryOf },
    };
    return { worker: new PacedWorker(options, device), device };
  }

  at(instant: number, run: () => void): void {
    this.#queue.put(Math.max(instant, this.now), run);
  }

  /** Runs everything up to `until`. */
  run(until: number): void {
    while (this.#queue.nextAt() <= until) {
      this.now = this.#queue.nextAt();
      this.#queue.runNext();
    }
    this.now = until;
  }

  startUp(): void {
    for (let worker = 0; worker < this.drawn.workers; worker++) {
      this.step({ kind: "worker_up", worker });
    }
    for (let k = 0; k < this.drawn.models; k++) {
      const header = { userId: 0, userRequestId: 0 };
      this.request({ kind: "load_model", path: `/zoo/${k}/model`, copies: 1, ...header });
    }
    while (!this.lines.includes(" * Admitting inference requests")) this.run(this.now + 10 * MS);
  }

  request(request: ClientRequest): void {
    const messageId = this.#nextMessage++;
    this.responses.set(messageId, []);
    const arrival = ns(this.now);
    this.step({ kind: "request", connectionId: 0, messageId, arrival, request });
  }

  infer(modelId: number, sloFactor = 0): void {
    this.inferences += 1;
    const input = { sizeBytes: modelId % 2 === 0 ? 0 : 900 };
    const header = { userId: 1, userRequestId: this.#nextMessage };
    this.request({ kind: "infer", modelId, batchSize: 1, sloFactor, input, ...header });
  }

  /** The connection is lost; the worker goes on. */
  workerDown(index: number): void {
    const host = this.hosts[index];
    if (host === undefined || !host.isUp) return;
    host.isUp = false;
    this.step({ kind: "worker_down", worker: index, reason: "connection reset" });
  }

  /** Connected again, unless it is already. */
  workerUp(index: number): void {
    const host = this.hosts[index];
    if (host === undefined || host.isUp) return;
    host.isUp = true;
    host.connection += 1;
    this.step({ kind: "worker_up", worker: index });
  }

  /** The worker dies with everything it held; one that holds nothing takes its place. */
  crash(index: number): void {
    const host = this.hosts[index];
    if (host === undefined) return;
    host.life += 1;
    host.inbox = null;
    Object.assign(host, this.#makeWorker(`device ${index} life ${host.life}`));
    host.devices.push(host.device);
    this.workerDown(index);
  }

  /** The worker stands still: it takes nothing, and says nothing. */
  stop(index: number): void {
    const host = this.hosts[index];
    if (host !== undefined) host.inbox ??= [];
  }

  goOn(index: number): void {
    const host = this.hosts[index];
    const inbox = host?.inbox ?? [];
    if (host !== undefined) host.inbox = null;
    for (const happened of inbox) happened();
  }

  step(event: ControllerEvent): void {
    this.#probeTimer();
    for (const effect of this.controller.step(ns(this.now), event)) this.#apply(effect);
    this.#armController();
  }

  /** A wake-up that nobody asked for must bring nothing about, or one that was needed has been missed. */
  #probeTimer(): void {
    const due = this.controller.nextTimeout();
    if (due !== null && due <= this.now) return;
    const effects = this.controller.step(ns(this.now), { kind: "timer" });
    for (const effect of effects) {
      if (effect.kind !== "print") {
        this.surprises.push(`${this.now}: ${effect.kind}, due ${due}`);
      }
      this.#apply(effect);
    }
  }

  #armController(): void {
    const due = this.controller.nextTimeout();
    const ticket = ++this.#controllerWakeUp;
    if (due === null) return;
    this.at(due + this.#rng.below(this.drawn.lateMax + 1), () => {
      if (ticket === this.#controllerWakeUp) this.step({ kind: "timer" });
    });
  }

  #apply(effect: ControllerEffect): void {
    switch (effect.kind) {
      case "send_action":
        this.#send(effect.worker, effect.action);
        break;
      case "respond":
        this.responses.get(effect.messageId)?.push(effect.response.status);
        break;
      case "request_done":
        this.requests.push(effect.record);
        break;
      case "action_done":
        this.actions.push(effect.record);
        break;
      case "print":
        this.lines.push(effect.line);
        break;
      case "close_worker":
        this.closed += 1;
        this.at(this.now, () => this.workerDown(effect.worker));
        this.at(this.now + RECONNECT, () => this.workerUp(effect.worker));
        break;
      case "fatal":
        throw new Error(effect.message);
      case "ready":
        break;
    }
  }

  #send(index: number, action: Action): void {
    const host = this.hosts[index] as Host;
    const { connection } = host;
    this.sent.push({ worker: index, action });
    const taken = this.now + this.#rng.below(this.drawn.sendMax + 1);
    // A worker that has stopped may not even take what is sent.
    const isBlocked = host.inbox !== null && index % 2 === 0;
    const onTaken = (): void => {
      if (!host.isUp || host.connection !== connection) return;
      this.step({ kind: "action_sent", worker: index, actionId: action.actionId });
    };
    if (isBlocked) host.inbox?.push(onTaken);
    else this.at(taken, onTaken);
    host.lastToWorker = Math.max(host.lastToWorker, taken + this.#rng.below(this.drawn.networkMax));
    this.#atWorker(host, host.lastToWorker, () => {
      const received = ns(this.now);
      const event = { kind: "action", action, received, clockDelta: ns(0) } as const;
      this.#takeResults(index, host, host.worker.step(received, event));
    });
  }

  /** Happens on the worker at that instant, when it goes on if it is stopped then, or never if it dies before. */
  #atWorker(host: Host, instant: number, run: () => void): void {
    const { life } = host;
    this.at(instant, () => {
      if (host.life !== life) return;
      if (host.inbox === null) run();
      else host.inbox.push(run);
    });
  }

  #takeResults(index: number, host: Host, effects: ReturnType<PacedWorker["step"]>): void {
    for (const effect of effects) {
      if (effect.kind === "print") continue;
      const result = { ...effect.result, resultSent: ns(this.now) };
      const at = this.now + this.#rng.below(this.drawn.networkMax);
      host.lastToController = Math.max(host.lastToController, at);
      this.at(host.lastToController, () => {
        // As the original's workers do, to the newest connection, whoever asked.
        if (!host.isUp) return;
        this.step({ kind: "result", worker: index, received: ns(this.now), result });
      });
    }
    const due = host.worker.nextTimeout();
    const ticket = ++host.wakeUp;
    if (due === null) return;
    this.#atWorker(host, due + this.#rng.below(this.drawn.lateMax + 1), () => {
      if (ticket !== host.wakeUp) return;
      this.#takeResults(index, host, host.worker.step(ns(this.now), { kind: "timer" }));
    });
  }

  /** Ids of the models whose weights are on each GPU, asked of the worker itself. */
  residentOn(index: number): readonly (readonly number[])[] {
    const host = this.hosts[index] as Host;
    const action = { kind: "get_worker_state", actionId: 0 } as const;
    const event = { kind: "action", action, received: ns(this.now), clockDelta: ns(0) } as const;
    for (const effect of host.worker.step(ns(this.now), event)) {
      if (effect.kind === "send_result" && effect.result.kind === "get_worker_state") {
        return effect.result.state.gpus.map((gpu) => gpu.residentModels);
      }
    }
    return [];
  }
}
