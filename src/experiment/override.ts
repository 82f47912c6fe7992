/** Applies `--set path=value` and `--seed N` to an experiment as written, before it is judged. */
import type { Scalar } from "#experiment/language.ts";
import { nearest, showValue } from "#experiment/problem.ts";
import type { ReaderKind } from "#experiment/reading.ts";
import type { Problem } from "#experiment/resolved.ts";
import {
  CHECK_KEYS,
  GOAL_KEYS,
  OTHER_PATHS,
  SWEEPABLE_PATHS,
  sweepableKind,
} from "#experiment/schema.ts";
import { canonical, missingPart, nearestPath, withValue } from "#experiment/sweep.ts";

/** One `--set` as typed, split at its first "=". */
export interface Override {
  readonly path: string;
  readonly value: string;
}

export interface Overridden {
  /** The experiment with the overrides in place; nothing is judged yet. */
  readonly raw: unknown;
  readonly overrides: readonly Override[];
  readonly problems: readonly Problem[];
  /** What the overrides took out of the experiment besides, for the user to know. */
  readonly notes: readonly string[];
}

type Group = Readonly<Record<string, unknown>>;

const group = (value: unknown): Group =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Group) : {};

const hasGroup = (raw: unknown, name: string): boolean =>
  Object.keys(group(group(raw)[name])).length > 0;

/** What the key at this path takes; null when there is no such key. Checks are those that the file declares. */
const kindAt = (path: string, raw: unknown): ReaderKind | null => {
  const swept = sweepableKind(path);
  if (swept !== null) return swept;
  const check = /^checks\.(.+)\.([^.]+)$/.exec(path);
  if (check?.[1] !== undefined && check[2] !== undefined) {
    return Object.hasOwn(group(group(raw)["checks"]), check[1])
      ? (CHECK_KEYS.get(check[2]) ?? null)
      : null;
  }
  const goal = /^search\.goal\.[^.]+\.([^.]+)$/.exec(path);
  if (goal?.[1] !== undefined) return GOAL_KEYS.get(goal[1]) ?? null;
  return OTHER_PATHS.get(path) ?? null;
};

/** A value of its own would be overwritten by every load that the search tries. */
const searchedProblem = ({ path, value }: Override, raw: unknown): Problem | null => {
  if (group(group(raw)["search"])["over"] !== path) return null;
  return {
    path: `--set ${path}`,
    value,
    message: `"${path}" is what the search varies`,
    remedy: "set search.from and search.to",
  };
};

const NUMERIC = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** The value that a text stands for where a key takes this kind; a text that does not fit stays, and is judged later. */
const valueOf = (text: string, kind: ReaderKind): Scalar => {
  if (kind === "boolean") return text === "true" ? true : text === "false" ? false : text;
  const isNumber = kind === "number" || kind === "count" || kind === "bound";
  return isNumber && NUMERIC.test(text) ? Number(text) : text;
};

const unknownPath = (path: string, value: string, raw: unknown): Problem => {
  const shown = { path: `--set ${path}`, value };
  const sweep = /^sweep\.(.+)$/.exec(path);
  if (sweep !== null) {
    return {
      ...shown,
      message: "a sweep is set through the key that it varies",
      remedy: `--set ${sweep[1]}=VALUE,VALUE`,
    };
  }
  if (
    /^(?:system|workload|limits|checks|report|search|search\.goal|sweep|stop|system\.(?:models|noise)|report\.headline|stop\.(?:errorBudget|goodput|outstanding))$/.test(
      path,
    )
  ) {
    return {
      ...shown,
      message: `${path} is a group of keys, not one value`,
      remedy: "set one of its keys",
    };
  }
  const checks = Object.keys(group(group(raw)["checks"]));
  const paths = [
    ...SWEEPABLE_PATHS.keys(),
    ...OTHER_PATHS.keys(),
    ...checks.flatMap((name) => [...CHECK_KEYS.keys()].map((key) => `checks.${name}.${key}`)),
  ];
  const near = path.startsWith("checks.") ? nearest(path, paths) : nearestPath(path, paths);
  const remedy = near === null ? "a path of a key, such as workload.duration" : `write "${near}"`;
  return { ...shown, message: `no key has the path "${path}"`, remedy };
};

/** Splits "path=value"; a problem when there is no path, no "=" or no value. */
const split = (assignment: string): Override | Problem => {
  const equals = assignment.indexOf("=");
  const path = assignment.slice(0, Math.max(equals, 0)).trim();
  const value = assignment.slice(equals + 1).trim();
  if (path !== "" && value !== "") return { path, value };
  return {
    path: `--set ${assignment}`,
    value: "",
    message: "a path, an equals sign and a value are due",
    remedy: "--set workload.duration=30s",
  };
};

