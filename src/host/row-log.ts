/**
 * A telemetry log for rows that come by the ten thousand per second: they are put as bytes straight into blocks, and
 * blocks are written off the event loop, one at a time, so that a slow disk delays no request. As honest as LogFile:
 * whole rows only, never over an older log, and rows that could not be written are counted.
 */
import { closeSync, write } from "node:fs";
import {
  cutAndClose,
  type LogPlace,
  type OpenedFile,
  openLogFile,
  reasonOf,
  wholeRows,
} from "#host/open-log.ts";

/** Rows wait this long at most before their block is on its way. */
const FLUSH_AFTER_MS = 500;
const BLOCK_BYTES = 64 * 1024;
/** Written blocks are used again; more than these are left to the garbage collector. */
const SPARE_BLOCKS_MAX = 8;
/** A disk that is further behind than this cannot keep up with the load. */
const WAITING_BYTES_MAX = 64 * 2 ** 20;

export interface RowLogOptions extends LogPlace {
  /** Called once when the log can no longer be written; rows after that are counted as lost. */
  readonly onStopped?: (reason: string) => void;
  readonly waitingBytesMax?: number;
}

type OpenRowLog =
  | { readonly ok: true; readonly log: RowLog; readonly movedTo: string | null }
  | { readonly ok: false; readonly reason: string };

/** Whole rows that wait to be written, or are being written. */
interface Block {
  readonly bytes: Uint8Array;
  length: number;
  rows: number;
}

/** One log. Owned by the role that opened it, which settles and closes it; rows after that count as lost. */
export class RowLog {
  readonly path: string;
  readonly #onStopped: (reason: string) => void;
  readonly #waitingBytesMax: number;
  /** Null once closed or stopped. */
  #fd: number | null;
  /** Rows are put here. */
  #block: Block = newBlock(BLOCK_BYTES);
  /** Full blocks, oldest first; the first may be being written. */
  #waiting: Block[] = [];
  #waitingBytes = 0;
  readonly #spare: Block[] = [];
  #isWriting = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** End of the last block that was written whole. */
  #sizeBytes: number;
  #rows = 0;
  #lostRows = 0;
  #onSettled: (() => void)[] = [];

  private constructor(opened: Extract<OpenedFile, { readonly ok: true }>, options: RowLogOptions) {
    this.path = opened.path;
    this.#fd = opened.fd;
    this.#sizeBytes = opened.sizeBytes;
    this.#onStopped = options.onStopped ?? (() => {});
    this.#waitingBytesMax = options.waitingBytesMax ?? WAITING_BYTES_MAX;
  }

  /** Moves an older log of that name aside and writes the header; fails, with the reason, where that is not possible. */
  static open(options: RowLogOptions): OpenRowLog {
    const opened = openLogFile(options);
    if (!opened.ok) return opened;
    return { ok: true, log: new RowLog(opened, options), movedTo: opened.movedTo };
  }

  /** Rows that reached the file, the header excluded. */
  get rows(): number {
    return this.#rows;
  }

  /** Rows that were appended but could not be written. */
  get lostRows(): number {
    return this.#lostRows;
  }

  /**
   * Adds a row of at most `bytesMax` bytes: `put` writes it with its newline at the offset and returns where it ends.
   * It is on its way to the file within a second.
   */
  append(bytesMax: number, put: (target: Uint8Array, offset: number) => number): void {
    if (this.#block.length + bytesMax > this.#block.bytes.length) this.#turnOver(bytesMax);
    if (this.#fd === null) {
      this.#lostRows += 1;
      return;
    }
    const block = this.#block;
    block.length = put(block.bytes, block.length);
    block.rows += 1;
    this.#timer ??= setTimeout(this.#onTimer, FLUSH_AFTER_MS);
  }

  /** Settles once every row so far is in the file, or certainly will not be. */
  async settle(): Promise<void> {
    this.#turnOver(0);
    if (!this.#isWriting) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onSettled.push(resolve);
    await promise;
  }

  /** Settles, closes, and returns how many rows the file holds. Closing again changes nothing. */
  async close(): Promise<number> {
    await this.settle();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
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

  readonly #onTimer = (): void => {
    this.#timer = null;
    this.#turnOver(0);
  };

  /** Sends the current block off, and begins one with room for `bytesMax`. */
  #turnOver(bytesMax: number): void {
    if (this.#fd === null) return;
    const full = this.#block;
    if (full.rows > 0) {
      this.#waiting.push(full);
      this.#waitingBytes += full.length;
      this.#block = this.#spare.pop() ?? newBlock(BLOCK_BYTES);
    }
    if (bytesMax > this.#block.bytes.length) this.#block = newBlock(bytesMax);
    if (this.#waitingBytes > this.#waitingBytesMax) {
      const mebibytes = Math.round(this.#waitingBytes / 2 ** 20);
      this.#stop(`the disk is too slow: ${mebibytes} MiB wait to be written`);
    } else if (!this.#isWriting) {
      this.#writeNext();
    }
  }

  #writeNext(): void {
    const block = this.#waiting[0];
    if (block === undefined || this.#fd === null) {
      for (const resolve of this.#onSettled.splice(0)) resolve();
      return;
    }
    this.#isWriting = true;
    this.#writeFrom(this.#fd, block, 0);
  }

  /** Writes the rest of a block; the system may take it in parts. */
  #writeFrom(fd: number, block: Block, from: number): void {
    write(fd, block.bytes, from, block.length - from, this.#sizeBytes + from, (error, count) => {
      const written = from + (error === null ? count : 0);
      if (error === null && written < block.length && this.#fd !== null) {
        this.#writeFrom(fd, block, written);
        return;
      }
      this.#isWriting = false;
      this.#onWritten(fd, block, written);
      if (error !== null) this.#stop(reasonOf(error));
      this.#writeNext();
    });
  }

  /** Books what a write left in the file. */
  #onWritten(fd: number, block: Block, written: number): void {
    const isWhole = written === block.length;
    const kept = isWhole
      ? { rows: block.rows, bytes: written }
      : wholeRows(block.bytes.subarray(0, written));
    this.#rows += kept.rows;
    this.#sizeBytes += kept.bytes;
    this.#lostRows += block.rows - kept.rows;
    this.#waiting.shift();
    this.#waitingBytes -= block.length;
    if (this.#fd === null) cutAndClose(fd, this.#sizeBytes);
    if (block.bytes.length !== BLOCK_BYTES || this.#spare.length >= SPARE_BLOCKS_MAX) return;
    block.length = 0;
    block.rows = 0;
    this.#spare.push(block);
  }

  /** Gives up the file; a write that is still under way is booked, and the file closed, when it ends. */
  #stop(reason: string): void {
    const fd = this.#fd;
    if (fd === null) return;
    this.#fd = null;
    const underWay = this.#isWriting ? this.#waiting.slice(0, 1) : [];
    const lost = [...this.#waiting.slice(underWay.length), this.#block];
    for (const { rows } of lost) this.#lostRows += rows;
    this.#waiting = underWay;
    this.#waitingBytes = underWay[0]?.length ?? 0;
    this.#block = newBlock(0);
    const note = this.#isWriting ? "" : cutAndClose(fd, this.#sizeBytes);
    const kept = this.#isWriting ? `at least ${this.#rows}` : this.#rows;
    this.#onStopped(`${this.path}: ${reason}; no more rows are written, ${kept} are kept${note}`);
  }
}

const newBlock = (bytes: number): Block => ({ bytes: new Uint8Array(bytes), length: 0, rows: 0 });
