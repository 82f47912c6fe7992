/** Names of results folders. */
import { expect, test } from "bun:test";
import { isResultsId, newResultsId } from "#runner/results-id.ts";

test("an id is the minute of the start in UTC and four characters that form no word", () => {
  const at = BigInt(Date.UTC(2026, 10, 23, 2, 0, 59)) * 1_000_000n;
  let draw = 0;
  // The alphabet has 27 characters: 0, 1, 2 are b, c, d, and 29 is 2 again.
  const draws = [0, 1, 2, 29];
  const id = newResultsId(at, () => draws[draw++] ?? 0);
  expect(id).toBe("2026-11-23T0200Z-bcdd");
  expect(isResultsId(id)).toBe(true);
  expect(isResultsId("2026-11-23T0200Z")).toBe(false);
  expect(isResultsId("azure-trace")).toBe(false);
});
