/** Every metric that is one number per run: its SQL, its unit and its title; docs/metrics.md explains each. */
import type { MetricUnit } from "#query/analysis.ts";
import batchSizeMean from "#query/metrics/batch-size-mean.sql" with { type: "text" };
import coldStartShare from "#query/metrics/cold-start-share.sql" with { type: "text" };
import controllerGoodput from "#query/metrics/controller-goodput.sql" with { type: "text" };
import controllerLatency from "#query/metrics/controller-latency.sql" with { type: "text" };
import goodput from "#query/metrics/goodput.sql" with { type: "text" };
import latency from "#query/metrics/latency.sql" with { type: "text" };
import offeredLoad from "#query/metrics/offered-load.sql" with { type: "text" };
import outcomeShares from "#query/metrics/outcome-shares.sql" with { type: "text" };
import receiveLateness from "#query/metrics/receive-lateness.sql" with { type: "text" };
import sendLateness from "#query/metrics/send-lateness.sql" with { type: "text" };
import serviceTime from "#query/metrics/service-time.sql" with { type: "text" };
import sloAttainment from "#query/metrics/slo-attainment.sql" with { type: "text" };
import throughput from "#query/metrics/throughput.sql" with { type: "text" };
import utilisation from "#query/metrics/utilisation.sql" with { type: "text" };

/** One metric; a definition file may yield several, as rows (run, metric, value, samples). */
export interface MetricDefinition {
  readonly name: string;
  readonly unit: MetricUnit;
  /** As in a table's head, with a capital. */
  readonly title: string;
  /** File name in `src/query/metrics/`. */
  readonly file: string;
}

const SQL_OF_FILE = {
  "offered-load.sql": offeredLoad,
  "throughput.sql": throughput,
  "goodput.sql": goodput,
  "slo-attainment.sql": sloAttainment,
  "latency.sql": latency,
  "service-time.sql": serviceTime,
  "controller-latency.sql": controllerLatency,
  "controller-goodput.sql": controllerGoodput,
  "cold-start-share.sql": coldStartShare,
  "batch-size-mean.sql": batchSizeMean,
  "utilisation.sql": utilisation,
  "send-lateness.sql": sendLateness,
  "receive-lateness.sql": receiveLateness,
  "outcome-shares.sql": outcomeShares,
} as const;

const metric = (
  name: string,
  file: keyof typeof SQL_OF_FILE,
  shown: { readonly unit: MetricUnit; readonly title: string },
): MetricDefinition => ({ name, file, ...shown });

/** All scalar metrics in the order of docs/metrics.md. */
export const METRICS: readonly MetricDefinition[] = [
  metric("offered_load", "offered-load.sql", { unit: "per_s", title: "Offered load" }),
  metric("throughput", "throughput.sql", { unit: "per_s", title: "Throughput" }),
  metric("goodput", "goodput.sql", { unit: "per_s", title: "Goodput" }),
  metric("slo_attainment", "slo-attainment.sql", { unit: "share", title: "SLO attainment" }),
  metric("latency_p50", "latency.sql", { unit: "ns", title: "Latency p50" }),
  metric("latency_p99", "latency.sql", { unit: "ns", title: "Latency p99" }),
  metric("latency_p999", "latency.sql", { unit: "ns", title: "Latency p99.9" }),
  metric("latency_max", "latency.sql", { unit: "ns", title: "Latency max" }),
  metric("service_time_p50", "service-time.sql", { unit: "ns", title: "Service time p50" }),
  metric("service_time_p99", "service-time.sql", { unit: "ns", title: "Service time p99" }),
  metric("controller_latency_p50", "controller-latency.sql", {
    unit: "ns",
    title: "Controller latency p50",
  }),
  metric("controller_latency_p99", "controller-latency.sql", {
    unit: "ns",
    title: "Controller latency p99",
  }),
  metric("controller_goodput", "controller-goodput.sql", {
    unit: "per_s",
    title: "Controller goodput",
  }),
  metric("cold_start_share", "cold-start-share.sql", { unit: "share", title: "Cold starts" }),
  metric("batch_size_mean", "batch-size-mean.sql", { unit: "count", title: "Mean batch size" }),
  metric("gpu_utilisation", "utilisation.sql", { unit: "share", title: "GPU utilisation" }),
  metric("load_utilisation", "utilisation.sql", { unit: "share", title: "PCIe utilisation" }),
  metric("send_lateness_p50", "send-lateness.sql", { unit: "ns", title: "Send lateness p50" }),
  metric("send_lateness_p99", "send-lateness.sql", { unit: "ns", title: "Send lateness p99" }),
  metric("send_lateness_p999", "send-lateness.sql", { unit: "ns", title: "Send lateness p99.9" }),
  metric("send_lateness_max", "send-lateness.sql", { unit: "ns", title: "Send lateness max" }),
  metric("receive_lateness_p50", "receive-lateness.sql", {
    unit: "ns",
    title: "Receive lateness p50",
  }),
  metric("receive_lateness_p99", "receive-lateness.sql", {
    unit: "ns",
    title: "Receive lateness p99",
  }),
  metric("receive_lateness_p999", "receive-lateness.sql", {
    unit: "ns",
    title: "Receive lateness p99.9",
  }),
  metric("receive_lateness_max", "receive-lateness.sql", {
    unit: "ns",
    title: "Receive lateness max",
  }),
  metric("dropped_share", "outcome-shares.sql", { unit: "share", title: "Dropped" }),
  metric("failed_share", "outcome-shares.sql", { unit: "share", title: "Failed" }),
  metric("unknown_share", "outcome-shares.sql", { unit: "share", title: "Unknown" }),
];

/** The definitions' SQL, each file once. */
export const METRIC_QUERIES: readonly string[] = Object.values(SQL_OF_FILE);

const BY_NAME: ReadonlyMap<string, MetricDefinition> = new Map(
  METRICS.map((definition) => [definition.name, definition]),
);

/** The definition of a metric by name; undefined for names that none has. */
export const metricDefinition = (name: string): MetricDefinition | undefined => BY_NAME.get(name);
