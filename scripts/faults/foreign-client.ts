/** A client that is none of the run's, as a process of its own: `foreign-client.ts HOST:PORT RATE` sends until it is ended. */
import { startClock } from "#host/clock.ts";
import { connect } from "#host/link.ts";
import { EMPTY_PAYLOAD, requestToWire } from "#host/wire-mapping.ts";
import { ENDPOINTS } from "#wire/messages.ts";

const CONNECT_MS = 2000;
const [address = "", rate = ""] = process.argv.slice(2);
const [host = "", port = ""] = address.split(":");

let answered = 0;
const connected = await connect({
  endpoint: ENDPOINTS.client,
  clock: startClock(),
  host,
  port: Number(port),
  timeoutMs: CONNECT_MS,
  accept: () => ({
    onMessage: () => {
      answered++;
      if (answered === 1) console.log("answered");
    },
    onClose: ({ message }) => {
      console.log(message);
      process.exit(1);
    },
  }),
});
if (!connected.ok) throw new Error(connected.error.message);
const link = connected.value;
let sent = 0;
const startedMs = performance.now();
setInterval(() => {
  for (const due = ((performance.now() - startedMs) / 1000) * Number(rate); sent < due; sent++) {
    const common = { userId: 0, userRequestId: sent, kind: "infer", sloFactor: 0 } as const;
    const request = { ...common, modelId: 0, batchSize: 1, input: EMPTY_PAYLOAD };
    link.send(requestToWire(request, sent));
  }
}, 5);
