/** Profile sets as experiments name them: a CSV file, or a folder of models in the original's format. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { listNames, nearest, showValue } from "#experiment/problem.ts";
import type { Plan, Problem } from "#experiment/resolved.ts";
import { FolderCatalogue } from "#host/model-folders.ts";
import { parseProfiles } from "#serving/worker/profiles.ts";
import { ZERO_NS } from "#stdx/nanos.ts";
import { err, ok, type Result } from "#stdx/result.ts";

export interface ProfileSet {
  /** As messages call it. */
  readonly title: string;
  readonly models: readonly string[];
  /** Why a model is not among them, where more is known than that it is not there. */
  readonly refusalOf: (model: string) => string | null;
  /** The files that say what a run of this model needs. */
  readonly filesOf: (model: string) => readonly string[];
  /** Of pages that the model was compiled for; null where any will do. */
  readonly pageSizeOf: (model: string) => number | null;
}

export const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

const readTable = (path: string): Result<ProfileSet, string> => {
  const parsed = parseProfiles(readFileSync(path, "utf8"));
  if (!parsed.ok) return err(parsed.error.map((line) => `${path}: ${line}`).join("\n"));
  return ok({
    title: `the profile set ${basename(path, ".csv")}`,
    models: [...parsed.value.keys()],
    refusalOf: () => null,
    filesOf: () => [path],
    pageSizeOf: () => null,
  });
};

const readFolders = (path: string): ProfileSet => {
  const catalogue = new FolderCatalogue(path, () => ZERO_NS);
  const find = (model: string) => catalogue.find(join(path, model, "model"));
  return {
    title: `the folder ${basename(path)}`,
    models: catalogue.list().models,
    refusalOf: (model) => {
      const found = find(model);
      return isFolder(join(path, model)) && !found.ok ? found.message : null;
    },
    // What is in the libraries does not matter to a simulated GPU.
    filesOf: (model) =>
      readdirSync(join(path, model))
        .filter((name) => name.startsWith("model.") && !name.endsWith(".so"))
        .toSorted()
        .map((name) => join(path, model, name)),
    pageSizeOf: (model) => {
      const found = find(model);
      return found.ok ? (found.profile.paging?.pageSizeBytes ?? null) : null;
    },
  };
};

export const readProfileSet = (path: string): Result<ProfileSet, string> => {
  try {
    return isFolder(path) ? ok(readFolders(path)) : readTable(path);
  } catch (error) {
    return err(`${path} cannot be read: ${messageOf(error)}`);
  }
};

/** A model that an experiment names, with the number of its instances, and that this set does not have. */
export const modelProblem = (
  set: ProfileSet,
  [model, instances]: readonly [string, unknown],
): Problem => {
  const near = nearest(model, set.models);
  const refusal = set.refusalOf(model);
  return {
    path: `system.models.${model}`,
    value: showValue(instances),
    message: refusal ?? `${set.title} has no model "${model}"`,
    remedy:
      near === null || refusal !== null
        ? `models there: ${listNames(set.models)}`
        : `write "${near}"`,
  };
};

/** Models that were compiled for pages of another size than a run's workers have. */
export const findPageProblems = (
  plan: Plan,
  sets: ReadonlyMap<string, ProfileSet>,
): readonly Problem[] => {
  const found = new Map<string, Problem>();
  for (const { system } of plan.runs) {
    const set = sets.get(system.profiles);
    for (const { model } of set === undefined ? [] : system.models) {
      const pageSize = set?.pageSizeOf(model) ?? system.pageSizeBytes;
      if (pageSize === system.pageSizeBytes) continue;
      const value = `${system.pageSizeBytes} B`;
      found.set(`${value} ${model}`, {
        path: "system.pageSize",
        value,
        message: `${model} was compiled for pages of ${pageSize} B`,
        remedy: `"${pageSize}B", for models that all have pages of this size`,
      });
    }
  }
  return [...found.values()];
};
