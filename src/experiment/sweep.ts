/** The sweep: its grid of points, and what is wrong with its paths and values. */

import { quoted } from "#experiment/issues.ts";
import type { Scalar } from "#experiment/language.ts";
import { nearest, showValue, suggest } from "#experiment/problem.ts";
import type { Point, Problem } from "#experiment/resolved.ts";
import { parseSections } from "#experiment/run-spec.ts";
import {
  MODELS_PREFIX,
  OTHER_PATHS,
  PART_KINDS,
  type Schemas,
  SWEEPABLE_PATHS,
  sweepableKind,
} from "#experiment/schema.ts";
import { ARRIVALS, arrivalsWith } from "#experiment/workload-schema.ts";
import { parseBytes, parseDuration, parseRate } from "#stdx/quantity.ts";

/** A sweep as written, judged only in so far as that its lists hold single values. */
export type RawSweep = Readonly<Record<string, readonly Scalar[]>>;

/** Runs that one experiment may plan: more are a slip, and their folders would be in each other's way. */
export const RUNS_MAX = 10_000;

/** A value in one spelling: "0.05s" and "50ms" are the same value of a duration. */
export const canonical = (path: string, value: unknown): string => {
  const kind = sweepableKind(path);
  if (typeof value === "string") {
    const parsed =
      kind === "duration"
        ? parseDuration(value)
        : kind === "rate"
          ? parseRate(value)
          : kind === "size"
            ? parseBytes(value)
            : null;
    if (parsed !== null) return `${kind}:${parsed}`;
  }
  return JSON.stringify(value) ?? "undefined";
};

/** Every combination of the values; the last path varies fastest. One empty point without a sweep. */
export const gridOf = (sweep: RawSweep): readonly Point[] => {
  let points: Point[] = [[]];
  for (const [path, values] of Object.entries(sweep)) {
    points = points.flatMap((point) => values.map((value) => [...point, { path, value }]));
  }
  return points;
};

const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const withKey = (group: unknown, keys: readonly string[], value: unknown): unknown => {
  const [first, ...rest] = keys;
  if (first === undefined) return value;
  if (group !== undefined && !isGroup(group)) return group;
  return { ...group, [first]: withKey(group?.[first], rest, value) };
};

/** Splits a sweepable path into keys; the names of models may hold dots. */
const keysOfPath = (path: string): readonly string[] =>
  path.startsWith(MODELS_PREFIX)
    ? ["system", "models", path.slice(MODELS_PREFIX.length)]
    : path.split(".");

/** A copy of a raw experiment with one key set; what is in the way of the path stays as it is. */
export const withValue = (raw: unknown, path: string, value: unknown): unknown =>
  withKey(raw, keysOfPath(path), value);

/** The raw experiment of one point. */
export const withPoint = (raw: unknown, point: Point): unknown =>
  point.reduce((changed: unknown, { path, value }) => withValue(changed, path, value), raw);

const lastKey = (path: string): string => path.slice(path.lastIndexOf(".") + 1);

/** The sweepable path that was probably meant: same last key, near as a whole, or near in its last key. */
export const nearestPath = (path: string, paths: readonly string[]): string | null => {
  const part = /^(workload\.parts\.[^.]+\.)(.+)$/.exec(path);
  if (part?.[1] !== undefined && part[2] !== undefined) {
    const nearKey = nearest(part[2], [...PART_KINDS.keys()]);
    return nearKey === null ? null : `${part[1]}${nearKey}`;
  }
  const last = lastKey(path);
  const sameKey = paths.find((each) => lastKey(each) === last);
  if (sameKey !== undefined) return sameKey;
  const near = nearest(path, paths);
  if (near !== null) return near;
  const nearKey = nearest(last, paths.map(lastKey));
  return paths.find((each) => lastKey(each) === nearKey) ?? null;
};

const SECTIONS_REMEDY = "a path of a key of system, workload or limits, such as system.slo";

const pathRemedy = (path: string): string => {
  const near = nearestPath(path, [...SWEEPABLE_PATHS.keys()]);
  return near === null ? SECTIONS_REMEDY : `write "${near}"`;
};

const groupRemedy = (path: string): string =>
  path === "system.models"
    ? "sweep the instances of one model: system.models.resnet50_v2"
    : `sweep one of its keys: ${[...SWEEPABLE_PATHS.keys()].find((each) => each.startsWith(`${path}.`))}`;

/** Paths that hold several keys. */
const GROUPS = [
  "system",
  "system.models",
  "system.noise",
  "workload",
  "workload.shape",
  "limits",
  "stop",
  "stop.errorBudget",
  "stop.goodput",
  "stop.outstanding",
];

/** What is wrong with a path into a mix that has no such part; null when nothing is, or when the path makes it. */
export const missingPart = (path: string, raw: unknown): Omit<Problem, "path" | "value"> | null => {
  const name = /^workload\.parts\.([^.]+)\./.exec(path)?.[1];
  const workload = isGroup(raw) ? raw["workload"] : undefined;
  const parts = isGroup(workload) ? workload["parts"] : undefined;
  if (name === undefined || !isGroup(parts) || Object.hasOwn(parts, name)) return null;
  if (lastKey(path) === "arrivals") return null;
  return { message: `the mix has no part "${name}"`, remedy: suggest(name, Object.keys(parts)) };
};

