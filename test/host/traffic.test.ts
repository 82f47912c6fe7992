/** The line about the network to the workers, in the form that recorded consoles have. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Traffic } from "#host/traffic.ts";

const recorded = readFileSync(
  join(import.meta.dir, "../golden/console/slo-infer5-2gpu.txt"),
  "utf8",
)
  .split("\n")
  .filter((line) => line.startsWith("Network->Workers"));

test("without bodies it is the recorded line: 48 bytes per message, whole messages per second", () => {
  const traffic = new Traffic();
  // 471.9 messages a second each way, of 48 bytes: 0.02 MB/s.
  for (let i = 0; i < 4719; i++) {
    traffic.sent(0);
    traffic.received(0);
  }
  expect(recorded).toEqual([traffic.takeLine(10)]);
});

test("bodies count, in units of 2^20 bytes, and each line begins anew", () => {
  const traffic = new Traffic();
  // 20 bodies of 1 MiB less what counts for the head: 20 × 2^20 bytes in 10 s.
  for (let i = 0; i < 20; i++) traffic.sent(2 ** 20 - 48);
  expect(traffic.takeLine(10)).toBe(
    "Network->Workers: 2.0MB/s (2 msgs) snd, 0.0MB/s (0 msgs) rcv, ",
  );
  expect(traffic.takeLine(10)).toBe(
    "Network->Workers: 0.0MB/s (0 msgs) snd, 0.0MB/s (0 msgs) rcv, ",
  );
});
