/** Reads traces of counts per minute: one file, or the files of consecutive days, into a table that lies on disk. */
import { mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openText, readingFailure } from "#cli/trace-files.ts";
import { expandTraceName } from "#cli/trace-name.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { AzureTraceReader } from "#workload/azure-trace.ts";
import { type CellStore, type CountTable, CountTableBuilder } from "#workload/count-table.ts";
import { formatTraceProblems } from "#workload/trace-problems.ts";

/** A file without a name: it goes when the process ends, however it ends. */
const fileStore = (): CellStore => {
  const folder = mkdtempSync(join(tmpdir(), "escapement-trace-"));
  const path = join(folder, "cells");
  const file = openSync(path, "wx+", 0o600);
  rmSync(folder, { recursive: true });
  let end = 0;
  let buffer = new Uint8Array(0);
  return {
    append: (bytes) => {
      const handle = end;
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      end += bytes.length;
      return handle;
    },
    read: (handle, from, length) => {
      if (buffer.length < length) buffer = new Uint8Array(2 * length);
      let at = 0;
      while (at < length) {
        const more = readSync(file, buffer, at, length - at, handle + from + at);
        if (more === 0) throw new Error(`the table of a trace has lost its end: ${path}`);
        at += more;
      }
      return buffer.subarray(0, length);
    },
  };
};

const readFile = (path: string, builder: CountTableBuilder): Result<null, string> => {
  const reader = new AzureTraceReader(builder);
  try {
    const text = openText(path);
    for (let piece = text.read(); piece !== null; piece = text.read()) {
      reader.push(piece);
      if (!reader.isHopeless) continue;
      text.close();
      break;
    }
  } catch (cause) {
    return err(readingFailure(path, cause));
  }
  const read = reader.finish();
  return read.ok ? ok(null) : err(formatTraceProblems(path, read.error));
};

/** The table of a trace, named as an experiment names it, with an absolute path; or what is wrong with it, in words. */
export const readCountTrace = (name: string): Result<CountTable, string> => {
  const builder = new CountTableBuilder(fileStore());
  for (const path of expandTraceName(name)) {
    const read = readFile(path, builder);
    if (!read.ok) return read;
  }
  return ok(builder.finish());
};
