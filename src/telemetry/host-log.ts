/** `host_log.tsv`: what the kernel of each host counted during the run. */
import { cellsOf, encodeCells, type LogSchema } from "#telemetry/schema.ts";

/** One sample of one host; instants in ns as decimal strings, null where the host's system has no such count. */
export interface HostRecord {
  readonly host: string;
  readonly atNs: string;
  readonly realtimeNs: string;
  readonly monotonicNs: string;
  readonly cpuCount: number;
  readonly cpuBusyNs: number | null;
  readonly cpuStealNs: number | null;
  readonly cpuPressureNs: number | null;
  readonly memoryPressureNs: number | null;
  readonly ioPressureNs: number | null;
  readonly throttledNs: number | null;
  readonly throttledPeriods: number | null;
}

/** One row per host and sample, in order of time; key: (host, t_ns). */
export const HOST_LOG: LogSchema<HostRecord> = {
  file: "host_log.tsv",
  title: "Host log",
  writer: "runner",
  grain:
    "one row per host and sample, which its supervisor takes about every 100 ms while a process of the run lives; counts are totals as the kernel keeps them, so that differences of rows are what happened between, and empty where the system has none",
  key: "(`host`, `t_ns`)",
  columns: [
    {
      name: "t_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning:
        "when the sample was taken, by the supervisor's clock, which does not follow steps of the wall clock",
      cell: (r) => r.atNs,
    },
    {
      name: "host",
      duckdbType: "VARCHAR",
      unit: "",
      meaning: "the host's name, as in `run.json`",
      cell: (r) => r.host,
    },
    {
      name: "realtime_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "the wall clock at that instant",
      cell: (r) => r.realtimeNs,
    },
    {
      name: "monotonic_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning:
        "the monotonic clock at that instant; where it and the wall clock pass at different speeds, the wall clock was set",
      cell: (r) => r.monotonicNs,
    },
    {
      name: "cpu_count",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "processors that the system sees",
      cell: (r) => r.cpuCount,
    },
    {
      name: "cpu_busy_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning:
        "time of all processors together that was neither idle nor stolen, in steps of 10 ms",
      cell: (r) => r.cpuBusyNs ?? "",
    },
    {
      name: "cpu_steal_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning:
        "time of all processors together that the hypervisor gave to other machines, in steps of 10 ms",
      cell: (r) => r.cpuStealNs ?? "",
    },
    {
      name: "cpu_pressure_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning:
        "time in which at least one task of the whole host was ready and waited for a processor",
      cell: (r) => r.cpuPressureNs ?? "",
    },
    {
      name: "memory_pressure_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning: "time in which at least one task waited for memory",
      cell: (r) => r.memoryPressureNs ?? "",
    },
    {
      name: "io_pressure_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning: "time in which at least one task waited for a disk",
      cell: (r) => r.ioPressureNs ?? "",
    },
    {
      name: "throttled_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning:
        "time in which CPU quotas held back the control groups of the run's processes and the groups above them, summed over groups, since the sampling began",
      cell: (r) => r.throttledNs ?? "",
    },
    {
      name: "throttled_periods",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "periods of quotas in which that happened",
      cell: (r) => r.throttledPeriods ?? "",
    },
  ],
};

const CELLS = cellsOf(HOST_LOG, "documented");

/** One row without its newline. */
export const encodeHostRow = (record: HostRecord): string => encodeCells(CELLS, record, 0n);
