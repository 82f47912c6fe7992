/** The keys of a workload as schemas: one for each arrival process, each shape of the rate, and each part of a mix. */
import { z } from "zod";
import { chosenBy, key, kindsOf, maybe } from "#experiment/key-schema.ts";
import {
  choice,
  duration,
  fraction,
  type Reader,
  type ReaderKind,
  rate,
  text,
  variation,
  whole,
  yesOrNo,
} from "#experiment/reading.ts";
import { azureFunctions2019, recorded, requestTrace, servegen } from "#experiment/trace-schemas.ts";
import { err } from "#stdx/result.ts";

/** The arrival processes, as `workload.arrivals` names them. */
export const ARRIVALS = [
  "poisson",
  "constant",
  "gamma",
  "weibull",
  "markov-modulated",
  "closed-loop",
  "azure-functions-2019",
  "trace",
  "servegen",
  "recorded",
  "mix",
] as const;

type Arrivals = (typeof ARRIVALS)[number];

/** Arrival processes that can be a part of a mix. */
const PART_ARRIVALS = [
  "poisson",
  "constant",
  "gamma",
  "weibull",
  "markov-modulated",
  "closed-loop",
] as const satisfies readonly Arrivals[];

type PartArrivals = (typeof PART_ARRIVALS)[number];

/** The shapes of a rate, as `workload.shape.kind` names them. */
const SHAPE_KINDS = ["ramp", "steps", "bursts", "sine"] as const;

/** Lists are written by hand: longer ones are a slip. */
const STEPS_MAX = 10_000;
const STATES_MAX = 100;
/** Shorter states cost more to go through than requests, and a poisson load of their mean is no different. */
const STATE_MEAN_MIN = 100_000;
const PARTS_MAX = 100;
const GENERATORS_MAX = 64;

