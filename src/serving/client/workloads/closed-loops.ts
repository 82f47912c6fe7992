/** Closed loops of the original client: each request waits for the one before it. */
import type { Draws } from "#serving/client/workloads/draws.ts";
import type { Workload, WorkloadEngine } from "#serving/client/workloads/engine.ts";
import { MILLISECOND, type Nanos, ns, SECOND, toSeconds, ZERO_NS } from "#stdx/nanos.ts";

/** Waits longer after each failure in a row, so that a controller that refuses everything is not flooded. */
class BackOff {
  static readonly #FIRST = ns(10 * MILLISECOND);
  #failures = 0;

  delayAfter(isOk: boolean): Nanos {
    this.#failures = isOk ? 0 : this.#failures + 1;
    if (isOk) return ZERO_NS;
    return ns(Math.min(SECOND, BackOff.#FIRST * 2 ** Math.min(this.#failures - 1, 10)));
  }
}

export interface ClosedLoopOptions {
  readonly id: number;
  /** Taken in turn. */
  readonly instances: readonly number[];
  readonly concurrency: number;
  /** After the first of each slot; for ever when absent. */
  readonly requests?: number;
  readonly startDelay?: Nanos;
  /** As the original: its counter wraps once it has passed 0, and a failure is followed by the next request at once. */
  readonly isOriginal: boolean;
}

export class ClosedLoop implements Workload {
  readonly id: number;
  readonly className = "closed-loop";
  readonly instances: readonly number[];
  readonly #options: ClosedLoopOptions;
  readonly #backOff = new BackOff();
  #remaining: number;
  #slots: number;
  #next = 0;

  constructor(options: ClosedLoopOptions) {
    this.id = options.id;
    this.instances = options.instances;
    this.#options = options;
    this.#slots = options.concurrency;
    this.#remaining = options.requests ?? Number.POSITIVE_INFINITY;
  }

  start(engine: WorkloadEngine): void {
    const { concurrency, startDelay = ZERO_NS } = this.#options;
    if (startDelay > 0)
      engine.print(`ClosedLoop client ${this.id} starts in ${toSeconds(startDelay)} s`);
    engine.after(startDelay, () => {
      for (let slot = 0; slot < concurrency; slot++) this.#issue(engine);
    });
  }

  onEnded(engine: WorkloadEngine, isOk: boolean): void {
    if (this.#remaining > 0) {
      this.#remaining--;
      if (this.#options.isOriginal) this.#issue(engine);
      else engine.after(this.#backOff.delayAfter(isOk), () => this.#issue(engine));
    } else if (this.#options.isOriginal) {
      // Only the first slot that finds nothing left ends; then there are 2^64 − 1 left for the others.
      this.#remaining = Number.POSITIVE_INFINITY;
      engine.workloadEnded();
    } else if (--this.#slots === 0) {
      engine.workloadEnded();
    }
  }

  #issue(engine: WorkloadEngine): void {
    const { instances } = this.#options;
    engine.infer(this, instances[this.#next++ % instances.length] ?? 0);
  }
}

export interface BurstyClosedLoopOptions {
  readonly id: number;
  readonly instance: number;
  readonly concurrency: number;
  readonly burstMeanS: number;
  readonly idleMeanS: number;
  readonly draws: Draws;
  /** As the original: it begins with a burst, and pauses are as long as bursts on average. */
  readonly isOriginal: boolean;
}

/** A closed loop in bursts; one that is over is followed by a pause once its last response is in. */
export class BurstyClosedLoop implements Workload {
  readonly id: number;
  readonly className = "bursty-closed-loop";
  readonly instances: readonly number[];
  readonly #options: BurstyClosedLoopOptions;
  readonly #backOff = new BackOff();
  #burstEnd: Nanos = ZERO_NS;
  #outstanding = 0;

  constructor(options: BurstyClosedLoopOptions) {
    this.id = options.id;
    this.instances = [options.instance];
    this.#options = options;
  }

  start(engine: WorkloadEngine): void {
    const { draws, isOriginal, idleMeanS } = this.#options;
    // The original scales this draw to nothing.
    const phase = draws.below(2 ** 31) / 2 ** 31;
    const [burst, idle] = [this.#burstLength(), this.#length(idleMeanS)];
    const passed = isOriginal ? 0 : Math.floor(phase * (burst + idle));
    if (passed < burst) this.#beginBurst(engine, ns(burst - passed));
    else this.#pause(engine, ns(burst + idle - passed));
  }

  onEnded(engine: WorkloadEngine, isOk: boolean): void {
    this.#outstanding--;
    const { isOriginal, burstMeanS, idleMeanS } = this.#options;
    const delay = this.#backOff.delayAfter(isOk);
    if (engine.now < this.#burstEnd) {
      this.#outstanding++;
      if (isOriginal) this.#infer(engine);
      else engine.after(delay, () => this.#infer(engine));
    } else if (this.#outstanding === 0) {
      this.#pause(engine, this.#length(isOriginal ? burstMeanS : idleMeanS));
    }
  }

  #length(meanS: number): Nanos {
    return this.#options.draws.exponential(1 / (meanS * SECOND));
  }

  #burstLength(): Nanos {
    return this.#length(this.#options.burstMeanS);
  }

  #pause(engine: WorkloadEngine, length: Nanos): void {
    engine.after(length, () => this.#beginBurst(engine, this.#burstLength()));
  }

  #beginBurst(engine: WorkloadEngine, length: Nanos): void {
    this.#burstEnd = ns(engine.now + length);
    for (let slot = 0; slot < this.#options.concurrency; slot++) {
      this.#outstanding++;
      this.#infer(engine);
    }
  }

  #infer(engine: WorkloadEngine): void {
    engine.infer(this, this.#options.instance);
  }
}
