/** Open loops of the original client: requests whose instants do not depend on responses, nor on failures. */
import type { Draws } from "#serving/client/workloads/draws.ts";
import type { Workload, WorkloadEngine } from "#serving/client/workloads/engine.ts";
import { type Nanos, SECOND, truncNs } from "#stdx/nanos.ts";

export interface OpenLoopOptions {
  readonly id: number;
  readonly instance: number;
  readonly ratePerS: number;
  readonly draws: Draws;
}

/** Exponential gaps, the first one before the first request. */
export class PoissonOpenLoop implements Workload {
  readonly id: number;
  readonly className = "poisson";
  readonly instances: readonly number[];
  readonly #instance: number;
  readonly #draws: Draws;
  #ratePerNs: number;

  constructor({ id, instance, ratePerS, draws }: OpenLoopOptions) {
    this.id = id;
    this.instances = [instance];
    this.#instance = instance;
    this.#draws = draws;
    this.#ratePerNs = ratePerS / SECOND;
  }

  /** Counts from the next gap on. */
  setRate(ratePerS: number): void {
    this.#ratePerNs = ratePerS / SECOND;
  }

  start(engine: WorkloadEngine): void {
    const send = (): void => {
      engine.infer(this, this.#instance);
      engine.after(this.#draws.exponential(this.#ratePerNs), send);
    };
    engine.after(this.#draws.exponential(this.#ratePerNs), send);
  }
}

/** Equal gaps. */
export class FixedRate implements Workload {
  readonly id: number;
  readonly className = "fixed-rate";
  readonly instances: readonly number[];
  readonly #period: Nanos;
  readonly #first: Nanos;

  /** Without draws the first request comes after one period, and all loops of one rate send at the same instants. */
  constructor(options: Omit<OpenLoopOptions, "draws"> & { readonly draws: Draws | null }) {
    const { id, instance, ratePerS, draws } = options;
    this.id = id;
    this.instances = [instance];
    this.#period = truncNs(SECOND / ratePerS);
    this.#first = draws === null ? this.#period : truncNs(draws.uniform() * this.#period);
  }

  start(engine: WorkloadEngine): void {
    const send = (): void => {
      for (const instance of this.instances) engine.infer(this, instance);
      engine.after(this.#period, send);
    };
    engine.after(this.#first, send);
  }
}

export interface BurstyOpenLoopOptions extends OpenLoopOptions {
  /** Of the instants of requests; `draws` are those of bursts and pauses. */
  readonly requestDraws: Draws;
  readonly burstMeanS: number;
  readonly idleMeanS: number;
  /** Begins anywhere in a burst or a pause, not with a burst. */
  readonly hasRandomPhase: boolean;
}

/** Poisson arrivals in bursts; lengths of bursts and of pauses are exponential. */
export class BurstyPoissonOpenLoop implements Workload {
  readonly id: number;
  readonly className = "bursty-poisson";
  readonly instances: readonly number[];
  readonly #options: BurstyOpenLoopOptions;
  /** Requests of earlier bursts that are still to come are not sent. */
  #burst = 0;
  #isBursting = false;

  constructor(options: BurstyOpenLoopOptions) {
    this.id = options.id;
    this.instances = [options.instance];
    this.#options = options;
  }

  start(engine: WorkloadEngine): void {
    const { draws, hasRandomPhase } = this.#options;
    // The original scales this draw to nothing: it always begins with a burst of full length.
    const phase = draws.below(2 ** 31) / 2 ** 31;
    const [burst, idle] = [this.#burstLength(), this.#idleLength()];
    const passed = hasRandomPhase ? truncNs(phase * (burst + idle)) : 0;
    if (passed < burst) this.#beginBurst(engine, truncNs(burst - passed));
    else this.#pause(engine, truncNs(burst + idle - passed));
  }

  #burstLength(): Nanos {
    return this.#options.draws.exponential(1 / (this.#options.burstMeanS * SECOND));
  }

  #idleLength(): Nanos {
    return this.#options.draws.exponential(1 / (this.#options.idleMeanS * SECOND));
  }

  #beginBurst(engine: WorkloadEngine, length: Nanos): void {
    this.#isBursting = true;
    engine.after(length, () => {
      this.#isBursting = false;
      this.#pause(engine, this.#idleLength());
    });
    this.#send(engine, ++this.#burst);
  }

  #pause(engine: WorkloadEngine, length: Nanos): void {
    engine.after(length, () => this.#beginBurst(engine, this.#burstLength()));
  }

  #send(engine: WorkloadEngine, burst: number): void {
    if (!this.#isBursting || burst !== this.#burst) return;
    const { instance, ratePerS, requestDraws } = this.#options;
    engine.infer(this, instance);
    const gap = requestDraws.exponential(ratePerS / SECOND);
    engine.after(gap, () => this.#send(engine, burst));
  }
}
