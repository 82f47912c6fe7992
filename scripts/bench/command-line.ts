/** Uses the product as a user does: runs `./run` in some clone and asks its results by SQL. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";

export interface Clone {
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ExperimentRun {
  readonly wallSeconds: number;
  /** The results folder that it made. */
  readonly results: string;
}

/** Exit codes of an experiment whose results are whole: all is well (0), or only a check of it failed (3). */
const WHOLE: ReadonlySet<number | null> = new Set([0, 3]);

const listResults = async (root: string, name: string): Promise<readonly string[]> => {
  try {
    return await readdir(join(root, "results", name));
  } catch {
    // No such experiment was run there yet.
    return [];
  }
};

/** Runs an experiment of `clone` to its end; throws with its output when its results are not whole. */
export const runExperiment = async (
  clone: Clone,
  experiment: { readonly file: string; readonly name: string },
  ...options: readonly string[]
): Promise<ExperimentRun> => {
  const before = new Set(await listResults(clone.root, experiment.name));
  const startedMs = performance.now();
  const ending = await $({
    cwd: clone.root,
    env: { ...clone.env },
    nothrow: true,
    quiet: true,
    stdio: ["ignore", "pipe", "pipe"],
  })`./run experiment ${experiment.file} ${options}`;
  const wallSeconds = (performance.now() - startedMs) / 1000;
  const after = await listResults(clone.root, experiment.name);
  const made = after.filter((id) => !before.has(id));
  const [id] = made;
  if (!WHOLE.has(ending.exitCode) || id === undefined || made.length > 1) {
    throw new Error(
      `./run experiment ${experiment.file} ended with ${ending.exitCode} and ${made.length} new results folders:\n${ending.stdall}`,
    );
  }
  return { wallSeconds, results: join(clone.root, "results", experiment.name, id) };
};

/** Rows of one SQL statement over a results folder; 64-bit integers come as strings. */
export const askResults = async (
  clone: Clone,
  results: string,
  sql: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> => {
  const ending = await $({
    cwd: clone.root,
    env: { ...clone.env },
    nothrow: true,
    quiet: true,
    stdio: ["ignore", "pipe", "pipe"],
  })`./run query ${results} ${sql} --format json`;
  if (ending.exitCode !== 0) throw new Error(`./run query failed:\n${ending.stdall}`);
  return JSON.parse(ending.stdout) as readonly Readonly<Record<string, unknown>>[];
};

/** One column of `rows` as numbers; throws when a value is none. */
export const numbersOf = (
  rows: readonly Readonly<Record<string, unknown>>[],
  column: string,
): readonly number[] =>
  rows.map((each) => {
    const value = each[column];
    const number = typeof value === "string" ? Number(value) : value;
    if (typeof number !== "number" || !Number.isFinite(number))
      throw new Error(`column ${column} holds ${JSON.stringify(value)}`);
    return number;
  });
