/** Writes the instants of a Parquet file as text, a line each, for readers that know text only. */
import { Database, sqlText } from "#query/database.ts";
import { err, ok, type Result } from "#stdx/result.ts";

export interface ParquetInstants {
  /** Absolute. */
  readonly path: string;
  readonly column: string;
  /** Digits after the point that whole nanoseconds have in the unit that is asked for: 9 for s, 0 for ns. */
  readonly digits: number;
  /** The file to write: a header `at`, and then an instant a line. */
  readonly outPath: string;
  readonly spillFolder: string;
}

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Numbers as they are; timestamps as units since 1970 with all their digits. */
const asText = (column: string, type: string, digits: number): string | null => {
  const cell = identifier(column);
  if (/^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$/.test(type)) {
    return `${cell}::varchar`;
  }
  if (!type.startsWith("TIMESTAMP")) return null;
  const ns = `epoch_ns(${cell})`;
  if (digits === 0) return `${ns}::varchar`;
  const unit = 10 ** digits;
  return `(${ns} // ${unit})::varchar || '.' || lpad((${ns} % ${unit})::varchar, ${digits}, '0')`;
};

/** Rows keep their order. What is wrong with the file comes back in words. */
export const writeParquetInstants = async (
  options: ParquetInstants,
): Promise<Result<null, string>> => {
  const { path, column, digits, outPath, spillFolder } = options;
  const source = `read_parquet(${sqlText(path)})`;
  const db = await Database.open({ spillFolder });
  try {
    const columns = await db.rows(`describe select * from ${source}`);
    const found = columns.find((each) => each["column_name"] === column);
    if (found === undefined) {
      const names = columns.map((each) => String(each["column_name"])).slice(0, 20);
      return err(
        `${path}, column ${column}: there is no such column; there are ${names.join(", ")}`,
      );
    }
    const type = String(found["column_type"]);
    const text = asText(column, type, digits);
    if (text === null) {
      return err(`${path}, column ${column}: instants are numbers or timestamps, not ${type}`);
    }
    await db.run(
      `copy (select coalesce(${text}, 'null') as at from ${source}) to ${sqlText(outPath)} (format csv, header)`,
    );
    return ok(null);
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    return err(`${path} cannot be read as Parquet: ${reason}`);
  } finally {
    await db.close();
  }
};
