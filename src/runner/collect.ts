/** Takes stock of what a run left behind: sizes, hashes, lines against the rows that the writers counted. */
import { join } from "node:path";
import { describeFile, listFiles, makeReadOnly } from "#host/file-store.ts";
import { FILES, type StoredFile } from "#telemetry/results.ts";

export interface CollectOptions {
  /** The run's folder. */
  readonly folder: string;
  /** Rows per log file name, as their writers said when they closed them. */
  readonly rowsWritten: ReadonlyMap<string, number>;
  /** Names of logs that must be there and complete: those of a run that came to its end. */
  readonly expectedLogs: readonly string[];
  readonly signal: AbortSignal;
}

export interface Collected {
  readonly files: readonly StoredFile[];
  readonly problems: readonly string[];
}

const fileProblems = (file: StoredFile, endsWhole: boolean): readonly string[] => {
  const problems: string[] = [];
  if (!endsWhole) problems.push(`${file.path} ends within a row: its writer was cut off`);
  const rows = file.lines === null ? null : Math.max(0, file.lines - 1);
  if (file.rows_written !== null && rows !== null && file.rows_written !== rows) {
    problems.push(`${file.path} holds ${rows} rows, but its writer wrote ${file.rows_written}`);
  }
  return problems;
};

const missingProblems = (
  files: readonly StoredFile[],
  expectedLogs: readonly string[],
): readonly string[] =>
  expectedLogs.flatMap((file) => {
    const path = join(FILES.telemetry, file);
    const found = files.find((each) => each.path === path);
    if (found === undefined) return [`${path} is missing`];
    if (found.rows_written !== null) return [];
    return [`${path} may be incomplete: its writer did not say how many rows it wrote`];
  });

/** Hashes every telemetry and output file and makes it read-only; what is not whole is named as a problem. */
export const collectFiles = async (options: CollectOptions): Promise<Collected> => {
  const { folder, rowsWritten } = options;
  const files: StoredFile[] = [];
  const problems: string[] = [];
  for (const part of [FILES.telemetry, FILES.logs]) {
    for (const name of await listFiles(join(folder, part))) {
      if (options.signal.aborted) {
        return {
          files,
          problems: [...problems, "collection was cut short: some files have no checksum"],
        };
      }
      const path = join(part, name);
      const facts = await describeFile(join(folder, path));
      const isTelemetry = part === FILES.telemetry;
      const file: StoredFile = {
        path,
        bytes: facts.bytes,
        lines: facts.lines,
        sha256: facts.sha256,
        rows_written: isTelemetry ? (rowsWritten.get(name) ?? null) : null,
      };
      await makeReadOnly(join(folder, path));
      files.push(file);
      if (isTelemetry) problems.push(...fileProblems(file, facts.endsWhole));
    }
  }
  return { files, problems: [...problems, ...missingProblems(files, options.expectedLogs)] };
};
