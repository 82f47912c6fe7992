/** The logs that the analysis reads, under the names that its tables carry. */
import type { LogName } from "#query/analysis.ts";
import { ACTION_LOG } from "#telemetry/action-log.ts";
import { BATCH_LOG } from "#telemetry/batch-log.ts";
import { CLIENT_LOG } from "#telemetry/client-log.ts";
import { HOST_LOG } from "#telemetry/host-log.ts";
import { LOOP_LOG } from "#telemetry/loop-log.ts";
import { PROCESS_LOG } from "#telemetry/process-log.ts";
import { REQUEST_LOG } from "#telemetry/request-log.ts";
import { headerLine, type LogSchema } from "#telemetry/schema.ts";
import { WINDOW_LOG } from "#telemetry/window-log.ts";

/** A log as DuckDB reads it: nothing is ever sniffed. */
export interface LogDefinition {
  readonly name: LogName;
  readonly file: string;
  readonly header: string;
  readonly columns: readonly LogColumn[];
}

interface LogColumn {
  readonly name: string;
  readonly type: string;
  /** Not in the file, which is older than the column: read as null. */
  readonly isAbsent?: true;
}

/** Columns that later versions added, each at its log's end; files without them are as good as they were. */
const ADDED_COLUMNS: Readonly<Partial<Record<LogName, readonly string[]>>> = {
  client: ["response_sent_ns"],
};

// The original prints these as unsigned 64-bit numbers, so a negative one arrives as 2^64 minus its size.
const WRAPPING_COLUMNS: ReadonlySet<string> = new Set([
  "controller_result_enqueue",
  "controller_action_duration",
]);

const define = (name: LogName, schema: LogSchema<never>): LogDefinition => ({
  name,
  file: schema.file,
  header: headerLine(schema),
  columns: schema.columns.map((column) => ({ name: column.name, type: column.duckdbType })),
});

export const LOGS: readonly LogDefinition[] = [
  define("requests", REQUEST_LOG),
  define("actions", ACTION_LOG),
  define("batches", BATCH_LOG),
  define("action_windows", WINDOW_LOG),
  define("client", CLIENT_LOG),
  define("hosts", HOST_LOG),
  define("processes", PROCESS_LOG),
  define("loops", LOOP_LOG),
];

/** The `columns` argument of `read_csv`; wrapping columns are read wide and brought back by `selectList`. */
export const csvColumns = (log: LogDefinition): string => {
  const pairs = log.columns
    .filter(({ isAbsent }) => isAbsent !== true)
    .map(({ name, type }) => `'${name}': '${WRAPPING_COLUMNS.has(name) ? "HUGEINT" : type}'`);
  return `{${pairs.join(", ")}}`;
};

/** The columns as they are kept: signed 64-bit, whichever way they were written. */
export const selectList = (log: LogDefinition): string =>
  log.columns
    .map(({ name, type, isAbsent }) => {
      if (isAbsent === true) return `null::${type} as "${name}"`;
      return WRAPPING_COLUMNS.has(name)
        ? `(case when ${name} >= 9223372036854775808 then ${name} - 18446744073709551616 else ${name} end)::BIGINT as ${name}`
        : `"${name}"`;
    })
    .join(", ");

/** The log as a file with this header has it: columns that were added after the file was written are absent. */
export const asWritten = (log: LogDefinition, header: string): LogDefinition => {
  const found = header.split("\t").length;
  const added = ADDED_COLUMNS[log.name] ?? [];
  const columns = log.columns.map((column, index) =>
    index >= found && added.includes(column.name) ? { ...column, isAbsent: true as const } : column,
  );
  const present = columns.filter((column) => !("isAbsent" in column));
  return { ...log, columns, header: present.map(({ name }) => name).join("\t") };
};

/** What is wrong with a header, or null: names the first column that differs. */
export const headerProblem = (log: LogDefinition, header: string): string | null => {
  if (header === log.header) return null;
  const expected = log.header.split("\t");
  const found = header.split("\t");
  const at = expected.findIndex((name, index) => found[index] !== name);
  if (at === -1) return `line 1 has ${found.length} columns, expected ${expected.length}`;
  const shown = found[at] === undefined ? "nothing" : JSON.stringify(found[at].slice(0, 60));
  return `line 1 is not this log's header: column ${at + 1} is ${shown}, expected "${expected[at]}"`;
};
