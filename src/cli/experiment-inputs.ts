/** The files that an experiment names (traces, profile sets): finds and reads them, and judges the experiment against them. */
import { readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { CliContext } from "#cli/context.ts";
import { readCountTrace } from "#cli/count-trace.ts";
import { isFile, shownPath } from "#cli/import-experiment.ts";
import { isFolder, modelProblem, type ProfileSet, readProfileSet } from "#cli/profile-sets.ts";
import { expandTraceName } from "#cli/trace-name.ts";
import type { Override } from "#experiment/override.ts";
import { listNames, nearest, showValue } from "#experiment/problem.ts";
import type { Plan, PlannedRun, Problem } from "#experiment/resolved.ts";
import { assert } from "#stdx/assert.ts";
import type { CountTable } from "#workload/count-table.ts";
import { traceProblems } from "#workload/trace-schedule.ts";

/** A file that the experiment reads; the manifest names it with its hash. */
export interface InputFile {
  readonly role: "trace" | "profiles";
  /** Absolute. */
  readonly path: string;
}

/** Where an experiment's relative paths are looked up. */
export interface InputScope {
  readonly context: CliContext;
  /** Absolute path of the experiment file. */
  readonly file: string;
  readonly overrides: readonly Override[];
}

export interface Inputs {
  readonly files: readonly InputFile[];
  /** Traces by absolute path. */
  readonly traces: ReadonlyMap<string, CountTable>;
  /** Profile sets by absolute path. */
  readonly profileSets: ReadonlyMap<string, ProfileSet>;
  /** Mistakes of the experiment that only show with the files at hand. */
  readonly problems: readonly Problem[];
  /** Files that are not there. */
  readonly missing: readonly Problem[];
  /** Traces and profile sets that cannot be used, in words. */
  readonly unusable: readonly string[];
  /** Absolute path of a file as the experiment names it; null when it is missing. */
  readonly find: (role: InputFile["role"], name: string) => string | null;
}

type Group = Readonly<Record<string, unknown>>;

const group = (value: unknown): Group =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Group) : {};

const KEY_PATHS = { trace: "workload.trace", profiles: "system.profiles" } as const;

/** Every place where an experiment, valid or not, names a file of this role. */
const namesOf = (
  raw: unknown,
  role: InputFile["role"],
): readonly { readonly path: string; readonly name: string }[] => {
  const path = KEY_PATHS[role];
  const arrivals = group(group(raw)["workload"])["arrivals"];
  const mayReplay =
    arrivals === "azure-functions-2019" ||
    arrivals === "trace" ||
    arrivals === "recorded" ||
    arrivals === "servegen" ||
    "workload.arrivals" in group(group(raw)["sweep"]);
  if (role === "trace" && !mayReplay) return [];
  const written =
    role === "trace"
      ? group(group(raw)["workload"])["trace"]
      : group(group(raw)["system"])["profiles"];
  const swept = group(group(raw)["sweep"])[path];
  const list: readonly unknown[] = Array.isArray(swept) ? swept : [];
  const places = list.map((name, index) => ({ path: `sweep["${path}"][${index}]`, name }));
  // Swept values take the place of the one that is written.
  const all = places.length > 0 ? places : [{ path, name: written }];
  return all.flatMap((place) =>
    typeof place.name === "string" && place.name.trim() !== ""
      ? [{ path: place.path, name: place.name }]
      : [],
  );
};

/** Whether a trace is one of counts per minute, which is read as a whole; other traces are read along their runs. */
const countsMinutes = (raw: unknown): boolean => {
  const swept = group(group(raw)["sweep"])["workload.arrivals"];
  const written = group(group(raw)["workload"])["arrivals"];
  const all: readonly unknown[] = Array.isArray(swept) ? swept : [written];
  return all.includes("azure-functions-2019");
};

/** Paths to try, in order. What `--set` names is looked up from the user's folder first. */
const candidates = (
  role: InputFile["role"],
  name: string,
  scope: InputScope,
): readonly string[] => {
  const { cwd, root } = scope.context;
  const shipped = join(root, "experiments");
  const beside = dirname(scope.file);
  if (role === "profiles" && !name.includes("/") && !name.endsWith(".csv")) {
    return [beside, shipped].map((folder) => join(folder, "profiles", `${name}.csv`));
  }
  const isTyped = scope.overrides.some(
    ({ path, value }) => path === KEY_PATHS[role] && value.split(",").includes(name),
  );
  const folders = isTyped ? [cwd, beside, root, shipped] : [beside, cwd, root, shipped];
  return [...new Set(folders.map((folder) => resolve(folder, name)))];
};

const missingFile = (
  place: { readonly path: string; readonly name: string },
  tried: readonly string[],
  cwd: string,
): Problem => {
  const extension = /\.(?:csv|jsonl|parquet|txt)$/.exec(place.name)?.[0] ?? ".csv";
  const wanted = basename(place.name, extension);
  const there = [...new Set(tried.map((path) => dirname(path)))].flatMap((folder) => {
    try {
      return readdirSync(folder).filter((each) => each.endsWith(extension));
    } catch {
      // A folder that cannot be listed has nothing to suggest.
      return [];
    }
  });
  const names = [...new Set(there.map((each) => basename(each, extension)))].toSorted();
  const near = nearest(wanted, names);
  return {
    path: place.path,
    value: showValue(place.name),
    message: `no such file; looked for ${tried.map((path) => shownPath(path, cwd)).join(", ")}`,
    remedy:
      near === null
        ? `${extension === ".csv" ? "a CSV file" : `a file *${extension}`}${names.length > 0 ? `; there are ${listNames(names)}` : ""}`
        : `is "${near}" meant?`,
  };
};

