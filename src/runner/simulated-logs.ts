/** The files that the roles of a simulated run leave behind: the same logs, rows and names as those of real processes. */
import { ControllerLogs } from "#host/controller-logs.ts";
import { LogFile } from "#host/log-file.ts";
import type { RunFolders } from "#runner/role-commands.ts";
import type { SimulationOutput } from "#sim/simulated-run.ts";
import { CLIENT_LOG, clientLogFile } from "#telemetry/client-log.ts";
import { ClientRowBytes } from "#telemetry/client-row-bytes.ts";
import { headerLine, type TelemetryDialect } from "#telemetry/schema.ts";
import type { StatusLine } from "#telemetry/status-line.ts";

type ControllerSink = ReturnType<SimulationOutput["openControllerLogs"]>;
type ClientSink = ReturnType<SimulationOutput["openClientLog"]>;

export interface SimulatedLogsOptions {
  readonly folders: RunFolders;
  readonly dialect: TelemetryDialect;
  /** Is told where each log goes, and how many rows it has at its end. */
  readonly onStatus: (name: string, line: StatusLine) => void;
}

/** Rows reach the file before the simulation goes much further, so that memory does not grow with its length. */
export class SimulatedLogs {
  readonly #options: SimulatedLogsOptions;
  readonly #texts = new Map<string, LogFile>();

  constructor(options: SimulatedLogsOptions) {
    this.#options = options;
  }

  /** A line of a role's output. */
  line(name: string, text: string): void {
    (this.#texts.get(name) ?? this.#openText(name))?.append(text);
  }

  openControllerLogs(
    name: string,
    { epochNs, logs }: Parameters<SimulationOutput["openControllerLogs"]>[1],
  ): ControllerSink {
    const { folders, dialect, onStatus } = this.#options;
    const files = new ControllerLogs({
      dir: folders.telemetry,
      dialect,
      logs,
      epochNs,
      isSynchronous: true,
      onStatus: (line) => onStatus(name, line),
      // Where the logs go differs from one results folder to the next: it does not belong into the role's output.
      onLine: () => {},
    });
    return {
      request: (record) => files.request(record),
      action: (record) => files.action(record),
      close: () => void files.close(),
    };
  }

  openClientLog(
    name: string,
    { index, epochNs }: Parameters<SimulationOutput["openClientLog"]>[1],
  ): ClientSink {
    const { folders, onStatus } = this.#options;
    const log = clientLogFile(index);
    const opened = LogFile.open({
      dir: folders.telemetry,
      name: log,
      header: headerLine(CLIENT_LOG),
      onStopped: (reason) => {
        onStatus(name, { event: "error", message: `the client's log ended early: ${reason}` });
      },
    });
    if (!opened.ok) {
      onStatus(name, { event: "log", log, path: null, reason: opened.reason });
      return { request: () => {}, close: () => {} };
    }
    const file = opened.log;
    const rows = new ClientRowBytes(epochNs);
    onStatus(name, { event: "log", log, path: file.path });
    return {
      request: (record) =>
        file.appendBytes(rows.bytesMax(record), (target, offset) =>
          rows.put(record, target, offset),
        ),
      close: () => onStatus(name, { event: "log-closed", log, rows: file.close() }),
    };
  }

  /** Of the roles' output; the logs were closed by the roles. */
  close(): void {
    for (const file of this.#texts.values()) file.close();
  }

  #openText(name: string): LogFile | null {
    const { folders } = this.#options;
    const opened = LogFile.open({
      dir: folders.logs,
      name: `${name}.log`,
      header: `${name}, simulated: instants are those of a world that begins in the year 2000`,
    });
    if (!opened.ok) return null;
    this.#texts.set(name, opened.log);
    return opened.log;
  }
}
