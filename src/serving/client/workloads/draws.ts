/** The random numbers of the original client's workloads, draw for draw; and streams that have nothing to do with each other. */
import { ln } from "#stdx/elementary.ts";
import { type Nanos, truncNs } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";

export interface Draws {
  /** In [0, 1). */
  uniform(): number;
  /** A whole number of [0, bound), from a single draw of the generator. */
  below(bound: number): number;
  /** A gap of a Poisson process with this rate per nanosecond, whole nanoseconds. */
  exponential(ratePerNs: number): Nanos;
}

const MULTIPLIER = 48_271;
const MODULUS = 2 ** 31 - 1;
/** How many values a draw has, and two of them together, which a double rounds. */
const RANGE = MODULUS - 1;
const RANGE_SQUARED = RANGE * RANGE;
const UNIFORM_MAX = 1 - 2 ** -53;
/** 26 days: sums with any instant of a run stay exact. */
const GAP_NS_MAX = 2 ** 51;

const toGap = (u: number, ratePerNs: number): Nanos =>
  truncNs(Math.min(-ln(1 - u) / ratePerNs, GAP_NS_MAX) + 0);

/**
 * The minimal standard generator as the original's library has it, seeds 0 and 1 alike. Its logarithm and ours differ in
 * the last bit now and then: one gap of minutes in 300,000 differs by 1 ns.
 */
export class MinimalStandard implements Draws {
  #state: number;

  constructor(seed: number) {
    this.#state = seed % MODULUS || 1;
  }

  /** From 1 to 2^31 − 2. */
  next(): number {
    this.#state = (this.#state * MULTIPLIER) % MODULUS;
    return this.#state;
  }

  below(bound: number): number {
    return this.next() % bound;
  }

  /** Two draws, the second with the greater weight. */
  uniform(): number {
    const low = this.next() - 1;
    const high = this.next() - 1;
    return Math.min((low + high * RANGE) / RANGE_SQUARED, UNIFORM_MAX);
  }

  exponential(ratePerNs: number): Nanos {
    return toGap(this.uniform(), ratePerNs);
  }
}

class IndependentDraws implements Draws {
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  uniform(): number {
    return this.#rng.uniform();
  }

  below(bound: number): number {
    return Math.floor(this.#rng.uniform() * bound);
  }

  exponential(ratePerNs: number): Nanos {
    return toGap(this.#rng.uniform(), ratePerNs);
  }
}

/** `original`: what the original client sends; `independent`: its workloads as they were meant. */
export type StreamKind = "original" | "independent";

export const STREAM_KINDS: readonly StreamKind[] = ["original", "independent"];

/** Where the workloads of one run have their random numbers from. */
export class Streams {
  readonly kind: StreamKind;
  readonly #seed: number;
  #count = 0;

  constructor(kind: StreamKind, seed: number) {
    this.kind = kind;
    this.#seed = seed;
  }

  get isOriginal(): boolean {
    return this.kind === "original";
  }

  /** `seed` is the one that the original gives to this stream, and counts for its generator only. */
  draws(seed: number): Draws {
    if (this.isOriginal) return new MinimalStandard(seed + this.#seed);
    return new IndependentDraws(Rng.of(this.#seed, `workload/${this.#count++}`));
  }
}
