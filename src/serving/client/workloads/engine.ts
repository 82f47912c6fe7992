/**
 * Drives workloads by timers and completed requests, as the original client's engine does: while a timer fires, "now" is
 * the instant that it was set for, so that chains of timers do not drift, and what is late is caught up with in a burst.
 */
import { Heap } from "#serving/controller/heap.ts";
import { assert } from "#stdx/assert.ts";
import { addNs, type Nanos, ZERO_NS } from "#stdx/nanos.ts";

/** A part of a load: sends requests to model instances of its own, or changes what others do. */
export interface Workload {
  /** Sent as the user id. */
  readonly id: number;
  /** Kind of traffic, as the client log names it. */
  readonly className: string;
  /** Indices of the instances that it sends to. */
  readonly instances: readonly number[];
  /** Before any workload begins. */
  prepare?(engine: WorkloadEngine): void;
  start(engine: WorkloadEngine): void;
  /** One of its requests has its response. */
  onEnded?(engine: WorkloadEngine, isOk: boolean): void;
}

/** A request that a workload wants sent. */
export interface Issue {
  readonly workload: Workload;
  readonly instance: number;
  /** Scheduled instant. */
  readonly at: Nanos;
  readonly user: number;
  readonly sloFactor: number;
}

export interface WorkloadEngineOptions {
  readonly workloads: readonly Workload[];
  readonly instanceCount: number;
  /** Requests carry the id of the workload that was given their instance last, whichever sends them. */
  readonly usersAreShared: boolean;
  readonly issue: (issue: Issue) => void;
  readonly print: (line: string) => void;
}

interface Timer {
  readonly at: Nanos;
  /** Of equal instants the one that was set first fires first. */
  readonly order: number;
  readonly fire: () => void;
}

export class WorkloadEngine {
  readonly #options: WorkloadEngineOptions;
  readonly #timers = new Heap<Timer>((a, b) => (a.at === b.at ? a.order < b.order : a.at < b.at));
  readonly #users: Int32Array;
  readonly #sloFactors: Float32Array;
  #order = 0;
  #now: Nanos = ZERO_NS;
  #running = 0;

  constructor(options: WorkloadEngineOptions) {
    this.#options = options;
    this.#users = new Int32Array(options.instanceCount);
    this.#sloFactors = new Float32Array(options.instanceCount);
    for (const { id, instances } of options.workloads) {
      for (const instance of instances) {
        assert(instance < options.instanceCount, `there is no model instance ${instance}`);
        this.#users[instance] = id;
      }
    }
  }

  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** Within a timer the instant that it was set for. */
  get now(): Nanos {
    return this.#now;
  }

  start(now: Nanos): void {
    const { workloads } = this.#options;
    this.#now = now;
    for (const workload of workloads) workload.prepare?.(this);
    this.#running = workloads.length;
    for (const workload of workloads) workload.start(this);
  }

  /** When to call `fire` next; null when nothing is due until a request ends (or ever). */
  nextAt(): Nanos | null {
    return this.#timers.peek()?.at ?? null;
  }

  /** Fires the first timer. */
  fire(): void {
    const timer = this.#timers.pop();
    assert(timer !== undefined, "a timer is due");
    this.#now = timer.at;
    timer.fire();
  }

  onEnded(now: Nanos, workload: Workload, isOk: boolean): void {
    this.#now = now;
    workload.onEnded?.(this, isOk);
  }

  // ---- for workloads ----

  /** Calls `fire` after `delay`; at once, from within, when there is none. */
  after(delay: Nanos, fire: () => void): void {
    if (delay <= 0) fire();
    else this.#timers.push({ at: addNs(this.#now, delay), order: this.#order++, fire });
  }

  infer(workload: Workload, instance: number): void {
    const { issue, usersAreShared } = this.#options;
    const user = usersAreShared ? (this.#users[instance] ?? 0) : workload.id;
    const sloFactor = this.#sloFactors[instance] ?? 0;
    issue({ workload, instance, at: this.#now, user, sloFactor });
  }

  /** A 32-bit float, as everywhere on its way. */
  setSloFactor(instance: number, factor: number): void {
    this.#sloFactors[instance] = factor;
  }

  print(line: string): void {
    this.#options.print(line);
  }

  /** One workload has nothing more to do; the run is over once none has. */
  workloadEnded(): void {
    this.#running--;
  }

  /** The run is over, whatever the other workloads do. */
  terminate(): void {
    this.#running = 0;
  }
}
