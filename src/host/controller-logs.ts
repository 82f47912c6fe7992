/** The controller's telemetry logs, up to four: where they go, and what to say when they cannot. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SchemaLog } from "#host/schema-log.ts";
import type { ControllerLog } from "#serving/controller/controller-types.ts";
import type { ActionRecord, RequestRecord } from "#serving/controller/events.ts";
import { ACTION_LOG, hasActionRow } from "#telemetry/action-log.ts";
import { BATCH_LOG, type BatchRow } from "#telemetry/batch-log.ts";
import { hasRequestRow, REQUEST_LOG } from "#telemetry/request-log.ts";
import type { LogSchema, TelemetryDialect } from "#telemetry/schema.ts";
import { encodeSidecar, SIDECAR_FILE } from "#telemetry/sidecar.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import { WINDOW_LOG } from "#telemetry/window-log.ts";

export interface ControllerLogsOptions {
  /** Must exist to be used; never created. */
  readonly dir: string;
  readonly dialect: TelemetryDialect;
  /** Which of them are kept. */
  readonly logs: readonly ControllerLog[];
  /** Instants of records count from here, in ns since the Unix epoch. */
  readonly epochNs: bigint;
  /** See `SchemaLogOptions`; not unless given. */
  readonly isSynchronous?: boolean;
  readonly onStatus: (line: StatusLine) => void;
  /** Takes lines for people. */
  readonly onLine: (line: string) => void;
}

/** Open logs; a log that cannot be opened or written is told once and then left alone: serving goes on. */
export class ControllerLogs {
  readonly #options: ControllerLogsOptions;
  readonly #requests: SchemaLog<RequestRecord> | null;
  readonly #actions: SchemaLog<ActionRecord> | null;
  readonly #batches: SchemaLog<BatchRow> | null;
  readonly #windows: SchemaLog<ActionRecord> | null;

  constructor(options: ControllerLogsOptions) {
    this.#options = options;
    this.#requests = this.#open(REQUEST_LOG, "requests");
    this.#actions = this.#open(ACTION_LOG, "actions");
    this.#batches = this.#open(BATCH_LOG, "batches");
    this.#windows = this.#open(WINDOW_LOG, "windows");
    if (this.#requests !== null || this.#actions !== null) this.#writeSidecar();
  }

  request(record: RequestRecord): void {
    if (hasRequestRow(record, this.#options.dialect)) this.#requests?.append(record);
  }

  action(record: ActionRecord): void {
    if (hasActionRow(record, this.#options.dialect)) this.#actions?.append(record);
    this.#windows?.append(record);
    for (const member of record.batch) this.#batches?.append({ action: record, member });
  }

  /** Writes what waits, closes, and tells how many rows each log holds, in order; all at once where rows are written so. */
  close(): Promise<void> {
    let told = Promise.resolve();
    for (const [log, file] of [
      [REQUEST_LOG.file, this.#requests],
      [ACTION_LOG.file, this.#actions],
      [BATCH_LOG.file, this.#batches],
      [WINDOW_LOG.file, this.#windows],
    ] as const) {
      if (file === null) continue;
      const tell = (rows: number): void =>
        this.#options.onStatus({ event: "log-closed", log, rows });
      const rows = file.close();
      if (typeof rows === "number") tell(rows);
      else told = told.then(async () => tell(await rows));
    }
    return told;
  }

  #open<Row>(schema: LogSchema<Row>, what: ControllerLog): SchemaLog<Row> | null {
    const { dir, logs, dialect, epochNs, isSynchronous = false } = this.#options;
    const { onLine, onStatus } = this.#options;
    if (!logs.includes(what)) return null;
    const log = schema.file;
    const path = join(dir, log);
    onLine(`Logging ${what} to ${path}`);
    const opened = SchemaLog.open({
      dir,
      schema,
      dialect,
      epochNs,
      isSynchronous,
      onStopped: (reason) => this.#warn(`No more ${what} are logged: ${reason}`),
    });
    if (!opened.ok) {
      const { reason } = opened;
      this.#warn(`No ${what} are logged: ${reason}. Set CLOCKWORK_LOG_DIR to a writable folder.`);
      onStatus({ event: "log", log, path: null, reason });
      return null;
    }
    if (opened.movedTo !== null) onLine(`An earlier log was moved to ${opened.movedTo}`);
    onStatus({ event: "log", log, path });
    return opened.log;
  }

  #writeSidecar(): void {
    const path = join(this.#options.dir, SIDECAR_FILE);
    try {
      writeFileSync(path, encodeSidecar(this.#options.dialect));
    } catch (error) {
      // Readers recognise the dialect from the rows where this is missing.
      this.#warn(`Cannot write ${path}: ${String(error)}`);
    }
  }

  #warn(message: string): void {
    this.#options.onLine(`Warning: ${message}`);
  }
}
