/** A log whose rows follow a schema of numbers. */
import { LogFile } from "#host/log-file.ts";
import { RowLog, type RowLogOptions } from "#host/row-log.ts";
import { RowBytes } from "#telemetry/row-bytes.ts";
import { cellsOf, headerLine, type LogSchema, type TelemetryDialect } from "#telemetry/schema.ts";

export interface SchemaLogOptions<Row> extends Omit<RowLogOptions, "name" | "header"> {
  readonly schema: LogSchema<Row>;
  readonly dialect: TelemetryDialect;
  /** Instants of rows count from here, in ns since the Unix epoch. */
  readonly epochNs: bigint;
  /**
   * Rows are written on the event loop: for those who leave it no turns, and would otherwise gather all rows in memory.
   */
  readonly isSynchronous: boolean;
}

/** Where rows go as bytes. */
interface RowSink {
  append(bytesMax: number, put: (target: Uint8Array, offset: number) => number): void;
  close(): number | Promise<number>;
}

const toSink = (file: LogFile): RowSink => ({
  append: (bytesMax, put) => file.appendBytes(bytesMax, put),
  close: () => file.close(),
});

type OpenSchemaLog<Row> =
  | { readonly ok: true; readonly log: SchemaLog<Row>; readonly movedTo: string | null }
  | { readonly ok: false; readonly reason: string };

/** Owned by the role that opened it, which closes it. */
export class SchemaLog<Row> {
  readonly #log: RowSink;
  readonly #rows: RowBytes<Row>;
  /** The row that is being put; a field, so that putting it needs no function of its own. */
  #row: Row | null = null;

  private constructor(log: RowSink, rows: RowBytes<Row>) {
    this.#log = log;
    this.#rows = rows;
  }

  /** As `RowLog.open`. */
  static open<Row>(options: SchemaLogOptions<Row>): OpenSchemaLog<Row> {
    const { schema, dialect, epochNs, isSynchronous } = options;
    const place = { ...options, name: schema.file, header: headerLine(schema) };
    const rows = new RowBytes(cellsOf(schema, dialect), epochNs);
    if (isSynchronous) {
      const opened = LogFile.open(place);
      return opened.ok ? { ...opened, log: new SchemaLog(toSink(opened.log), rows) } : opened;
    }
    const opened = RowLog.open(place);
    return opened.ok ? { ...opened, log: new SchemaLog(opened.log, rows) } : opened;
  }

  append(row: Row): void {
    this.#row = row;
    this.#log.append(this.#rows.bytesMax, this.#put);
    this.#row = null;
  }

  /** Closes once every row is in the file, at once where it is synchronous, and returns how many it holds. */
  close(): number | Promise<number> {
    return this.#log.close();
  }

  readonly #put = (target: Uint8Array, offset: number): number =>
    this.#row === null ? offset : this.#rows.put(this.#row, target, offset);
}
