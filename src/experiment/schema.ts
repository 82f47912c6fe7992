/** The keys of an experiment file, once, as schemas: what each key takes, which may be absent, and to which part it belongs. */
import { z } from "zod";
import { key, kindsOf, maybe } from "#experiment/key-schema.ts";
import { METRIC_NAMES } from "#experiment/language.ts";
import { noiseSchema } from "#experiment/noise-schema.ts";
import {
  between,
  choice,
  duration,
  fraction,
  type ReaderKind,
  scalar,
  size,
  text,
  whole,
  yesOrNo,
} from "#experiment/reading.ts";
import { partKinds, workloadKinds } from "#experiment/workload-schema.ts";
import type { Nanos } from "#stdx/nanos.ts";

/** The names that an experiment may use but that other parts of the program define. */
export interface KnownNames {
  /** Scheduling strategies by name. */
  readonly schedulers: readonly string[];
  /** What those schedulers do by default that are not as `DEFAULTS` says. */
  readonly schedulerDefaults?: ReadonlyMap<string, SchedulerDefaults>;
}

export interface SchedulerDefaults {
  readonly maxBatch: number;
  readonly scheduleAheadGeneratedNs: Nanos;
}

const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** Names of models are file and folder names on every host. */
const MODEL_NAME = /^[\w][\w.+-]*$/;
const INSTANCES_MAX = 100_000;

const metric = () => choice("metric", METRIC_NAMES);

const models = z
  .record(z.string(), key(whole({ least: 1, most: INSTANCES_MAX, of: "instances" })))
  .superRefine((value, context) => {
    const names = Object.keys(value);
    const add = (message: string, remedy: string, path: string[]) =>
      context.addIssue({ code: "custom", message, params: { remedy }, path });
    if (names.length === 0)
      add("no model is named", "at least one, such as { resnet50_v2: 4 }", []);
    for (const name of names.filter((each) => !MODEL_NAME.test(each))) {
      add(`"${name}" is no model name`, "letters, digits, and _ . + - after the first", [name]);
    }
  });

const systemSchema = (known: KnownNames) =>
  z.strictObject({
    scheduler: key(choice("scheduler", known.schedulers)),
    slo: key(duration("positive")),
    scheduleAhead: maybe(duration("zero")),
    maxExec: maybe(duration("positive")),
    maxBatch: maybe(whole({ least: 1, most: 1024, of: "largest batch size" })),
    maxGpus: maybe(whole({ least: 1, most: 100_000, of: "GPUs" })),
    generateInputs: maybe(yesOrNo()),
    workers: maybe(whole({ least: 1, most: 1000, of: "worker processes" })),
    gpusPerWorker: maybe(whole({ least: 1, most: 64, of: "GPUs of a worker" })),
    weightsCache: maybe(size()),
    pageSize: maybe(size()),
    profiles: key(
      text({
        due: 'a profile set by its name, such as "v100-table1", or the path of a CSV file or a folder of models',
        lengthMax: 4096,
      }),
    ),
    models,
    telemetryDialect: maybe(choice("telemetry dialect", ["documented", "original"])),
    noise: noiseSchema.optional(),
  });

const limitsSchema = z.strictObject({
  launch: maybe(duration("positive")),
  drain: maybe(duration("positive")),
});

/** What ends a run early; `over` is the stretch of time that each rule looks at. */
const STOP_RULES = {
  errorBudget: z.strictObject({
    share: key(fraction("share of the requests that ended", "zero")),
    over: key(duration("positive")),
  }),
  goodput: z.strictObject({
    atLeast: key(fraction("share of the scheduled requests", "positive")),
    over: key(duration("positive")),
  }),
  outstanding: z.strictObject({
    atMost: key(whole({ least: 1, most: 1_000_000_000, of: "requests outstanding" })),
    over: key(duration("positive")),
  }),
} as const;

const stopSchema = z.strictObject({
  errorBudget: STOP_RULES.errorBudget.optional(),
  goodput: STOP_RULES.goodput.optional(),
  outstanding: STOP_RULES.outstanding.optional(),
});

const checkSchema = z.strictObject({
  metric: key(choice("metric", [...METRIC_NAMES, "capacity"])),
  atLeast: maybe(scalar("bound")),
  atMost: maybe(scalar("bound")),
  when: z.record(z.string(), key(scalar("scalar"))).optional(),
});

const headlineSchema = z.strictObject({
  metric: key(metric()),
  against: key(text({ due: 'a path that the sweep varies, such as "system.slo"', lengthMax: 200 })),
});

const reportSchema = z.strictObject({ headline: headlineSchema.optional() });

const goalSchema = z.strictObject({
  atLeast: maybe(scalar("bound")),
  atMost: maybe(scalar("bound")),
});