/** Files of one name that are listed as missing; the rest is counted. */
const MISSING_LISTED_MAX = 5;

/** Whether all files that a name stands for are there; a profile set may be a folder. */
const isThere = (role: InputFile["role"], name: string): boolean =>
  role === "profiles" && isFolder(name) ? true : expandTraceName(name).every(isFile);

/** One problem for each file that is missing; of several, those that are looked for where some are. */
const missingFiles = (
  place: { readonly path: string; readonly name: string },
  tried: readonly string[],
  cwd: string,
): readonly Problem[] => {
  const partly = tried.find((name) => expandTraceName(name).some(isFile));
  if (partly === undefined) {
    const files = tried.map((name) => expandTraceName(name)[0] ?? name);
    return [missingFile(place, files, cwd)];
  }
  const gone = expandTraceName(partly).filter((path) => !isFile(path));
  const more = gone.length - MISSING_LISTED_MAX;
  return gone.slice(0, MISSING_LISTED_MAX).map((path, index) => {
    const problem = missingFile({ ...place, name: path }, [path], cwd);
    const isLast = index === MISSING_LISTED_MAX - 1 && more > 0;
    return isLast
      ? { ...problem, message: `${problem.message}; and ${more} more files are missing` }
      : problem;
  });
};

/** Models that the experiment names, with how many of each. */
const namedModels = (raw: unknown): readonly (readonly [string, unknown])[] => {
  const written = Object.entries(group(group(group(raw)["system"])["models"]));
  const swept = Object.keys(group(group(raw)["sweep"]))
    .filter((each) => each.startsWith("system.models."))
    .map((each): [string, unknown] => [each.slice("system.models.".length), undefined]);
  return [...new Map([...swept, ...written])];
};

const unique = (files: readonly InputFile[]): readonly InputFile[] => [
  ...new Map(files.map((file) => [file.path, file])).values(),
];

/** Finds and reads what an experiment names, be it valid otherwise or not. */
export const readInputs = async (raw: unknown, scope: InputScope): Promise<Inputs> => {
  const files: InputFile[] = [];
  const missing: Problem[] = [];
  const problems: Problem[] = [];
  const unusable: string[] = [];
  const traces = new Map<string, CountTable>();
  const profileSets = new Map<string, ProfileSet>();
  /** Of traces, as they are to be read. */
  const names = new Set<string>();
  for (const role of ["trace", "profiles"] as const) {
    for (const place of namesOf(raw, role)) {
      const tried = candidates(role, place.name, scope);
      const found = tried.find((path) => isThere(role, path));
      if (found === undefined) {
        missing.push(...missingFiles(place, tried, scope.context.cwd));
      } else if (role === "trace") {
        names.add(found);
        for (const path of expandTraceName(found)) files.push({ role, path });
      } else {
        const set = readProfileSet(found);
        if (set.ok) profileSets.set(found, set.value);
        else unusable.push(set.error);
      }
    }
  }
  for (const name of countsMinutes(raw) ? names : []) {
    const trace = readCountTrace(name);
    if (trace.ok) traces.set(name, trace.value);
    else unusable.push(trace.error);
  }
  const models = namedModels(raw);
  for (const set of profileSets.values()) {
    for (const named of models) {
      if (set.models.includes(named[0])) {
        files.push(...set.filesOf(named[0]).map((path) => ({ role: "profiles" as const, path })));
      } else problems.push(modelProblem(set, named));
    }
  }
  const find: Inputs["find"] = (role, name) =>
    candidates(role, name, scope).find((path) => isThere(role, path)) ?? null;
  return { files: unique(files), traces, profileSets, problems, missing, unusable, find };
};

/** The plan with absolute paths in every run; all files must be there. */
export const withAbsolutePaths = (plan: Plan, { find }: Inputs): Plan => {
  const absolute = (role: InputFile["role"], name: string): string => {
    const path = find(role, name);
    assert(path !== null, "a plan is made only when its files are there");
    return path;
  };
  const runs = plan.runs.map((run): PlannedRun => {
    const profiles = absolute("profiles", run.system.profiles);
    const kind = isFolder(profiles) ? { profilesAreFolders: true as const } : {};
    const system = { ...run.system, profiles, ...kind };
    if (!("trace" in run.workload)) return { ...run, system };
    return {
      ...run,
      system,
      workload: { ...run.workload, trace: absolute("trace", run.workload.trace) },
    };
  });
  return { ...plan, runs };
};

/** What keeps runs of the plan from replaying their traces; `plan` has absolute paths. */
export const findTraceProblems = (
  plan: Plan,
  traces: ReadonlyMap<string, CountTable>,
): readonly Problem[] => {
  const found = new Map<string, Problem>();
  for (const { workload, point } of plan.runs) {
    if (workload.arrivals !== "azure-functions-2019") continue;
    const trace = traces.get(workload.trace);
    if (trace === undefined) continue;
    for (const problem of traceProblems(workload, trace)) {
      const entry = point.find(({ path }) => path === problem.path);
      const index =
        plan.sweep.find(({ path }) => path === problem.path)?.values.indexOf(entry?.value ?? "") ??
        -1;
      const path = entry === undefined ? problem.path : `sweep["${problem.path}"][${index}]`;
      found.set(`${path}\n${problem.message}`, { ...problem, path });
    }
  }
  return [...found.values()];
};
