/** Open loops over all model instances: constant and Poisson arrivals. */
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";

export interface OpenLoopOptions {
  /** Requests per second over all instances. */
  readonly ratePerS: number;
  readonly instances: number;
  /** No arrival at or after this instant. */
  readonly end: Nanos;
  readonly seed: number;
}

const clamp = (value: number, end: number): number => Math.min(Math.max(value, 0), end);

/** Arrival i at floor(i / rate), the first at 0, instances in rotation. */
export class ConstantArrivals implements ArrivalProcess {
  readonly #options: OpenLoopOptions;
  #index = 0;

  constructor(options: OpenLoopOptions) {
    this.#options = options;
  }

  expectedCount(from: Nanos, to: Nanos): number {
    const { end } = this.#options;
    return Math.max(0, this.#countBefore(clamp(to, end)) - this.#countBefore(clamp(from, end)));
  }

  nextAt(): Nanos | null {
    const at = this.#at(this.#index);
    return at < this.#options.end ? ns(at) : null;
  }

  take(): Arrival {
    const index = this.#index++;
    const instance = index % this.#options.instances;
    return { at: ns(this.#at(index)), instance, user: 0, className: "constant" };
  }

  onEnded(): void {}

  #at(index: number): number {
    return Math.floor((index * 1e9) / this.#options.ratePerS);
  }

  /** Arrivals before `instant`, counted with the very formula that places them. */
  #countBefore(instant: number): number {
    let count = Math.floor((instant * this.#options.ratePerS) / 1e9);
    while (count > 0 && this.#at(count - 1) >= instant) count--;
    while (this.#at(count) < instant) count++;
    return count;
  }
}

/** A Poisson process, split at random over the instances: so each instance sees a Poisson process of its share. */
export class PoissonArrivals implements ArrivalProcess {
  readonly #options: OpenLoopOptions;
  readonly #gaps: Rng;
  readonly #choice: Rng;
  /** Exact sum of the gaps, not rounded: rounding each gap would shift the rate. */
  #next: number;

  constructor(options: OpenLoopOptions) {
    this.#options = options;
    this.#gaps = Rng.of(options.seed, "poisson/gaps");
    this.#choice = Rng.of(options.seed, "poisson/instances");
    this.#next = this.#gap();
  }

  expectedCount(from: Nanos, to: Nanos): number {
    const { end, ratePerS } = this.#options;
    return (Math.max(0, clamp(to, end) - clamp(from, end)) * ratePerS) / 1e9;
  }

  nextAt(): Nanos | null {
    return this.#next < this.#options.end ? ns(Math.floor(this.#next)) : null;
  }

  take(): Arrival {
    const at = ns(Math.floor(this.#next));
    this.#next += this.#gap();
    const instance = this.#choice.below(this.#options.instances);
    return { at, instance, user: 0, className: "poisson" };
  }

  onEnded(): void {}

  #gap(): number {
    return this.#gaps.exponential(1e9 / this.#options.ratePerS);
  }
}
