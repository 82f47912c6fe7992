/** The workloads of an experiment file that replay files. */
import type { Duration, WorkloadCommon } from "#experiment/language.ts";

/** Replay of a trace in the published format of Azure Functions 2019 (invocations per function and minute). */
export interface AzureFunctions2019Spec extends WorkloadCommon {
  readonly arrivals: "azure-functions-2019";
  /** Path of the CSV file; relative paths are looked up from the experiment file, then from the working folder. */
  readonly trace: string;
  /** Column (minute of the day, as the header names it) at which sending starts (default: the first column). */
  readonly startMinute?: number;
  /** Multiplies every count (default 1). */
  readonly loadFactor?: number;
  /** Trace time per experiment time: 60 plays one traced minute per second, so rates grow 60-fold (default 1). */
  readonly timeCompression?: number;
  /** Where in its minute an invocation falls: evenly spaced, each at random, or as a Poisson process with that mean (default "even"). */
  readonly placement?: "even" | "uniform" | "poisson";
  /** Replays only some of the functions, drawn with the seed: a share below 1, or a whole number of them (default: all). */
  readonly sampleFunctions?: number;
}

/** Replay of a trace with one row per request; see docs/workloads.md for the formats. */
export interface RequestTraceSpec extends WorkloadCommon {
  readonly arrivals: "trace";
  /** Path of the file; relative paths are looked up from the experiment file, then from the working folder. */
  readonly trace: string;
  readonly format:
    | "azure-functions-2021"
    | "azure-llm-2023"
    | "burstgpt"
    | "mooncake"
    | "csv"
    | "parquet";
  /** Name of the column of instants; for "csv" and "parquet" only, which need it. */
  readonly column?: string;
  /** Unit of that column; for "csv" and "parquet" only (default "s"). */
  readonly unit?: "s" | "ms" | "us" | "ns";
  /** Trace time, counted from its first request, at which sending starts (default 0 s). */
  readonly start?: Duration;
  /** Share of the requests that are kept, each drawn by itself (default 1). */
  readonly loadFactor?: number;
  /**
   * Replays only some of the functions, drawn with the seed: a share below 1, or a whole number of them (default: all);
   * for formats that name functions ("azure-functions-2021").
   */
  readonly sampleFunctions?: number;
  /** Trace time per experiment time: 60 plays one traced minute per second, so rates grow 60-fold (default 1). */
  readonly timeCompression?: number;
}

/** The client windows of ServeGen: of each client, rate and law of gaps every ten minutes. */
export interface ServeGenSpec extends WorkloadCommon {
  readonly arrivals: "servegen";
  /** Path of the clients' files, one for each: "chunk-{0..49}-trace.csv". */
  readonly trace: string;
  /** Trace time at which sending starts (default 0 s). */
  readonly start?: Duration;
  /** Multiplies every rate (default 1). */
  readonly loadFactor?: number;
  /** Trace time per experiment time: 60 plays one traced minute per second, so rates grow 60-fold (default 1). */
  readonly timeCompression?: number;
}

/** Exact replay of a schedule: of a run (`workload record`) or of an experiment (`workload --out`). */
export interface RecordedSpec extends WorkloadCommon {
  readonly arrivals: "recorded";
  /** Path of the file; relative paths are looked up from the experiment file, then from the working folder. */
  readonly trace: string;
}
