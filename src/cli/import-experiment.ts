/** Finds an experiment file and imports it, inside the repository or outside; every failure is the user's to read. */
import { existsSync, readdirSync, statSync, writeSync } from "node:fs";
import { basename, isAbsolute, join, relative, resolve } from "node:path";
import { plugin } from "bun";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import * as language from "#experiment/language.ts";
import { nearest, showValue } from "#experiment/problem.ts";

/** Import statements of an experiment may wait at their top level; not for ever. */
const IMPORT_LIMIT_MS = 10_000;

let isNameRegistered = false;

/** Lets files anywhere write `import { experiment } from "escapement"`, without a node_modules folder of their own. */
const registerPackageName = (): void => {
  if (isNameRegistered) return;
  isNameRegistered = true;
  plugin({
    name: "escapement",
    setup: (build) => {
      build.module("escapement", () => ({ exports: { ...language }, loader: "object" }));
    },
  });
};

/** A path as the user would write it: relative below the folder they are in, absolute elsewhere. */
export const shownPath = (path: string, cwd: string): string => {
  const fromCwd = relative(cwd, path);
  return fromCwd !== "" && !fromCwd.startsWith("..") && !isAbsolute(fromCwd) ? fromCwd : path;
};

/** Whether a regular file is at this path. */
export const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

const tsFilesIn = (folder: string): readonly string[] =>
  existsSync(folder) && statSync(folder).isDirectory()
    ? readdirSync(folder).filter((name) => name.endsWith(".ts") && isFile(join(folder, name)))
    : [];

/** The absolute path of an experiment file: as given, then in `experiments/`, each with or without ".ts". */
export const findExperimentFile = (file: string, { cwd, root }: CliContext): string => {
  const folders = [cwd, join(root, "experiments")];
  const tried = folders.flatMap((folder) => [resolve(folder, file), resolve(folder, `${file}.ts`)]);
  const found = tried.find(isFile);
  if (found !== undefined) return found;
  const near = folders
    .map((folder) => resolve(folder, file, ".."))
    .flatMap((folder) => tsFilesIn(folder).map((name) => ({ folder, name })))
    .filter(({ name }) => nearest(basename(file, ".ts"), [basename(name, ".ts")]) !== null)
    .map(({ folder, name }) => shownPath(join(folder, name), cwd));
  const shipped = tsFilesIn(join(root, "experiments")).map((name) => name);
  const hint =
    near.length > 0
      ? `Did you mean ${near.join(" or ")}?`
      : `Experiments that are there: ${shipped.join(", ") || "none"}.`;
  const lookedIn = [...new Set(tried)].map((path) => `  ${shownPath(path, cwd)}\n`).join("");
  throw new UserError(EXIT.USAGE, `no experiment file "${file}"; looked for\n${lookedIn}${hint}`);
};

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly lineText?: string;
}

const textOf = (error: unknown): string => {
  if (error instanceof Error) return error.message;
  if (typeof error === "object" && error !== null && "message" in error)
    return String(error.message);
  return showValue(error);
};

const isPlace = (value: unknown): value is Place =>
  typeof value === "object" &&
  value !== null &&
  "file" in value &&
  "line" in value &&
  "column" in value;

const placeOf = (error: unknown): Place | null =>
  typeof error === "object" && error !== null && "position" in error && isPlace(error.position)
    ? error.position
    : null;

/** Innermost stack frame that names a file; the experiment's own file goes first. */
const frameOf = (error: unknown, path: string): Place | null => {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const frames = [...stack.matchAll(/(?:\(|at )((?:\/|[A-Za-z]:\\)[^()\n]+?):(\d+):(\d+)/g)].map(
    ([, file = "", line, column]): Place => ({ file, line: Number(line), column: Number(column) }),
  );
  return frames.find(({ file }) => file === path) ?? frames[0] ?? null;
};

const showPlace = (place: Place | null, fallback: string, cwd: string): string =>
  place === null || place.file === ""
    ? fallback
    : `${shownPath(place.file, cwd)}:${place.line}:${place.column}`;

/** "Export named 'msx' not found in module 'escapement'" says which name is near. */
const exportHint = (message: string): string => {
  const name = /^Export named '([^']+)' not found in module '(?:escapement|.*language\.ts)'/.exec(
    message,
  )?.[1];
  const near = name === undefined ? null : nearest(name, Object.keys(language));
  return near === null ? "" : `\n  did you mean ${near}?`;
};

