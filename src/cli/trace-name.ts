/** Names of traces that lie in several files, one for each day or client. */

const RANGE = /\{(\d{1,5})\.\.(\d{1,5})\}/;
/** More are a slip; the release of ServeGen has some thousand clients. */
const FILES_MAX = 10_000;

/** The files that a name stands for: "d{01..03}.csv" for d01.csv, d02.csv and d03.csv; any other name for itself. */
export const expandTraceName = (name: string): readonly string[] => {
  const [range, from = "", to = ""] = RANGE.exec(name) ?? [];
  if (range === undefined) return [name];
  const count = Number(to) - Number(from) + 1;
  if (count < 1 || count > FILES_MAX) return [name];
  return Array.from({ length: count }, (_, i) =>
    name.replace(range, String(Number(from) + i).padStart(from.length, "0")),
  );
};