const CLASS_NAME = /^[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?$/;

const refusal = (message: string, remedy: string, path: PropertyKey[] = []) => ({
  code: "custom" as const,
  message,
  params: { remedy },
  path,
});

const shapeKind = () => choice("shape", SHAPE_KINDS);

const ramp = z.strictObject({
  kind: key(shapeKind()),
  to: key(rate("zero")),
  start: maybe(duration("zero")),
  over: key(duration("positive")),
});

const step = z.strictObject({ at: key(duration("positive")), rate: key(rate("zero")) });

const steps = z.strictObject({
  kind: key(shapeKind()),
  steps: z.array(step).superRefine((list, context) => {
    if (list.length === 0) {
      context.addIssue(refusal("the list is empty", "at least one { at: …, rate: … }"));
    }
    if (list.length > STEPS_MAX) {
      context.addIssue(refusal(`${list.length} steps are too many`, `at most ${STEPS_MAX}`));
    }
    const late = list.findIndex(
      (each, index) => index > 0 && each.at <= (list[index - 1]?.at ?? 0),
    );
    if (late > 0) {
      const message = `step [${late}] is not after step [${late - 1}]`;
      context.addIssue(refusal(message, "steps in rising order, each instant once", [late, "at"]));
    }
  }),
});

const bursts = z.strictObject({
  kind: key(shapeKind()),
  peak: key(rate("zero")),
  every: key(duration("positive")),
  length: key(duration("positive")),
  first: maybe(duration("zero")),
});

const boundedBursts = bursts.superRefine((shape, context) => {
  if (shape.length < shape.every) return;
  const message = "a burst lasts as long as the time between two bursts, or longer";
  context.addIssue(refusal(message, "a length that is less than every", ["length"]));
});

const sine = z.strictObject({
  kind: key(shapeKind()),
  amplitude: key(fraction("swing as a share of the rate", "positive")),
  period: key(duration("positive")),
  phase: maybe(fraction("part of a period", "zero")),
});

const SHAPES = { ramp, steps, bursts, sine } as const satisfies Record<
  (typeof SHAPE_KINDS)[number],
  z.ZodObject
>;

type ParsedShape =
  | (z.output<typeof ramp> & { readonly kind: "ramp" })
  | (z.output<typeof steps> & { readonly kind: "steps" })
  | (z.output<typeof bursts> & { readonly kind: "bursts" })
  | (z.output<typeof sine> & { readonly kind: "sine" });

/** Only tells what is wrong with the kind itself; the other keys cannot be judged without it. */
const someShape = z.looseObject({ kind: key(shapeKind()) });

const member = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;

const oneOf = <T extends string>(value: unknown, names: readonly T[]): T | null =>
  names.find((name) => name === value) ?? null;

const shapeSchema = (value: unknown): z.ZodType<ParsedShape> => {
  const kind = oneOf(member(value, "kind"), SHAPE_KINDS);
  const schema = kind === null ? someShape : kind === "bursts" ? boundedBursts : SHAPES[kind];
  // The kind was looked at above, which the schemas do not show.
  return schema as unknown as z.ZodType<ParsedShape>;
};

const times = {
  warmUp: maybe(duration("zero")),
  duration: key(duration("positive")),
  coolDown: maybe(duration("zero")),
  inputs: maybe(yesOrNo()),
  generators: maybe(whole({ least: 1, most: GENERATORS_MAX, of: "load generator processes" })),
};

const users = maybe(whole({ least: 1, most: 1_000_000, of: "users" }));

const openLoop = { rate: key(rate()), shape: chosenBy(shapeSchema).optional(), users };

const renewal = { ...openLoop, cv: key(variation()) };

const state = z.strictObject({ rate: key(rate("zero")), mean: key(duration("positive")) });

const markovModulated = {
  states: z.array(state).superRefine((list, context) => {
    if (list.length < 2) {
      const message = `${list.length === 0 ? "no state is" : "only one state is"} given`;
      const remedy = 'at least two { rate: …, mean: … }; for one rate, arrivals "poisson"';
      context.addIssue(refusal(message, remedy));
    } else if (list.every((each) => each.rate === 0)) {
      context.addIssue(refusal("no state offers any load", "one rate above 0/s"));
    }
    const short = list.findIndex(({ mean }) => mean < STATE_MEAN_MIN);
    if (short >= 0) {
      const message = "a state ends before anything could be sent in it";
      context.addIssue(refusal(message, "at least 100us", [short, "mean"]));
    }
    if (list.length > STATES_MAX) {
      context.addIssue(refusal(`${list.length} states are too many`, `at most ${STATES_MAX}`));
    }
  }),
  users,
};

const closedLoop = {
  concurrency: key(
    whole({ least: 1, most: 100_000, of: "outstanding requests per model instance" }),
  ),
  thinkTime: maybe(duration("zero")),
};

const modelNames = z
  .array(key(text({ due: "the name of a model of system.models", lengthMax: 200 })))
  .superRefine((list, context) => {
    if (list.length === 0) {
      const remedy = "at least one model, or leave the key out for all of them";
      context.addIssue(refusal("the list is empty", remedy));
    }
    const twice = list.findIndex((name, index) => list.indexOf(name) < index);
    if (twice > 0) {
      const message = `"${list[twice]}" is listed twice`;
      context.addIssue(refusal(message, "every model once", [twice]));
    }
  })
  .optional();

const named = { arrivals: key(choice("arrival process", ARRIVALS)) };

/** One that is known, but not as a part, is no slip of the pen. */
const partArrivals = (): Reader<PartArrivals> => {
  const { kind, read } = choice("arrival process of a part", PART_ARRIVALS);
  return {
    kind,
    read: (value) => {
      const known = oneOf(value, ARRIVALS);
      if (known === null || oneOf(known, PART_ARRIVALS) !== null) return read(value);
      const all = PART_ARRIVALS.map((name) => `"${name}"`).join(", ");
      return err({
        message: `"${known}" cannot be a part of a mix, only a workload of its own`,
        remedy: `one of ${all}`,
      });
    },
  };
};

const partNamed = {
  arrivals: key(partArrivals()),
  models: modelNames,
};

const PARTS = {
  poisson: z.strictObject({ ...partNamed, ...openLoop }),
  constant: z.strictObject({ ...partNamed, ...openLoop }),
  gamma: z.strictObject({ ...partNamed, ...renewal }),
  weibull: z.strictObject({ ...partNamed, ...renewal }),
  "markov-modulated": z.strictObject({ ...partNamed, ...markovModulated }),
  "closed-loop": z.strictObject({ ...partNamed, ...closedLoop }),
} as const satisfies Record<PartArrivals, z.ZodObject>;

const somePart = z.looseObject({ ...partNamed });

type With<Schema extends z.ZodType, Names extends Arrivals> = Omit<z.output<Schema>, "arrivals"> & {
  readonly arrivals: Names;
};

/** A part of a mix, judged. */
export type ParsedPart =
  | With<(typeof PARTS)["poisson"], "poisson" | "constant">
  | With<(typeof PARTS)["gamma"], "gamma" | "weibull">
  | With<(typeof PARTS)["markov-modulated"], "markov-modulated">
  | With<(typeof PARTS)["closed-loop"], "closed-loop">;

const partSchema = (value: unknown): z.ZodType<ParsedPart> => {
  const arrivals = oneOf(member(value, "arrivals"), PART_ARRIVALS);
  return (arrivals === null ? somePart : PARTS[arrivals]) as unknown as z.ZodType<ParsedPart>;
};

const mix = {
  parts: z.record(z.string(), chosenBy(partSchema)).superRefine((parts, context) => {
    const names = Object.keys(parts);
    if (names.length === 0) {
      const remedy = 'at least one, such as { interactive: { arrivals: "poisson", rate: … } }';
      context.addIssue(refusal("no part is given", remedy));
    }
    if (names.length > PARTS_MAX) {
      context.addIssue(refusal(`${names.length} parts are too many`, `at most ${PARTS_MAX}`));
    }
    for (const name of names.filter((each) => !CLASS_NAME.test(each))) {
      const remedy = "letters and digits, with _ and - between them";
      context.addIssue(refusal(`"${name}" is no class name`, remedy, [name]));
    }
  }),
};

const WORKLOADS = {
  poisson: z.strictObject({ ...named, ...times, ...openLoop }),
  constant: z.strictObject({ ...named, ...times, ...openLoop }),
  gamma: z.strictObject({ ...named, ...times, ...renewal }),
  weibull: z.strictObject({ ...named, ...times, ...renewal }),
  "markov-modulated": z.strictObject({ ...named, ...times, ...markovModulated }),
  "closed-loop": z.strictObject({ ...named, ...times, ...closedLoop }),
  "azure-functions-2019": z.strictObject({ ...named, ...times, ...azureFunctions2019 }),
  trace: z.strictObject({ ...named, ...times, ...requestTrace }),
  servegen: z.strictObject({ ...named, ...times, ...servegen }),
  recorded: z.strictObject({ ...named, ...times, ...recorded }),
  mix: z.strictObject({ ...named, ...times, ...mix }),
} as const satisfies Record<Arrivals, z.ZodObject>;

export type ParsedWorkload =
  | With<(typeof WORKLOADS)["poisson"], "poisson" | "constant">
  | With<(typeof WORKLOADS)["gamma"], "gamma" | "weibull">
  | With<(typeof WORKLOADS)["markov-modulated"], "markov-modulated">
  | With<(typeof WORKLOADS)["closed-loop"], "closed-loop">
  | With<(typeof WORKLOADS)["azure-functions-2019"], "azure-functions-2019">
  | With<(typeof WORKLOADS)["trace"], "trace">
  | With<(typeof WORKLOADS)["servegen"], "servegen">
  | With<(typeof WORKLOADS)["recorded"], "recorded">
  | With<(typeof WORKLOADS)["mix"], "mix">;

export type { ParsedShape };

/** For a workload whose arrival process is unknown: what all have in common is judged, the rest let pass. */
const someWorkload = z.looseObject({ ...named, ...times });

/** Only a plain CSV file has to say where its instants are, the published formats fix it; few name functions. */
const requestTraceOf = WORKLOADS.trace.superRefine((value, context) => {
  if (value.sampleFunctions !== undefined && value.format !== "azure-functions-2021") {
    const message = `the format "${value.format}" does not name functions`;
    const remedy = "remove it, and thin the trace with workload.loadFactor";
    context.addIssue(refusal(message, remedy, ["sampleFunctions"]));
  }
  if (value.format === "csv" || value.format === "parquet") {
    if (value.column !== undefined) return;
    const remedy = "the name of the column of instants, as the first line has it";
    context.addIssue(refusal("the key is missing", remedy, ["column"]));
    return;
  }
  for (const name of ["column", "unit"] as const) {
    if (value[name] === undefined) continue;
    const message = `the format "${value.format}" says itself where its instants are`;
    context.addIssue(refusal(message, 'remove it, or set workload.format to "csv"', [name]));
  }
});

/** The schema of a workload with these arrivals; a lenient one when they are unknown. */
export const workloadSchema = (arrivals: unknown) => {
  const known = oneOf(arrivals, ARRIVALS);
  if (known === "trace") return requestTraceOf;
  return known === null ? someWorkload : WORKLOADS[known];
};

/** Arrival processes that take this key of a workload; none for a key that no workload has. */
export const arrivalsWith = (name: string): readonly string[] =>
  ARRIVALS.filter((arrivals) => Object.hasOwn(WORKLOADS[arrivals].shape, name));

/** Arrival processes of a part that take this key. */
const partArrivalsWith = (name: string): readonly string[] =>
  PART_ARRIVALS.filter((arrivals) => Object.hasOwn(PARTS[arrivals].shape, name));

const shapesWith = (name: string): readonly string[] =>
  SHAPE_KINDS.filter((kind) => Object.hasOwn(SHAPES[kind].shape, name));

/** A group of keys whose content depends on one of them. */
export interface KeyGroup {
  /** The key that decides: "arrivals" or "kind". */
  readonly decidedBy: string;
  /** Keys that the group may have as it is; all keys of any kind when what decides is unknown. */
  readonly keys: readonly string[];
  /** What decides must be one of these for the group to have this key. */
  readonly ownersOf: (name: string) => readonly string[];
}

const keyGroup = (
  schemas: Readonly<Record<string, z.ZodObject>>,
  decidedBy: string,
  value: unknown,
): KeyGroup => {
  const decider = member(value, decidedBy);
  const own = typeof decider === "string" && Object.hasOwn(schemas, decider) ? [decider] : null;
  const names = (own ?? Object.keys(schemas)).flatMap((name) =>
    Object.keys(schemas[name]?.shape ?? {}),
  );
  const ownersOf =
    schemas === SHAPES ? shapesWith : schemas === PARTS ? partArrivalsWith : arrivalsWith;
  return { decidedBy, keys: [...new Set(names)], ownersOf };
};

/** The group of keys at this path below `workload`, whose value is `value`; null where no such group lies. */
export const workloadGroup = (path: readonly PropertyKey[], value: unknown): KeyGroup | null => {
  if (path.length === 0) return keyGroup(WORKLOADS, "arrivals", value);
  const [first, second, ...rest] = path;
  if (first === "parts" && second !== undefined) {
    if (rest.length === 0) return keyGroup(PARTS, "arrivals", value);
    return workloadGroup(rest, value);
  }
  if (first === "shape" && second === undefined) return keyGroup(SHAPES, "kind", value);
  const item = first === "states" ? state : first === "shape" ? step : null;
  if (item === null) return null;
  return { decidedBy: "", keys: Object.keys(item.shape), ownersOf: () => [] };
};

const shapeKinds = (prefix: string): [string, ReaderKind][] =>
  SHAPE_KINDS.flatMap((kind) => kindsOf(`${prefix}shape.`, SHAPES[kind]));

/** Paths of the keys of a workload that take one value, with what they take. */
export const workloadKinds = (prefix: string): [string, ReaderKind][] => [
  ...ARRIVALS.flatMap((arrivals) => kindsOf(prefix, WORKLOADS[arrivals])),
  ...shapeKinds(prefix),
];

/** The same for a part of a mix, without a prefix. */
export const partKinds = (): [string, ReaderKind][] => [
  ...PART_ARRIVALS.flatMap((arrivals) => kindsOf("", PARTS[arrivals])),
  ...shapeKinds(""),
];
