/** The worker's own log: remembers actions until their results, and writes a row for each. */
import { LogFile } from "#host/log-file.ts";
import type { LoopStatistics } from "#host/loop-statistics.ts";
import type { Action, ActionResult } from "#serving/messages.ts";
import type { Nanos } from "#stdx/nanos.ts";
import { headerLine } from "#telemetry/schema.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import { encodeWorkerRow, WORKER_LOG } from "#telemetry/worker-log.ts";

export interface WorkerLogOptions {
  /** Must exist; never created. */
  readonly dir: string;
  /** Workers of one folder have a log each. */
  readonly workerId: number;
}

export interface WorkerLogParts extends WorkerLogOptions {
  /** Instants count from here, in ns since the Unix epoch. */
  readonly epochNs: bigint;
  readonly loop: LoopStatistics;
  readonly onStatus: (line: StatusLine) => void;
  readonly onLine: (line: string) => void;
}

interface Received {
  readonly action: Action;
  readonly received: Nanos;
}

/** `worker_log.tsv`, `worker_log.1.tsv`, …, as load generators name theirs. */
const fileName = (workerId: number): string =>
  workerId === 0 ? WORKER_LOG.file : WORKER_LOG.file.replace(".tsv", `.${workerId}.tsv`);

const keyOf = (connectionId: number, kind: Action["kind"], actionId: number): string =>
  `${connectionId} ${kind} ${actionId}`;

/** An open log; one that cannot be opened or written is told once and then left alone: the worker goes on. */
export class WorkerLog {
  readonly #parts: WorkerLogParts;
  readonly #file: LogFile | null;
  /** By connection, kind and id; a controller that uses an id twice at a time gets a row for each, the oldest first. */
  readonly #open = new Map<string, Received[]>();

  constructor(parts: WorkerLogParts) {
    this.#parts = parts;
    const { dir, workerId, loop, onLine, onStatus } = parts;
    const name = fileName(workerId);
    const header = headerLine(WORKER_LOG);
    const onStopped = (reason: string): void =>
      onLine(`Warning: No more actions are logged: ${reason}`);
    const opened = LogFile.open({ dir, name, header, loop, onStopped });
    this.#file = opened.ok ? opened.log : null;
    if (opened.ok) {
      onLine(`Logging actions to ${opened.log.path}`);
      if (opened.movedTo !== null) onLine(`An earlier log was moved to ${opened.movedTo}`);
      onStatus({ event: "log", log: name, path: opened.log.path });
    } else {
      onLine(`Warning: No actions are logged: ${opened.reason}`);
      onStatus({ event: "log", log: name, path: null, reason: opened.reason });
    }
  }

  onAction(connectionId: number, action: Action, received: Nanos): void {
    if (this.#file === null) return;
    const key = keyOf(connectionId, action.kind, action.actionId);
    const waiting = this.#open.get(key);
    if (waiting === undefined) this.#open.set(key, [{ action, received }]);
    else waiting.push({ action, received });
  }

  onResult(connectionId: number, result: ActionResult, resultSent: Nanos): void {
    if (this.#file === null) return;
    const kind = result.kind === "error" ? result.action : result.kind;
    const key = keyOf(connectionId, kind, result.actionId);
    const waiting = this.#open.get(key);
    const first = waiting?.shift();
    if (waiting?.length === 0) this.#open.delete(key);
    if (first === undefined) return;
    const record = { ...first, connectionId, result, resultSent };
    this.#file.append(encodeWorkerRow(record, this.#parts.epochNs));
  }

  /** Writes what waits, closes, and tells how many rows the log holds. */
  close(): void {
    if (this.#file === null) return;
    const rows = this.#file.close();
    const log = fileName(this.#parts.workerId);
    this.#parts.onStatus({ event: "log-closed", log, rows });
  }
}
