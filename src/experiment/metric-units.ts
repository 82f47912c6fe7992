/** The unit of every metric, which decides how the bounds of a check are written. */
import type { MetricName } from "#experiment/language.ts";

/** `rate`: requests per second; `duration`: ns; `share`: 0 to 1; `count`: a plain number. */
export type MetricUnit = "rate" | "duration" | "share" | "count";

export const METRIC_UNITS: Readonly<Record<MetricName, MetricUnit>> = {
  offered_load: "rate",
  throughput: "rate",
  goodput: "rate",
  slo_attainment: "share",
  latency_p50: "duration",
  latency_p99: "duration",
  latency_p999: "duration",
  latency_max: "duration",
  service_time_p99: "duration",
  cold_start_share: "share",
  batch_size_mean: "count",
  gpu_utilisation: "share",
  send_lateness_p99: "duration",
  dropped_share: "share",
  failed_share: "share",
};
