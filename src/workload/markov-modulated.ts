/** A Markov-modulated Poisson process: the rate goes through states in turn, each held for an exponential time. */
import type { Load } from "#experiment/resolved.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import { Addressing, type OpenLoopOptions } from "#workload/open-loop.ts";

export type MarkovLoad = Extract<Load, { readonly arrivals: "markov-modulated" }>;

/** Mean rate over all time: each state counts with the share of time that it lasts. */
export const markovMeanPerS = ({ states }: MarkovLoad): number => {
  const cycle = states.reduce((sum, { meanNs }) => sum + meanNs, 0);
  return states.reduce((sum, { ratePerS, meanNs }) => sum + ratePerS * (meanNs / cycle), 0);
};

/**
 * The first state is drawn with the share of time that each state has, so that the expected rate is the mean at every
 * instant. States and gaps have streams of their own.
 */
export class MarkovModulatedArrivals implements ArrivalProcess {
  readonly #options: OpenLoopOptions<MarkovLoad>;
  readonly #states: Rng;
  readonly #gaps: Rng;
  readonly #addressing: Addressing;
  #state: number;
  /** When the state ends, in ns, fractions included. */
  #stateEnd: number;
  /** Exact instant of the next arrival. */
  #next = 0;

  constructor(options: OpenLoopOptions<MarkovLoad>) {
    const { load, seed, instances } = options;
    this.#options = options;
    this.#states = Rng.of(seed, "markov-modulated/states");
    this.#gaps = Rng.of(seed, "markov-modulated/gaps");
    const users = load.users ?? 1;
    this.#addressing = new Addressing("markov-modulated", { instances, users, seed });
    this.#state = this.#drawState();
    this.#stateEnd = this.#holdingTime();
    this.#advance();
  }

  /** The mean. */
  expectedCount(from: Nanos, to: Nanos): number {
    const { end, load } = this.#options;
    const span = Math.min(to, end) - Math.min(Math.max(from, 0), end);
    return (Math.max(0, span) * markovMeanPerS(load)) / 1e9;
  }

  nextAt(): Nanos | null {
    return this.#next < this.#options.end ? ns(Math.floor(this.#next)) : null;
  }

  take(): Arrival {
    const at = ns(Math.floor(this.#next));
    this.#advance();
    return {
      at,
      instance: this.#addressing.instance(),
      user: this.#addressing.user(),
      className: "markov-modulated",
    };
  }

  onEnded(): void {}

  /** Spends one unit gap at the rates of the states that it passes through. */
  #advance(): void {
    let left = this.#gaps.exponential(1e9);
    for (;;) {
      const ratePerS = this.#options.load.states[this.#state]?.ratePerS ?? 0;
      const inState = (this.#stateEnd - this.#next) * ratePerS;
      if (left < inState) {
        this.#next += left / ratePerS;
        return;
      }
      left -= inState;
      this.#next = this.#stateEnd;
      // Nothing after the end is ever asked for, and a state of rate 0 could go on for long.
      if (this.#next >= this.#options.end) return;
      this.#state = (this.#state + 1) % this.#options.load.states.length;
      this.#stateEnd = this.#next + this.#holdingTime();
    }
  }

  #drawState(): number {
    const { states } = this.#options.load;
    const cycle = states.reduce((sum, { meanNs }) => sum + meanNs, 0);
    let left = this.#states.uniform() * cycle;
    for (const [index, { meanNs }] of states.entries()) {
      if (left < meanNs) return index;
      left -= meanNs;
    }
    return states.length - 1;
  }

  #holdingTime(): number {
    return this.#states.exponential(this.#options.load.states[this.#state]?.meanNs ?? 1);
  }
}
