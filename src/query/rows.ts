/** Rows of queries over all runs, sorted out by run. */
import type { Database, SqlRow } from "#query/database.ts";

export const toNumber = (row: SqlRow, column: string): number => Number(row[column]);
export const toNumberOrNull = (row: SqlRow, column: string): number | null =>
  row[column] === null ? null : Number(row[column]);

/** Groups rows by run, converting each; order within a run is the query's. */
export const byRun = async <T>(
  db: Database,
  sql: string,
  convert: (row: SqlRow) => T,
): Promise<ReadonlyMap<number, readonly T[]>> => {
  const groups = new Map<number, T[]>();
  for (const row of await db.rows(sql)) {
    const run = toNumber(row, "run");
    const group = groups.get(run);
    if (group === undefined) groups.set(run, [convert(row)]);
    else group.push(convert(row));
  }
  return groups;
};
