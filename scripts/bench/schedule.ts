/** How fast schedules are made, and in how much memory: one process for each kind of arrivals, nothing is sent. */
import type { RateShape, Workload } from "#experiment/resolved.ts";
import { ns, SECOND, ZERO_NS } from "#stdx/nanos.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { ROOT } from "../step.ts";
import { generateTrace } from "../trace/generate.ts";
import { peakMiB } from "./peak-memory.ts";
import type { Series } from "./summary.ts";

const INSTANCES = 64;
/** Long enough for the compiler to have settled and for memory that grows to show. */
const REQUESTS = 4e6;
const RATE_PER_S = 1e5;
const NAME_PREFIX = "--one=";

const TIMES = {
  warmUpNs: ZERO_NS,
  durationNs: ns((REQUESTS / RATE_PER_S) * SECOND),
  coolDownNs: ZERO_NS,
  inputs: false,
};

const shaped = (shape: RateShape | undefined): Workload => ({
  ...TIMES,
  arrivals: "poisson",
  ratePerS: RATE_PER_S,
  ...(shape === undefined ? {} : { shape }),
});

const half = ns(TIMES.durationNs / 2);

/** Minutes and compression of the trace: 245 functions that are made up from published statistics. */
const TRACE_MINUTES = 480;

const replayed = (placement: "even" | "uniform" | "poisson"): Workload => ({
  ...TIMES,
  durationNs: ns(TRACE_MINUTES * SECOND),
  arrivals: "azure-functions-2019",
  trace: "",
  startMinute: null,
  loadFactor: 20,
  timeCompression: 60,
  placement,
});

const WORKLOADS: ReadonlyMap<string, () => Workload> = new Map<string, () => Workload>([
  ["constant", () => ({ ...TIMES, arrivals: "constant", ratePerS: RATE_PER_S })],
  ["poisson", () => shaped(undefined)],
  ["gamma, CV 2", () => ({ ...TIMES, arrivals: "gamma", ratePerS: RATE_PER_S, cv: 2 })],
  ["gamma, CV 0.5", () => ({ ...TIMES, arrivals: "gamma", ratePerS: RATE_PER_S, cv: 0.5 })],
  ["weibull, CV 2", () => ({ ...TIMES, arrivals: "weibull", ratePerS: RATE_PER_S, cv: 2 })],
  [
    "markov-modulated",
    () => ({
      ...TIMES,
      arrivals: "markov-modulated",
      states: [
        { ratePerS: RATE_PER_S / 2, meanNs: ns(SECOND / 10) },
        { ratePerS: RATE_PER_S * 1.5, meanNs: ns(SECOND / 10) },
      ],
    }),
  ],
  ["ramp", () => shaped({ kind: "ramp", toPerS: 1.5e5, startNs: ZERO_NS, overNs: half })],
  [
    "steps",
    () =>
      shaped({
        kind: "steps",
        steps: [
          { atNs: ns(half / 2), ratePerS: 2 * RATE_PER_S },
          { atNs: half, ratePerS: RATE_PER_S },
        ],
      }),
  ],
  [
    "bursts",
    () =>
      shaped({
        kind: "bursts",
        peakPerS: 2 * RATE_PER_S,
        everyNs: SECOND,
        lengthNs: ns(SECOND / 10),
        firstNs: SECOND,
      }),
  ],
  ["sine", () => shaped({ kind: "sine", amplitude: 0.5, periodNs: half, phase: 0 })],
  [
    "mix of four",
    () => ({
      ...TIMES,
      arrivals: "mix",
      parts: [0, 1, 2, 3].map((index) => ({
        name: `part-${index}`,
        models: null,
        load: { arrivals: "poisson", ratePerS: RATE_PER_S / 4 },
      })),
    }),
  ],
  ["245-function trace, even", () => replayed("even")],
  ["245-function trace, uniform", () => replayed("uniform")],
  ["245-function trace, poisson", () => replayed("poisson")],
]);

interface Measured {
  readonly arrivals: number;
  readonly cpuS: number;
  readonly peakMiB: number;
}

/** Makes one whole schedule and throws it away. */
const measureOne = (workload: Workload): Measured => {
  const traceCsv = generateTrace({
    functions: 245,
    minutes: TRACE_MINUTES,
    firstMinute: 481,
    seed: 1,
  });
  const made = createArrivalProcess({
    workload,
    seed: 1,
    models: [{ model: "resnet50", instances: INSTANCES }],
    traceCsv,
  });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  const before = process.cpuUsage();
  let arrivals = 0;
  while (made.value.nextAt() !== null) {
    made.value.take();
    arrivals++;
  }
  const { user, system } = process.cpuUsage(before);
  return { arrivals, cpuS: (user + system) / 1e6, peakMiB: peakMiB() };
};

const measureInChild = (name: string): Measured => {
  const child = Bun.spawnSync(["bun", "run", import.meta.path, `${NAME_PREFIX}${name}`], {
    cwd: ROOT,
    stderr: "inherit",
  });
  if (child.exitCode !== 0) throw new Error(`measuring "${name}" failed`);
  return JSON.parse(child.stdout.toString()) as Measured;
};

/** Arrivals per second of processor time, all threads of the process counted, and its largest resident size. */
export const benchSchedule = async (repetitions: number): Promise<readonly Series[]> =>
  [...WORKLOADS.keys()].flatMap((name) => {
    const all = Array.from({ length: repetitions }, () => measureInChild(name));
    return [
      {
        name,
        unit: "M arrivals/s/core",
        values: all.map(({ arrivals, cpuS }) => arrivals / cpuS / 1e6),
        goal: name.includes("trace") ? 5 : 1,
        isLeast: true,
      },
      { name: `${name}: peak memory`, unit: "MiB", values: all.map(({ peakMiB }) => peakMiB) },
    ];
  });

if (import.meta.main) {
  const name = process.argv.find((each) => each.startsWith(NAME_PREFIX))?.slice(NAME_PREFIX.length);
  const workload = WORKLOADS.get(name ?? "");
  if (workload === undefined) throw new Error(`there are ${[...WORKLOADS.keys()].join(", ")}`);
  console.log(JSON.stringify(measureOne(workload())));
}
