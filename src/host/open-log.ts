/** Opens a log file: never over an older one, with its header, or with the reason why not; and cuts it back to whole rows. */
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

const NEWLINE = 10;

export interface LogPlace {
  /** Must exist; never created. */
  readonly dir: string;
  readonly name: string;
  /** Without its newline; written at once. */
  readonly header: string;
}

export type OpenedFile =
  | {
      readonly ok: true;
      readonly path: string;
      readonly fd: number;
      /** Of the header. */
      readonly sizeBytes: number;
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

export const reasonOf = (error: unknown): string => {
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

/** Writes all of `bytes`, in one call unless the system takes only a part. */
export const writeAll = (
  fd: number,
  bytes: Uint8Array,
): { readonly written: number; readonly error: unknown } => {
  let written = 0;
  try {
    while (written < bytes.length) {
      written += writeSync(fd, bytes, written, bytes.length - written);
    }
    return { written, error: null };
  } catch (error) {
    return { written, error };
  }
};

/** Moves an older log of that name aside and writes the header; fails, with the reason, where that is not possible. */
export const openLogFile = ({ dir, name, header }: LogPlace): OpenedFile => {
  const path = join(dir, name);
  try {
    const missing = missingDirectory(dir);
    if (missing !== null) return { ok: false, reason: missing };
    const movedTo = moveAside(path);
    const fd = openSync(path, "wx");
    const bytes = Buffer.from(`${header}\n`);
    const { error } = writeAll(fd, bytes);
    if (error === null) return { ok: true, path, fd, sizeBytes: bytes.length, movedTo };
    closeSync(fd);
    unlinkSync(path);
    return { ok: false, reason: `cannot write ${path}: ${reasonOf(error)}` };
  } catch (error) {
    return { ok: false, reason: `cannot write ${path}: ${reasonOf(error)}` };
  }
};

/** Whole rows at the start of `bytes`. */
export const wholeRows = (bytes: Uint8Array): { readonly rows: number; readonly bytes: number } => {
  const keptBytes = bytes.lastIndexOf(NEWLINE) + 1;
  let rows = 0;
  for (let i = 0; i < keptBytes; i++) if (bytes[i] === NEWLINE) rows += 1;
  return { rows, bytes: keptBytes };
};

/** Cuts the file off after `sizeBytes` and closes it; a note for people when that fails, else "". */
export const cutAndClose = (fd: number, sizeBytes: number): string => {
  try {
    ftruncateSync(fd, sizeBytes);
    closeSync(fd);
    return "";
  } catch (error) {
    return `; its last row may be torn (${reasonOf(error)})`;
  }
};
