/** The `query` command: SQL over the normalised views of a results folder. */
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { derivedFolderOf, openResultsOrExit } from "#cli/build-report.ts";
import type { CliContext } from "#cli/context.ts";
import { type DialectOption, dialectOption, toldDialect } from "#cli/dialect-option.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import { openViews } from "#query/analyse.ts";
import type { Database, SqlResult } from "#query/database.ts";

type Format = "table" | "csv" | "json";

interface QueryOptions extends DialectOption {
  readonly format: Format;
}

const cellText = (value: unknown): string => {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
};

const csvCell = (value: unknown): string => {
  const text = cellText(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const toCsv = ({ columns, rows }: SqlResult): string =>
  `${[columns, ...rows].map((row) => row.map(csvCell).join(",")).join("\n")}\n`;

/** 64-bit integers are strings in it: JSON's numbers would round them. */
const toJson = ({ columns, rows }: SqlResult): string =>
  `${JSON.stringify(
    rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]]))),
    null,
    2,
  )}\n`;

const NUMERIC = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

const toTable = ({ columns, rows }: SqlResult): string => {
  const lines = [columns, ...rows.map((row) => row.map(cellText))];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? "").length)));
  const text = lines.map((line, index) =>
    line
      .map((cell, at) => {
        const width = widths[at] ?? 0;
        return index > 0 && NUMERIC.test(cell) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  const [head = "", ...body] = text;
  return `${[head, rule, ...body].join("\n")}\n(${rows.length} ${rows.length === 1 ? "row" : "rows"})\n`;
};

const FORMATS: Readonly<Record<Format, (result: SqlResult) => string>> = {
  table: toTable,
  csv: toCsv,
  json: toJson,
};

const runSql = async (db: Database, sql: string): Promise<SqlResult> => {
  try {
    return await db.printable(sql);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UserError(
      EXIT.USAGE,
      `${message}\nviews: runs, requests, actions, client, batches, action_windows, load, measured, measured_requests, measured_actions (columns: docs/metrics.md)`,
    );
  }
};

const runQuery = async (
  context: CliContext,
  query: { readonly dir: string; readonly sql: string },
  options: QueryOptions,
): Promise<void> => {
  const source = openResultsOrExit(resolve(context.cwd, query.dir));
  const dataFolder = join(derivedFolderOf(source), "data");
  const { db } = await openViews({ source, dataFolder, ...toldDialect(options) });
  try {
    process.stdout.write(FORMATS[options.format](await runSql(db, query.sql)));
  } finally {
    await db.close();
  }
};

export const registerQueryCommand = (program: Command, context: CliContext): void => {
  program
    .command("query")
    .description(
      "run SQL over the views runs, requests, actions, client, batches and action_windows",
    )
    .argument("<dir>", "a results folder, or a folder with logs")
    .argument("<sql>", "one statement of DuckDB's SQL")
    .addOption(
      new Option("--format <format>", "how rows are printed")
        .choices(["table", "csv", "json"])
        .default("table"),
    )
    .addOption(dialectOption())
    .action((dir: string, sql: string, options: QueryOptions) =>
      runQuery(context, { dir, sql }, options),
    );
};
