/** Opens a results folder of ours, or any folder that holds Clockwork logs, and says where each run's logs lie. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { LogName } from "#query/analysis.ts";
import { LOGS } from "#query/logs.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import {
  FILES,
  type Manifest,
  RESULTS_SCHEMA_VERSION,
  type StoredRun,
} from "#telemetry/results.ts";
import { parseSidecar, SIDECAR_FILE } from "#telemetry/sidecar.ts";

/** One run's raw material. */
export interface RunSource {
  readonly index: number;
  readonly name: string;
  /** Absolute; paths in `run.json` are relative to it. */
  readonly folder: string;
  readonly stored: StoredRun | null;
  /** Absolute paths of the logs that exist; several of a kind where several processes wrote one each. */
  readonly logs: Readonly<Partial<Record<LogName, readonly string[]>>>;
  /** The dialect that a sidecar or the plan states; null where nothing does. */
  readonly statedDialect: "documented" | "original" | null;
  /** GPUs that the controller may use; null where no plan says. */
  readonly gpus: number | null;
}

export interface ResultsSource {
  readonly kind: "ours" | "foreign";
  /** Absolute. */
  readonly folder: string;
  readonly folderName: string;
  readonly manifest: Manifest | null;
  readonly plan: unknown;
  readonly runs: readonly RunSource[];
}

/** The few fields of a planned run that reading its logs needs, as `plan.json` stores them. */
interface PlannedRunJson {
  readonly index: number;
  readonly name: string;
  readonly system?: {
    readonly workers?: number;
    readonly gpus_per_worker?: number;
    readonly max_gpus?: number;
    readonly telemetry_dialect?: "documented" | "original";
  };
}

const readJson = <T>(path: string): Result<T, string> => {
  try {
    return ok(JSON.parse(readFileSync(path, "utf8")) as T);
  } catch (error) {
    return err(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

/** "client_log.12.tsv" is the client log of the writer with number 12; the log itself is that of number 0. */
const writerOf = (name: string, file: string): number | null => {
  if (name === file) return 0;
  const [stem, ending] = [
    file.slice(0, file.lastIndexOf(".") + 1),
    file.slice(file.lastIndexOf(".")),
  ];
  const number =
    name.startsWith(stem) && name.endsWith(ending) ? name.slice(stem.length, -ending.length) : "";
  return /^[1-9]\d{0,8}$/.test(number) ? Number(number) : null;
};

const findLogs = (folder: string): Partial<Record<LogName, readonly string[]>> => {
  const found: Partial<Record<LogName, readonly string[]>> = {};
  const names = existsSync(folder) ? readdirSync(folder) : [];
  for (const log of LOGS) {
    const own = names.flatMap((name) => {
      const writer = writerOf(name, log.file);
      return writer === null ? [] : [{ writer, path: join(folder, name) }];
    });
    if (own.length === 0) continue;
    found[log.name] = own.toSorted((a, b) => a.writer - b.writer).map(({ path }) => path);
  }
  return found;
};

const sidecarDialect = (folder: string): RunSource["statedDialect"] => {
  const path = join(folder, SIDECAR_FILE);
  return existsSync(path) ? (parseSidecar(readFileSync(path, "utf8"))?.dialect ?? null) : null;
};

const gpusOf = (run: PlannedRunJson): number | null => {
  const { workers, gpus_per_worker: perWorker, max_gpus: most } = run.system ?? {};
  if (workers === undefined || perWorker === undefined) return null;
  return Math.min(workers * perWorker, most ?? Number.POSITIVE_INFINITY);
};

const openPlannedRun = (folder: string, planned: PlannedRunJson): Result<RunSource, string> => {
  const runFolder = join(folder, FILES.runs, planned.name);
  const telemetry = join(runFolder, FILES.telemetry);
  const runFile = join(runFolder, FILES.run);
  const stored = existsSync(runFile) ? readJson<StoredRun>(runFile) : null;
  if (stored !== null && !stored.ok) return stored;
  return ok({
    index: planned.index,
    name: planned.name,
    folder: runFolder,
    stored: stored?.value ?? null,
    logs: findLogs(telemetry),
    statedDialect: sidecarDialect(telemetry) ?? planned.system?.telemetry_dialect ?? null,
    gpus: gpusOf(planned),
  });
};

const newerSchema = (version: number): boolean => version > RESULTS_SCHEMA_VERSION;

const openOurs = (folder: string): Result<ResultsSource, string> => {
  const manifest = readJson<Manifest>(join(folder, FILES.manifest));
  if (!manifest.ok) return manifest;
  if (newerSchema(manifest.value.schema_version)) {
    return err(
      `${folder} was written by a newer version (schema ${manifest.value.schema_version}, this one reads up to ${RESULTS_SCHEMA_VERSION}): update to read it`,
    );
  }
  const plan = readJson<{
    plan?: { search?: unknown; runs?: readonly PlannedRunJson[] };
  }>(join(folder, FILES.plan));
  if (!plan.ok) return plan;
  // A search plans more runs than it needs; those without a folder were not needed.
  const isSearch = plan.value.plan?.search !== undefined;
  const planned = plan.value.plan?.runs?.filter(
    ({ name }) => !isSearch || existsSync(join(folder, FILES.runs, name)),
  );
  if (planned === undefined) return err(`${join(folder, FILES.plan)}: has no plan.runs`);
  const runs: RunSource[] = [];
  for (const run of planned) {
    const opened = openPlannedRun(folder, run);
    if (!opened.ok) return opened;
    runs.push(opened.value);
  }
  const folderName = basename(folder);
  return ok({
    kind: "ours",
    folder,
    folderName,
    manifest: manifest.value,
    plan: plan.value.plan,
    runs,
  });
};

const foreignRun = (folder: string, index: number): RunSource | null => {
  const logs = findLogs(folder);
  if (logs.requests === undefined && logs.actions === undefined && logs.client === undefined) {
    return null;
  }
  return {
    index,
    name: basename(folder),
    folder,
    stored: null,
    logs,
    statedDialect: sidecarDialect(folder),
    gpus: null,
  };
};

/** Logs in the folder itself are one run; otherwise each subfolder with logs is one, in order of name. */
const openForeign = (folder: string): Result<ResultsSource, string> => {
  const here = foreignRun(folder, 0);
  const below = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const candidates =
    here !== null ? [here] : below.map((name) => foreignRun(join(folder, name), 0));
  const runs = candidates
    .filter((run) => run !== null)
    .map((run, index): RunSource => ({ ...run, index }));
  if (runs.length === 0) {
    const files = LOGS.slice(0, 2).map((log) => log.file);
    return err(
      `${folder} is neither a results folder (no ${FILES.manifest}) nor does it hold logs: expected ${files.join(" or ")} in it or in its subfolders`,
    );
  }
  const folderName = basename(folder);
  return ok({ kind: "foreign", folder, folderName, manifest: null, plan: null, runs });
};

/** Opens a folder for analysis. The error says what the folder lacks; nothing is written. */
export const openResults = (path: string): Result<ResultsSource, string> => {
  const folder = resolve(path);
  if (!existsSync(folder)) return err(`${folder} does not exist`);
  if (!statSync(folder).isDirectory()) {
    return err(`${folder} is a file: give the folder that holds the logs`);
  }
  return existsSync(join(folder, FILES.manifest)) ? openOurs(folder) : openForeign(folder);
};