/** What is wrong with a path of the sweep; null when a key of that path can be swept here. */
export const pathProblem = (
  path: string,
  sweep: RawSweep,
  raw: unknown,
): Omit<Problem, "path" | "value"> | null => {
  if (sweepableKind(path) === null) {
    if (path === "seed" || path === "repetitions") {
      return {
        message: `${path} cannot be swept`,
        remedy: "use repetitions: each has the next seed",
      };
    }
    if (GROUPS.includes(path)) {
      return { message: `${path} is a group of keys, not one value`, remedy: groupRemedy(path) };
    }
    if (OTHER_PATHS.has(path))
      return { message: `${path} cannot be swept`, remedy: SECTIONS_REMEDY };
    return { message: `no key has the path "${path}"`, remedy: pathRemedy(path) };
  }
  const key = path.startsWith("workload.") ? (path.split(".")[1] ?? null) : null;
  const arrivals =
    isGroup(raw) && isGroup(raw["workload"]) ? raw["workload"]["arrivals"] : undefined;
  if (key === null || Object.hasOwn(sweep, "workload.arrivals") || typeof arrivals !== "string")
    return null;
  const stranger = missingPart(path, raw);
  if (stranger !== null) return stranger;
  const owners = arrivalsWith(key);
  if (owners.includes(arrivals) || ARRIVALS.every((each) => each !== arrivals)) return null;
  return {
    message: `"${key}" belongs to arrivals ${quoted(owners)}, not to "${arrivals}"`,
    remedy: `remove the path, or set workload.arrivals to ${quoted(owners, "or")}`,
  };
};

const valueProblems = (path: string, values: readonly Scalar[]): readonly Problem[] => {
  const where = `sweep["${path}"]`;
  if (values.length === 0) {
    return [
      {
        path: where,
        value: "[]",
        message: "the list is empty, so there is nothing to run",
        remedy: "at least one value, or remove the path",
      },
    ];
  }
  const firstAt = new Map<string, number>();
  return values.flatMap((value, index) => {
    const spelling = canonical(path, value);
    const first = firstAt.get(spelling);
    if (first === undefined) firstAt.set(spelling, index);
    if (first === undefined) return [];
    const message = `the same value as entry [${first}] (${showValue(values[first])})`;
    return [
      {
        path: `${where}[${index}]`,
        value: showValue(value),
        message,
        remedy: "every value once; for more runs of it use repetitions",
      },
    ];
  });
};

export interface SweepScope {
  readonly raw: unknown;
  readonly schemas: Schemas;
  /** Problems of the experiment as written, which points repeat. */
  readonly known: readonly Problem[];
}

/** Problems that only show with a point's values in place; named after the sweep's entry where one is to blame. */
const pointProblems = (
  point: Point,
  sweep: RawSweep,
  { raw, schemas, known }: SweepScope,
): readonly Problem[] => {
  // What is wrong as written is wrong at every point, and so is all that lies in a broken group.
  const isKnown = (problem: Problem): boolean =>
    known.some(
      (each) =>
        problem.path.startsWith(`${each.path}.`) ||
        (problem.path === each.path && problem.message === each.message),
    );
  return parseSections(withPoint(raw, point), schemas)
    .problems.filter((problem) => !isKnown(problem))
    .map((problem) => {
      const entry = point.find(
        ({ path }) => problem.path === path || problem.path.startsWith(`${path}.`),
      );
      if (entry !== undefined) {
        const index = sweep[entry.path]?.indexOf(entry.value) ?? 0;
        return { ...problem, path: `sweep["${entry.path}"][${index}]` };
      }
      const values = point.map(({ path, value }) => `${path} = ${showValue(value)}`).join(", ");
      return { ...problem, message: `${problem.message} (at the sweep's point ${values})` };
    });
};

/** Points to try: the grid, or every value by itself when the grid is too large to walk. */
const pointsToTry = (sweep: RawSweep, runs: number): readonly Point[] =>
  runs <= RUNS_MAX
    ? gridOf(sweep)
    : Object.entries(sweep).flatMap(([path, values]) => values.map((value) => [{ path, value }]));

/** Everything wrong with a sweep: its paths, its lists, and every point that it makes. */
export const findSweepProblems = (
  sweep: RawSweep,
  repetitions: number,
  scope: SweepScope,
): readonly Problem[] => {
  const problems: Problem[] = [];
  const sound: Record<string, readonly Scalar[]> = {};
  for (const [path, values] of Object.entries(sweep)) {
    const wrong = pathProblem(path, sweep, scope.raw);
    if (wrong === null) sound[path] = values;
    else problems.push({ path: `sweep["${path}"]`, value: showValue(values), ...wrong });
    problems.push(...valueProblems(path, values));
  }
  const runs = Object.values(sound).reduce(
    (product, values) => product * values.length,
    repetitions,
  );
  if (runs > RUNS_MAX) {
    problems.push({
      path: "sweep",
      value: `${runs} runs`,
      message: `the sweep's grid times ${repetitions} repetitions makes too many runs`,
      remedy: `at most ${RUNS_MAX} runs: fewer values, paths or repetitions`,
    });
  }
  const seen = new Set<string>();
  for (const problem of pointsToTry(sound, runs).flatMap((point) =>
    pointProblems(point, sound, scope),
  )) {
    const identity = `${problem.path}\n${problem.message.replace(/ \(at the sweep's point .*$/, "")}`;
    if (!seen.has(identity)) problems.push(problem);
    seen.add(identity);
  }
  return problems;
};
