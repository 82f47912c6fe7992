/** `./run bench NAME [REPETITIONS]`: measures through the command line, as a user would, and prints median and range. */
import { arch, cpus, platform, release } from "node:os";
import { benchPacing, benchSaturation } from "./bench/load.ts";
import { benchMainJob } from "./bench/main-job.ts";
import { benchSchedule } from "./bench/schedule.ts";
import { formatSummary, type Series } from "./bench/summary.ts";
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

const BENCHES: ReadonlyMap<string, (repetitions: number) => Promise<readonly Series[]>> = new Map([
  ["main-job", benchMainJob],
  ["pacing", benchPacing],
  ["saturation", benchSaturation],
  ["schedule", benchSchedule],
  ["check", benchCheck],
]);

const [name = "", count = "5"] = process.argv.slice(2);
const bench = BENCHES.get(name);
if (bench === undefined || !/^[1-9]\d?$/.test(count)) {
  console.error(`usage: ./run bench ${[...BENCHES.keys()].join("|")} [repetitions, 5 unless said]`);
  process.exit(2);
}
const series = await bench(Number(count));
console.log(
  `\nbench ${name} on ${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${platform()} ${release()} ${arch()}, Bun ${Bun.version}\n`,
);
console.log(formatSummary(series));
