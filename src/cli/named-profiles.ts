/** Profile sets by their names, for whoever takes one on the command line. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import type { ModelProfile } from "#serving/worker/catalogue.ts";
import { parseProfiles } from "#serving/worker/profiles.ts";

export const DEFAULT_PROFILES = "v100-table1";

/** A set by its name in `experiments/profiles`, or any file by its path. */
export const profilePath = (name: string, context: CliContext): string =>
  name.includes("/") || name.endsWith(".csv")
    ? resolve(context.cwd, name)
    : join(context.root, "experiments", "profiles", `${name}.csv`);

export const readProfiles = (path: string): ReadonlyMap<string, ModelProfile> => {
  if (!existsSync(path)) {
    throw new UserError(EXIT.BAD_INPUT, `there is no profile set ${path}`);
  }
  const parsed = parseProfiles(readFileSync(path, "utf8"));
  if (parsed.ok) return parsed.value;
  const lines = parsed.error.map((problem) => `  ${problem}`);
  const text = `the profile set ${path} cannot be used:\n${lines.join("\n")}`;
  throw new UserError(EXIT.BAD_INPUT, text);
};
