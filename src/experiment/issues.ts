/** Turns the schema library's issues into problems that name path, value and remedy. */
import type { z } from "zod";
import { showPath } from "#experiment/plain-data.ts";
import { nearest, showValue, suggest } from "#experiment/problem.ts";
import type { Problem } from "#experiment/resolved.ts";
import {
  GOAL_KEYS,
  OTHER_PATHS,
  ROOT_KEYS,
  SEARCH_KEYS,
  SWEEPABLE_PATHS,
} from "#experiment/schema.ts";
import { type KeyGroup, workloadGroup } from "#experiment/workload-schema.ts";

type Issue = z.core.$ZodIssue;

/** Where issues come from: the value as a whole, its place in the file, and the keys it may have. */
export interface IssueScope {
  readonly root: unknown;
  /** Keys from the file's root to the value that the schema judged. */
  readonly prefix: readonly PropertyKey[];
}

const at = (root: unknown, path: readonly PropertyKey[]): unknown => {
  let value: unknown = root;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[name];
  }
  return value;
};

/** Keys that the object at this path may have. */
const knownKeys = (root: unknown, path: readonly PropertyKey[]): readonly string[] => {
  if (path.length === 0) return ROOT_KEYS;
  if (path[0] === "checks" && path.length === 2) return ["metric", "atLeast", "atMost", "when"];
  if (path[0] === "search") return path.length === 1 ? SEARCH_KEYS : [...GOAL_KEYS.keys()];
  if (path[0] === "report") return path.length === 1 ? ["headline"] : ["metric", "against"];
  const section = String(path[0]);
  if (section === "workload") return groupAt(root, path)?.keys ?? [];
  const prefix = `${path.map(String).join(".")}.`;
  const keys = [...SWEEPABLE_PATHS.keys()]
    .filter((each) => each.startsWith(prefix))
    .map((each) => each.slice(prefix.length).split(".")[0] ?? "");
  const models = section === "system" && path.length === 1 ? ["models"] : [];
  return [...new Set([...keys, ...models])];
};

/** The group of keys of a workload that lies at this path, if one does. */
const groupAt = (root: unknown, path: readonly PropertyKey[]): KeyGroup | null =>
  path[0] === "workload" ? workloadGroup(path.slice(1), at(root, path)) : null;

/** Names in quotes: "a", "b" and "c". */
export const quoted = (names: readonly string[], last = "and"): string => {
  const shown = names.map((name) => `"${name}"`);
  const final = shown.pop() ?? "";
  return shown.length === 0 ? final : `${shown.join(", ")} ${last} ${final}`;
};

const orOf = (names: readonly string[]): string => quoted(names, "or");

/** Why a key is not known here and where it belongs, if anywhere. */
const unknownKey = (root: unknown, parent: readonly PropertyKey[], name: string): Problem => {
  const path = [...parent, name];
  const shown = { path: showPath(path), value: showValue(at(root, path)) };
  const group = groupAt(root, parent);
  const owners = group?.ownersOf(name) ?? [];
  if (group !== null && owners.length > 0) {
    const { decidedBy } = group;
    const shownOwners = quoted(owners);
    const decider = showPath([...parent, decidedBy]);
    return {
      ...shown,
      message: `"${name}" belongs to ${decidedBy} ${shownOwners}, not to ${showValue(at(root, [...parent, decidedBy]))}`,
      remedy: `remove it, or set ${decider} to ${orOf(owners)}`,
    };
  }
  const known = knownKeys(root, parent);
  const elsewhere = [...SWEEPABLE_PATHS.keys(), ...OTHER_PATHS.keys(), "system.models"].find(
    (each) => each.split(".").at(-1) === name && each !== shown.path,
  );
  const message = `unknown key "${name}"`;
  if (nearest(name, known) === null && elsewhere !== undefined && parent[0] !== "checks") {
    return { ...shown, message, remedy: `it belongs to ${elsewhere}: write it there` };
  }
  return { ...shown, message, remedy: suggest(name, known) };
};

const DUE: Readonly<Record<string, string>> = {
  object: "an object",
  record: "an object",
  array: "a list",
};

const ofType = (
  issue: Issue & { readonly expected: string },
  root: unknown,
  path: readonly PropertyKey[],
): Problem => {
  const value = at(root, path);
  const known = knownKeys(root, path);
  const due = DUE[issue.expected] ?? issue.expected;
  return {
    path: showPath(path),
    value: showValue(value),
    message: value === undefined ? `the key is missing; ${due} is due` : `${due} is due`,
    remedy: remedyOf(due, path, known),
  };
};

/** Lists that hold no swept values. */
const LISTS: Readonly<Record<string, string>> = {
  steps: "[{ at: seconds(5), rate: perSecond(200) }]",
  states: "[{ rate: perSecond(100), mean: seconds(5) }, { rate: perSecond(500), mean: ms(500) }]",
  models: '["resnet50_v2"], or leave it out for all models',
};

const remedyOf = (due: string, path: readonly PropertyKey[], known: readonly string[]): string => {
  if (due === "a list")
    return LISTS[String(path.at(-1))] ?? "a list of values, such as [ms(25), ms(50)]";
  if (path[0] === "search" && path[1] === "goal") return "{ slo_attainment: { atLeast: 0.99 } }";
  if (path[0] === "sweep") return '{ "system.slo": [ms(25), ms(50)] }';
  if (path[0] === "system" && path[1] === "models")
    return "{ resnet50_v2: 4 }: model name to number of instances";
  if (path[0] === "checks" && path.length === 1)
    return '{ "name": { metric: "goodput", atLeast: perSecond(100) } }';
  if (path[0] === "workload" && path.at(-1) === "parts")
    return '{ interactive: { arrivals: "poisson", rate: perSecond(100) } }';
  if (path[0] === "stop" && path.length === 1)
    return "{ errorBudget: { share: 0.5, over: seconds(5) } }";
  if (path.at(-1) === "when") return '{ "system.slo": ms(25) }';
  return `an object with keys of: ${known.join(", ")}`;
};

/** All problems of one judged value; `issues` as the schema library gave them. */
export const toProblems = (
  issues: readonly Issue[],
  { root, prefix }: IssueScope,
): readonly Problem[] =>
  issues.flatMap((issue): readonly Problem[] => {
    const path = [...prefix, ...issue.path];
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((name) => unknownKey(root, path, name));
    if (issue.code === "invalid_type") return [ofType(issue, root, path)];
    const remedy: unknown = issue.code === "custom" ? issue.params?.["remedy"] : undefined;
    return [
      {
        path: showPath(path),
        value: showValue(at(root, path)),
        message: issue.message,
        remedy: typeof remedy === "string" ? remedy : "see docs/experiment-file.md",
      },
    ];
  });
