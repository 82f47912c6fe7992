/** From a folder of logs to typed rows: ingest, dialect, views, metrics. */
import { join } from "node:path";
import type { Analysis, Dialect, LogName, RunWindow, WholeRunCounts } from "#query/analysis.ts";
import { Database, sqlText } from "#query/database.ts";
import { readDialect } from "#query/dialect.ts";
import { type IngestedRun, ingest } from "#query/ingest.ts";
import { METRICS } from "#query/metric-definitions.ts";
import { readEvidence } from "#query/read-evidence.ts";
import { readHealth } from "#query/read-health.ts";
import { readRunRows } from "#query/read-rows.ts";
import type { ResultsSource, RunSource } from "#query/results-folder.ts";
import { createViews, type ViewedRun } from "#query/views.ts";

export interface AnalyseOptions {
  readonly source: ResultsSource;
  /** Holds Parquet files and the list of inputs; created when missing. */
  readonly dataFolder: string;
  /** Overrules what sidecars and rows say of the dialect. */
  readonly dialect?: Dialect;
}

/** Opened views over a results folder, and what was found while opening; the caller closes `db`. */
export interface OpenedViews {
  readonly db: Database;
  readonly ingested: readonly IngestedRun[];
  readonly viewed: readonly ViewedRun[];
}

const storedWindow = (run: RunSource): RunWindow | null => {
  const window = run.stored?.window ?? null;
  if (window === null) return null;
  const epochNs = BigInt(window.send_start_ns);
  const sinceEpoch = (instant: string): number => Number(BigInt(instant) - epochNs);
  return {
    epochNs,
    measureStartNs: sinceEpoch(window.measure_start_ns),
    measureEndNs: sinceEpoch(window.measure_end_ns),
    sendEndNs: sinceEpoch(window.send_end_ns),
    source: "run",
  };
};

/** Without a runner's word on it, everything from the first to the last arrival is measured; null where that is one instant. */
const loggedWindow = async (
  db: Database,
  parquet: readonly string[],
  arrival: string,
): Promise<RunWindow | null> => {
  const files = parquet.map(sqlText).join(", ");
  const [row] = await db.rows(
    `select min(${arrival}) as first, max(${arrival}) as last from read_parquet([${files}])`,
  );
  const first = row?.["first"];
  const last = row?.["last"];
  if (typeof first !== "bigint" || typeof last !== "bigint" || first === last) return null;
  const length = Number(last - first) + 1;
  return {
    epochNs: first,
    measureStartNs: 0,
    measureEndNs: length,
    sendEndNs: length,
    source: "log",
  };
};

const arrivalColumn = (dialect: string | undefined): string =>
  dialect === "original" ? "t - latency" : "t";

const viewRun = async (
  db: Database,
  run: IngestedRun,
  told: Pick<AnalyseOptions, "dialect">,
): Promise<ViewedRun> => {
  const parquet: Partial<Record<LogName, readonly string[]>> = {};
  for (const { log, parquet: path } of run.logs) {
    if (path !== null) parquet[log] = [...(parquet[log] ?? []), path];
  }
  const [requests] = parquet.requests ?? [];
  const [actions] = parquet.actions ?? [];
  const { client } = parquet;
  const dialect =
    requests === undefined && actions === undefined
      ? null
      : await readDialect(db, {
          ...(told.dialect === undefined ? {} : { told: told.dialect }),
          stated: run.source.statedDialect,
          requests: requests ?? null,
          actions: actions ?? null,
        });
  const window =
    storedWindow(run.source) ??
    (client !== undefined
      ? await loggedWindow(db, client, "scheduled_ns")
      : requests !== undefined
        ? await loggedWindow(db, [requests], arrivalColumn(dialect?.dialect))
        : null);
  return {
    index: run.source.index,
    name: run.source.name,
    state: run.source.stored?.state ?? "unknown",
    dialect,
    gpus: run.source.gpus,
    window,
    view: client !== undefined ? "client" : requests !== undefined ? "controller" : null,
    parquet,
  };
};

/** Ingests what changed and opens the views; closes the database itself when that fails. */
export const openViews = async (options: AnalyseOptions): Promise<OpenedViews> => {
  const db = await Database.open({ spillFolder: join(options.dataFolder, "spill") });
  try {
    const ingested = await ingest(db, options.source, options.dataFolder);
    const viewed: ViewedRun[] = [];
    for (const run of ingested) viewed.push(await viewRun(db, run, options));
    await createViews(db, viewed);
    return { db, ingested, viewed };
  } catch (error) {
    await db.close();
    throw error;
  }
};

/** A log that does not exist has no number of rows, where the query counts none. */
const wholeOf = (whole: WholeRunCounts | null, view: ViewedRun): WholeRunCounts | null =>
  whole === null || view.parquet.requests !== undefined
    ? whole
    : { ...whole, controllerRequests: null };

const hasHealth = ({ parquet }: ViewedRun): boolean =>
  (["hosts", "processes", "loops"] as const).some((log) => parquet[log] !== undefined);

/** Computes every metric of every run. */
export const analyse = async (options: AnalyseOptions): Promise<Analysis> => {
  const { source } = options;
  const { db, ingested, viewed } = await openViews(options);
  try {
    const rowsOf = await readRunRows(db);
    const evidenceOf = await readEvidence(db);
    const healthOf = await readHealth(db);
    const runs = ingested.map((run, position) => {
      const view = viewed[position] as ViewedRun;
      const rows = rowsOf(view.index);
      return {
        index: view.index,
        name: view.name,
        stored: run.source.stored,
        dialect: view.dialect,
        files: run.logs.map((log) => log.integrity),
        window: view.window,
        view: view.view,
        gpus: view.gpus,
        ...rows,
        whole: wholeOf(rows.whole, view),
        evidence: evidenceOf(view.index),
        health: hasHealth(view) ? healthOf(view.index) : null,
      };
    });
    return {
      kind: source.kind,
      folderName: source.folderName,
      manifest: source.manifest,
      plan: source.plan,
      runs,
      metricTitles: Object.fromEntries(METRICS.map(({ name, title }) => [name, title])),
      duckdbVersion: await db.version(),
    };
  } finally {
    await db.close();
  }
};
