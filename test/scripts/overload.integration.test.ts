/** One minute of ten times what can be served: the controller's memory stays, and everything is answered exactly once. */
import { expect, test } from "bun:test";
import { measureOverload } from "../../scripts/bench/overload.ts";

test("a minute of overload neither grows the controller nor loses a response or a row", async () => {
  const outcome = await measureOverload(60);
  expect(outcome.notOnce).toBe(0);
  expect(outcome.rows).toBe(outcome.sent);
  expect(outcome.byStatus.get(9)).toBeGreaterThan(0);
  expect(outcome.byStatus.get(0)).toBeGreaterThan(0);
  expect(outcome.refusedRows).toBe(outcome.byStatus.get(9) ?? 0);
  // Garbage comes and goes: a fifth, and no less than 20 MiB, is no growth; keeping what came would be hundreds of MiB.
  const most = outcome.firstMiB + Math.max(20, outcome.firstMiB / 5);
  expect(outcome.secondMiB).toBeLessThan(most);
}, 180_000);
