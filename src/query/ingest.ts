/** Brings the logs into Parquet once, with explicit types, and reconciles bytes, lines and rows on the way. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { FileIntegrity, LogName } from "#query/analysis.ts";
import { type Database, sqlText } from "#query/database.ts";
import {
  asWritten,
  csvColumns,
  headerProblem,
  LOGS,
  type LogDefinition,
  selectList,
} from "#query/logs.ts";
import type { ResultsSource, RunSource } from "#query/results-folder.ts";
import { type ScannedFile, scanFile } from "#query/scan-file.ts";
import type { StoredFile } from "#telemetry/results.ts";

/** Raised when the same log would give another Parquet file. */
const INGEST_VERSION = 2;
const INPUTS_FILE = "inputs.json";
const SHOWN_REJECTS = 5;

/** One log in the database. */
export interface IngestedLog {
  readonly log: LogName;
  /** Absolute path of the Parquet file; null when the log could not be read as what it should be. */
  readonly parquet: string | null;
  readonly integrity: FileIntegrity;
}

/** The logs of one run, in the order of `LOGS`; several of a kind in the order of their writers. */
export interface IngestedRun {
  readonly source: RunSource;
  readonly logs: readonly IngestedLog[];
}

interface ReadRows {
  readonly rows: number;
  readonly rejected: readonly { readonly line: number; readonly reason: string }[];
  readonly rejectedCount: number;
}

/** A log's entry in `inputs.json`: what was read, and what came of it. */
interface InputEntry extends ReadRows {
  readonly path: string;
  readonly sha256: string;
  readonly parquet: string;
  readonly parquet_sha256: string;
}

interface InputsFile {
  readonly ingest_version: number;
  readonly duckdb_version: string;
  readonly inputs: readonly InputEntry[];
}

const csvSource = (log: LogDefinition, path: string): string =>
  `read_csv(${sqlText(path)}, delim='\t', header=true, auto_detect=false, quote='', escape='',
     new_line='\\n', columns=${csvColumns(log)}, store_rejects=true, rejects_limit=0)`;

const copyStatement = (select: string, parquet: string): string =>
  `copy (${select}) to ${sqlText(parquet)} (format parquet, compression zstd, compression_level 1, parquet_version v2)`;

const takeRejects = async (db: Database): Promise<{ line: number; reason: string }[]> => {
  const rows = await db.rows(
    `select line::INTEGER as line, any_value(error_message order by column_idx) as reason
     from reject_errors group by line order by line`,
  );
  await db.run("delete from reject_errors");
  await db.run("delete from reject_scans");
  return rows.map((row) => ({ line: Number(row["line"]), reason: String(row["reason"]) }));
};

const countRows = async (db: Database, parquet: string): Promise<number> => {
  const [row] = await db.rows(
    `select count(*)::DOUBLE as n from read_parquet(${sqlText(parquet)})`,
  );
  return Number(row?.["n"]);
};

/** The torn last row is left out even when its cut falls inside its last number and it looks whole. */
const dropTornRow = async (db: Database, parquet: string): Promise<void> => {
  const rows = await countRows(db, parquet);
  const whole = `${parquet}.whole`;
  await db.run(
    copyStatement(
      `select * exclude (file_row_number) from read_parquet(${sqlText(parquet)}, file_row_number=true)
       where file_row_number < ${rows - 1}`,
      whole,
    ),
  );
  rmSync(parquet);
  await db.run(copyStatement(`from read_parquet(${sqlText(whole)})`, parquet));
  rmSync(whole);
};

const readRows = async (
  db: Database,
  log: LogDefinition,
  files: { readonly tsv: string; readonly parquet: string; readonly scanned: ScannedFile },
): Promise<ReadRows> => {
  mkdirSync(dirname(files.parquet), { recursive: true });
  await db.run(
    copyStatement(`select ${selectList(log)} from ${csvSource(log, files.tsv)}`, files.parquet),
  );
  const rejects = await takeRejects(db);
  const tornLine = files.scanned.lines + 1;
  const isTorn = files.scanned.tornBytes > 0;
  if (isTorn && !rejects.some((reject) => reject.line === tornLine)) {
    await dropTornRow(db, files.parquet);
  }
  const rejected = rejects.filter((reject) => !isTorn || reject.line !== tornLine);
  return {
    rows: await countRows(db, files.parquet),
    rejected: rejected.slice(0, SHOWN_REJECTS),
    rejectedCount: rejected.length,
  };
};

const storedFileOf = (run: RunSource, path: string): StoredFile | undefined =>
  run.stored?.files.find((file) => file.path === relative(run.folder, path));

const mismatchesOf = (
  scanned: ScannedFile,
  read: ReadRows,
  stored: StoredFile | undefined,
): readonly string[] => {
  const mismatches: string[] = [];
  const wholeRows = Math.max(0, scanned.lines - 1);
  if (read.rows + read.rejectedCount !== wholeRows) {
    mismatches.push(`${wholeRows} whole rows in the file, ${read.rows} in the database`);
  }
  if (read.rejectedCount > 0)
    mismatches.push(`${read.rejectedCount} lines are no rows of this log`);
  if (stored === undefined) return mismatches;
  if (stored.bytes !== scanned.bytes) {
    mismatches.push(`${scanned.bytes} bytes, ${stored.bytes} when it was collected`);
  }
  if (stored.sha256 !== scanned.sha256) {
    mismatches.push("its SHA-256 is not the one noted when it was collected");
  }
  if (stored.rows_written !== null && stored.rows_written !== read.rows) {
    mismatches.push(`${read.rows} rows, but its writer says it wrote ${stored.rows_written}`);
  }
  return mismatches;
};

