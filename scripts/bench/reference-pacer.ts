/**
 * What this machine can do at best, and what a plain loop of timers does: notes how late a schedule's instants come
 * round. `timer` and `spin` send nothing; `send` is the spin that also hands ready-made requests to a null server's
 * socket and throws the answers away, because the system call of a send can take longer than all waiting.
 * `bun reference-pacer.ts timer|spin|send ARRIVALS RATE SECONDS [PORT]` prints lateness in ns as JSON.
 */
import { ns } from "#stdx/nanos.ts";
import { MessageBuffer } from "#wire/direct-fields.ts";
import { putInferenceRequest } from "#wire/inference.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";

const MODES = ["timer", "spin", "send"];
const [mode = "", arrivals = "", rate = "", seconds = "", port = ""] = process.argv.slice(2);
if (!MODES.includes(mode) || (arrivals !== "poisson" && arrivals !== "constant"))
  throw new Error("usage: reference-pacer.ts timer|spin|send poisson|constant RATE SECONDS [PORT]");

const made = createArrivalProcess({
  workload: {
    arrivals,
    ratePerS: Number(rate),
    warmUpNs: ns(0),
    durationNs: ns(Number(seconds) * 1e9),
    coolDownNs: ns(0),
    inputs: false,
  },
  seed: 1,
  models: [{ model: "resnet50_v2", instances: 1 }],
});
if (!made.ok) throw new Error(JSON.stringify(made.error));

// Made beforehand, so that neither loop pays for it.
const due: number[] = [];
while (made.value.nextAt() !== null) due.push(made.value.take().at);
const lateness = new Float64Array(due.length);
const cpuBefore = process.cpuUsage();
const start = Bun.nanoseconds() + 100e6;
let next = 0;

/** Requests in one write; more that are due follow in the next. */
const BATCH_MAX = 64;

/** Hands over what is due, then notes how late it was; returns the instant of the next, or null when none is left. */
const drain = (send: (count: number) => void): number | null => {
  for (;;) {
    const now = Bun.nanoseconds() - start;
    let count = 0;
    while (count < BATCH_MAX && (due[next + count] ?? Number.POSITIVE_INFINITY) <= now) count++;
    if (count === 0) return due[next] ?? null;
    send(count);
    const sent = Bun.nanoseconds() - start;
    for (const last = next + count; next < last; next++) lateness[next] = sent - (due[next] ?? 0);
  }
};

const sendNothing = (): void => {};

const finish = (): void => {
  const elapsedS = (Bun.nanoseconds() - start) / 1e9;
  const cpu = process.cpuUsage(cpuBefore);
  const sorted = lateness.sort();
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  const values = { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  const cpuShare = (cpu.user + cpu.system) / 1e6 / elapsedS;
  console.log(JSON.stringify({ ...values, perS: due.length / elapsedS, cpuShare }));
};

/** Inference requests as the generator sends them, one behind the other. */
const makeRequests = () => {
  const requests = new MessageBuffer(BATCH_MAX * 128);
  const request = { messageId: 0, userId: 0, userRequestId: 0, modelId: 0, batchSize: 1 };
  const stamps = { sendTimeHigh: 0, sendTimeLow: 0, localDeltaNs: 0n };
  for (let i = 0; i < BATCH_MAX; i++)
    putInferenceRequest(requests, { ...request, sloFactor: 0, input: new Uint8Array(0) }, stamps);
  return { bytes: requests.bytes, bytesEach: requests.length / BATCH_MAX };
};

const spinAndSend = async (): Promise<void> => {
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: Number(port),
    socket: { data() {} },
  });
  const { bytes, bytesEach } = makeRequests();
  const send = (count: number): void => {
    const wanted = count * bytesEach;
    if (socket.write(bytes.subarray(0, wanted)) !== wanted)
      throw new Error("the null server does not keep up");
  };
  const turn = (): void => {
    const at = drain(send);
    if (at === null) {
      finish();
      socket.terminate();
    } else {
      setImmediate(turn);
    }
  };
  turn();
};

if (mode === "spin") {
  while (drain(sendNothing) !== null);
  finish();
} else if (mode === "send") {
  await spinAndSend();
} else {
  const onTimer = (): void => {
    const at = drain(sendNothing);
    if (at === null) finish();
    else setTimeout(onTimer, Math.max(0, (at - (Bun.nanoseconds() - start)) / 1e6));
  };
  onTimer();
}