/** What went wrong while a file was imported: each place and message, no stack. */
const describeFailure = (error: unknown, path: string, cwd: string): string => {
  const shown = shownPath(path, cwd);
  const messages: readonly unknown[] =
    error instanceof AggregateError && error.errors.length > 0 ? error.errors : [error];
  const isSyntax = messages.some((each) => placeOf(each) !== null);
  const lines = messages.map((each) => {
    const place = placeOf(each);
    const source = place?.lineText === undefined ? "" : `\n      ${place.lineText.trim()}`;
    const message = textOf(each);
    const name =
      each instanceof Error && !isSyntax && each.name !== "Error" ? `${each.name}: ` : "";
    return `  ${showPlace(place ?? frameOf(each, path), shown, cwd)}: ${name}${message}${source}${exportHint(message)}`;
  });
  const what = isSyntax ? "cannot be read" : "failed while it was loaded";
  return `${shown} ${what}; nothing was started\n${lines.join("\n")}`;
};

/** Rejects with what the file's own loose ends throw; a file that ends the process itself is named as it goes. */
const watchLooseEnds = (shown: string): Disposable & { readonly failed: Promise<never> } => {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  // Without a failure nobody waits for it any more.
  failed.catch(() => undefined);
  const onExit = (): void => {
    writeSync(2, `${shown} ended the process while it was loaded; nothing was started\n`);
    process.exitCode = EXIT.USAGE;
  };
  process.on("uncaughtException", reject);
  process.on("unhandledRejection", reject);
  process.on("exit", onExit);
  return {
    failed,
    [Symbol.dispose]: () => {
      process.off("uncaughtException", reject);
      process.off("unhandledRejection", reject);
      process.off("exit", onExit);
    },
  };
};

const importWithin = async (path: string, shown: string, limitMs: number): Promise<unknown> => {
  using looseEnds = watchLooseEnds(shown);
  let timer: Timer | undefined;
  const limit = new Promise<never>((_, reject) => {
    const message = `still loading after ${limitMs / 1000} s; an experiment file only declares, so nothing in it should wait`;
    timer = setTimeout(() => reject(new Error(message)), limitMs);
  });
  try {
    const module: unknown = await Promise.race([import(path), limit, looseEnds.failed]);
    // A rejection that nobody handles is reported only after the code that caused it.
    await Promise.race([new Promise((resolve) => setImmediate(resolve)), looseEnds.failed]);
    return module;
  } finally {
    clearTimeout(timer);
  }
};

const REMEDY =
  'write `export default experiment({ … })`, with `import { experiment } from "escapement"`';

/** The experiment that a file default-exports, as `experiment()` made it; `path` is absolute. */
export const importExperiment = async (
  path: string,
  cwd: string,
  limitMs = IMPORT_LIMIT_MS,
): Promise<language.ExperimentSpec> => {
  registerPackageName();
  const shown = shownPath(path, cwd);
  let module: unknown;
  try {
    module = await importWithin(path, shown, limitMs);
  } catch (error) {
    throw new UserError(EXIT.USAGE, describeFailure(error, path, cwd));
  }
  if (typeof module !== "object" || module === null || !("default" in module)) {
    throw new UserError(EXIT.USAGE, `${shown} has no default export; ${REMEDY}`);
  }
  if (!language.isExperiment(module.default)) {
    const value = showValue(module.default);
    throw new UserError(
      EXIT.USAGE,
      `${shown}: the default export (${value}) was not made by experiment(); ${REMEDY}`,
    );
  }
  return module.default;
};
