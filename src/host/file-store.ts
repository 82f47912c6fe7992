/** Files of a results folder: written whole or not at all, hashed, made read-only, and room kept for the last words. */
import { createReadStream } from "node:fs";
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  writeFile,
} from "node:fs/promises";
import { dirname, join, relative } from "node:path";

/** What is known of a file after reading it once. */
export interface FileFacts {
  readonly bytes: number;
  readonly sha256: string;
  /** Newlines in it. */
  readonly lines: number;
  /** False when the last line has no newline: a writer was cut off. Empty files are whole. */
  readonly endsWhole: boolean;
}

const NEWLINE = 0x0a;
const READ_ONLY = 0o444;

/** True for the error that a full disk or an exhausted quota causes, wrapped by SQLite or not. */
export const isDiskFull = (error: unknown): boolean => {
  if (typeof error !== "object" || error === null) return false;
  const { code } = error as { code?: unknown };
  return code === "ENOSPC" || code === "EDQUOT" || code === "SQLITE_FULL";
};

export const makeFolder = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true });
};

/** Creates a folder that must not exist yet; its parents are created as needed. */
export const makeNewFolder = async (path: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await mkdir(path);
};

/** Readers see the old content or the new one, after a crash too. */
export const writeWhole = async (path: string, text: string): Promise<void> => {
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
};

export const writeJson = (path: string, value: unknown): Promise<void> =>
  writeWhole(path, `${JSON.stringify(value, null, 2)}\n`);

/** Null when there is no such file; throws with its path when it is no JSON. */
export const readJson = async (path: string): Promise<unknown> => {
  let text = "";
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return null;
    throw error;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new Error(`${path} is damaged: it is no JSON`, { cause });
  }
};

/** Reads a file once, in pieces: size, hash and lines. */
export const describeFile = async (path: string): Promise<FileFacts> => {
  const hash = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  let lines = 0;
  let last = NEWLINE;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    last = chunk.at(-1) ?? last;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) lines++;
  }
  return { bytes, lines, sha256: hash.digest("hex"), endsWhole: last === NEWLINE };
};

export const hashText = (text: string): string =>
  new Bun.CryptoHasher("sha256").update(text).digest("hex");

/** Paths of all files below a folder, relative to it, in order; empty when the folder does not exist. */
export const listFiles = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
};

export const makeReadOnly = (path: string): Promise<void> => chmod(path, READ_ONLY);

/** Null when there is no such file. */
export const fileBytes = async (path: string): Promise<number | null> => {
  const found = await stat(path).catch(() => null);
  return found === null || !found.isFile() ? null : found.size;
};

export const folderExists = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => null))?.isDirectory() ?? false;

/** Creates the target's parents. */
export const moveFolder = async (from: string, to: string): Promise<void> => {
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
};

/** Bytes that an ordinary user may still write to the file system of `folder`. */
export const freeBytes = async (folder: string): Promise<number> => {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
};

/** Throws what the system says when `folder` cannot be created or written to. */
export const probeWritable = async (folder: string): Promise<void> => {
  await makeFolder(folder);
  const probe = join(folder, `.probe-${crypto.randomUUID()}.tmp`);
  await writeFile(probe, "");
  await rm(probe);
};

/** Room on the disk that is given back when it is full, so that the last words can still be written. */
export class Reserve {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Takes `bytes`, really written: a sparse file would reserve nothing. Takes nothing when there are not as many. */
  static async take(path: string, bytes: number): Promise<Reserve> {
    const reserve = new Reserve(path);
    try {
      await writeFile(path, Buffer.alloc(bytes, NEWLINE));
    } catch (error) {
      await reserve.release();
      throw error;
    }
    return reserve;
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
