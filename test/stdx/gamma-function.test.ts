/** The logarithm of the Gamma function at values that are known otherwise. */
import { expect, test } from "bun:test";
import { lnGamma } from "#stdx/gamma-function.ts";

test.each([
  // Γ(1) = Γ(2) = 1, Γ(5) = 4!, Γ(1.5) = √π / 2, Γ(21) = 20!.
  [1, 1],
  [2, 1],
  [5, 24],
  [1.5, Math.sqrt(Math.PI) / 2],
  [21, 2_432_902_008_176_640_000],
])("lnGamma(%d)", (x, gamma) => {
  expect(lnGamma(x)).toBeCloseTo(Math.log(gamma), 11);
});
