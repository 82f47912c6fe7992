/** Values for property tests of the codecs. */
import type { Rng } from "#stdx/rng.ts";

export const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.below(values.length)] as T;

/** Values around the ends of every length that a varint can have. */
export const edge = (rng: Rng, max: number): number => {
  const near = 2 ** (7 * rng.below(5)) + rng.below(3) - 1;
  return Math.min(max, pick(rng, [0, 1, near, rng.below(2 ** 31), max]));
};

export const halves = (value: bigint) => ({
  high: Number(BigInt.asUintN(64, value) >> 32n),
  low: Number(BigInt.asUintN(32, value)),
});

export const anyTime = (rng: Rng): bigint => (BigInt(rng.uint32()) << 32n) | BigInt(rng.uint32());
