/** The elementary functions: close to the C library's, and the very same bits on every machine. */
import { describe, expect, test } from "bun:test";
import { cosOfTurns, exp, ln, power, sinOfTurns } from "#stdx/elementary.ts";
import { Rng } from "#stdx/rng.ts";

/** Distance in units in the last place, or of 1 where the value is below. */
const offBy = (value: number, due: number, least = 0): number =>
  Math.abs(value - due) / (Math.max(least, Math.abs(due)) * 2 ** -53);

const rng = Rng.of(7, "draws");
const draws = Array.from({ length: 20_000 }, () => rng.uniform());

describe("close to the C library", () => {
  test("the logarithm, over all magnitudes", () => {
    for (const u of draws) {
      expect(offBy(ln(1 - u), Math.log(1 - u))).toBeLessThan(4);
      const wide = 2 ** Math.round(u * 2000 - 1000) * (1 + u);
      expect(offBy(ln(wide), Math.log(wide))).toBeLessThan(4);
    }
    expect(offBy(ln(5e-324), Math.log(5e-324))).toBeLessThan(4);
  });

  test("the exponential, over all magnitudes", () => {
    for (const u of draws) {
      const x = u * 1416 - 707;
      expect(offBy(exp(x), Math.exp(x))).toBeLessThan(4);
    }
  });

  test("powers", () => {
    for (const u of draws) expect(offBy(power(u, 0.3), u ** 0.3)).toBeLessThan(20);
  });

  test("sine and cosine, within the rounding of the angle", () => {
    for (const u of draws) {
      expect(offBy(sinOfTurns(u), Math.sin(2 * Math.PI * u), 1)).toBeLessThan(20);
      expect(offBy(cosOfTurns(u - 0.5), Math.cos(2 * Math.PI * (u - 0.5)), 1)).toBeLessThan(20);
    }
  });
});

test("exact where the result is", () => {
  expect([ln(1), ln(0), ln(-1), ln(Number.POSITIVE_INFINITY)]).toEqual([
    0,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ]);
  expect([exp(0), exp(-800), exp(800), exp(Number.NaN)]).toEqual([
    1,
    0,
    Number.POSITIVE_INFINITY,
    Number.NaN,
  ]);
  expect([0.25, 0.5, 0.75, 1, 1e9].map(sinOfTurns).map((x) => x + 0)).toEqual([1, 0, -1, 0, 0]);
  expect(power(0, 0.5)).toBe(0);
});

test("the bits never change: every recorded schedule rests on them", () => {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const f of [ln, exp, sinOfTurns, cosOfTurns, (x: number) => power(x, 0.7)]) {
    hasher.update(new Uint8Array(Float64Array.from(draws, (u) => f(1 - u)).buffer));
  }
  expect(hasher.digest("hex")).toBe(
    "57e6d70164bbf11969e3cd0e84b02c68000609a152aa31e095c376558ce047f7",
  );
});