/** A value list, "25ms,50ms"; one value for keys that take free text, in which a comma may occur. */
const valuesOf = (text: string, kind: ReaderKind): readonly Scalar[] =>
  kind === "text" ? [text] : text.split(",").map((each) => valueOf(each.trim(), kind));

/** Sets one key: into the sweep when it is swept or gets several values, into its place otherwise. */
const apply = (raw: unknown, { path, value }: Override, kind: ReaderKind): unknown => {
  const sweep = group(group(raw)["sweep"]);
  if (sweepableKind(path) === null) {
    return path.startsWith("checks.")
      ? withCheck(raw, path, valueOf(value, kind))
      : withValue(raw, path, valueOf(value, kind));
  }
  const values = valuesOf(value, kind);
  const [only] = values;
  if (values.length === 1 && !Object.hasOwn(sweep, path)) return withValue(raw, path, only);
  return { ...group(raw), sweep: { ...sweep, [path]: values } };
};

const withCheck = (raw: unknown, path: string, value: Scalar): unknown => {
  const name = path.slice("checks.".length, path.lastIndexOf("."));
  const checks = group(group(raw)["checks"]);
  const check = { ...group(checks[name]), [path.slice(path.lastIndexOf(".") + 1)]: value };
  return { ...group(raw), checks: { ...checks, [name]: check } };
};

/** Leaves out the checks that were about values which an override took out of the sweep, and says so. */
const dropEmptyChecks = (
  before: unknown,
  after: unknown,
): { readonly raw: unknown; readonly notes: readonly string[] } => {
  if (!hasGroup(after, "checks")) return { raw: after, notes: [] };
  const sweepOf = (raw: unknown, path: string): readonly unknown[] => {
    const values = group(group(raw)["sweep"])[path];
    return Array.isArray(values) ? values : [];
  };
  const has = (raw: unknown, path: string, value: unknown): boolean =>
    sweepOf(raw, path).some((each) => canonical(path, each) === canonical(path, value));
  const notes: string[] = [];
  const kept = Object.entries(group(group(after)["checks"])).filter(([name, check]) => {
    const gone = Object.entries(group(group(check)["when"])).find(
      ([path, value]) => has(before, path, value) && !has(after, path, value),
    );
    if (gone === undefined) return true;
    notes.push(
      `check "${name}" is left out: it is about ${gone[0]} = ${showValue(gone[1])}, which --set took out of the sweep`,
    );
    return false;
  });
  return { raw: { ...group(after), checks: Object.fromEntries(kept) }, notes };
};

/** The experiment with every `--set` in place, in the order given (the last one for a path wins), and `--seed` as a `--set seed=N`. */
export const applyOverrides = (raw: unknown, assignments: readonly string[]): Overridden => {
  const problems: Problem[] = [];
  const overrides: Override[] = [];
  let changed = raw;
  for (const assignment of assignments) {
    const override = split(assignment);
    if ("message" in override) {
      problems.push(override);
      continue;
    }
    const kind = kindAt(override.path, changed);
    if (kind === null) {
      problems.push(unknownPath(override.path, override.value, raw));
      continue;
    }
    const searched = searchedProblem(override, changed);
    if (searched !== null) {
      problems.push(searched);
      continue;
    }
    const stranger = missingPart(override.path, changed);
    if (stranger !== null) {
      problems.push({ path: `--set ${override.path}`, value: override.value, ...stranger });
      continue;
    }
    overrides.push(override);
    changed = apply(changed, override, kind);
  }
  return { ...dropEmptyChecks(raw, changed), overrides, problems };
};

/** Quantities in the spelling of the command line: "ms(25)" is typed as 25ms. */
const typed = (remedy: string): string =>
  remedy
    .replaceAll(/\bms\(([^()]+)\)/g, "$1ms")
    .replaceAll(/\bseconds\(([^()]+)\)/g, "$1s")
    .replaceAll(/\bperSecond\(([^()]+)\)/g, "$1/s")
    .replaceAll(/\bmebibytes\(([^()]+)\)/g, "$1MiB");

/** Problems of keys that the command line set, named and mended as there; all others as they are. */
export const asTyped = (
  problems: readonly Problem[],
  overrides: readonly Override[],
): readonly Problem[] =>
  problems.map((problem) => {
    const override = overrides.find(
      ({ path }) => problem.path === path || problem.path.startsWith(`sweep["${path}"]`),
    );
    if (override === undefined) return problem;
    return { ...problem, path: `--set ${override.path}`, remedy: typed(problem.remedy) };
  });
