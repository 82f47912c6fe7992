/** Judges the three parts of an experiment that a run is made of, and fills in their defaults. */
import { toProblems } from "#experiment/issues.ts";
import { toNoise } from "#experiment/noise-schema.ts";
import { suggest } from "#experiment/problem.ts";
import type { Problem, RunSpec, StopRules, System, Workload } from "#experiment/resolved.ts";
import type { ParsedLimits, ParsedStop, ParsedSystem, Schemas } from "#experiment/schema.ts";
import { toWorkload } from "#experiment/to-workload.ts";
import { type ParsedWorkload, workloadSchema } from "#experiment/workload-schema.ts";
import { MILLISECOND, type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { formatDuration } from "#stdx/quantity.ts";

/** Values of keys of system and limits that an experiment leaves out, those of a scheduler apart that has its own; durations in ns. */
export const DEFAULTS = {
  scheduleAheadNs: ns(10 * MILLISECOND),
  /** The original's value when the controller invents inputs. */
  scheduleAheadGeneratedNs: ns(15 * MILLISECOND),
  maxExecNs: ns(250 * MILLISECOND),
  maxBatch: 8,
  maxGpus: 100,
  workers: 1,
  gpusPerWorker: 1,
  weightsCacheBytes: 23_085_449_216,
  pageSizeBytes: 16 * 2 ** 20,
  telemetryDialect: "documented",
  launchLimitNs: ns(30 * SECOND),
  drainLimitNs: ns(10 * SECOND),
} as const;

const toSystem = (parsed: ParsedSystem, { schedulerDefaults }: Schemas): System => {
  const generateInputs = parsed.generateInputs ?? false;
  const defaults = { ...DEFAULTS, ...schedulerDefaults.get(parsed.scheduler) };
  return {
    scheduler: parsed.scheduler,
    sloNs: parsed.slo,
    scheduleAheadNs:
      parsed.scheduleAhead ??
      (generateInputs ? defaults.scheduleAheadGeneratedNs : defaults.scheduleAheadNs),
    maxExecNs: parsed.maxExec ?? DEFAULTS.maxExecNs,
    maxBatch: parsed.maxBatch ?? defaults.maxBatch,
    maxGpus: parsed.maxGpus ?? DEFAULTS.maxGpus,
    generateInputs,
    workers: parsed.workers ?? DEFAULTS.workers,
    gpusPerWorker: parsed.gpusPerWorker ?? DEFAULTS.gpusPerWorker,
    weightsCacheBytes: parsed.weightsCache ?? DEFAULTS.weightsCacheBytes,
    pageSizeBytes: parsed.pageSize ?? DEFAULTS.pageSizeBytes,
    profiles: parsed.profiles,
    models: Object.entries(parsed.models).map(([model, instances]) => ({ model, instances })),
    telemetryDialect: parsed.telemetryDialect ?? DEFAULTS.telemetryDialect,
    // Absent when it is left out, so that plans without it are what they always were.
    ...(parsed.noise === undefined ? {} : { noise: toNoise(parsed.noise) }),
  };
};

/** What holds between keys of the system, once each of them is right by itself. */
const systemProblems = (system: System): readonly Problem[] => {
  if (system.pageSizeBytes <= system.weightsCacheBytes) return [];
  return [
    {
      path: "system.pageSize",
      value: `${system.pageSizeBytes} B`,
      message: `a page is larger than the whole weights cache (${system.weightsCacheBytes} B)`,
      remedy: "a page size that fits the cache many times, such as mebibytes(16)",
    },
  ];
};

/** Parts of a mix that ask for models which the system does not serve. */
const mixProblems = (system: System, workload: Workload): readonly Problem[] => {
  if (workload.arrivals !== "mix") return [];
  const known = system.models.map(({ model }) => model);
  return workload.parts.flatMap(({ name, models }) =>
    (models ?? []).flatMap((model, index) =>
      known.includes(model)
        ? []
        : [
            {
              path: `workload.parts.${name}.models[${index}]`,
              value: JSON.stringify(model),
              message: `system.models has no "${model}"`,
              remedy: suggest(model, known),
            },
          ],
    ),
  );
};

/** The parts of a run with all mistakes in them; `runSpec` only when there is none. */
export interface ParsedSections {
  readonly problems: readonly Problem[];
  readonly runSpec: RunSpec | null;
}

const part = (raw: unknown, name: string): unknown =>
  typeof raw === "object" && raw !== null
    ? (raw as Readonly<Record<string, unknown>>)[name]
    : undefined;

/** The load generators report once a second: a rule cannot look at less. */
const STRETCH_MIN = SECOND;

const toStop = (parsed: ParsedStop): StopRules => {
  const { errorBudget, goodput, outstanding } = parsed;
  return {
    ...(errorBudget && {
      errorBudget: { share: errorBudget.share, overNs: errorBudget.over },
    }),
    ...(goodput && { goodput: { atLeast: goodput.atLeast, overNs: goodput.over } }),
    ...(outstanding && { outstanding: { atMost: outstanding.atMost, overNs: outstanding.over } }),
  };
};

/** Stretches that a rule cannot look at: shorter than the time between two reports, or not within the measurement. */
const stretchProblems = (stop: StopRules, { durationNs }: Workload): readonly Problem[] =>
  Object.entries(stop).flatMap(([rule, { overNs }]: readonly [string, { overNs: Nanos }]) => {
    const found = { path: `stop.${rule}.over`, value: JSON.stringify(formatDuration(overNs)) };
    if (overNs < STRETCH_MIN) {
      const message = "load generators report once a second, so a rule cannot look at less";
      return [{ ...found, message, remedy: "at least 1s" }];
    }
    if (overNs < durationNs) return [];
    const message = `the measurement is over before the rule has seen so much: it lasts ${formatDuration(durationNs)}`;
    return [{ ...found, message, remedy: "less than workload.duration, or leave the rule out" }];
  });

const stopProblems = (stop: StopRules, workload: Workload): readonly Problem[] => {
  if (Object.keys(stop).length > 0) return stretchProblems(stop, workload);
  const remedy = "one of errorBudget, goodput and outstanding, or leave the key out";
  return [{ path: "stop", value: "{}", message: "no rule is given", remedy }];
};

/** Judges `system`, `workload`, `limits` and `stop` of a raw experiment. */
export const parseSections = (raw: unknown, schemas: Schemas): ParsedSections => {
  const rawWorkload = part(raw, "workload");
  const system = schemas.system.safeParse(part(raw, "system"));
  const workload = workloadSchema(part(rawWorkload, "arrivals")).safeParse(rawWorkload);
  const rawLimits = part(raw, "limits");
  const limits = schemas.limits.safeParse(rawLimits === undefined ? {} : rawLimits);
  const rawStop = part(raw, "stop");
  const stop = rawStop === undefined ? null : schemas.stop.safeParse(rawStop);
  const issuesOf = (
    prefix: string,
    result: typeof system | typeof workload | typeof limits | NonNullable<typeof stop>,
  ) => (result.success ? [] : toProblems(result.error.issues, { root: raw, prefix: [prefix] }));
  const problems = [
    ...issuesOf("system", system),
    ...(system.success ? systemProblems(toSystem(system.data, schemas)) : []),
    ...issuesOf("workload", workload),
    ...(system.success && workload.success
      ? mixProblems(toSystem(system.data, schemas), toWorkload(workload.data as ParsedWorkload))
      : []),
    ...issuesOf("limits", limits),
    ...(stop === null ? [] : issuesOf("stop", stop)),
    ...(stop?.success === true && workload.success
      ? stopProblems(toStop(stop.data), toWorkload(workload.data as ParsedWorkload))
      : []),
  ];
  if (problems.length > 0 || !system.success || !workload.success || !limits.success) {
    return { problems, runSpec: null };
  }
  // Only the lenient schema, which always fails on its unknown arrivals, has no such type.
  const parsed = workload.data as ParsedWorkload;
  const rules = stop?.success === true ? { stop: toStop(stop.data) } : {};
  const run = toRunSpec(toSystem(system.data, schemas), toWorkload(parsed), limits.data);
  return { problems, runSpec: { ...run, ...rules } };
};

const toRunSpec = (system: System, workload: Workload, limits: ParsedLimits): RunSpec => ({
  system,
  workload,
  launchLimitNs: limits.launch ?? DEFAULTS.launchLimitNs,
  drainLimitNs: limits.drain ?? DEFAULTS.drainLimitNs,
});
