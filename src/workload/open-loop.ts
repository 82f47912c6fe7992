/** Open loops over all model instances: independent gaps of mean 1, stretched by a rate that may change over time. */
import type { Load } from "#experiment/resolved.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import { type RateCurve, rateCurve } from "#workload/rate-curve.ts";
import {
  CONSTANT_GAPS,
  EXPONENTIAL_GAPS,
  gammaGaps,
  type UnitGaps,
  weibullGaps,
} from "#workload/unit-gaps.ts";

/** Loads whose gaps are independent of one another. */
export type RenewalLoad = Extract<Load, { readonly ratePerS: number }>;

export interface OpenLoopOptions<Of> {
  readonly load: Of;
  readonly instances: number;
  /** No arrival at or after this instant. */
  readonly end: Nanos;
  readonly seed: number;
}

const gapsOf = (load: RenewalLoad): UnitGaps => {
  switch (load.arrivals) {
    case "constant":
      return CONSTANT_GAPS;
    case "poisson":
      return EXPONENTIAL_GAPS;
    case "gamma":
      return gammaGaps(load.cv);
    case "weibull":
      return weibullGaps(load.cv);
  }
};

const clamp = (value: number, end: number): number => Math.min(Math.max(value, 0), end);

/** Who asks and which instance is asked, for arrivals of a kind; each choice has a stream of its own. */
export class Addressing {
  readonly #instances: number;
  readonly #users: number;
  readonly #choice: Rng;
  readonly #user: Rng;

  constructor(kind: string, options: { instances: number; users: number; seed: number }) {
    this.#instances = options.instances;
    this.#users = options.users;
    this.#choice = Rng.of(options.seed, `${kind}/instances`);
    this.#user = Rng.of(options.seed, `${kind}/users`);
  }

  instance(): number {
    return this.#choice.below(this.#instances);
  }

  user(): number {
    return this.#users === 1 ? 0 : this.#user.below(this.#users);
  }
}

/**
 * Arrival i at the instant by which the rate has brought as many requests as the first i gaps sum up to: the integral
 * of the rate is inverted, nothing is drawn and thrown away. Constant arrivals go to the instances in rotation, all
 * others at random, so that each instance of a Poisson load sees a Poisson process of its share.
 */
export class RenewalArrivals implements ArrivalProcess {
  readonly #options: OpenLoopOptions<RenewalLoad>;
  readonly #curve: RateCurve;
  readonly #gaps: UnitGaps;
  readonly #rng: Rng;
  readonly #addressing: Addressing;
  #index = 0;
  /** Sum of the gaps so far, in requests. It is not rounded: rounding each gap would shift the rate. */
  #due: number;
  #at: number;

  constructor(options: OpenLoopOptions<RenewalLoad>) {
    const { load, instances, seed } = options;
    this.#options = options;
    this.#curve = rateCurve(load.ratePerS, load.shape);
    this.#gaps = gapsOf(load);
    this.#rng = Rng.of(seed, `${load.arrivals}/gaps`);
    this.#addressing = new Addressing(load.arrivals, { instances, users: load.users ?? 1, seed });
    this.#due = this.#gaps.first(this.#rng);
    this.#at = this.#instant(this.#due);
  }

  /** Exact for constant arrivals, the mean for all others. */
  expectedCount(from: Nanos, to: Nanos): number {
    const { end, load } = this.#options;
    const [low, high] = [clamp(from, end), clamp(to, end)];
    const count = (instant: number): number =>
      load.arrivals === "constant"
        ? this.#constantBefore(instant)
        : this.#curve.countBefore(instant);
    return Math.max(0, count(high) - count(low));
  }

  nextAt(): Nanos | null {
    return this.#at < this.#options.end ? ns(this.#at) : null;
  }

  take(): Arrival {
    const { load, instances } = this.#options;
    const at = ns(this.#at);
    const index = this.#index++;
    this.#due += this.#gaps.next(this.#rng);
    // The search for a sine's instants may be off by less than a nanosecond, in either direction.
    this.#at = Math.max(this.#at, this.#instant(this.#due));
    const isConstant = load.arrivals === "constant";
    return {
      at,
      instance: isConstant ? index % instances : this.#addressing.instance(),
      user: this.#addressing.user(),
      className: load.arrivals,
    };
  }

  onEnded(): void {}

  #instant(due: number): number {
    return Math.floor(this.#curve.instantOf(due));
  }

  /** Constant arrivals before `instant`, counted with the very formula that places them. */
  #constantBefore(instant: number): number {
    let count = Math.ceil(this.#curve.countBefore(instant));
    while (count > 0 && this.#instant(count - 1) >= instant) count--;
    while (this.#instant(count) < instant) count++;
    return count;
  }
}
