/** A telemetry log on disk: whole rows, soon, never over an older log, and honest about what it could not write. */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join, parse } from "node:path";
import type { LoopStatistics } from "#host/loop-statistics.ts";

/** Rows wait this long at most; half of what the design allows, so that a busy event loop still keeps to it. */
const FLUSH_AFTER_MS = 500;
/** Rows also go out when this much has gathered, so that a burst neither grows the heap nor blocks for long. */
const FLUSH_AT_CHARS = 256 * 1024;
const NEWLINE = 10;

export interface LogFileOptions {
  /** Must exist; never created. */
  readonly dir: string;
  readonly name: string;
  /** Without its newline; written at once. */
  readonly header: string;
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

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the device",
  EDQUOT: "the disk quota is used up",
  EIO: "input/output error",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EFBIG: "the file would be too large",
  ENOENT: "no such directory",
  ENOTDIR: "not a directory",
  EMFILE: "too many open files",
};

const codeOf = (error: unknown): string | null =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;

const reasonOf = (error: unknown): string => {
  const code = codeOf(error);
  return (code === null ? undefined : REASONS[code]) ?? String(error);
};

/** `requests.tsv` of 02:00:00 becomes `requests.2026-11-23T02-00-00Z.tsv`; `attempt` makes it unique. */
const asideName = (path: string, modified: Date, attempt: number): string => {
  const { dir, name, ext } = parse(path);
  const stamp = modified
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(":", "-");
  return join(dir, `${name}.${stamp}${attempt === 0 ? "" : `-${attempt + 1}`}${ext}`);
};

/** Renames without ever replacing: a hard link fails where the name is taken, a rename would not. */
const renameToFree = (from: string, to: string): boolean => {
  try {
    linkSync(from, to);
    unlinkSync(from);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST" || existsSync(to)) return false;
    // No hard links on this file system.
    renameSync(from, to);
    return true;
  }
};

/** Moves an existing log out of the way; the new name, or null when there is none. Throws what the file system throws. */
const moveAside = (path: string): string | null => {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const target = asideName(path, found.mtime, attempt);
    if (renameToFree(path, target)) return target;
  }
  throw new Error(`no free name to move ${path} to`);
};

const missingDirectory = (dir: string): string | null => {
  const found = statSync(dir, { throwIfNoEntry: false });
  if (found === undefined) return `directory ${dir} does not exist`;
  return found.isDirectory() ? null : `${dir} is not a directory`;
};

/** One log. Owned by the role that opened it, which closes it; appending after that counts as lost. */
export class LogFile {
  readonly path: string;
  readonly #onStopped: (reason: string) => void;
  readonly #loop: LoopStatistics | undefined;
  /** Null once closed or stopped. */
  #fd: number | null;
  #pending: string[] = [];
  #pendingChars = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** End of the last whole row in the file. */
  #sizeBytes = 0;
  #rows = 0;
  #lostRows = 0;

  private constructor(path: string, fd: number, options: LogFileOptions) {
    this.path = path;
    this.#fd = fd;
    this.#onStopped = options.onStopped ?? (() => {});
    this.#loop = options.loop;
  }

  /** Moves an older log of that name aside and writes the header; fails, with the reason, where that is not possible. */
  static open(options: LogFileOptions): OpenLog {
    const path = join(options.dir, options.name);
    try {
      const missing = missingDirectory(options.dir);
      if (missing !== null) return { ok: false, reason: missing };
      const movedTo = moveAside(path);
      const log = new LogFile(path, openSync(path, "wx"), options);
      const failure = log.#writeHeader(options.header);
      return failure === null ? { ok: true, log, movedTo } : { ok: false, reason: failure };
    } catch (error) {
      return { ok: false, reason: `cannot write ${path}: ${reasonOf(error)}` };
    }
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
    this.#pending.push(row);
    this.#pendingChars += row.length + 1;
    if (this.#pendingChars >= FLUSH_AT_CHARS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }

  /** Hands all waiting rows to the file system. Throws never: a failure stops the log and is reported. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#fd === null || this.#pending.length === 0) return;
    this.#loop?.begin();
    this.#writePending();
    this.#loop?.end();
  }

  #writePending(): void {
    const rows = this.#pending.length;
    const bytes = Buffer.from(`${this.#pending.join("\n")}\n`);
    this.#pending = [];
    this.#pendingChars = 0;
    const { written, error } = this.#write(bytes);
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

  /** Writes all of `bytes`, in one call unless the system takes only a part. */
  #write(bytes: Uint8Array): { readonly written: number; readonly error: unknown } {
    let written = 0;
    try {
      while (written < bytes.length && this.#fd !== null) {
        written += writeSync(this.#fd, bytes, written, bytes.length - written);
      }
      return { written, error: null };
    } catch (error) {
      return { written, error };
    }
  }

  #writeHeader(header: string): string | null {
    const bytes = Buffer.from(`${header}\n`);
    const { error } = this.#write(bytes);
    this.#sizeBytes = bytes.length;
    if (error === null) return null;
    this.close();
    unlinkSync(this.path);
    return `cannot write ${this.path}: ${reasonOf(error)}`;
  }

  /** Keeps the whole rows of what was written, cuts the torn one off, and gives up the file. */
  #stop(writtenBytes: Uint8Array, rows: number, cause: unknown): void {
    const keptBytes = writtenBytes.lastIndexOf(NEWLINE) + 1;
    let keptRows = 0;
    for (let i = 0; i < keptBytes; i++) if (writtenBytes[i] === NEWLINE) keptRows += 1;
    this.#rows += keptRows;
    this.#lostRows += rows - keptRows;
    this.#sizeBytes += keptBytes;
    let note = "";
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) {
      try {
        ftruncateSync(fd, this.#sizeBytes);
        closeSync(fd);
      } catch (error) {
        note = `; its last row may be torn (${reasonOf(error)})`;
      }
    }
    this.#onStopped(
      `${this.path}: ${reasonOf(cause)}; no more rows are written, ${this.#rows} are kept${note}`,
    );
  }
}
