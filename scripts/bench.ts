/** `./run bench NAME [REPETITIONS]`: measures through the command line, as a user would, and prints median and range. */
import { arch, cpus, platform, release } from "node:os";
import { followLauncher } from "#cli/follow-launcher.ts";
import { benchCapacity, readCapacityOptions } from "./bench/clockwork-capacity.ts";
import { benchCodec } from "./bench/codec.ts";
import { benchLoad, readLoadOptions } from "./bench/generator-load.ts";
import { benchPacing, benchSaturation } from "./bench/load.ts";
import { benchMainJob } from "./bench/main-job.ts";
import { measureOverload } from "./bench/overload.ts";
import { benchSchedule } from "./bench/schedule.ts";
import { benchSimulation } from "./bench/simulation.ts";
import { formatSummary, type Series } from "./bench/summary.ts";
import { benchTraceMemory } from "./bench/trace-memory.ts";
import { runStep } from "./step.ts";

const benchCheck = async (repetitions: number): Promise<readonly Series[]> => {
  const values: number[] = [];
  for (let index = 0; index < repetitions; index++) {
    const { isOk, seconds, output } = await runStep({
      name: "check",
      command: ["bun", "run", "check"],
      timeoutMs: 600_000,
    });
    if (!isOk) throw new Error(`check fails, so its time says nothing:\n${output}`);
    values.push(seconds);
  }
  return [{ name: "check", unit: "s", values, goal: 60 }];
};

/** Measures some number of times; the text for people, or null when the options are not understood. */
type Bench = (repetitions: number, options: readonly string[]) => Promise<string | null>;

const withoutOptions =
  (measure: (repetitions: number) => Promise<readonly Series[]>): Bench =>
  async (repetitions, options) =>
    options.length > 0 ? null : formatSummary(await measure(repetitions));

const load: Bench = async (repetitions, args) => {
  const options = readLoadOptions(args);
  if (typeof options !== "string") return await benchLoad(repetitions, options);
  console.error(options);
  return null;
};

const controller: Bench = async (repetitions, args) => {
  const options = readCapacityOptions(args);
  if (typeof options !== "string") return await benchCapacity(repetitions, options);
  console.error(options);
  return null;
};

/** Fails like a test where memory grew, or a response or row is missing. */
const overload: Bench = async (_, args) => {
  const minutes = args[0] === "--minutes" && args.length === 2 ? Number(args[1]) : 1;
  if (!(minutes >= 1 && minutes <= 1440) || (args.length > 0 && args[0] !== "--minutes"))
    return null;
  const outcome = await measureOverload(minutes * 60);
  const { sent, notOnce, rows, firstMiB, secondMiB, byStatus } = outcome;
  const statuses = [...byStatus].toSorted(([a], [b]) => a - b);
  const isWhole = notOnce === 0 && rows === sent;
  const isFlat = secondMiB < firstMiB + Math.max(20, firstMiB / 5);
  if (!isWhole || !isFlat) process.exitCode = 1;
  return [
    `${sent} requests in ${minutes} min, answers by status: ${statuses.map(([status, n]) => `${status}: ${n}`).join(", ")}`,
    `not answered exactly once: ${notOnce}; rows in the request log: ${rows}`,
    `controller's resident memory, median: first half ${firstMiB.toFixed(1)} MiB, second half ${secondMiB.toFixed(1)} MiB`,
    isWhole && isFlat ? "flat and whole" : "NOT flat, or not whole",
  ].join("\n");
};

const BENCHES: ReadonlyMap<string, Bench> = new Map([
  ["main-job", withoutOptions(benchMainJob)],
  ["pacing", withoutOptions(benchPacing)],
  ["load", load],
  ["overload", overload],
  ["saturation", withoutOptions(benchSaturation)],
  ["schedule", withoutOptions(benchSchedule)],
  [
    "simulation",
    async (repetitions, args) => formatSummary(await benchSimulation(repetitions, args)),
  ],
  ["trace-memory", withoutOptions(benchTraceMemory)],
  ["controller", controller],
  ["codec", withoutOptions(benchCodec)],
  ["check", withoutOptions(benchCheck)],
]);

followLauncher(process.env, "bench");
const [name = "", ...rest] = process.argv.slice(2);
const [first = ""] = rest;
const hasCount = /^\d/.test(first);
const count = hasCount ? first : "5";
const bench = BENCHES.get(name);
const text =
  bench === undefined || !/^[1-9]\d{0,2}$/.test(count)
    ? null
    : await bench(Number(count), hasCount ? rest.slice(1) : rest);
if (text === null) {
  console.error(`usage: ./run bench ${[...BENCHES.keys()].join("|")} [repetitions, 5 unless said]`);
  process.exit(2);
}
console.log(
  `\nbench ${name} on ${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${platform()} ${release()} ${arch()}, Bun ${Bun.version}\n`,
);
console.log(text);
