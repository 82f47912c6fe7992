/** From a file's name on the command line to a plan that can be run: find, import, override, judge, resolve. */
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import {
  findTraceProblems,
  type InputFile,
  type Inputs,
  readInputs,
  withAbsolutePaths,
} from "#cli/experiment-inputs.ts";
import { findExperimentFile, importExperiment, shownPath } from "#cli/import-experiment.ts";
import { ParquetTexts } from "#cli/parquet-traces.ts";
import { findPageProblems } from "#cli/profile-sets.ts";
import { RequestTraces } from "#cli/trace-files.ts";
import type { ExperimentSpec } from "#experiment/language.ts";
import { applyOverrides, asTyped, type Overridden, type Override } from "#experiment/override.ts";
import { planExperiment } from "#experiment/plan.ts";
import { formatProblems } from "#experiment/problem.ts";
import type { Plan, Problem } from "#experiment/resolved.ts";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import { ok, type Result } from "#stdx/result.ts";
import type { CountTable } from "#workload/count-table.ts";

/** What of the command line changes the experiment. */
export interface LoadOptions {
  /** `--set` as typed: "workload.duration=30s". */
  readonly set: readonly string[];
  /** `--seed` as typed; the same as `--set seed=N`. */
  readonly seed?: number | string | undefined;
  /** Where relative paths begin; the folder that the user is in, unless those of an earlier command are meant. */
  readonly cwd?: string | undefined;
}

/** An experiment that can be run as it is; nothing was started. */
export interface LoadedExperiment {
  /** Absolute path of the file. */
  readonly path: string;
  /** The file's text and the hash of its bytes. */
  readonly source: string;
  readonly sha256: string;
  /** As the file declares it. */
  readonly written: ExperimentSpec;
  /** With `--set` and `--seed` in place. */
  readonly spec: ExperimentSpec;
  readonly overrides: readonly Override[];
  /** The folder in which relative paths of the command line begin. */
  readonly cwd: string;
  /** What the overrides changed besides, in words for the user. */
  readonly notes: readonly string[];
  /** Files that the runs read, for the manifest. */
  readonly inputs: readonly InputFile[];
  /** Traces by absolute path, already read. */
  readonly traces: ReadonlyMap<string, CountTable>;
  /** Traces with a row per request, already read once. */
  readonly requestTraces: RequestTraces;
  /** The runs; paths in it are absolute. */
  readonly plan: Plan;
}

const assignmentsOf = ({ set, seed }: LoadOptions): readonly string[] =>
  seed === undefined ? set : [...set, `seed=${seed}`];

interface Refusal {
  /** The file as the user knows it. */
  readonly shown: string;
  readonly problems: readonly Problem[];
  readonly overrides: readonly Override[];
  readonly inputs: Inputs;
}

const refuse = ({ shown, overrides, inputs, ...refusal }: Refusal): UserError => {
  const problems = asTyped(refusal.problems, overrides);
  const missing = asTyped(inputs.missing, overrides);
  const unusable = inputs.unusable.map((text) => `\n\n${text}`).join("");
  if (problems.length > 0) {
    const all = formatProblems(shown, [...problems, ...missing]);
    return new UserError(EXIT.USAGE, `${all}${unusable}`);
  }
  const first =
    missing.length > 0
      ? formatProblems(shown, missing)
      : `${shown}: an input file cannot be used, nothing was started`;
  return new UserError(EXIT.BAD_INPUT, `${first}${unusable}`);
};

const SCHEDULER_DEFAULTS = new Map(
  [...STRATEGIES].map(([name, { maxBatchSize, scheduleAheadWithInputs }]) => [
    name,
    { maxBatch: maxBatchSize, scheduleAheadGeneratedNs: scheduleAheadWithInputs },
  ]),
);

/** Judges the overridden experiment together with the files it names; throws all that is wrong at once. */
const planWith = async (
  overridden: Overridden,
  {
    inputs,
    requestTraces,
    parquet,
  }: {
    readonly inputs: Inputs;
    readonly requestTraces: RequestTraces;
    readonly parquet: ParquetTexts;
  },
  shown: string,
): Promise<Plan> => {
  const planned: Result<Plan, readonly Problem[]> = planExperiment(overridden.raw, {
    schedulers: [...STRATEGIES.keys()],
    schedulerDefaults: SCHEDULER_DEFAULTS,
  });
  const found = [...overridden.problems, ...(planned.ok ? [] : planned.error)];
  // A model whose name or number is wrong already need not be wrong for the profile set as well.
  const isNew = ({ path }: Problem) => !found.some((each) => each.path === path);
  const problems = [...found, ...inputs.problems.filter(isNew)];
  const isWhole = planned.ok && inputs.missing.length === 0 && inputs.unusable.length === 0;
  const plan = isWhole ? ok(withAbsolutePaths(planned.value, inputs)) : null;
  if (plan !== null) await parquet.prepare(plan.value.runs.map(({ workload }) => workload));
  const judged = plan === null ? null : requestTraces.judge(plan.value);
  const all =
    plan === null
      ? problems
      : [
          ...problems,
          ...findPageProblems(plan.value, inputs.profileSets),
          ...findTraceProblems(plan.value, inputs.traces),
          ...(judged?.problems ?? []),
        ];
  const unusable = judged?.unusable ?? [];
  if (plan === null || all.length > 0 || unusable.length > 0) {
    const found = { ...inputs, unusable: [...inputs.unusable, ...unusable] };
    throw refuse({ shown, problems: all, overrides: overridden.overrides, inputs: found });
  }
  return requestTraces.withDistances(plan.value, inputs.traces);
};

const readExperiment = async (path: string, shown: string): Promise<Uint8Array<ArrayBuffer>> => {
  try {
    return await Bun.file(path).bytes();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(EXIT.USAGE, `${shown} cannot be read; nothing was started\n  ${reason}`);
  }
};

/** Loads an experiment and plans its runs; throws `UserError` with every mistake, and starts nothing. */
export const loadExperiment = async (
  context: CliContext,
  file: string,
  options: LoadOptions,
): Promise<LoadedExperiment> => {
  const path = findExperimentFile(file, context);
  const bytes = await readExperiment(path, shownPath(path, context.cwd));
  const written = await importExperiment(path, context.cwd);
  const overridden = applyOverrides(written, assignmentsOf(options));
  const { overrides, notes, raw } = overridden;
  const cwd = options.cwd ?? context.cwd;
  const inputs = await readInputs(raw, { context: { ...context, cwd }, file: path, overrides });
  const parquet = new ParquetTexts();
  const requestTraces = new RequestTraces(parquet);
  const files = { inputs, requestTraces, parquet };
  const plan = await planWith(overridden, files, shownPath(path, context.cwd));
  return {
    path,
    source: new TextDecoder().decode(bytes),
    sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
    written,
    // The plan above exists only when the schemas accept it.
    spec: raw as ExperimentSpec,
    overrides,
    cwd,
    notes,
    inputs: inputs.files,
    traces: inputs.traces,
    requestTraces,
    plan,
  };
};
