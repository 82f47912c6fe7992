/** One in-memory DuckDB: opened with limits, queried with the query named in every error, closed without a query in flight. */
import { setTimeout as delay } from "node:timers/promises";
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from "@duckdb/node-api";

export interface DatabaseOptions {
  /** Where DuckDB spills what does not fit its memory limit; it creates the folder when it needs it. */
  readonly spillFolder: string;
  /** Default 2 GB: reports must work beside the experiment that they describe. */
  readonly memoryLimit?: string;
  readonly threads?: number;
}

const INTERRUPT_EVERY_MS = 20;

/** One row of a result: BIGINT as bigint, lists as arrays. */
export type SqlRow = Readonly<Record<string, unknown>>;

/** The rows of a query with its column names in order. */
export interface SqlResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

const withQuery = (error: unknown, sql: string): Error => {
  const message = error instanceof Error ? error.message : String(error);
  return new Error(`${message}\nin the query:\n${sql.trim()}`, { cause: error });
};

/** A connection with its instance; `close` interrupts and awaits what still runs, since closing under a query can hang. */
export class Database implements AsyncDisposable {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #running = new Set<Promise<unknown>>();

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open(options: DatabaseOptions): Promise<Database> {
    const instance = await DuckDBInstance.create(":memory:", {
      threads: String(options.threads ?? 2),
      memory_limit: options.memoryLimit ?? "2GB",
      temp_directory: options.spillFolder,
      // No extension is ever fetched: a report needs no network.
      autoinstall_known_extensions: "false",
    });
    return new Database(instance, await instance.connect());
  }

  /** Runs a statement for its effect. */
  async run(sql: string): Promise<void> {
    await this.#track(sql, this.#connection.run(sql));
  }

  /** All rows of a query as objects. */
  async rows(sql: string, parameters?: Record<string, DuckDBValue>): Promise<readonly SqlRow[]> {
    const reader = await this.#track(sql, this.#connection.runAndReadAll(sql, parameters));
    return reader.getRowObjectsJS();
  }

  /** All rows of one query in column order, 64-bit integers and decimals as strings: safe to print. */
  async printable(sql: string): Promise<SqlResult> {
    const { count } =
      sql.trim() === ""
        ? { count: 0 }
        : await this.#track(sql, this.#connection.extractStatements(sql));
    if (count !== 1) throw new Error(`one statement is due, ${count} are given`);
    const reader = await this.#track(sql, this.#connection.runAndReadAll(sql));
    return { columns: reader.columnNames(), rows: reader.getRowsJson() };
  }

  /** DuckDB's version, as in "v1.5.6". */
  async version(): Promise<string> {
    const [row] = await this.rows("select version() as version");
    return String(row?.["version"]);
  }

  async close(): Promise<void> {
    while (this.#running.size > 0) {
      // An interrupt that comes before the engine has begun the query is lost, so it is repeated.
      this.#connection.interrupt();
      await Promise.race([Promise.allSettled(this.#running), delay(INTERRUPT_EVERY_MS)]);
    }
    this.#connection.closeSync();
    this.#instance.closeSync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #track<T>(sql: string, work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } catch (error) {
      throw withQuery(error, sql);
    } finally {
      this.#running.delete(work);
    }
  }
}

/** A string literal of SQL; the only way a path or a name gets into a statement. */
export const sqlText = (value: string): string => `'${value.replaceAll("'", "''")}'`;
