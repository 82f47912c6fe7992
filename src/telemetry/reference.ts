/** The reference part of docs/telemetry.md, generated from the schemas so that it cannot go stale. */
import { LOGS } from "#telemetry/logs.ts";
import {
  type Column,
  headerLine,
  type LogSchema,
  TELEMETRY_SCHEMA_VERSION,
} from "#telemetry/schema.ts";

const escapeCell = (text: string): string => text.replaceAll("|", "\\|");

const columnRow = (column: Column<never>, hasDialects: boolean): string => {
  const cells = [`\`${column.name}\``, column.duckdbType, column.unit, column.meaning];
  if (hasDialects) cells.push(column.original?.meaning ?? "same");
  return `| ${cells.map(escapeCell).join(" | ")} |`;
};

const describeLog = (schema: LogSchema<never>): string => {
  const hasDialects = schema.originalRows !== undefined;
  const names = hasDialects
    ? ["column", "type", "unit", "meaning (`documented`)", "in `original`"]
    : ["column", "type", "unit", "meaning"];
  const lines = [
    `### ${schema.title}: \`${schema.file}\``,
    "",
    `Written by the ${schema.writer}: ${schema.grain}.`,
    `Key: ${schema.key}.`,
  ];
  if (schema.originalRows !== undefined)
    lines.push(`Rows in \`original\`: ${schema.originalRows}.`);
  lines.push("", `| ${names.join(" | ")} |`, `|${names.map(() => "---").join("|")}|`);
  for (const column of schema.columns) lines.push(columnRow(column, hasDialects));
  lines.push(
    "",
    "Header, one tab between names:",
    "",
    "```",
    headerLine(schema).replaceAll("\t", " "),
    "```",
  );
  return lines.join("\n");
};

/** Markdown: one section per log, with a table of its columns. Ends without a newline. */
export const telemetryReference = (): string =>
  [`Schema version ${TELEMETRY_SCHEMA_VERSION}.`, ...LOGS.map(describeLog)].join("\n\n");
