/** Judges an experiment file as a whole: all mistakes at once, or the experiment itself. */
import { headlineProblems, judgeChecks } from "#experiment/checks.ts";
import { toProblems } from "#experiment/issues.ts";
import type { ExperimentSpec } from "#experiment/language.ts";
import { findNonData } from "#experiment/plain-data.ts";
import { showValue } from "#experiment/problem.ts";
import type { Check, Problem, Search } from "#experiment/resolved.ts";
import { parseSections } from "#experiment/run-spec.ts";
import {
  type KnownNames,
  type ParsedRoot,
  ROOT_KEYS,
  type Schemas,
  schemasFor,
} from "#experiment/schema.ts";
import { judgeSearch, loadUnit } from "#experiment/search.ts";
import { findSweepProblems, type RawSweep, type SweepScope } from "#experiment/sweep.ts";
import { err, ok, type Result } from "#stdx/result.ts";

/** What a plan is made of, once nothing is wrong. */
export interface ValidExperiment {
  readonly spec: ExperimentSpec;
  readonly root: ParsedRoot;
  readonly sweep: RawSweep;
  readonly checks: readonly Check[];
  /** Null without a search. */
  readonly search: Search | null;
  readonly schemas: Schemas;
}

type Group = Readonly<Record<string, unknown>>;

const isGroup = (value: unknown): value is Group =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === "string" ||
  typeof value === "boolean" ||
  (typeof value === "number" && Number.isFinite(value));

/** The lists of a sweep that can be walked even though others are broken. */
const soundSweep = (raw: unknown): RawSweep => {
  if (!isGroup(raw)) return {};
  const lists: [string, readonly (string | number | boolean)[]][] = [];
  for (const [path, values] of Object.entries(raw)) {
    if (Array.isArray(values) && values.every(isScalar)) lists.push([path, values]);
  }
  return Object.fromEntries(lists);
};

/** What checks and the headline may refer to: every path that is named, even over a broken list. */
const namedSweep = (raw: unknown): RawSweep => {
  if (!isGroup(raw)) return {};
  const scalarsOf = (values: unknown) => (Array.isArray(values) ? values.filter(isScalar) : []);
  return Object.fromEntries(Object.entries(raw).map(([path, values]) => [path, scalarsOf(values)]));
};

/** Checks whose own keys are right, so that their bounds and conditions can be judged too. */
const soundChecks = (raw: unknown, schemas: Schemas): ParsedRoot["checks"] => {
  if (!isGroup(raw)) return {};
  const single = schemas.root.pick({ checks: true });
  const sound = Object.entries(raw).flatMap(([name, check]) => {
    const parsed = single.safeParse({ checks: { [name]: check } });
    return parsed.success ? Object.entries(parsed.data.checks ?? {}) : [];
  });
  return Object.fromEntries(sound);
};

interface Unrolled {
  readonly problems: readonly Problem[];
  readonly search: Search | null;
}

/** The sweep, with the search in it if there is one whose own keys are right. */
const unroll = (raw: Group, sweep: RawSweep, scope: SweepScope): Unrolled => {
  const single = scope.schemas.root.pick({ search: true });
  const parsed = single.safeParse({ search: raw["search"] });
  const search = parsed.success ? parsed.data.search : undefined;
  if (search === undefined) {
    return { problems: findSweepProblems(sweep, repetitionsOf(raw), scope), search: null };
  }
  const judged = judgeSearch(search, sweep, scope);
  const repeated: Problem = {
    path: "repetitions",
    value: showValue(raw["repetitions"]),
    message: "a search repeats each load as often as it has to",
    remedy: "remove it; search.repetitionsMax is the most",
  };
  const problems = raw["repetitions"] === undefined ? [] : [repeated];
  return { problems: [...judged.problems, ...problems], search: judged.value };
};

/** What the headline may be drawn against: swept paths, and the one that is searched. */
const drawable = (raw: Group, named: RawSweep): RawSweep => {
  const search = raw["search"];
  const over = isGroup(search) ? search["over"] : undefined;
  return typeof over === "string" ? { ...named, [over]: [] } : named;
};

const headlineAgainst = (raw: Group): string | undefined => {
  const report = raw["report"];
  const headline = isGroup(report) ? report["headline"] : undefined;
  const against = isGroup(headline) ? headline["against"] : undefined;
  return typeof against === "string" ? against : undefined;
};

const repetitionsOf = (raw: Group): number => {
  const value = raw["repetitions"];
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : 1;
};

const rank = (problem: Problem): number => {
  const position = ROOT_KEYS.indexOf(/^[^.[]*/.exec(problem.path)?.[0] ?? "");
  return position === -1 ? ROOT_KEYS.length : position;
};

const isUnder = (path: string, above: string): boolean =>
  path === above || above === "" || path.startsWith(`${above}.`) || path.startsWith(`${above}[`);

const notAnObject = (raw: unknown): Problem => ({
  path: "",
  value: showValue(raw),
  message: "an experiment is an object",
  remedy: "export default experiment({ name: …, system: …, workload: … })",
});

/** As `validateExperiment`, with the parts that planning needs. */
export const parseExperiment = (
  raw: unknown,
  known: KnownNames,
): Result<ValidExperiment, readonly Problem[]> => {
  if (!isGroup(raw)) return err([notAnObject(raw)]);
  const schemas = schemasFor(known);
  const nonData = findNonData(raw);
  const root = schemas.root.safeParse(raw);
  const sections = parseSections(raw, schemas);
  const sweep = soundSweep(raw["sweep"]);
  const named = namedSweep(raw["sweep"]);
  const unrolled = unroll(raw, sweep, { raw, schemas, known: sections.problems });
  const checks = judgeChecks(soundChecks(raw["checks"], schemas), {
    sweep: named,
    capacity: isGroup(raw["search"]) ? loadUnit(raw["search"]["over"]) : null,
  });
  const found = [
    ...(root.success ? [] : toProblems(root.error.issues, { root: raw, prefix: [] })),
    ...sections.problems,
    ...unrolled.problems,
    ...checks.problems,
    ...headlineProblems(headlineAgainst(raw), drawable(raw, named)),
  ];
  // A value that is no data is wrong once, whatever else it is not.
  const others = found.filter(
    (problem) => !nonData.some(({ path }) => isUnder(problem.path, path)),
  );
  const problems = [...nonData, ...others].toSorted((a, b) => rank(a) - rank(b));
  if (problems.length > 0 || !root.success) return err(problems);
  // The schemas have judged every key of the type.
  return ok({
    spec: raw as unknown as ExperimentSpec,
    root: root.data,
    sweep,
    checks: checks.value,
    search: unrolled.search,
    schemas,
  });
};

/** The experiment as given, or all mistakes in it, in the order of the file's keys; starts and reads nothing. */
export const validateExperiment = (
  raw: unknown,
  known: KnownNames,
): Result<ExperimentSpec, readonly Problem[]> => {
  const parsed = parseExperiment(raw, known);
  return parsed.ok ? ok(parsed.value.spec) : parsed;
};
