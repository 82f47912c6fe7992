/**
 * What this machine can do at best, and what a plain loop of timers does: notes how late a schedule's instants come
 * round, sending nothing. `bun reference-pacer.ts timer|spin ARRIVALS RATE SECONDS` prints lateness in ns as JSON.
 */
import { ns } from "#stdx/nanos.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";

const [mode = "", arrivals = "", rate = "", seconds = ""] = process.argv.slice(2);
if ((mode !== "timer" && mode !== "spin") || (arrivals !== "poisson" && arrivals !== "constant"))
  throw new Error("usage: reference-pacer.ts timer|spin poisson|constant RATE SECONDS");

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
const start = Bun.nanoseconds() + 50e6;
let next = 0;

/** Notes what is due; returns the instant of the next, or null when none is left. */
const drain = (): number | null => {
  for (;;) {
    const at = due[next];
    if (at === undefined) return null;
    const late = Bun.nanoseconds() - start - at;
    if (late < 0) return at;
    lateness[next++] = late;
  }
};

const finish = (): void => {
  const elapsedS = (Bun.nanoseconds() - start) / 1e9;
  const cpu = process.cpuUsage(cpuBefore);
  const sorted = lateness.sort();
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  const values = { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  const cpuShare = (cpu.user + cpu.system) / 1e6 / elapsedS;
  console.log(JSON.stringify({ ...values, perS: due.length / elapsedS, cpuShare }));
};

if (mode === "spin") {
  while (drain() !== null);
  finish();
} else {
  const onTimer = (): void => {
    const at = drain();
    if (at === null) finish();
    else setTimeout(onTimer, Math.max(0, (at - (Bun.nanoseconds() - start)) / 1e6));
  };
  onTimer();
}
