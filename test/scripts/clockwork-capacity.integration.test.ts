/** One short measurement of the controller benchmark, with its three real processes. */
import { expect, test } from "bun:test";
import { measureCapacity } from "../../scripts/bench/clockwork-capacity.ts";
import { RoleProcess } from "../../scripts/bench/role-process.ts";

test("an open loop's window has about as many responses as were offered", async () => {
  const row = { scheduler: "INFER4", gpus: 1, load: "open" } as const;
  const figures = await measureCapacity(row, { seed: 1, seconds: 1 });
  // 350 a second are due: five standard deviations are 94, and a busy machine delays some.
  expect(figures.responses_per_s).toBeGreaterThan(200);
  expect(figures.responses_per_s).toBeLessThan(500);
  expect(figures.goodput_per_s).toBeLessThanOrEqual(figures.responses_per_s);
  expect(figures.controller_cores).toBeGreaterThan(0);
  // A batch of one takes 2.73 ms.
  expect(figures.p50_ms).toBeGreaterThan(2.7);
  expect(figures.controller_mb).toBeGreaterThan(10);
}, 60_000);

test("a role that ends before it has said what is awaited is an error with its last words", async () => {
  await using role = new RoleProcess([
    "controller",
    "INFER4",
    "127.0.0.1:1",
    "--connect-timeout",
    "1ms",
    "--client-port",
    "0",
    "--lifeline",
  ]);
  const ending = await role.status("ready").then(() => "ready", String);
  expect(ending).toContain("cannot connect to 127.0.0.1:1");
});
