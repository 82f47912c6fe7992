/** A telemetry log on disk: whole rows, soon, never over an older log, and honest about what it could not write. */
import { closeSync } from "node:fs";
import type { LoopStatistics } from "#host/loop-statistics.ts";
import {
  cutAndClose,
  type LogPlace,
  type OpenedFile,
  openLogFile,
  reasonOf,
  wholeRows,
  writeAll,
} from "#host/open-log.ts";

/** Rows wait this long at most; half of what the design allows, so that a busy event loop still keeps to it. */
const FLUSH_AFTER_MS = 500;
/** Rows also go out when this much has gathered, so that a burst neither grows the heap nor blocks for long. */
const FLUSH_AT_CHARS = 256 * 1024;

export interface LogFileOptions extends LogPlace {
  /** Called once when the log can no longer be written; rows after that are counted as lost. */
  readonly onStopped?: (reason: string) => void;
  /** Is told of the time that writing takes. */
  readonly loop?: LoopStatistics;
}

export type OpenLog =
  | {
      readonly ok: true;
      readonly log: LogFile;
      /** Where a log of the same name was moved; null if there was none. */
      readonly movedTo: string | null;
    }
  | { readonly ok: false; readonly reason: string };

/** One log. Owned by the role that opened it, which closes it; appending after that counts as lost. */
export class LogFile {
  readonly path: string;
  readonly #onStopped: (reason: string) => void;
  readonly #loop: LoopStatistics | undefined;
  /** Null once closed or stopped. */
  #fd: number | null;
  #pending: string[] = [];
  #pendingChars = 0;
  /** Rows that came as bytes; never at the same time as others wait. Null until the first one. */
  #block: Uint8Array | null = null;
  #blockBytes = 0;
  #blockRows = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** End of the last whole row in the file. */
  #sizeBytes: number;
  #rows = 0;
  #lostRows = 0;

  private constructor(opened: Extract<OpenedFile, { readonly ok: true }>, options: LogFileOptions) {
    this.path = opened.path;
    this.#fd = opened.fd;
    this.#sizeBytes = opened.sizeBytes;
    this.#onStopped = options.onStopped ?? (() => {});
    this.#loop = options.loop;
  }

  /** Moves an older log of that name aside and writes the header; fails, with the reason, where that is not possible. */
  static open(options: LogFileOptions): OpenLog {
    const opened = openLogFile(options);
    if (!opened.ok) return opened;
    return { ok: true, log: new LogFile(opened, options), movedTo: opened.movedTo };
  }

  /** Rows that reached the file, the header excluded. */
  get rows(): number {
    return this.#rows;
  }

  /** Rows that were appended but could not be written. */
  get lostRows(): number {
    return this.#lostRows;
  }

  /** Adds a row, given without its newline; it is in the file within a second. Throws never. */
  append(row: string): void {
    if (this.#fd === null) {
      this.#lostRows += 1;
      return;
    }
    if (this.#blockRows > 0) this.flush();
    this.#pending.push(row);
    this.#pendingChars += row.length + 1;
    if (this.#pendingChars >= FLUSH_AT_CHARS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }

  /** As `append`, for a row of at most `bytesMax` bytes: `put` writes it with its newline at the offset and returns its end. */
  appendBytes(bytesMax: number, put: (target: Uint8Array, offset: number) => number): void {
    if (this.#fd === null) {
      this.#lostRows += 1;
      return;
    }
    if (this.#pending.length > 0 || this.#blockBytes + bytesMax > (this.#block?.length ?? 0)) {
      this.flush();
    }
    if (this.#block === null || this.#block.length < bytesMax) {
      this.#block = new Uint8Array(Math.max(FLUSH_AT_CHARS, bytesMax));
    }
    this.#blockBytes = put(this.#block, this.#blockBytes);
    this.#blockRows += 1;
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }

  /** Hands all waiting rows to the file system. Throws never: a failure stops the log and is reported. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#fd === null || this.#pending.length + this.#blockRows === 0) return;
    this.#loop?.begin();
    if (this.#blockRows > 0) this.#writeBlock();
    else this.#writePending();
    this.#loop?.end();
  }

  #writePending(): void {
    const rows = this.#pending.length;
    const bytes = Buffer.from(`${this.#pending.join("\n")}\n`);
    this.#pending = [];
    this.#pendingChars = 0;
    this.#write(bytes, rows);
  }

  #writeBlock(): void {
    const rows = this.#blockRows;
    const bytes = this.#block?.subarray(0, this.#blockBytes) ?? new Uint8Array(0);
    this.#blockRows = 0;
    this.#blockBytes = 0;
    this.#write(bytes, rows);
  }

  #write(bytes: Uint8Array, rows: number): void {
    if (this.#fd === null) return;
    const { written, error } = writeAll(this.#fd, bytes);
    if (error === null) {
      this.#rows += rows;
      this.#sizeBytes += bytes.length;
    } else {
      this.#stop(bytes.subarray(0, written), rows, error);
    }
  }

  /** Flushes, closes, and returns how many rows the file holds. Closing again changes nothing. */
  close(): number {
    this.flush();
    if (this.#fd !== null) {
      const fd = this.#fd;
      this.#fd = null;
      try {
        closeSync(fd);
      } catch (error) {
        // Network file systems report late write errors here.
        this.#onStopped(`${this.path}: ${reasonOf(error)} while closing`);
      }
    }
    return this.#rows;
  }

  /** Keeps the whole rows of what was written, cuts the torn one off, and gives up the file. */
  #stop(writtenBytes: Uint8Array, rows: number, cause: unknown): void {
    const kept = wholeRows(writtenBytes);
    this.#rows += kept.rows;
    this.#lostRows += rows - kept.rows;
    this.#sizeBytes += kept.bytes;
    const fd = this.#fd;
    this.#fd = null;
    const note = fd === null ? "" : cutAndClose(fd, this.#sizeBytes);
    this.#onStopped(
      `${this.path}: ${reasonOf(cause)}; no more rows are written, ${this.#rows} are kept${note}`,
    );
  }
}
