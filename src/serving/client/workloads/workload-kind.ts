/** What the original client's workloads have in common: a name, arguments by position, and what they ask for and send. */
import type { ModelDemand } from "#serving/client/model-loader.ts";
import type { Streams } from "#serving/client/workloads/draws.ts";
import type { Workload } from "#serving/client/workloads/engine.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import type { TraceFunction } from "#workload/azure-trace.ts";

/** The models that a client can ask for. */
export interface Zoo {
  /** In order of their bytes. */
  readonly models: readonly string[];
  /** "/zoo", or the profile set that names them. */
  readonly source: string;
}

/** What a workload is made from, beside its arguments. */
export interface Surroundings {
  readonly zoo: Zoo;
  readonly streams: Streams;
  /** One day of the published trace; fails with what is wrong and what would be right. */
  readonly readTrace: (day: number) => Result<readonly TraceFunction[], string>;
}

/** A workload that is ready to run. */
export interface WorkloadPlan {
  /** In the order of loading; instances are numbered through. */
  readonly demands: readonly ModelDemand[];
  /** In the order of starting. */
  readonly workloads: readonly Workload[];
  /** Said before models are loaded. */
  readonly lines: readonly string[];
}

export interface WorkloadKind {
  readonly name: string;
  /** Its arguments: "num_models rate", "[model=resnet50_v2]". */
  readonly usage: string;
  readonly about: string;
  /** Fails with what is wrong with the arguments, the zoo or the trace. */
  readonly plan: (
    args: readonly string[],
    surroundings: Surroundings,
  ) => Result<WorkloadPlan, string>;
}

/** One argument; those that may be left out are the last ones. */
export interface Parameter<T> {
  /** The value as text that an absent argument stands for. */
  readonly fallback?: string;
  /** Null when the text is no such value. */
  readonly parse: (text: string) => T | null;
  /** "a whole number from 1 to 10". */
  readonly right: string;
}

type Parameters = Readonly<Record<string, Parameter<unknown>>>;
type Values<P extends Parameters> = {
  readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never;
};

const withFallback = <T>(parameter: Parameter<T>, fallback: string | undefined): Parameter<T> =>
  fallback === undefined ? parameter : { ...parameter, fallback };

export const whole = (min: number, max: number, fallback?: number): Parameter<number> =>
  withFallback(
    {
      parse: (text) =>
        /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : null,
      right: `a whole number from ${min} to ${max}`,
    },
    fallback?.toString(),
  );

/** A decimal number above 0. */
export const real = (min: number, max: number, fallback?: number): Parameter<number> =>
  withFallback(
    {
      parse: (text) =>
        /^(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?$/i.test(text) &&
        Number.parseFloat(text) >= min &&
        Number.parseFloat(text) <= max
          ? Number.parseFloat(text)
          : null,
      right: `a number from ${min} to ${max}`,
    },
    fallback?.toString(),
  );

export const flag = (fallback: boolean): Parameter<boolean> => ({
  parse: (text) => (text === "0" || text === "1" ? text === "1" : null),
  right: "0 or 1",
  fallback: fallback ? "1" : "0",
});

export const oneOf = <T extends string>(...choices: readonly T[]): Parameter<T> => ({
  parse: (text) => choices.find((choice) => choice === text) ?? null,
  right: choices.join(" or "),
});

export const modelName = (fallback?: string): Parameter<string> =>
  withFallback(
    { parse: (text) => (text === "" ? null : text), right: "the name of a model" },
    fallback,
  );

const usageOf = (parameters: Parameters): string =>
  Object.entries(parameters)
    .map(([name, { fallback }]) => (fallback === undefined ? name : `[${name}=${fallback}]`))
    .join(" ");

const readValues = <P extends Parameters>(
  parameters: P,
  args: readonly string[],
): Result<Values<P>, string> => {
  const entries = Object.entries(parameters);
  if (args.length > entries.length) {
    const surplus = args.slice(entries.length).join(" ");
    return err(`takes ${entries.length} arguments at most; too many: ${surplus}`);
  }
  const values: Record<string, unknown> = {};
  for (const [index, [name, { fallback, parse, right }]] of entries.entries()) {
    const text = args[index] ?? fallback;
    if (text === undefined) return err(`lacks its argument ${index + 1}, ${name}: ${right}`);
    const value = parse(text);
    if (value === null)
      return err(`has "${text}" for its argument ${index + 1}, ${name}; it must be ${right}`);
    values[name] = value;
  }
  return ok(values as Values<P>);
};

interface Definition<P extends Parameters> {
  readonly name: string;
  readonly about: string;
  readonly parameters: P;
  readonly plan: (values: Values<P>, surroundings: Surroundings) => Result<WorkloadPlan, string>;
}

const missingModel = (demands: readonly ModelDemand[], { models, source }: Zoo): string | null => {
  const missing = demands.find(({ model }) => !models.includes(model));
  if (missing === undefined) return null;
  const known = models.slice(0, 10).join(", ") + (models.length > 10 ? ", …" : "");
  return `needs the model ${missing.model}, which is not among the ${models.length} of ${source} (${known})`;
};

export const defineWorkload = <P extends Parameters>(definition: Definition<P>): WorkloadKind => ({
  name: definition.name,
  usage: usageOf(definition.parameters),
  about: definition.about,
  plan: (args, surroundings) => {
    const values = readValues(definition.parameters, args);
    if (!values.ok) return values;
    const plan = definition.plan(values.value, surroundings);
    if (!plan.ok) return plan;
    const missing = missingModel(plan.value.demands, surroundings.zoo);
    return missing === null ? plan : err(missing);
  },
});

export const DEFAULT_MODEL = "resnet50_v2";

/** The line of every look at the model zoo. */
export const foundLine = ({ zoo }: Surroundings): string =>
  `Found ${zoo.models.length} models in ${zoo.source}`;

/** 0, 1, … count − 1. */
export const indices = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => index);
