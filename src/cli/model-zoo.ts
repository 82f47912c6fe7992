/** The models that a client can ask for: folders of a model zoo, or those of a profile set. */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import { DEFAULT_PROFILES, profilePath, readProfiles } from "#cli/named-profiles.ts";
import type { Zoo } from "#serving/client/workloads/workload-kind.ts";

export interface ZooFlags {
  readonly modelDir?: string;
  readonly profiles?: string;
}

export interface ModelZoo extends Zoo {
  /** What comes before `/NAME/model` on the wire. */
  readonly modelDir: string;
}

/** Where models of a profile set are for those who ask for them: nothing is read there. */
export const PROFILES_DIR = "/zoo";
/** A folder that has it is a model, as for the original. */
const MARK = "model.clockwork_params";

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const fromFolder = (modelDir: string): ModelZoo => {
  let names: readonly string[];
  try {
    names = readdirSync(modelDir);
  } catch (error) {
    const text = `the model zoo cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new UserError(EXIT.BAD_INPUT, text);
  }
  const models = names.filter((name) => existsSync(join(modelDir, name, MARK))).toSorted(byBytes);
  if (models.length > 0) return { models, source: modelDir, modelDir };
  const text = `there is no model in ${modelDir}: a model is a folder in it that has the file ${MARK}`;
  throw new UserError(EXIT.BAD_INPUT, text);
};

const fromProfiles = (name: string, context: CliContext): ModelZoo => ({
  models: [...readProfiles(profilePath(name, context)).keys()].toSorted(byBytes),
  source: `the profile set ${name}`,
  modelDir: PROFILES_DIR,
});

/** The folder that is named, or the one of the environment; without either a profile set, as workers have it. */
export const openZoo = (flags: ZooFlags, context: CliContext): ModelZoo => {
  if (flags.profiles !== undefined) return fromProfiles(flags.profiles, context);
  const folder = flags.modelDir ?? context.env["CLOCKWORK_MODEL_DIR"] ?? "";
  return folder === ""
    ? fromProfiles(DEFAULT_PROFILES, context)
    : fromFolder(resolve(context.cwd, folder));
};
