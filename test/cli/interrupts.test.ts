/** Signals: one per key press, however often it arrives. */
import { expect, test } from "bun:test";
import { takeInterrupts } from "#cli/interrupts.ts";
import { waitUntil } from "../support/marked-processes.ts";

test("the first asks for order, what follows at once is the same one, a later one asks for haste", async () => {
  const said: string[] = [];
  using interrupts = takeInterrupts((text) => said.push(text));
  process.emit("SIGINT");
  process.emit("SIGINT");
  expect(interrupts.interrupt.aborted).toBe(true);
  expect(interrupts.force.aborted).toBe(false);
  expect(said).toHaveLength(1);
  const start = performance.now();
  await waitUntil(() => performance.now() - start > 310, {
    limitMs: 5000,
    what: "a third of a second",
  });
  process.emit("SIGTERM");
  expect(interrupts.force.aborted).toBe(true);
  expect(said).toHaveLength(2);
});
