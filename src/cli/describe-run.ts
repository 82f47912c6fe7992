/** Puts a planned run into named facts for the report, without reading any input again. */

import { noiseText } from "#cli/noise-text.ts";
import { stopLines } from "#cli/stop-lines.ts";
import type { Load, PlannedRun, ScalingDistance, System, Workload } from "#experiment/resolved.ts";
import { writtenValue } from "#report/format.ts";
import type { Fact, SweptValue } from "#report/model.ts";
import type { Nanos } from "#stdx/nanos.ts";
import { formatDuration, parseBytes, parseDuration, parseRate } from "#stdx/quantity.ts";
import type { Manifest } from "#telemetry/results.ts";
import {
  distanceText,
  formatText,
  sampleText,
  scalingText,
  startText,
} from "#workload/describe-replay.ts";
import { arrivalsText, isExact } from "#workload/load-text.ts";
import type { RequestTraceWorkload } from "#workload/request-trace.ts";
import { generatorsOf } from "#workload/share.ts";

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

const span = (value: Nanos): string => writtenValue(formatDuration(value));

const mebibytes = (bytes: number): string =>
  `${Number((bytes / 2 ** 20).toFixed(1)).toString()} MiB`;

/** The system under test as the plan has it. */
export const systemFacts = (
  system: System,
  shownPath: (path: string) => string,
): readonly Fact[] => {
  const instances = system.models.reduce((sum, { instances: count }) => sum + count, 0);
  const models = system.models.map(({ model, instances: count }) => `${count} × ${model}`);
  const each = system.workers === 1 ? "" : " each";
  const gpus = `${plural(system.gpusPerWorker, "simulated GPU")}${each}`;
  const isCapped = system.maxGpus < system.workers * system.gpusPerWorker;
  return [
    { name: "Scheduler", value: system.scheduler },
    { name: "Default SLO", value: span(system.sloNs) },
    {
      name: "Workers",
      value: `${plural(system.workers, "worker")} with ${gpus}${isCapped ? `; at most ${system.maxGpus} used` : ""}`,
    },
    {
      name: "Memory for weights",
      value: `${mebibytes(system.weightsCacheBytes)} per GPU in pages of ${mebibytes(system.pageSizeBytes)}`,
    },
    {
      name: system.profilesAreFolders ? "Model folders" : "Profile set",
      value: shownPath(system.profiles),
    },
    ...(system.noise === undefined ? [] : [{ name: "Noise", value: noiseText(system.noise) }]),
    { name: "Models", value: `${plural(instances, "instance")}: ${models.join(", ")}` },
    { name: "Schedule ahead", value: span(system.scheduleAheadNs) },
    {
      name: "Batches",
      value: `up to ${system.maxBatch}, predicted to take at most ${span(system.maxExecNs)}`,
    },
  ];
};

const compressionText = (factor: number): string => {
  if (factor === 1) return "none: one traced minute lasts a minute, rates are the trace's";
  const minute = `one traced minute lasts ${Number((60 / factor).toPrecision(4))} s and keeps its number of requests`;
  return factor > 1
    ? `${factor}-fold: ${minute}, so all rates are ${factor} times those of the trace`
    : `${factor}-fold: ${minute}, so all rates are 1/${Number((1 / factor).toPrecision(4))} of those of the trace`;
};

const traceFile = (path: string, manifest: Manifest | null): Fact => {
  const input = manifest?.inputs.find(({ role }) => role.includes("trace"));
  const hash = input === undefined ? "" : ` (SHA-256 ${input.sha256.slice(0, 16)}…)`;
  return { name: "Trace", value: `${path}${hash}` };
};

/** Where the requests of a function fall within their minute. */
const PLACEMENTS = {
  even: "requests of a function and minute evenly spaced; their numbers equal the trace's exactly",
  uniform:
    "requests of a function and minute each anywhere in it; their numbers equal the trace's exactly",
  poisson:
    "requests of a function and minute as a Poisson process with the traced count as its mean",
} as const;

const distanceFacts = (distance: ScalingDistance | undefined): readonly Fact[] =>
  distance === undefined ? [] : [{ name: "Distance", value: distanceText(distance) }];

const sampleFacts = (sample: number | undefined): readonly Fact[] =>
  sample === undefined ? [] : [{ name: "Functions", value: sampleText(sample) }];

const traceFacts = (
  workload: Extract<Workload, { arrivals: "azure-functions-2019" }>,
  manifest: Manifest | null,
): readonly Fact[] => {
  return [
    {
      name: "Arrivals",
      value: "open loop: replay of a trace in the format of Azure Functions 2019",
    },
    traceFile(workload.trace, manifest),
    {
      name: "First minute",
      value: workload.startMinute === null ? "the trace's first" : String(workload.startMinute),
    },
    { name: "Time compression", value: compressionText(workload.timeCompression) },
    {
      name: "Load factor",
      value:
        workload.loadFactor === 1
          ? "1: every count as traced"
          : `every count × ${workload.loadFactor}`,
    },
    ...sampleFacts(workload.sampleFunctions),
    {
      name: "Placement",
      value: PLACEMENTS[workload.placement],
    },
    ...distanceFacts(workload.distance),
    {
      name: "Mapping",
      value: "functions shuffled with the run's seed and dealt to the model instances in turn",
    },
  ];
};

