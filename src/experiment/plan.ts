/** Unrolls an experiment into its runs: grid and repetitions in order, names, seeds, defaults, expected times. */
import type { Plan, PlannedRun, Point, Problem, RunSpec, Search } from "#experiment/resolved.ts";
import { runName } from "#experiment/run-name.ts";
import { parseSections } from "#experiment/run-spec.ts";
import type { KnownNames } from "#experiment/schema.ts";
import { gridOf, withPoint } from "#experiment/sweep.ts";
import { parseExperiment, type ValidExperiment } from "#experiment/validate.ts";
import { assert } from "#stdx/assert.ts";
import { type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { ok, type Result } from "#stdx/result.ts";

const DEFAULT_SEED = 1;

/** Launch, drain, collection and tear-down of one run, as planned for: not measured, only announced. */
export const RUN_ALLOWANCE_NS = ns(3 * SECOND);

/** How long load is offered in a run: warm-up, measurement window and cool-down. */
export const sendingNs = ({ workload }: RunSpec): Nanos =>
  ns(workload.warmUpNs + workload.durationNs + workload.coolDownNs);

/** How long a run is announced to take. */
export const expectedRunNs = (run: RunSpec): Nanos => ns(sendingNs(run) + RUN_ALLOWANCE_NS);

/** How long all runs are announced to take, one after the other. */
export const expectedTotalNs = (runs: readonly RunSpec[]): Nanos =>
  ns(runs.reduce((total, run) => total + expectedRunNs(run), 0));

const runSpecAt = ({ spec, schemas }: ValidExperiment, point: Point): RunSpec => {
  const { runSpec } = parseSections(withPoint(spec, point), schemas);
  assert(runSpec !== null, "every point of a valid sweep is valid");
  return runSpec;
};

/** Every load of a search as often as it may be tried, in rising order; each point of the sweep has its own search. */
const searchRunsOf = (
  experiment: ValidExperiment,
  { over, loads, repetitionsMax }: Search,
  seed: number,
): readonly PlannedRun[] => {
  const points = gridOf(experiment.sweep).flatMap((swept) =>
    loads.map(({ value }): Point => [...swept, { path: over, value }]),
  );
  const count = points.length * repetitionsMax;
  return points.flatMap((point, position) => {
    const runSpec = runSpecAt(experiment, point);
    return Array.from({ length: repetitionsMax }, (_, again): PlannedRun => {
      const index = position * repetitionsMax + again;
      const repetition = again + 1;
      const name = runName({ index, count, point, repetition });
      return { ...runSpec, index, name, point, repetition, seed: seed + again };
    });
  });
};

const runsOf = (
  experiment: ValidExperiment,
  seed: number,
  repetitions: number,
): readonly PlannedRun[] => {
  const points = gridOf(experiment.sweep).map((point) => ({
    point,
    runSpec: runSpecAt(experiment, point),
  }));
  const count = points.length * repetitions;
  // All points once, then all again: a slow drift of the machine then meets every point alike.
  return Array.from({ length: count }, (_, index): PlannedRun => {
    const repetition = Math.floor(index / points.length) + 1;
    const planned = points[index % points.length];
    assert(planned !== undefined, "the grid has at least one point");
    const { point, runSpec } = planned;
    const name = runName({ index, count, point, repetition });
    return { ...runSpec, index, name, point, repetition, seed: seed + repetition - 1 };
  });
};

/** The plan of an experiment, or all mistakes in it. Paths in it are as written; whoever reads files resolves them. */
export const planExperiment = (
  raw: unknown,
  known: KnownNames,
): Result<Plan, readonly Problem[]> => {
  const parsed = parseExperiment(raw, known);
  if (!parsed.ok) return parsed;
  const { root, sweep, checks, search } = parsed.value;
  const seed = root.seed ?? DEFAULT_SEED;
  const repetitions = search?.repetitionsMax ?? root.repetitions ?? 1;
  return ok({
    name: root.name,
    title: root.title ?? root.name,
    question: root.question ?? "",
    seed,
    repetitions,
    sweep: Object.entries(sweep).map(([path, values]) => ({ path, values })),
    checks,
    headline: parsed.value.spec.report?.headline ?? null,
    ...(search === null ? {} : { search }),
    runs:
      search === null
        ? runsOf(parsed.value, seed, repetitions)
        : searchRunsOf(parsed.value, search, seed),
  });
};
