/** mulDiv64 against BigInt, which is exact by construction. */
import { describe, expect, test } from "bun:test";
import { mulDiv64 } from "#stdx/int64.ts";
import { Rng } from "#stdx/rng.ts";

const reference = (a: number, b: number, c: number): number =>
  Number(BigInt.asIntN(64, BigInt(a) * BigInt(b)) / BigInt(c));

describe("mulDiv64", () => {
  test.each([
    // 10^8 × 98,280,001 = 9.8280001e15 passes 2^53 = 9.007e15; / 1,000,000 = 9,828,000,100 exactly.
    [100_000_000, 98_280_001, 1_000_000, 9_828_000_100],
    // Truncation is toward zero: −7 / 2 = −3.
    [-7, 1, 2, -3],
    // 10^8 × 10^11 = 10^19 wraps: 10^19 − 2^64 = −8,446,744,073,709,551,616; / 10^6 truncates.
    [100_000_000, 100_000_000_000, 1_000_000, -8_446_744_073_709],
  ])("%d × %d / %d = %d", (a, b, c, expected) => {
    expect(mulDiv64(a, b, c)).toBe(expected);
  });

  test("agrees with BigInt on 30,000 random operands, wrapping ones included", () => {
    const rng = Rng.of(7, "int64");
    const draw = (bits: number): number => Math.floor(rng.uniform() * 2 ** rng.below(bits));
    for (let i = 0; i < 30_000; i++) {
      const a = draw(53) * (rng.below(4) === 0 ? -1 : 1);
      const b = draw(53) * (rng.below(4) === 0 ? -1 : 1);
      const c = (draw(53) + 1) * (rng.below(4) === 0 ? -1 : 1);
      if (mulDiv64(a, b, c) !== reference(a, b, c)) throw new Error(`${a} × ${b} / ${c}`);
    }
  });
});
