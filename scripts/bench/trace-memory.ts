/** How much memory the replay of a long trace takes: one day, a week, fourteen days, each in a process of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCountTrace } from "#cli/count-trace.ts";
import type { Workload } from "#experiment/resolved.ts";
import { ns, SECOND, ZERO_NS } from "#stdx/nanos.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { ROOT } from "../step.ts";
import { generateTrace } from "../trace/generate.ts";
import { peakMiB } from "./peak-memory.ts";
import type { Series } from "./summary.ts";

const FUNCTIONS = 5000;
const DAYS = [1, 7, 14] as const;
const MINUTES_PER_DAY = 1440;

const workloadOf = (days: number): Workload => ({
  arrivals: "azure-functions-2019",
  trace: "",
  startMinute: null,
  loadFactor: 0.1,
  timeCompression: 60,
  placement: "even",
  warmUpNs: ZERO_NS,
  durationNs: ns(days * MINUTES_PER_DAY * SECOND),
  coolDownNs: ZERO_NS,
  inputs: false,
});

interface Measured {
  readonly arrivals: number;
  readonly peakMiB: number;
}

const measureOne = (folder: string, days: number): Measured => {
  const read = readCountTrace(join(folder, `d{01..${String(days).padStart(2, "0")}}.csv`));
  if (!read.ok) throw new Error(read.error);
  const models = [{ model: "resnet50", instances: 64 }];
  const made = createArrivalProcess({
    workload: workloadOf(days),
    seed: 1,
    models,
    trace: read.value,
  });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  let arrivals = 0;
  for (; made.value.nextAt() !== null; arrivals++) made.value.take();
  return { arrivals, peakMiB: peakMiB() };
};

const measureInChild = (folder: string, days: number): Measured => {
  const command = ["bun", "run", import.meta.path, folder, String(days)];
  const child = Bun.spawnSync(command, { cwd: ROOT, stderr: "inherit" });
  if (child.exitCode !== 0) throw new Error(`measuring ${days} days failed`);
  return JSON.parse(child.stdout.toString()) as Measured;
};

/** Largest resident memory of a process that reads the days' files and goes through the whole schedule. */
export const benchTraceMemory = async (repetitions: number): Promise<readonly Series[]> => {
  const folder = mkdtempSync(join(tmpdir(), "escapement-days-"));
  try {
    for (let day = 1; day <= Math.max(...DAYS); day++) {
      const path = join(folder, `d${String(day).padStart(2, "0")}.csv`);
      const size = { functions: FUNCTIONS, minutes: MINUTES_PER_DAY, firstMinute: 1 };
      await Bun.write(path, generateTrace({ ...size, seed: 1, day }));
    }
    return DAYS.flatMap((days) => {
      const all = Array.from({ length: repetitions }, () => measureInChild(folder, days));
      const name = `${days} ${days === 1 ? "day" : "days"} of ${FUNCTIONS.toLocaleString("en-US")} functions`;
      return [
        {
          name: `${name}: requests`,
          unit: "M",
          values: all.map(({ arrivals }) => arrivals / 1e6),
        },
        { name: `${name}: peak memory`, unit: "MiB", values: all.map(({ peakMiB }) => peakMiB) },
      ];
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
};

if (import.meta.main) {
  const [folder = "", days = "1"] = process.argv.slice(2);
  console.log(JSON.stringify(measureOne(folder, Number(days))));
}
