/** `process_log.tsv`: what the kernel counted of each process of the run. */
import { cellsOf, encodeCells, type LogSchema } from "#telemetry/schema.ts";

/** One sample of one process; null where the system has no such count. */
export interface ProcessRecord {
  /** Ns since the Unix epoch, as a decimal string. */
  readonly atNs: string;
  readonly host: string;
  readonly process: string;
  readonly pid: number;
  readonly state: string;
  readonly cpuNs: number;
  readonly runNs: number | null;
  readonly runDelayNs: number | null;
  readonly rssBytes: number;
  readonly majorFaults: number;
}

/** One row per process and sample, in order of time; key: (process, t_ns). */
export const PROCESS_LOG: LogSchema<ProcessRecord> = {
  file: "process_log.tsv",
  title: "Process log",
  writer: "runner",
  grain:
    "one row per process and sample of its host (same `t_ns`), from its start to its end; counts are totals since its start; no rows where the system has no /proc",
  key: "(`process`, `t_ns`)",
  columns: [
    {
      name: "t_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when the sample was taken, as in the host log",
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
      name: "process",
      duckdbType: "VARCHAR",
      unit: "",
      meaning: "the process's name, as in `run.json`",
      cell: (r) => r.process,
    },
    { name: "pid", duckdbType: "BIGINT", unit: "", meaning: "its id", cell: (r) => r.pid },
    {
      name: "state",
      duckdbType: "VARCHAR",
      unit: "",
      meaning:
        "the kernel's letter: `R` running or ready, `S` waiting, `D` waiting for a device, `T` or `t` stopped, `Z` ended",
      cell: (r) => r.state,
    },
    {
      name: "cpu_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning: "processor time of all its threads, in steps of 10 ms",
      cell: (r) => r.cpuNs,
    },
    {
      name: "run_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning: "processor time of its main thread",
      cell: (r) => r.runNs ?? "",
    },
    {
      name: "run_delay_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning: "time in which its main thread was ready and had no processor",
      cell: (r) => r.runDelayNs ?? "",
    },
    {
      name: "rss_bytes",
      duckdbType: "BIGINT",
      unit: "bytes",
      meaning: "its memory that is present",
      cell: (r) => r.rssBytes,
    },
    {
      name: "major_faults",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "pages that had to be read from a disk",
      cell: (r) => r.majorFaults,
    },
  ],
};

const CELLS = cellsOf(PROCESS_LOG, "documented");

/** One row without its newline. */
export const encodeProcessRow = (record: ProcessRecord): string => encodeCells(CELLS, record, 0n);
