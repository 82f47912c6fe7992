/** What the analysis of a results folder yields: typed rows for `judge` and `report`, nothing formatted. */
import type { RunEvidence } from "#query/evidence.ts";
import type { Manifest, StoredRun } from "#telemetry/results.ts";

/** Units of metric values: nanoseconds, requests per second, a share from 0 to 1, or a plain count. */
export type MetricUnit = "ns" | "per_s" | "share" | "count";

/** One value of one metric in one run. */
export interface MetricValue {
  readonly metric: string;
  readonly unit: MetricUnit;
  readonly value: number;
  /** How many rows the value rests on. */
  readonly samples: number;
}

export type LogName =
  | "requests"
  | "actions"
  | "client"
  | "batches"
  | "action_windows"
  | "hosts"
  | "processes"
  | "loops";

export type Dialect = "documented" | "original";

/** Which dialect a pair of logs is in, and what says so. */
export interface DialectReading {
  readonly dialect: Dialect;
  readonly reason: string;
  /** False when nothing decided and `original` was assumed. */
  readonly isDecided: boolean;
}

/** One log file, reconciled: bytes, lines and rows must tell the same story. */
export interface FileIntegrity {
  readonly log: LogName;
  /** Relative to the results folder. */
  readonly path: string;
  readonly bytes: number;
  /** Whole lines, the header included. */
  readonly lines: number;
  /** Rows in the database. */
  readonly rows: number;
  readonly tornBytes: number;
  /** Whole lines that are no row of this log, with the reason; the first few only. */
  readonly rejected: readonly { readonly line: number; readonly reason: string }[];
  readonly rejectedCount: number;
  readonly sha256: string;
  readonly rowsWritten: number | null;
  /** What does not agree, in words; empty when everything does. */
  readonly mismatches: readonly string[];
}

/** The measurement window and the sending around it, in ns since the run's epoch (the start of sending). */
export interface RunWindow {
  /** Start of sending, in ns since the Unix epoch. */
  readonly epochNs: bigint;
  readonly measureStartNs: number;
  readonly measureEndNs: number;
  readonly sendEndNs: number;
  /** Where the window comes from: the runner, or (foreign logs) first and last arrival in the request log. */
  readonly source: "run" | "log";
}

export interface OutcomeCount {
  readonly outcome: "ok" | "fail" | "unknown" | "dropped";
  /** Status code; null when there was no response. */
  readonly result: number | null;
  readonly count: number;
}

export interface BatchSizeRow {
  readonly batchSize: number;
  readonly actions: number;
  readonly requests: number;
}

/** Errors of one kind of prediction in one direction; magnitudes are positive ns, null without samples. */
export interface PredictionErrorRow {
  readonly action: "load" | "infer";
  readonly quantity: "execution" | "completion";
  readonly direction: "late" | "early";
  readonly count: number;
  readonly p50Ns: number | null;
  readonly p99Ns: number | null;
  readonly p999Ns: number | null;
  readonly maxNs: number | null;
}

/** Actions by kind in the measurement window. */
export interface ActionCountRow {
  readonly action: string;
  readonly succeeded: number;
  readonly failed: number;
}

/** One point of the latency distribution: a share `tail` of the responses took longer than `latencyNs`. */
export interface TailPoint {
  readonly tail: number;
  readonly latencyNs: number;
}

/** One interval of the run, by the requests' scheduled instants. */
export interface IntervalRow {
  /** Start of the interval, ns since the start of sending. */
  readonly startNs: number;
  readonly lengthNs: number;
  readonly scheduled: number;
  readonly ok: number;
  readonly good: number;
}

/** Requests per kind of row, over the whole run and not just the window; for reconciliation. */
export interface WholeRunCounts {
  readonly scheduled: number;
  readonly sent: number;
  readonly dropped: number;
  readonly unknown: number;
  /** Scheduled before and after the measurement window: warm-up and cool-down, in no metric. */
  readonly beforeWindow: number;
  readonly afterWindow: number;
  readonly controllerRequests: number | null;
}