const searchSchema = z.strictObject({
  over: key(
    text({ due: 'the path of a rate or a number, such as "workload.rate"', lengthMax: 200 }),
  ),
  from: key(scalar("bound")),
  to: key(scalar("bound")),
  goal: z.record(z.string(), goalSchema),
  resolution: maybe(between({ least: 0.001, most: 1, of: "step from a load to the next" })),
  confidence: maybe(between({ least: 0.5, most: 0.9999, of: "confidence" })),
  repetitionsMax: maybe(whole({ least: 3, most: 100, of: "runs of one load" })),
});

const SEED_MAX = 2 ** 52;

const rootSchema = z.strictObject({
  name: key(
    text({ due: 'a name in kebab-case, such as "slo-sweep"', lengthMax: 64, shape: KEBAB_CASE }),
  ),
  title: maybe(text({ due: "a title", lengthMax: 200 })),
  question: maybe(text({ due: "a question", lengthMax: 2000 })),
  seed: maybe(whole({ least: 0, most: SEED_MAX, of: "seed" })),
  /** The four parts that a sweep may change are judged apart, once for every point. */
  system: z.unknown().optional(),
  workload: z.unknown().optional(),
  sweep: z.record(z.string(), z.array(key(scalar("scalar")))).optional(),
  search: searchSchema.optional(),
  repetitions: maybe(whole({ least: 1, most: 10_000, of: "repetitions" })),
  checks: z.record(z.string(), checkSchema).optional(),
  report: reportSchema.optional(),
  limits: z.unknown().optional(),
  stop: z.unknown().optional(),
});

/** Order in which mistakes are listed. */
export const ROOT_KEYS: readonly string[] = Object.keys(rootSchema.shape);

/** The schemas of one experiment file, for the names that are known where it runs. */
export interface Schemas {
  readonly root: typeof rootSchema;
  readonly system: ReturnType<typeof systemSchema>;
  readonly limits: typeof limitsSchema;
  readonly stop: typeof stopSchema;
  readonly schedulerDefaults: ReadonlyMap<string, SchedulerDefaults>;
}

export type ParsedRoot = z.output<typeof rootSchema>;
export type ParsedSystem = z.output<Schemas["system"]>;
export type ParsedLimits = z.output<typeof limitsSchema>;
export type ParsedSearch = z.output<typeof searchSchema>;
export type ParsedStop = z.output<typeof stopSchema>;
export type ParsedCheck = z.output<typeof checkSchema>;

export const schemasFor = (known: KnownNames): Schemas => ({
  root: rootSchema,
  system: systemSchema(known),
  limits: limitsSchema,
  stop: stopSchema,
  schedulerDefaults: known.schedulerDefaults ?? new Map(),
});

const anyNames: KnownNames = { schedulers: [] };

/** Every path of a sweepable key with the kind of its value; `system.models.NAME` is apart, names being open. */
export const SWEEPABLE_PATHS: ReadonlyMap<string, ReaderKind> = new Map([
  ...kindsOf("system.", systemSchema(anyNames)),
  ...kindsOf("system.noise.", noiseSchema),
  ...workloadKinds("workload."),
  ...kindsOf("limits.", limitsSchema),
  ...Object.entries(STOP_RULES).flatMap(([rule, schema]) => kindsOf(`stop.${rule}.`, schema)),
]);

/** Keys of a mix's part that hold one value, `shape.KEY` included. */
export const PART_KINDS: ReadonlyMap<string, ReaderKind> = new Map(partKinds());

/** Every other path that holds one value; `checks.NAME.KEY` is apart, names being open. */
export const OTHER_PATHS: ReadonlyMap<string, ReaderKind> = new Map([
  ...kindsOf("", rootSchema),
  ...kindsOf("report.headline.", headlineSchema),
  ...kindsOf("search.", searchSchema),
]);

export const SEARCH_KEYS: readonly string[] = Object.keys(searchSchema.shape);

/** Keys of a goal of a search, `search.goal.METRIC.KEY`. */
export const GOAL_KEYS: ReadonlyMap<string, ReaderKind> = new Map(kindsOf("", goalSchema));

/** Keys of a check that hold one value. */
export const CHECK_KEYS: ReadonlyMap<string, ReaderKind> = new Map(kindsOf("", checkSchema));

export const MODELS_PREFIX = "system.models.";

const PART_PATH = /^workload\.parts\.[^.]+\.(.+)$/;

/** What a sweepable path takes, or null when there is no such key. */
export const sweepableKind = (path: string): ReaderKind | null => {
  if (path.startsWith(MODELS_PREFIX) && path.length > MODELS_PREFIX.length) return "count";
  const ofPart = PART_PATH.exec(path)?.[1];
  if (ofPart !== undefined) return PART_KINDS.get(ofPart) ?? null;
  return SWEEPABLE_PATHS.get(path) ?? null;
};
