/** Both ends of every connection ask the kernel whether the other side still lives: one that vanishes is noticed. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startClock } from "#host/clock.ts";
import { connect } from "#host/link.ts";
import { listen } from "#host/listener.ts";
import { ENDPOINTS } from "#wire/messages.ts";

const isLinux = process.platform === "linux";
if (!isLinux)
  console.warn("keep-alive.test.ts: skipped, the kernel's timers are shown by Linux only");

/** Kind of timer that each established connection with this port at either end has; 2 is keep-alive. */
const timersOf = (port: number): readonly number[] => {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", remote = "", state]) => {
      const isOurs = local.endsWith(`:${hex}`) || remote.endsWith(`:${hex}`);
      return isOurs && state === "01";
    })
    .map((fields) => Number.parseInt(fields[5]?.split(":")[0] ?? "", 16));
};

test.skipIf(!isLinux)("both ends of a connection have a keep-alive timer", async () => {
  const clock = startClock();
  const accepted = Promise.withResolvers<void>();
  const host = "127.0.0.1";
  const listening = await listen({
    endpoint: ENDPOINTS.worker,
    clock,
    host,
    port: 0,
    accept: () => {
      accepted.resolve();
      return { onMessage: () => undefined };
    },
  });
  if (!listening.ok) throw new Error(listening.error.message);
  const { port } = listening.value;
  const connected = await connect({
    endpoint: ENDPOINTS.controllerForWorkers,
    clock,
    host,
    port,
    timeoutMs: 5_000,
    accept: () => ({ onMessage: () => undefined }),
  });
  if (!connected.ok) throw new Error(connected.error.message);
  await accepted.promise;
  expect(timersOf(port)).toEqual([2, 2]);
  await connected.value.close();
  await listening.value.close();
});
