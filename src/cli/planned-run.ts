/** Reads one run of a stored plan, as much of it as a role needs, with a clear word about what is wrong with it. */
import type { Plan, PlannedRun } from "#experiment/resolved.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { fromStoredKeys } from "#stdx/stored-keys.ts";
import { RESULTS_SCHEMA_VERSION } from "#telemetry/results.ts";

type Loose = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isPositive = (value: unknown): boolean =>
  typeof value === "number" && Number.isFinite(value) && value > 0;

type Rule = (value: unknown) => boolean;

const isCount: Rule = (value) => isWhole(value) && value !== 0;
const isRate: Rule = (value) => typeof value === "number" && Number.isFinite(value) && value >= 0;
const isAbsentOr =
  (rule: Rule): Rule =>
  (value) =>
    value === undefined || rule(value);
const hasAll =
  (rules: Readonly<Record<string, Rule>>): Rule =>
  (value) =>
    isObject(value) && Object.entries(rules).every(([key, isRight]) => isRight(value[key]));
const isListOf =
  (rule: Rule): Rule =>
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every(rule);

const SHAPES: Readonly<Record<string, Rule>> = {
  ramp: hasAll({ toPerS: isRate, startNs: isWhole, overNs: isPositive }),
  steps: hasAll({ steps: isListOf(hasAll({ atNs: isWhole, ratePerS: isRate })) }),
  bursts: hasAll({ peakPerS: isRate, everyNs: isPositive, lengthNs: isPositive, firstNs: isWhole }),
  sine: hasAll({ amplitude: isPositive, periodNs: isPositive, phase: isRate }),
};

const isShape: Rule = (value) =>
  isObject(value) && (SHAPES[String(value["kind"])]?.(value) ?? false);

const OPEN_LOOP = {
  ratePerS: isPositive,
  shape: isAbsentOr(isShape),
  users: isAbsentOr(isPositive),
};
const RENEWAL = { ...OPEN_LOOP, cv: isPositive };

/** Keys that a load of each kind needs, whether it is a workload or a part of one. */
const LOAD_KEYS: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  poisson: OPEN_LOOP,
  constant: OPEN_LOOP,
  gamma: RENEWAL,
  weibull: RENEWAL,
  "markov-modulated": {
    states: isListOf(hasAll({ ratePerS: isRate, meanNs: isPositive })),
    users: isAbsentOr(isPositive),
  },
  "closed-loop": { concurrency: isCount, thinkTimeNs: isWhole },
};

const isLoad: Rule = (value) => {
  const keys = isObject(value) ? LOAD_KEYS[String(value["arrivals"])] : undefined;
  return keys !== undefined && hasAll(keys)(value);
};

const isText: Rule = (value) => typeof value === "string";

/** Keys of a workload that each kind of arrivals needs beside the common ones. */
const ARRIVAL_KEYS: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  ...LOAD_KEYS,
  mix: {
    parts: isListOf(
      hasAll({
        name: isText,
        models: (value) => value === null || isListOf(isText)(value),
        load: isLoad,
      }),
    ),
  },
  trace: {
    trace: isText,
    format: isText,
    column: (value) => value === null || isText(value),
    unit: isText,
    startNs: isWhole,
    loadFactor: isPositive,
    timeCompression: isPositive,
    sampleFunctions: isAbsentOr(isPositive),
  },
  servegen: {
    trace: isText,
    startNs: isWhole,
    loadFactor: isPositive,
    timeCompression: isPositive,
  },
  recorded: { trace: isText },
  "azure-functions-2019": {
    trace: isText,
    startMinute: (value) => value === null || isWhole(value),
    loadFactor: isPositive,
    timeCompression: isPositive,
    sampleFunctions: isAbsentOr(isPositive),
    placement: (value) => value === "even" || value === "uniform" || value === "poisson",
  },
};

const isModelList = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every(
    (each) => isObject(each) && typeof each["model"] === "string" && isWhole(each["instances"]),
  );

/** The first key of a run that is missing or of the wrong kind, or null. */
const findFlaw = (run: Loose): string | null => {
  const { system, workload } = run;
  if (!isWhole(run["seed"])) return "seed";
  if (!isWhole(run["launchLimitNs"])) return "launchLimitNs";
  if (!isWhole(run["drainLimitNs"])) return "drainLimitNs";
  if (!isObject(system) || !isWhole(system["sloNs"])) return "system.sloNs";
  if (!isModelList(system["models"])) return "system.models";
  if (!isObject(workload)) return "workload";
  const keys = ARRIVAL_KEYS[String(workload["arrivals"])];
  if (keys === undefined) return "workload.arrivals";
  for (const key of ["warmUpNs", "durationNs", "coolDownNs"]) {
    if (!isWhole(workload[key])) return `workload.${key}`;
  }
  if (typeof workload["inputs"] !== "boolean") return "workload.inputs";
  if (!isAbsentOr(isCount)(workload["generators"])) return "workload.generators";
  const wrong = Object.entries(keys).find(([key, isRight]) => !isRight(workload[key]));
  return wrong === undefined ? null : `workload.${wrong[0]}`;
};

/** The key as the file has it: `workload.ratePerS` is stored as `workload.rate_per_s`. */
const toStoredName = (path: string): string =>
  path.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The run of this name in the text of a `plan.json`; an error in words, for the user. */
export const parsePlannedRun = (text: string, name: string): Result<PlannedRun, string> => {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (cause) {
    return err(`is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (!isObject(stored)) return err("holds no plan");
  if (stored["schema_version"] !== RESULTS_SCHEMA_VERSION) {
    const version = JSON.stringify(stored["schema_version"]) ?? "none";
    return err(
      `has schema version ${version}; this program reads version ${RESULTS_SCHEMA_VERSION}`,
    );
  }
  const plan = fromStoredKeys(stored["plan"]) as Partial<Plan> | null;
  const runs: readonly unknown[] = Array.isArray(plan?.runs) ? plan.runs : [];
  const named = runs.filter(isObject);
  const run = named.find((each) => each["name"] === name);
  if (run === undefined) {
    const names = named.map((each) => String(each["name"])).slice(0, 20);
    return err(`has no run "${name}"; its runs are: ${names.join(", ") || "none"}`);
  }
  const flaw = findFlaw(run);
  return flaw === null
    ? ok(run as unknown as PlannedRun)
    : err(`run "${name}": ${toStoredName(flaw)} is missing or invalid`);
};
