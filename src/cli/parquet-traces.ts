/** Turns traces in Parquet into text before they are read, since only the query engine reads Parquet. */
import { existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Workload } from "#experiment/resolved.ts";
import { writeParquetInstants } from "#query/parquet-instants.ts";
import { ok, type Result } from "#stdx/result.ts";
import type { RequestTraceWorkload } from "#workload/request-trace.ts";

const DIGITS = { s: 9, ms: 6, us: 3, ns: 0 } as const;

/** Takes a file's name away where it can be read without; elsewhere it goes when the process ends of itself. */
const withoutName = (path: string, folder: string): string => {
  const link = `/proc/self/fd/${openSync(path, "r")}`;
  if (existsSync(link)) {
    rmSync(folder, { recursive: true, force: true });
    return link;
  }
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return path;
};

/** Texts of Parquet files, by file, column and unit; they go when the process ends, on Linux however it ends. */
export class ParquetTexts {
  readonly #texts = new Map<string, Result<string, string>>();

  /** Makes the texts of those workloads that replay Parquet; their paths are absolute. */
  async prepare(workloads: readonly Workload[]): Promise<void> {
    for (const workload of workloads) {
      if (workload.arrivals !== "trace" || workload.format !== "parquet") continue;
      const key = keyOf(workload);
      if (!this.#texts.has(key)) this.#texts.set(key, await this.#convert(workload));
    }
  }

  /** The file to read in place of the trace: its text, or itself when it is text. */
  pathOf(workload: RequestTraceWorkload): Result<string, string> {
    return this.#texts.get(keyOf(workload)) ?? ok(workload.trace);
  }

  async #convert(workload: RequestTraceWorkload): Promise<Result<string, string>> {
    const folder = mkdtempSync(join(tmpdir(), "escapement-parquet-"));
    const outPath = join(folder, "text.csv");
    const written = await writeParquetInstants({
      path: workload.trace,
      column: workload.column ?? "",
      digits: DIGITS[workload.unit],
      outPath,
      spillFolder: join(folder, "spill"),
    });
    if (written.ok) return ok(withoutName(outPath, folder));
    rmSync(folder, { recursive: true, force: true });
    return written;
  }
}

const keyOf = ({ trace, column, unit, format }: RequestTraceWorkload): string =>
  JSON.stringify([trace, column, unit, format]);
