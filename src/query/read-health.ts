/** How hosts, processes and event loops fared in the measurement window, by run. */
import type { HostHealth, LoopHealth, ProcessHealth, RunHealth } from "#query/analysis.ts";
import type { Database, SqlRow } from "#query/database.ts";
import hostSql from "#query/metrics/host-health.sql" with { type: "text" };
import loopSql from "#query/metrics/loop-health.sql" with { type: "text" };
import processSql from "#query/metrics/process-health.sql" with { type: "text" };
import { byRun, toNumber, toNumberOrNull } from "#query/rows.ts";

const toHost = (row: SqlRow): HostHealth => ({
  host: String(row["host"]),
  cpuCount: toNumber(row, "cpu_count"),
  samples: toNumber(row, "samples"),
  windowNs: toNumber(row, "window_ns"),
  sampleGapMaxNs: toNumber(row, "sample_gap_max_ns"),
  cpuBusyNs: toNumber(row, "cpu_busy_ns"),
  stealNs: toNumberOrNull(row, "steal_ns"),
  cpuPressureNs: toNumberOrNull(row, "cpu_pressure_ns"),
  memoryPressureNs: toNumberOrNull(row, "memory_pressure_ns"),
  ioPressureNs: toNumberOrNull(row, "io_pressure_ns"),
  throttledNs: toNumberOrNull(row, "throttled_ns"),
  clockStepMaxNs: toNumber(row, "clock_step_max_ns"),
});

const toProcess = (row: SqlRow): ProcessHealth => ({
  process: String(row["process"]),
  host: String(row["host"]),
  samples: toNumber(row, "samples"),
  cpuNs: toNumber(row, "cpu_ns"),
  runDelayNs: toNumberOrNull(row, "run_delay_ns"),
  runDelayMaxNs: toNumberOrNull(row, "run_delay_max_ns"),
  stoppedSamples: toNumber(row, "stopped_samples"),
  rssMaxBytes: toNumber(row, "rss_max_bytes"),
  majorFaults: toNumber(row, "major_faults"),
});

const toLoop = (row: SqlRow): LoopHealth => ({
  process: String(row["process"]),
  samples: toNumber(row, "samples"),
  busyNs: toNumber(row, "busy_ns"),
  intervalNs: toNumber(row, "interval_ns"),
  stallMaxNs: toNumber(row, "stall_max_ns"),
  stalls: toNumber(row, "stalls"),
  gcCount: toNumber(row, "gc_count"),
  gcPauseMaxNs: toNumberOrNull(row, "gc_pause_max_ns"),
  clockDeltaNs: toNumberOrNull(row, "clock_delta_ns"),
  roundTripNs: toNumberOrNull(row, "round_trip_ns"),
});

/** All runs; one without such logs has empty lists. */
export const readHealth = async (db: Database): Promise<(run: number) => RunHealth> => {
  const hosts = await byRun(db, hostSql, toHost);
  const processes = await byRun(db, processSql, toProcess);
  const loops = await byRun(db, loopSql, toLoop);
  return (run) => ({
    hosts: hosts.get(run) ?? [],
    processes: processes.get(run) ?? [],
    loops: loops.get(run) ?? [],
  });
};
