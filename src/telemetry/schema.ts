/** What a log's columns are, declared once: row encoding, DuckDB types and the reference documentation follow from it. */
import type { Nanos } from "#stdx/nanos.ts";

/** `documented` follows the user documentation, `original` what the original's controller writes (docs/telemetry.md). */
export type TelemetryDialect = "documented" | "original";

export const TELEMETRY_DIALECTS: readonly TelemetryDialect[] = ["documented", "original"];

/** Raised when a column is added, removed or changes its meaning; the sidecar carries it. */
export const TELEMETRY_SCHEMA_VERSION = 1;

export type DuckdbType = "BIGINT" | "INTEGER" | "FLOAT" | "DOUBLE" | "BOOLEAN" | "VARCHAR";

/** A cell's text; computed from one row and the epoch that its instants are relative to (ns since the Unix epoch). */
export interface Cell<Row> {
  (row: Row, epochNs: bigint): string | number;
  /** Present where the text is this instant, absolute; see `absolute`. */
  readonly instant?: (row: Row) => Nanos | null;
}

export interface Column<Row> {
  readonly name: string;
  /** Holds every value of either dialect; empty cells read as NULL. */
  readonly duckdbType: DuckdbType;
  /** "ns", "ns since the Unix epoch", "MHz", "" for plain numbers and codes. */
  readonly unit: string;
  readonly meaning: string;
  readonly cell: Cell<Row>;
  /** Where the `original` dialect differs: its meaning and its cell; absent where both agree. */
  readonly original?: { readonly meaning: string; readonly cell: Cell<Row> };
}

export interface LogSchema<Row> {
  /** File name within a telemetry folder. */
  readonly file: string;
  readonly title: string;
  /** Who writes it. */
  readonly writer: string;
  /** What one row is, and in which order rows come. */
  readonly grain: string;
  /** Columns that identify a row, and where they do not. */
  readonly key: string;
  /** Which rows the `original` dialect leaves out; absent for logs that have one dialect only. */
  readonly originalRows?: string;
  readonly columns: readonly Column<Row>[];
}

/** The header line, without its newline. */
export const headerLine = (schema: LogSchema<never>): string =>
  schema.columns.map((column) => column.name).join("\t");

/** The `columns` argument of DuckDB's `read_csv`: `{'t': 'BIGINT', …}`. */
export const duckdbColumns = (schema: LogSchema<never>): string =>
  `{${schema.columns.map((column) => `'${column.name}': '${column.duckdbType}'`).join(", ")}}`;

/** The cells of one dialect in column order; picked once so that encoding a row is a plain loop. */
export const cellsOf = <Row>(
  schema: LogSchema<Row>,
  dialect: TelemetryDialect,
): readonly Cell<Row>[] =>
  schema.columns.map((column) =>
    dialect === "original" ? (column.original?.cell ?? column.cell) : column.cell,
  );

/** One row as text, without its newline. */
export const encodeCells = <Row>(
  cells: readonly Cell<Row>[],
  row: Row,
  epochNs: bigint,
): string => {
  let text = "";
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i];
    if (cell !== undefined) text += i === 0 ? cell(row, epochNs) : `\t${cell(row, epochNs)}`;
  }
  return text;
};

/** An absolute instant in decimal ns since the Unix epoch: exact, where a double would round by hundreds of ns. */
const absoluteNs = (instant: Nanos, epochNs: bigint): string => String(epochNs + BigInt(instant));

/** The cell of an absolute instant; empty where there is none. */
export const absolute = <Row>(instant: (row: Row) => Nanos | null): Cell<Row> =>
  Object.assign(
    (row: Row, epochNs: bigint): string => {
      const at = instant(row);
      return at === null ? "" : absoluteNs(at, epochNs);
    },
    { instant },
  );

export const flag = (value: boolean): number => (value ? 1 : 0);
