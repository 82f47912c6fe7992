/** The logs that the runner itself writes: what hosts and roles report of their own condition during a run. */
import { LogFile } from "#host/log-file.ts";
import type { HostSample } from "#remote/remote.ts";
import { encodeHostRow, HOST_LOG } from "#telemetry/host-log.ts";
import { encodeLoopRow, LOOP_LOG, type LoopRecord } from "#telemetry/loop-log.ts";
import { encodeProcessRow, PROCESS_LOG } from "#telemetry/process-log.ts";
import { headerLine, type LogSchema } from "#telemetry/schema.ts";

/** Open from the run's start until `close`; what comes later is nobody's. */
export class HealthLogs {
  readonly #onFailure: (reason: string) => void;
  readonly #logs: ReadonlyMap<string, LogFile>;

  /** `onFailure` is told why a log cannot be written (any more); never from within the constructor. */
  constructor(folder: string, onFailure: (reason: string) => void) {
    this.#onFailure = onFailure;
    const schemas: readonly LogSchema<never>[] = [HOST_LOG, PROCESS_LOG, LOOP_LOG];
    this.#logs = new Map(
      schemas.flatMap((schema) => {
        const log = this.#open(folder, schema);
        return log === null ? [] : [[schema.file, log] as const];
      }),
    );
  }

  sample(host: string, sample: HostSample): void {
    const { atNs, processes, ...counts } = sample;
    this.#logs.get(HOST_LOG.file)?.append(encodeHostRow({ host, atNs, ...counts }));
    const log = this.#logs.get(PROCESS_LOG.file);
    for (const process of processes) log?.append(encodeProcessRow({ atNs, host, ...process }));
  }

  loop(record: LoopRecord): void {
    this.#logs.get(LOOP_LOG.file)?.append(encodeLoopRow(record));
  }

  /** Rows per log file name. */
  close(): ReadonlyMap<string, number> {
    return new Map([...this.#logs].map(([file, log]) => [file, log.close()]));
  }

  #open(dir: string, schema: LogSchema<never>): LogFile | null {
    const opened = LogFile.open({
      dir,
      name: schema.file,
      header: headerLine(schema),
      onStopped: (reason) => this.#onFailure(reason),
    });
    if (opened.ok) return opened.log;
    queueMicrotask(() => this.#onFailure(opened.reason));
    return null;
  }
}
