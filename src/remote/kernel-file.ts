/** Small files of the kernel (/proc, control groups) that are read again and again: opened once, read in place. */
import { closeSync, openSync, readSync } from "node:fs";

/** More than any file read here holds, and all of the lines that matter of longer ones. */
const BYTES_MAX = 4096;
/** Shared: a reading is over before the next one begins. */
const buffer = Buffer.alloc(BYTES_MAX);

/** One open file; its owner closes it. */
export class KernelFile {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Null where this system has no such file, or does not let us read it. */
  static open(path: string): KernelFile | null {
    try {
      return new KernelFile(openSync(path, "r"));
    } catch {
      // Another system, an older kernel, or a process that has ended: its cells stay empty.
      return null;
    }
  }

  /** The first 4 KiB as it is now; null where it cannot be read, as of a process that has ended. */
  read(): string | null {
    try {
      return buffer.toString("latin1", 0, readSync(this.#fd, buffer, 0, BYTES_MAX, 0));
    } catch {
      return null;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