/** Reads `inputs.json`; null when there is none that this version made. */
const readInputs = (dataFolder: string, duckdbVersion: string): InputsFile | null => {
  const path = join(dataFolder, INPUTS_FILE);
  if (!existsSync(path)) return null;
  try {
    const inputs = JSON.parse(readFileSync(path, "utf8")) as InputsFile;
    const isCurrent =
      inputs.ingest_version === INGEST_VERSION && inputs.duckdb_version === duckdbVersion;
    return isCurrent ? inputs : null;
  } catch {
    // A list that cannot be read proves nothing about the Parquet files: they are made anew.
    return null;
  }
};

interface IngestPlace {
  readonly db: Database;
  /** Where Parquet files and `inputs.json` go. */
  readonly dataFolder: string;
  readonly kept: InputsFile | null;
}

const isKept = async (place: IngestPlace, entry: InputEntry, sha256: string): Promise<boolean> => {
  const path = join(place.dataFolder, entry.parquet);
  if (entry.sha256 !== sha256 || !existsSync(path)) return false;
  return (await scanFile(path)).sha256 === entry.parquet_sha256;
};

/** "client.parquet", and "client.1.parquet" of `client_log.1.tsv`. */
const parquetName = (log: LogDefinition, path: string): string => {
  const writer = /\.(\d+)\.[^.]*$/.exec(basename(path))?.[1];
  return `${log.name}${writer === undefined ? "" : `.${writer}`}.parquet`;
};

interface LogIngestion {
  readonly ingested: IngestedLog;
  readonly entry: InputEntry | null;
}

const ingestLog = async (
  place: IngestPlace,
  run: RunSource,
  file: { readonly log: LogDefinition; readonly path: string; readonly shownPath: string },
): Promise<LogIngestion> => {
  const scanned = await scanFile(file.path);
  const stored = storedFileOf(run, file.path);
  const integrity = (read: ReadRows, mismatches: readonly string[]): FileIntegrity => ({
    log: file.log.name,
    path: file.shownPath,
    bytes: scanned.bytes,
    lines: scanned.lines,
    rows: read.rows,
    tornBytes: scanned.tornBytes,
    rejected: read.rejected,
    rejectedCount: read.rejectedCount,
    sha256: scanned.sha256,
    rowsWritten: stored?.rows_written ?? null,
    mismatches,
  });
  const log = asWritten(file.log, scanned.header);
  const problem =
    scanned.lines === 0 ? "no whole line: empty or torn" : headerProblem(log, scanned.header);
  if (problem !== null) {
    const nothing: ReadRows = { rows: 0, rejected: [], rejectedCount: 0 };
    const ingested = {
      log: file.log.name,
      parquet: null,
      integrity: integrity(nothing, [problem]),
    };
    return { ingested, entry: null };
  }
  const name = join(run.name, parquetName(file.log, file.path));
  const parquet = join(place.dataFolder, name);
  const old = place.kept?.inputs.find((entry) => entry.path === file.shownPath);
  const reuse = old !== undefined && (await isKept(place, old, scanned.sha256)) ? old : null;
  const read = reuse ?? (await readRows(place.db, log, { tsv: file.path, parquet, scanned }));
  const entry: InputEntry = {
    path: file.shownPath,
    sha256: scanned.sha256,
    rows: read.rows,
    rejected: read.rejected,
    rejectedCount: read.rejectedCount,
    parquet: name,
    parquet_sha256: reuse?.parquet_sha256 ?? (await scanFile(parquet)).sha256,
  };
  const mismatches = mismatchesOf(scanned, read, stored);
  return {
    ingested: { log: file.log.name, parquet, integrity: integrity(read, mismatches) },
    entry,
  };
};

/** Ingests every log of every run; Parquet files whose inputs did not change are kept. Raw files are only read. */
export const ingest = async (
  db: Database,
  source: ResultsSource,
  dataFolder: string,
): Promise<readonly IngestedRun[]> => {
  const duckdbVersion = await db.version();
  mkdirSync(dataFolder, { recursive: true });
  const place: IngestPlace = { db, dataFolder, kept: readInputs(dataFolder, duckdbVersion) };
  const entries: InputEntry[] = [];
  const runs: IngestedRun[] = [];
  for (const run of source.runs) {
    const logs: IngestedLog[] = [];
    for (const log of LOGS) {
      for (const path of run.logs[log.name] ?? []) {
        const shownPath = relative(source.folder, path);
        const { ingested, entry } = await ingestLog(place, run, { log, path, shownPath });
        logs.push(ingested);
        if (entry !== null) entries.push(entry);
      }
    }
    runs.push({ source: run, logs });
  }
  const inputs: InputsFile = {
    ingest_version: INGEST_VERSION,
    duckdb_version: duckdbVersion,
    inputs: entries,
  };
  writeFileSync(join(dataFolder, INPUTS_FILE), `${JSON.stringify(inputs, null, 2)}\n`);
  return runs;
};
