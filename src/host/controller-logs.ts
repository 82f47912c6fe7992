/** The controller's telemetry logs, up to four: where they go, and what to say when they cannot. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LogFile } from "#host/log-file.ts";
import type { LoopStatistics } from "#host/loop-statistics.ts";
import type { ControllerLog } from "#serving/controller/controller-types.ts";
import type { ActionRecord, RequestRecord } from "#serving/controller/events.ts";
import { ACTION_LOG, encodeActionRow } from "#telemetry/action-log.ts";
import { BATCH_LOG, encodeBatchRows } from "#telemetry/batch-log.ts";
import { encodeRequestRow, REQUEST_LOG } from "#telemetry/request-log.ts";
import { headerLine, type LogSchema, type TelemetryDialect } from "#telemetry/schema.ts";
import { encodeSidecar, SIDECAR_FILE } from "#telemetry/sidecar.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import { encodeWindowRow, WINDOW_LOG } from "#telemetry/window-log.ts";

export interface ControllerLogsOptions {
  /** Must exist to be used; never created. */
  readonly dir: string;
  readonly dialect: TelemetryDialect;
  /** Which of them are kept. */
  readonly logs: readonly ControllerLog[];
  /** Instants of records count from here, in ns since the Unix epoch. */
  readonly epochNs: bigint;
  readonly loop: LoopStatistics;
  readonly onStatus: (line: StatusLine) => void;
  /** Takes lines for people. */
  readonly onLine: (line: string) => void;
}

/** Open logs; a log that cannot be opened or written is told once and then left alone: serving goes on. */
export class ControllerLogs {
  readonly #options: ControllerLogsOptions;
  readonly #requests: LogFile | null;
  readonly #actions: LogFile | null;
  readonly #batches: LogFile | null;
  readonly #windows: LogFile | null;

  constructor(options: ControllerLogsOptions) {
    this.#options = options;
    this.#requests = this.#open(REQUEST_LOG, "requests");
    this.#actions = this.#open(ACTION_LOG, "actions");
    this.#batches = this.#open(BATCH_LOG, "batches");
    this.#windows = this.#open(WINDOW_LOG, "windows");
    if (this.#requests !== null || this.#actions !== null) this.#writeSidecar();
  }

  request(record: RequestRecord): void {
    if (this.#requests === null) return;
    const { epochNs, dialect } = this.#options;
    const row = encodeRequestRow(record, epochNs, dialect);
    if (row !== null) this.#requests.append(row);
  }

  action(record: ActionRecord): void {
    const { epochNs, dialect } = this.#options;
    if (this.#actions !== null) {
      const row = encodeActionRow(record, epochNs, dialect);
      if (row !== null) this.#actions.append(row);
    }
    this.#windows?.append(encodeWindowRow(record, epochNs));
    if (this.#batches === null || record.batch.length === 0) return;
    for (const row of encodeBatchRows(record, epochNs)) this.#batches.append(row);
  }

  /** Writes what waits, closes, and tells how many rows each log holds. */
  close(): void {
    for (const [log, file] of [
      [REQUEST_LOG.file, this.#requests],
      [ACTION_LOG.file, this.#actions],
      [BATCH_LOG.file, this.#batches],
      [WINDOW_LOG.file, this.#windows],
    ] as const) {
      if (file === null) continue;
      const rows = file.close();
      this.#options.onStatus({ event: "log-closed", log, rows });
    }
  }

  #open(schema: LogSchema<never>, what: ControllerLog): LogFile | null {
    const { dir, logs, loop, onLine, onStatus } = this.#options;
    if (!logs.includes(what)) return null;
    const log = schema.file;
    const path = join(dir, log);
    onLine(`Logging ${what} to ${path}`);
    const opened = LogFile.open({
      dir,
      name: log,
      header: headerLine(schema),
      loop,
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
