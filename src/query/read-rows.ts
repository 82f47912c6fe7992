/** Runs the metric definitions and hands out their rows, grouped by run. */
import type {
  ActionCountRow,
  BatchSizeRow,
  IntervalRow,
  MetricValue,
  OutcomeCount,
  PredictionErrorRow,
  TailPoint,
  WholeRunCounts,
} from "#query/analysis.ts";
import type { Database, SqlRow } from "#query/database.ts";
import { METRIC_QUERIES, metricDefinition } from "#query/metric-definitions.ts";
import actionCountsSql from "#query/metrics/action-counts.sql" with { type: "text" };
import batchSizesSql from "#query/metrics/batch-sizes.sql" with { type: "text" };
import intervalsSql from "#query/metrics/intervals.sql" with { type: "text" };
import latencyTailSql from "#query/metrics/latency-tail.sql" with { type: "text" };
import outcomesSql from "#query/metrics/outcomes.sql" with { type: "text" };
import predictionErrorSql from "#query/metrics/prediction-error.sql" with { type: "text" };
import wholeRunSql from "#query/metrics/whole-run.sql" with { type: "text" };
import { byRun, toNumber, toNumberOrNull } from "#query/rows.ts";
import { resolvableTails, TAIL_GRID } from "#query/tail-grid.ts";

/** Rows of one run. */
export interface RunRows {
  readonly metrics: Readonly<Record<string, MetricValue>>;
  readonly outcomes: readonly OutcomeCount[];
  readonly batchSizes: readonly BatchSizeRow[];
  readonly actionCounts: readonly ActionCountRow[];
  readonly predictionErrors: readonly PredictionErrorRow[];
  readonly latencyTail: readonly TailPoint[];
  readonly intervals: readonly IntervalRow[];
  readonly whole: WholeRunCounts | null;
}

const readMetrics = async (db: Database): Promise<ReadonlyMap<number, MetricValue[]>> => {
  const all = new Map<number, MetricValue[]>();
  for (const sql of METRIC_QUERIES) {
    const groups = await byRun(db, sql, (row): MetricValue => {
      const name = String(row["metric"]);
      const definition = metricDefinition(name);
      if (definition === undefined) throw new Error(`invariant broken: no metric ${name}`);
      const { unit } = definition;
      return {
        metric: name,
        unit,
        value: toNumber(row, "value"),
        samples: toNumber(row, "samples"),
      };
    });
    for (const [run, values] of groups) all.set(run, [...(all.get(run) ?? []), ...values]);
  }
  return all;
};

const toTail = (row: SqlRow): readonly TailPoint[] => {
  const latencies = row["latencies_ns"] as readonly number[];
  const samples = toNumber(row, "samples");
  const points = resolvableTails(samples).map((tail, index) => ({
    tail,
    latencyNs: latencies[index] as number,
  }));
  return [...points, { tail: 1 / samples, latencyNs: toNumber(row, "max_ns") }];
};

const tailSql = (): string => {
  // Decimals, so that DuckDB finds ranks with exact arithmetic; the first share, 1, is the minimum (rank 1).
  const quantiles = TAIL_GRID.map((tail) => (1 - tail).toFixed(9));
  return latencyTailSql.replaceAll("{{quantiles}}", `[${quantiles.join(", ")}]`);
};

const toOutcome = (row: SqlRow): OutcomeCount => ({
  outcome: row["outcome"] as OutcomeCount["outcome"],
  result: toNumberOrNull(row, "result"),
  count: toNumber(row, "count"),
});

const toPredictionError = (row: SqlRow): PredictionErrorRow => ({
  action: row["action"] as PredictionErrorRow["action"],
  quantity: row["quantity"] as PredictionErrorRow["quantity"],
  direction: row["direction"] as PredictionErrorRow["direction"],
  count: toNumber(row, "count"),
  p50Ns: toNumberOrNull(row, "p50_ns"),
  p99Ns: toNumberOrNull(row, "p99_ns"),
  p999Ns: toNumberOrNull(row, "p999_ns"),
  maxNs: toNumberOrNull(row, "max_ns"),
});

const toInterval = (row: SqlRow): IntervalRow => ({
  startNs: toNumber(row, "start_ns"),
  lengthNs: toNumber(row, "length_ns"),
  scheduled: toNumber(row, "scheduled"),
  ok: toNumber(row, "ok"),
  good: toNumber(row, "good"),
});

/** All rows of all runs; a run without logs has empty lists. */
export const readRunRows = async (db: Database): Promise<(run: number) => RunRows> => {
  const metrics = await readMetrics(db);
  const outcomes = await byRun(db, outcomesSql, toOutcome);
  const batchSizes = await byRun(
    db,
    batchSizesSql,
    (row): BatchSizeRow => ({
      batchSize: toNumber(row, "batch_size"),
      actions: toNumber(row, "actions"),
      requests: toNumber(row, "requests"),
    }),
  );
  const actionCounts = await byRun(
    db,
    actionCountsSql,
    (row): ActionCountRow => ({
      action: String(row["action"]),
      succeeded: toNumber(row, "succeeded"),
      failed: toNumber(row, "failed"),
    }),
  );
  const predictionErrors = await byRun(db, predictionErrorSql, toPredictionError);
  const tails = await byRun(db, tailSql(), toTail);
  const intervals = await byRun(db, intervalsSql, toInterval);
  const whole = await byRun(
    db,
    wholeRunSql,
    (row): WholeRunCounts => ({
      scheduled: toNumber(row, "scheduled"),
      sent: toNumber(row, "sent"),
      dropped: toNumber(row, "dropped"),
      unknown: toNumber(row, "unknown"),
      beforeWindow: toNumber(row, "before_window"),
      afterWindow: toNumber(row, "after_window"),
      controllerRequests: toNumber(row, "controller_requests"),
    }),
  );
  return (run) => ({
    metrics: Object.fromEntries((metrics.get(run) ?? []).map((value) => [value.metric, value])),
    outcomes: outcomes.get(run) ?? [],
    batchSizes: batchSizes.get(run) ?? [],
    actionCounts: actionCounts.get(run) ?? [],
    predictionErrors: predictionErrors.get(run) ?? [],
    latencyTail: tails.get(run)?.[0] ?? [],
    intervals: intervals.get(run) ?? [],
    whole: whole.get(run)?.[0] ?? null,
  });
};
