/** Reads tables of Markdown whose last column names the tests that show what a row says. */

/** A row, and the tests that it names; no titles stand for the whole file. */
export interface ShownRow {
  readonly says: string;
  readonly tests: readonly { readonly path: string; readonly titles: readonly string[] }[];
}

const HEAD = "shown by";
/** A path in backticks, then the quoted titles up to the next path. */
const REFERENCE = /`(test\/[^`]+)`((?:[^`"]*"[^"]*")*)/g;

const cellsOf = (line: string): readonly string[] =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());

const testsIn = (cell: string): ShownRow["tests"] =>
  [...cell.matchAll(REFERENCE)].map(([, path = "", quoted = ""]) => ({
    path,
    titles: [...quoted.matchAll(/"([^"]*)"/g)].map(([, title = ""]) => title),
  }));

/** Rows of every table whose last column is headed "shown by". */
export const shownRows = (markdown: string): readonly ShownRow[] => {
  const rows: ShownRow[] = [];
  let isShown = false;
  for (const line of markdown.split("\n")) {
    if (!line.startsWith("|")) {
      isShown = false;
      continue;
    }
    const cells = cellsOf(line);
    const last = cells.at(-1) ?? "";
    if (last === HEAD) isShown = true;
    else if (isShown && !/^-+$/.test(last))
      rows.push({ says: cells[0] ?? "", tests: testsIn(last) });
  }
  return rows;
};

/** Bullets below a heading, up to the next one. */
export const bulletsBelow = (markdown: string, heading: string): readonly string[] => {
  const [, after = ""] = markdown.split(`${heading}\n`);
  const [section = ""] = after.split(/^#/m);
  return section.split("\n").filter((line) => line.startsWith("- "));
};

/** Whether a file of tests has one of that title, as a whole string. */
export const hasTitle = (source: string, title: string): boolean =>
  ['"', "`", "'"].some((quote) => source.includes(`${quote}${title}${quote}`));
