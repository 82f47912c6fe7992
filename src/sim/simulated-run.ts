/** One planned run in virtual time: its roles on hosts of their own, the network between them, and what happens next. */
import type { PlannedRun } from "#experiment/resolved.ts";
import type { LoadGeneratorOptions } from "#serving/client/options.ts";
import {
  CONTROLLER_TYPES,
  type ControllerLog,
  createController,
} from "#serving/controller/controller-types.ts";
import { type ControllerOptions, DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import type { Payload } from "#serving/messages.ts";
import type { ModelCatalogue } from "#serving/worker/catalogue.ts";
import { noisyDuration } from "#serving/worker/noise.ts";
import { profileDuration, SimulatedDevice } from "#serving/worker/simulated-device.ts";
import type { WorkerOptions } from "#serving/worker/worker.ts";
import { DEFAULT_WORKER_CONFIG } from "#serving/worker/worker-config.ts";
import { Agenda } from "#sim/agenda.ts";
import { ClientRole, type ClientSink } from "#sim/client-role.ts";
import { ACTORS_PER_CONNECTION, Connection, type Host } from "#sim/connection.ts";
import { ControllerRole, type ControllerSink } from "#sim/controller-role.ts";
import { type ClockOptions, HostClock, TRUE_CLOCK, WORLD_EPOCH_NS } from "#sim/host-clock.ts";
import { DEFAULT_NETWORK, Line, type NetworkOptions } from "#sim/network.ts";
import type { Role, RoleVoice } from "#sim/role.ts";
import { Timeline } from "#sim/timeline.ts";
import { WorkerRole } from "#sim/worker-role.ts";
import { assert } from "#stdx/assert.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { ControlLine } from "#telemetry/status-line.ts";
import type { ArrivalProcess } from "#workload/arrival.ts";
import { outstandingMax } from "#workload/outstanding-max.ts";
import { generatorsOf } from "#workload/share.ts";

/** What a run reads, already read. */
export interface SimulationInputs {
  /** The profile set of its workers. */
  readonly catalogue: ModelCatalogue;
  /** The schedule of each load generator. */
  readonly arrivals: readonly ArrivalProcess[];
}

/** What the world is like beside what the plan says. */
export interface WorldOptions {
  readonly network: NetworkOptions;
  /** By the role's name, "worker0"; hosts that are not named have true clocks. */
  readonly clocks: Readonly<Record<string, ClockOptions>>;
}

export const DEFAULT_WORLD: WorldOptions = { network: DEFAULT_NETWORK, clocks: {} };

/** Takes what roles say, and opens their logs. Rows have instants of the role's clock, which count from `epochNs`. */
export interface SimulationOutput extends RoleVoice {
  openControllerLogs(
    name: string,
    options: { readonly epochNs: bigint; readonly logs: readonly ControllerLog[] },
  ): ControllerSink;
  openClientLog(
    name: string,
    options: { readonly index: number; readonly epochNs: bigint },
  ): ClientSink;
}

export interface SimulatedRunOptions {
  readonly run: PlannedRun;
  readonly inputs: SimulationInputs;
  readonly output: SimulationOutput;
  readonly world?: WorldOptions;
}

type Breakable = Pick<Connection<unknown, unknown>, "hold" | "release" | "lose">;

/** The model zoo, as the load generators name models. */
const MODEL_DIR = "/zoo";
const EMPTY: Payload = { sizeBytes: 0 };

/** An input that is all size. */
const makeInput = (sizeBytes: number): Payload => ({ sizeBytes });

const controllerOptions = ({ system }: PlannedRun): ControllerOptions => ({
  ...DEFAULT_OPTIONS,
  strategy: system.scheduler,
  workerCount: system.workers,
  maxGpus: system.maxGpus,
  scheduleAhead: system.scheduleAheadNs,
  defaultSlo: system.sloNs,
  maxExec: system.maxExecNs,
  maxBatchSize: system.maxBatch,
  loadStageTimeout:
    CONTROLLER_TYPES.get(system.scheduler)?.loadStageTimeout ?? DEFAULT_OPTIONS.loadStageTimeout,
  inputFor: system.generateInputs ? makeInput : null,
});

const workerOptions = ({ system }: PlannedRun, catalogue: ModelCatalogue): WorkerOptions => {
  const { weightsCacheBytes, pageSizeBytes, gpusPerWorker: gpuCount } = system;
  const { noise: _, ...config } = DEFAULT_WORKER_CONFIG;
  return { ...config, weightsCacheBytes, pageSizeBytes, gpuCount, catalogue };
};

const deviceOf = ({ system, seed }: PlannedRun, worker: number): SimulatedDevice =>
  new SimulatedDevice(
    system.noise === undefined ? profileDuration : noisyDuration(system.noise, { seed, worker }),
  );

const loadOptions = (
  { system, workload, ...run }: PlannedRun,
  clientId: number,
  arrivals: ArrivalProcess,
): LoadGeneratorOptions => ({
  clientId,
  models: system.models.filter(({ instances }) => instances > 0),
  modelsAreGiven: clientId > 0,
  // By the paths that the workers' folders have.
  modelDir: system.profilesAreFolders ? system.profiles : MODEL_DIR,
  arrivals,
  warmUp: workload.warmUpNs,
  duration: workload.durationNs,
  coolDown: workload.coolDownNs,
  slo: system.sloNs,
  readyLimit: run.launchLimitNs,
  drainLimit: run.drainLimitNs,
  outstandingMax: outstandingMax(workload, system.models),
  makeInput: workload.inputs ? makeInput : () => EMPTY,
  startWhenReady: false,
});

/** Actors at a time; connections that end overlap with those that take their place. */
const capacityOf = ({ system, workload }: PlannedRun): number => {
  const others = system.workers + generatorsOf(workload);
  return 2 + (2 + 4 * ACTORS_PER_CONNECTION) * others;
};

export class SimulatedRun {
  readonly #options: SimulatedRunOptions;
  readonly #world: WorldOptions;
  readonly #agenda: Agenda;
  readonly #roles = new Map<string, Role>();
  readonly #workers: WorkerRole[] = [];
  readonly #clients = new Map<string, ClientRole>();
  /** With the controller, by the role at the other end. */
  readonly #connections = new Map<string, Breakable>();
  /** Roles between which and the controller no message passes. */
  readonly #parted = new Set<string>();
  /** What happens to the world from outside. */
  readonly #disturbances = new Timeline();
  readonly #disturber: number;
  #controller: ControllerRole | null = null;

  constructor(options: SimulatedRunOptions) {
    this.#options = options;
    this.#world = options.world ?? DEFAULT_WORLD;
    this.#agenda = new Agenda(capacityOf(options.run));
    this.#disturber = this.#agenda.add({ act: () => this.#disturb() });
  }

  /** The world's instant. */
  get now(): Nanos {
    return this.#agenda.now;
  }

  /** Things that have happened. */
  get steps(): number {
    return this.#agenda.steps;
  }

  /** When the next thing happens; null when nothing will. */
  nextAt(): Nanos | null {
    return this.#agenda.nextAt();
  }

  /** Lets the next thing happen; false when there is none. */
  step(): boolean {
    return this.#agenda.step();
  }

  startWorker(name: string, index: number): void {
    const { run, inputs, output } = this.#options;
    const worker = new WorkerRole({
      agenda: this.#agenda,
      host: this.#hostOf(name),
      voice: output,
      worker: workerOptions(run, inputs.catalogue),
      device: deviceOf(run, index),
    });
    this.#workers[index] = worker;
    this.#roles.set(name, worker);
  }

  /** May come before its workers: it tries until they are there. */
  startController(name: string): void {
    const { run, output } = this.#options;
    const host = this.#hostOf(name);
    const logs = CONTROLLER_TYPES.get(run.system.scheduler)?.logs ?? [];
    this.#controller = new ControllerRole({
      agenda: this.#agenda,
      host,
      voice: output,
      machine: createController(controllerOptions(run)),
      sink: output.openControllerLogs(name, { epochNs: host.clock.epochNs, logs }),
      workerCount: run.system.workers,
      connect: (index, atFrom) => {
        const worker = this.#workers[index];
        if (worker === undefined || worker.isOver || this.#parted.has(worker.host.name))
          return null;
        const atTo = (port: Parameters<WorkerRole["accept"]>[0]) => worker.accept(port);
        const parts = this.#between(host, worker.host);
        return this.#join(worker.host.name, new Connection({ ...parts, atFrom, atTo }));
      },
    });
    this.#roles.set(name, this.#controller);
  }

  /** Once the controller has started. */
  startClient(name: string, index: number): void {
    const { run, inputs, output } = this.#options;
    const controller = this.#controller;
    const arrivals = inputs.arrivals[index];
    assert(controller !== null && arrivals !== undefined, `nothing is there for client ${index}`);
    const host = this.#hostOf(name);
    const client = new ClientRole({
      agenda: this.#agenda,
      host,
      voice: output,
      load: loadOptions(run, index, arrivals),
      sink: output.openClientLog(name, { index, epochNs: host.clock.epochNs }),
      connect: (atFrom) => {
        const atTo = (port: Parameters<ControllerRole["accept"]>[0]) => controller.accept(port);
        const parts = this.#between(host, controller.host);
        return this.#join(name, new Connection({ ...parts, atFrom, atTo }));
      },
    });
    this.#roles.set(name, client);
    this.#clients.set(name, client);
  }

  /** A command to a load generator. */
  command(name: string, line: ControlLine): void {
    this.#clients.get(name)?.command(this.now, line);
  }

  /** Ends a role in good order. */
  end(name: string): void {
    this.#roles.get(name)?.end(this.now);
  }

  /** Ends a role as a crash does. */
  kill(name: string): void {
    this.#roles.get(name)?.kill(this.now);
  }

  /** Has something happen at an instant of the world, such as one of the following. */
  at(instant: Nanos, happen: () => void): void {
    this.#disturbances.put(instant, happen);
    this.#awaitDisturbance();
  }

  /** Parts the network between a worker or load generator and the controller: nothing passes, and nothing is lost. */
  part(name: string): void {
    this.#parted.add(name);
    this.#connections.get(name)?.hold();
  }

  /** What waited since `part` is sent once more. */
  heal(name: string): void {
    this.#parted.delete(name);
    this.#connections.get(name)?.release(this.now);
  }

  /** Breaks the connection of a worker or load generator with the controller: what is on its way is lost. */
  breakConnection(name: string, reason: string): void {
    this.#connections.get(name)?.lose(this.now, reason);
  }

  #disturb(): void {
    this.#disturbances.runNext();
    this.#awaitDisturbance();
  }

  #awaitDisturbance(): void {
    const next = this.#disturbances.nextAt();
    this.#agenda.wait(this.#disturber, Number.isFinite(next) ? (next as Nanos) : null);
  }

  #hostOf(name: string): Host {
    const { network, clocks } = this.#world;
    const clock = new HostClock(clocks[name] ?? TRUE_CLOCK, this.now);
    return { name, clock, line: new Line(network) };
  }

  #between(from: Host, to: Host) {
    const { seed } = this.#options.run;
    return { agenda: this.#agenda, network: this.#world.network, seed, from, to };
  }

  #join<A, B>(name: string, connection: Connection<A, B>): Nanos {
    this.#connections.set(name, connection);
    return connection.roundTrip;
  }
}

/** An instant of the world in ns since the Unix epoch. */
export const absoluteNs = (instant: Nanos): bigint => WORLD_EPOCH_NS + BigInt(instant);