const replayFacts = (
  workload: RequestTraceWorkload,
  manifest: Manifest | null,
): readonly Fact[] => [
  { name: "Arrivals", value: "open loop: replay of a trace, request by request" },
  traceFile(workload.trace, manifest),
  { name: "Format", value: formatText(workload) },
  { name: "Begins at", value: startText(workload) },
  { name: "Scaling", value: scalingText(workload) },
  ...distanceFacts(workload.distance),
];

const loadText = (load: Load): string => {
  if (load.arrivals !== "closed-loop") return `open loop: ${arrivalsText(load)} in all`;
  const pause = load.thinkTimeNs === 0 ? "at once" : `after ${span(load.thinkTimeNs)}`;
  const outstanding = `${plural(load.concurrency, "request")} outstanding per instance`;
  return `closed loop: ${outstanding}, each followed ${pause} by the next`;
};

const arrivalFacts = (workload: Workload, manifest: Manifest | null): readonly Fact[] => {
  if (workload.arrivals === "azure-functions-2019") return traceFacts(workload, manifest);
  if (workload.arrivals === "trace") return replayFacts(workload, manifest);
  if (workload.arrivals === "servegen") {
    return [
      { name: "Arrivals", value: "open loop: ServeGen's client windows" },
      traceFile(workload.trace, manifest),
      { name: "Begins at", value: workload.startNs === 0 ? "the start" : span(workload.startNs) },
      { name: "Time compression", value: compressionText(workload.timeCompression) },
      { name: "Load factor", value: `every rate × ${workload.loadFactor}` },
      ...distanceFacts(workload.distance),
    ];
  }
  if (workload.arrivals === "recorded") {
    const value = "open loop: exact replay of a recorded schedule";
    return [{ name: "Arrivals", value }, traceFile(workload.trace, manifest)];
  }
  if (workload.arrivals === "mix") {
    const parts = workload.parts.map(({ name, models, load }) => ({
      name: `Class ${name}`,
      value: `${loadText(load)}, over the instances of ${models === null ? "all models" : models.join(", ")}`,
    }));
    const value = `a mix of ${plural(parts.length, "load")}, each with its own seed`;
    return [{ name: "Arrivals", value }, ...parts];
  }
  const spread = workload.arrivals === "closed-loop" ? "" : ", spread evenly over the instances";
  return [{ name: "Arrivals", value: `${loadText(workload)}${spread}` }];
};

/** The workload as the plan has it; a trace is named with the checksum that the manifest noted. */
export const workloadFacts = (
  run: PlannedRun,
  manifest: Manifest | null,
  shownPath: (path: string) => string,
): readonly Fact[] => {
  const workload =
    "trace" in run.workload
      ? { ...run.workload, trace: shownPath(run.workload.trace) }
      : run.workload;
  const generators = generatorsOf(workload);
  return [
    ...arrivalFacts(workload, manifest),
    {
      name: "Phases",
      value: `${span(workload.warmUpNs)} warm-up, ${span(workload.durationNs)} measured, ${span(workload.coolDownNs)} cool-down`,
    },
    ...(generators === 1
      ? []
      : [
          {
            name: "Load generators",
            value: `${generators} processes that share one schedule, request by request in turn`,
          },
        ]),
    ...stopLines(run).map((value) => ({ name: "Ends early", value })),
    { name: "Inputs", value: workload.inputs ? "of the models' sizes" : "empty" },
    { name: "Seed", value: String(run.seed) },
  ];
};

const positionOf = (value: string | number | boolean): number | null => {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return null;
  return parseDuration(value) ?? parseRate(value) ?? parseBytes(value);
};

/** A swept value with its place on a number line. */
export const sweptValue = (swept: {
  readonly path: string;
  readonly value: string | number | boolean;
}): SweptValue => ({ ...swept, position: positionOf(swept.value) });

/** Whether the number of requests that the arrival process announces is exact or a mean. */
export const isExpectedExact = (workload: Workload): boolean => {
  if (workload.arrivals === "azure-functions-2019") return workload.placement === "even";
  if (workload.arrivals === "trace" || workload.arrivals === "recorded") return true;
  if (workload.arrivals === "servegen") return false;
  if (workload.arrivals === "mix") return workload.parts.every(({ load }) => isExact(load));
  return isExact(workload);
};

const isSteadyLoad = (load: Load): boolean => {
  if (load.arrivals === "closed-loop") return true;
  return load.arrivals !== "markov-modulated" && load.shape === undefined;
};

/** Whether the load is meant to be the same all along: neither a trace nor a changing rate. */
export const isSteady = (workload: Workload): boolean => {
  if ("trace" in workload) return false;
  if (workload.arrivals === "mix") return workload.parts.every(({ load }) => isSteadyLoad(load));
  return isSteadyLoad(workload);
};
