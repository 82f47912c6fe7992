/** Reads a log once, byte by byte, for what DuckDB does not say: its hash, its lines, and whether its last row is torn. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** What a log's bytes are; `lines` and `tornBytes` reconcile with `bytes` and with the rows read from it. */
export interface ScannedFile {
  readonly bytes: number;
  readonly sha256: string;
  /** Lines that end in a line feed, the header included. */
  readonly lines: number;
  /** Bytes after the last line feed: a row that was being written when its writer ended; 0 when there is none. */
  readonly tornBytes: number;
  /** The first line without its line feed, at most 4 KiB of it. */
  readonly header: string;
}

const LINE_FEED = 10;
const CHUNK_BYTES = 1 << 20;
const HEADER_LIMIT_BYTES = 4096;

const countLineFeeds = (chunk: Buffer): number => {
  let count = 0;
  for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, at + 1)) count++;
  return count;
};

/** Scans a file in one pass and constant memory; rejects when it cannot be read. */
export const scanFile = async (path: string): Promise<ScannedFile> => {
  const hash = createHash("sha256");
  let bytes = 0;
  let lines = 0;
  let afterLastLine = 0;
  let head = Buffer.alloc(0);
  for await (const piece of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    const chunk = piece as Buffer;
    hash.update(chunk);
    if (head.length < HEADER_LIMIT_BYTES) {
      head = Buffer.concat([head, chunk.subarray(0, HEADER_LIMIT_BYTES - head.length)]);
    }
    const last = chunk.lastIndexOf(LINE_FEED);
    afterLastLine = last === -1 ? afterLastLine + chunk.length : chunk.length - last - 1;
    lines += last === -1 ? 0 : countLineFeeds(chunk);
    bytes += chunk.length;
  }
  const end = head.indexOf(LINE_FEED);
  const header = (end === -1 ? head : head.subarray(0, end)).toString("utf8");
  return { bytes, sha256: hash.digest("hex"), lines, tornBytes: afterLastLine, header };
};
