/** Reads what the verdict rests on beside the metrics. */
import type { Database, SqlRow } from "#query/database.ts";
import type {
  ActionStatusRow,
  Reconciliation,
  RequestTiming,
  RunEvidence,
  SegmentRow,
} from "#query/evidence.ts";
import actionStatusesSql from "#query/metrics/action-statuses.sql" with { type: "text" };
import reconciliationSql from "#query/metrics/reconciliation.sql" with { type: "text" };
import requestTimingSql from "#query/metrics/request-timing.sql" with { type: "text" };
import segmentsSql from "#query/metrics/segments.sql" with { type: "text" };
import { byRun, toNumber, toNumberOrNull } from "#query/rows.ts";

const toTiming = (row: SqlRow): RequestTiming => ({
  due: toNumber(row, "due"),
  sent: toNumber(row, "sent"),
  lateMisses: toNumber(row, "late_misses"),
  impossible: toNumber(row, "impossible"),
  receiveMinNs: toNumberOrNull(row, "receive_min_ns"),
  worstSecondTenthNs: toNumberOrNull(row, "worst_second_tenth_ns"),
});

const toSegment = (row: SqlRow): SegmentRow => ({
  scheduled: toNumber(row, "scheduled"),
  good: toNumber(row, "good"),
  latencyP50Ns: toNumberOrNull(row, "latency_p50_ns"),
  arrived: toNumber(row, "arrived"),
  cold: toNumber(row, "cold"),
});

const toStatus = (row: SqlRow): ActionStatusRow => ({
  status: toNumber(row, "status"),
  count: toNumber(row, "count"),
});

const toReconciliation = (row: SqlRow): Reconciliation => ({
  clients: toNumber(row, "clients"),
  connections: toNumberOrNull(row, "connections"),
  clientDoubles: toNumberOrNull(row, "client_doubles"),
  requestDoubles: toNumberOrNull(row, "request_doubles"),
  actionDoubles: toNumberOrNull(row, "action_doubles"),
  batchDoubles: toNumberOrNull(row, "batch_doubles"),
  clientGaps: toNumberOrNull(row, "client_gaps"),
  requestGaps: toNumberOrNull(row, "request_gaps"),
  batched: toNumberOrNull(row, "batched"),
  onlyBatched: toNumberOrNull(row, "only_batched"),
  onlyOk: toNumberOrNull(row, "only_ok"),
  outMedianNs: toNumberOrNull(row, "out_median_ns"),
  backMedianNs: toNumberOrNull(row, "back_median_ns"),
  outP99Ns: toNumberOrNull(row, "out_p99_ns"),
});

/** The evidence of all runs. */
export const readEvidence = async (db: Database): Promise<(run: number) => RunEvidence> => {
  const timings = await byRun(db, requestTimingSql, toTiming);
  const segments = await byRun(db, segmentsSql, toSegment);
  const statuses = await byRun(db, actionStatusesSql, toStatus);
  const reconciliations = await byRun(db, reconciliationSql, toReconciliation);
  return (run) => ({
    timing: timings.get(run)?.[0] ?? null,
    segments: segments.get(run) ?? [],
    actionStatuses: statuses.get(run) ?? [],
    reconciliation: reconciliations.get(run)?.[0] ?? null,
  });
};
