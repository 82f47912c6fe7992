/** Seeded randomness: one stream per component, split by name, so that a draw added in one place shifts no other. */

import { ln } from "#stdx/elementary.ts";

const mix = (h: number): number => {
  let x = h >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return (x ^ (x >>> 16)) >>> 0;
};

const hashName = (name: string, seed: number): number => {
  let h = mix(seed ^ 0x9e37_79b9);
  for (let i = 0; i < name.length; i++) h = mix(h ^ Math.imul(name.charCodeAt(i) + i, 0x0100_0193));
  return h;
};

/** xoshiro128** (Blackman and Vigna, 2018) over four 32-bit words. */
export class Rng {
  readonly #seed: number;
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  private constructor(seed: number, name: string) {
    this.#seed = seed;
    this.#name = name;
    const low = seed >>> 0;
    const high = Math.floor(seed / 2 ** 32) >>> 0;
    const base = hashName(name, mix(low) ^ Math.imul(high, 0x27d4_eb2f));
    this.#a = mix(base + 1);
    this.#b = mix(base + 2);
    this.#c = mix(base + 3);
    this.#d = mix(base + 4) | 1;
    for (let i = 0; i < 16; i++) this.uint32();
  }

  /** `seed` is a whole number from 0 to 2^53 − 1; the same (seed, name) always gives the same stream. */
  static of(seed: number, name: string): Rng {
    return new Rng(seed, name);
  }

  /** An independent stream of the same seed; does not advance this one. */
  split(name: string): Rng {
    return new Rng(this.#seed, `${this.#name}/${name}`);
  }

  /** Uniform whole number in [0, 2^32). */
  uint32(): number {
    const x = Math.imul(this.#b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  /** Uniform whole number in [0, bound); `bound` is at most 2^32. Lemire-free rejection keeps it unbiased. */
  below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let x = this.uint32();
    while (x >= limit) x = this.uint32();
    return x % bound;
  }

  /** Exponentially distributed with the given mean (same unit as the mean). */
  exponential(mean: number): number {
    // A uniform draw is a multiple of 2^-53, so the difference is exact.
    return -ln(1 - this.uniform()) * mean;
  }
}
