/** Profile sets: the CSV files that tell simulated GPUs how large models are and how long they take. */

import { STATUS } from "#serving/status.ts";
import type { CatalogueEntry, ModelCatalogue, ModelProfile } from "#serving/worker/catalogue.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { err, ok, type Result } from "#stdx/result.ts";

const SIZE_COLUMNS = ["input_bytes", "output_bytes", "weights_bytes", "weights_load_ns"] as const;
const EXEC_COLUMN = /^exec_b(\d+)_ns$/;

/** Column name to position, and the batch sizes that have a column. */
interface Header {
  readonly index: ReadonlyMap<string, number>;
  readonly batchSizes: readonly number[];
}

const parseHeader = (line: string): Result<Header, string> => {
  const names = line.split(",").map((name) => name.trim());
  const index = new Map(names.map((name, position) => [name, position]));
  const missing = ["model", ...SIZE_COLUMNS, "exec_b1_ns"].filter((name) => !index.has(name));
  if (missing.length > 0) return err(`the header lacks ${missing.join(", ")}`);
  const isKnown = (name: string): boolean =>
    name === "model" || SIZE_COLUMNS.some((known) => known === name) || EXEC_COLUMN.test(name);
  const unknown = names.filter((name) => !isKnown(name));
  if (unknown.length > 0) return err(`the header has unknown columns: ${unknown.join(", ")}`);
  if (index.size < names.length) return err("the header names a column twice");
  const batchSizes = names
    .map((name) => Number(EXEC_COLUMN.exec(name)?.[1] ?? 0))
    .filter((size) => size > 0)
    .toSorted((a, b) => a - b);
  return ok({ index, batchSizes });
};

/** A row's numbers; `problems` gets a line for each that is wrong. */
class Row {
  readonly #cells: readonly string[];
  readonly #header: Header;
  readonly problems: string[] = [];

  constructor(line: string, header: Header) {
    this.#cells = line.split(",").map((cell) => cell.trim());
    this.#header = header;
    if (this.#cells.length !== header.index.size) {
      this.problems.push(`has ${this.#cells.length} cells, the header ${header.index.size}`);
    }
  }

  text(column: string): string {
    return this.#cells[this.#header.index.get(column) ?? -1] ?? "";
  }

  whole(column: string): number {
    const text = this.text(column);
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
    this.problems.push(`${column} is "${text}", not a whole number`);
    return 0;
  }
}

const parseRow = (row: Row, header: Header): ModelProfile => {
  const batchSizes = header.batchSizes.filter((size) => row.text(`exec_b${size}_ns`) !== "");
  const execNs = batchSizes.map((size): Nanos => ns(row.whole(`exec_b${size}_ns`)));
  if (batchSizes[0] !== 1) row.problems.push("exec_b1_ns is missing");
  if (row.text("model") === "") row.problems.push("model is missing");
  return {
    inputBytes: row.whole("input_bytes"),
    outputBytes: row.whole("output_bytes"),
    weightsBytes: row.whole("weights_bytes"),
    weightsLoadNs: ns(row.whole("weights_load_ns")),
    batchSizes,
    execNs,
  };
};

interface Numbered {
  readonly line: string;
  /** 1-based, comments counted. */
  readonly at: number;
}

const contentLines = (text: string): readonly Numbered[] =>
  text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line, index) => ({ line, at: index + 1 }))
    .filter(({ line }) => line.trim() !== "" && !line.startsWith("#"));

const parseRows = (
  lines: readonly Numbered[],
  header: Header,
): Result<ReadonlyMap<string, ModelProfile>, readonly string[]> => {
  const profiles = new Map<string, ModelProfile>();
  const problems: string[] = [];
  for (const { line, at } of lines) {
    const row = new Row(line, header);
    const profile = parseRow(row, header);
    const model = row.text("model");
    if (profiles.has(model)) row.problems.push(`${model} is there twice`);
    problems.push(...row.problems.map((problem) => `line ${at}: ${problem}`));
    profiles.set(model, profile);
  }
  if (profiles.size === 0) problems.push("there are no models in it");
  return problems.length === 0 ? ok(profiles) : err(problems);
};

/** Reads a profile set by model name; fails with one line per mistake. The format is in experiments/profiles/README.md. */
export const parseProfiles = (
  text: string,
): Result<ReadonlyMap<string, ModelProfile>, readonly string[]> => {
  const [first, ...rows] = contentLines(text);
  if (first === undefined) return err(["the file is empty"]);
  const header = parseHeader(first.line);
  if (!header.ok) return err([`line ${first.at}: ${header.error}`]);
  return parseRows(rows, header.value);
};

/** Finds profiles by the last but one part of a path, "/zoo/<model>/model": the original's folder per model. */
export class ProfileCatalogue implements ModelCatalogue {
  readonly #profiles: ReadonlyMap<string, ModelProfile>;

  constructor(profiles: ReadonlyMap<string, ModelProfile>) {
    this.#profiles = profiles;
  }

  find(path: string): CatalogueEntry {
    const profile = this.#profiles.get(path.split("/").at(-2) ?? "");
    if (profile !== undefined) return { ok: true, profile };
    return {
      ok: false,
      status: STATUS.BAD_MODEL_PATH,
      message: `No valid batch sizes found for ${path}`,
    };
  }
}