/** One host in the measurement window, by its supervisor's samples; null where the kernel does not count it. */
export interface HostHealth {
  readonly host: string;
  readonly cpuCount: number;
  readonly samples: number;
  /** Length of the window that the figures cover. */
  readonly windowNs: number;
  /** Longest time between two samples, window edges included. */
  readonly sampleGapMaxNs: number;
  /** CPU time of all cores that was not idle. */
  readonly cpuBusyNs: number;
  readonly stealNs: number | null;
  /** Time in which at least one task waited for a CPU, for memory, for a disk. */
  readonly cpuPressureNs: number | null;
  readonly memoryPressureNs: number | null;
  readonly ioPressureNs: number | null;
  /** Time in which the control group was held back by its CPU quota. */
  readonly throttledNs: number | null;
  /** Largest |Δrealtime − Δmonotonic| between neighbouring samples of the whole run. */
  readonly clockStepMaxNs: number;
}

/** One process in the measurement window, by its supervisor's samples. */
export interface ProcessHealth {
  readonly process: string;
  readonly host: string;
  readonly samples: number;
  readonly cpuNs: number;
  /** Time that its main thread was ready to run and had no CPU. */
  readonly runDelayNs: number | null;
  /** Largest growth of run_delay between neighbouring samples. */
  readonly runDelayMaxNs: number | null;
  /** Samples that saw it stopped (T, t). */
  readonly stoppedSamples: number;
  readonly rssMaxBytes: number;
  readonly majorFaults: number;
}

/** One role's event loop in the measurement window, by its own word. */
export interface LoopHealth {
  readonly process: string;
  readonly samples: number;
  /** Work only: neither waiting nor napping nor idle turns. */
  readonly busyNs: number;
  /** The time that `busyNs` is a part of: from the first to the last sample used. */
  readonly intervalNs: number;
  /** Longest stretch in which the loop did not look for messages. */
  readonly stallMaxNs: number;
  /** Stretches longer than 1 ms. */
  readonly stalls: number;
  readonly gcCount: number;
  readonly gcPauseMaxNs: number | null;
  /** The largest difference of clocks to a peer, by magnitude, at the window's end; and the round trip to that peer. */
  readonly clockDeltaNs: number | null;
  readonly roundTripNs: number | null;
}

/** What happened to the machines and to each process during the measurement window. */
export interface RunHealth {
  readonly hosts: readonly HostHealth[];
  readonly processes: readonly ProcessHealth[];
  readonly loops: readonly LoopHealth[];
}

/** Everything known of one run. Without logs the lists are empty and `metrics` has no entry. */
export interface RunAnalysis {
  readonly index: number;
  readonly name: string;
  /** Null for foreign logs, and for runs of ours that left no `run.json`. */
  readonly stored: StoredRun | null;
  readonly dialect: DialectReading | null;
  readonly files: readonly FileIntegrity[];
  readonly window: RunWindow | null;
  /** Whose clock and rows the request metrics come from; null without request rows. */
  readonly view: "client" | "controller" | null;
  readonly gpus: number | null;
  readonly metrics: Readonly<Record<string, MetricValue>>;
  readonly outcomes: readonly OutcomeCount[];
  readonly batchSizes: readonly BatchSizeRow[];
  readonly actionCounts: readonly ActionCountRow[];
  readonly predictionErrors: readonly PredictionErrorRow[];
  readonly latencyTail: readonly TailPoint[];
  readonly intervals: readonly IntervalRow[];
  readonly whole: WholeRunCounts | null;
  readonly evidence: RunEvidence;
  /** Null for foreign logs and for folders of before it was recorded. */
  readonly health: RunHealth | null;
}

/** A results folder, analysed. */
export interface Analysis {
  readonly kind: "ours" | "foreign";
  /** The folder's own name, for titles. */
  readonly folderName: string;
  readonly manifest: Manifest | null;
  /** `plan.json` as stored (snake_case keys); null for foreign logs. */
  readonly plan: unknown;
  readonly runs: readonly RunAnalysis[];
  /** Titles of all metrics, by name. */
  readonly metricTitles: Readonly<Record<string, string>>;
  readonly duckdbVersion: string;
}
