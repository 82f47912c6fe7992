/** What one generator can do here, through its real path. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { measureGeneratorLimit } from "#host/generator-limit.ts";

test("a generator's limit is a rate, and measuring it leaves nothing behind", async () => {
  const measured = await measureGeneratorLimit();
  // A thousand is far below what the slowest machine does, a hundred million beyond any.
  expect(measured).toBeGreaterThan(1000);
  expect(measured).toBeLessThan(1e8);
  expect(
    readdirSync(tmpdir()).some((name) => name.startsWith(`escapement-limit-${process.pid}-`)),
  ).toBe(false);
});
