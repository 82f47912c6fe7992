/** A client whose controller reads more slowly than it sends. */
import { expect, test } from "bun:test";
import { ClientProcess } from "#host/client-process.ts";
import { startClock } from "#host/clock.ts";
import { QUEUE_BYTES_MAX } from "#host/link.ts";
import { listen } from "#host/listener.ts";
import { requestFromWire, responseToWire } from "#host/wire-mapping.ts";
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import { ns } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import { ENDPOINTS } from "#wire/messages.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";

const INPUT_BYTES = 16 * 2 ** 20;
const REQUESTS = 40;
const MODELS = [{ model: "m", instances: 1 }];
const SIZES = { inputBytes: INPUT_BYTES, outputBytes: 10 };

const answerTo = (request: ClientRequest): ClientResponse | null => {
  const header = { userRequestId: request.userRequestId, status: 0, message: "" };
  if (request.kind === "load_model")
    return { ...header, kind: "load_model", modelId: 0, ...SIZES, copies: 1 };
  if (request.kind === "ls")
    return { ...header, kind: "ls", models: [{ modelId: 0, path: "/zoo/m/model", ...SIZES }] };
  return null;
};

test("more waiting than any peer may leave unread is no reason to leave a controller", async () => {
  expect(REQUESTS * INPUT_BYTES).toBeGreaterThan(QUEUE_BYTES_MAX);
  const listening = await listen({
    endpoint: ENDPOINTS.controllerForClients,
    clock: startClock(),
    host: "127.0.0.1",
    port: 0,
    accept: (link) => ({
      onMessage: (frame) => {
        const { messageId, message } = requestFromWire(frame);
        const answer = answerTo(message);
        if (answer !== null) link.send(responseToWire(answer, messageId));
        // From here on nothing is read.
        if (message.kind === "ls") link.pause();
      },
    }),
  });
  if (!listening.ok) throw new Error(listening.error.message);
  const seconds = 0.4;
  const times = { warmUpNs: ns(0), durationNs: ns(seconds * 1e9), coolDownNs: ns(0), inputs: true };
  const workload = { arrivals: "constant", ratePerS: REQUESTS / seconds, ...times } as const;
  const arrivals = createArrivalProcess({ workload, seed: 1, models: MODELS });
  if (!arrivals.ok) throw new Error("no arrivals");
  const lines: StatusLine[] = [];
  const client = new ClientProcess({
    host: "127.0.0.1",
    port: listening.value.port,
    secret: null,
    logDir: null,
    hasInputs: true,
    seed: 1,
    waitForStop: false,
    pacing: "nap",
    onLine: () => undefined,
    onStatus: (line) => void lines.push(line),
    load: {
      clientId: 0,
      models: MODELS,
      modelDir: "/zoo",
      arrivals: arrivals.value,
      warmUp: times.warmUpNs,
      duration: times.durationNs,
      coolDown: times.coolDownNs,
      slo: ns(25e6),
      readyLimit: ns(5e9),
      drainLimit: ns(100e6),
      outstandingMax: 1000,
      startWhenReady: true,
    },
  });
  expect(await client.run()).toEqual({ ok: true });
  expect(lines.filter(({ event }) => event === "error")).toEqual([]);
  await listening.value.close();
});
