/** The verdict's bounds are frozen: error rates were measured with exactly these. */
import { expect, test } from "bun:test";
import { FIXED, RELATIVE, WARM_UP } from "#judge/thresholds.ts";

/** Everything but the reasons, which may be worded better at any time. */
const boundsOnly = (key: string, value: unknown): unknown => (key === "reason" ? undefined : value);

/** SHA-256 of the bounds with which the error rates in docs/faults.md were measured. */
const FROZEN = "7282ffcfd247e05c8b7551b756c16353c3f3c2213626f453dbd3a4dbc4c1dfff";

test("the bounds are the ones that the fault suite was run with", () => {
  const text = JSON.stringify([FIXED, RELATIVE, WARM_UP], boundsOnly);
  expect(new Bun.CryptoHasher("sha256").update(text).digest("hex")).toBe(FROZEN);
});
