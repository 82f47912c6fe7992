/** The few Markdown forms that the report uses; plain enough to read in a terminal. */

/** A cell may hold no pipe and no line break. */
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ");

export interface TableColumn {
  readonly head: string;
  readonly align: "left" | "right";
}

export const left = (head: string): TableColumn => ({ head, align: "left" });
export const right = (head: string): TableColumn => ({ head, align: "right" });

/** A table padded so that it lines up as plain text too. Rows have one cell per column. */
export const table = (
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): string => {
  const lines = [columns.map((column) => column.head), ...rows].map((row) => row.map(cell));
  const widths = columns.map((_, at) =>
    Math.max(3, ...lines.map((line) => (line[at] ?? "").length)),
  );
  const pad = (text: string, at: number): string => {
    const space = " ".repeat((widths[at] ?? 0) - text.length);
    return columns[at]?.align === "right" ? space + text : text + space;
  };
  const [head = [], ...body] = lines.map((line) => `| ${line.map(pad).join(" | ")} |`);
  const rule = columns.map(({ align }, at) => {
    const dashes = "-".repeat((widths[at] ?? 3) - (align === "right" ? 1 : 0));
    return align === "right" ? `${dashes}:` : dashes;
  });
  return [head, `| ${rule.join(" | ")} |`, ...body].join("\n");
};

export const image = (alt: string, path: string): string =>
  `![${alt.replaceAll(/[[\]]/g, "")}](${encodeURI(path)})`;

export const list = (items: readonly string[]): string =>
  items.map((item) => `- ${item.replaceAll(/\s*\n\s*/g, " ")}`).join("\n");

/** Folded on a code host; all there in a terminal. */
export const details = (summary: string, body: string): string =>
  `<details>\n<summary>${summary}</summary>\n\n${body}\n\n</details>`;

/** Parts with one blank line between them; empty parts leave no gap. */
export const paragraphs = (parts: readonly string[]): string =>
  parts.filter((part) => part !== "").join("\n\n");
