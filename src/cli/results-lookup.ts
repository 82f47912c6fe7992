/** Finds a results folder by what a person types: its path, or its id below the folder of all results. */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import { FILES } from "#telemetry/results.ts";

/** Absolute path; throws `UserError` when there is none, or more than one. `given` is the user's `--results`. */
export const findResultsFolder = (
  context: CliContext,
  given: string | undefined,
  idOrPath: string,
): string => {
  const path = resolve(context.cwd, idOrPath);
  if (existsSync(join(path, FILES.manifest))) return path;
  const root = given === undefined ? join(context.root, "results") : resolve(context.cwd, given);
  const names = existsSync(root) ? readdirSync(root) : [];
  const found = names
    .map((name) => join(root, name, idOrPath))
    .filter((folder) => existsSync(join(folder, FILES.manifest)));
  const [first, second] = found;
  if (first === undefined) {
    const message = `no results folder "${idOrPath}": neither a path nor an id below ${root}`;
    throw new UserError(EXIT.BAD_INPUT, message);
  }
  if (second !== undefined) {
    const message = `the id "${idOrPath}" is ambiguous:\n${found.map((folder) => `  ${folder}`).join("\n")}`;
    throw new UserError(EXIT.BAD_INPUT, message);
  }
  return first;
};
