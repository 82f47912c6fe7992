/** An experiment after validation: every default filled in, every quantity a number with its unit in the name. */
import type { CheckMetric, MetricName } from "#experiment/language.ts";
import type { Nanos } from "#stdx/nanos.ts";

/** How the durations of simulated GPUs vary around their profile; rates count per GPU. */
export interface Noise {
  /** Standard deviation ÷ mean. */
  readonly jitterCv: number;
  readonly throttleRatePerS: number;
  readonly throttleLengthNs: Nanos;
  readonly throttleFactor: number;
  /** In [0, 1]. */
  readonly slowTransferShare: number;
  readonly slowTransferFactor: number;
  readonly stallRatePerS: number;
  readonly stallLengthNs: Nanos;
}

export interface System {
  readonly scheduler: string;
  readonly sloNs: Nanos;
  readonly scheduleAheadNs: Nanos;
  readonly maxExecNs: Nanos;
  readonly maxBatch: number;
  readonly maxGpus: number;
  readonly generateInputs: boolean;
  readonly workers: number;
  readonly gpusPerWorker: number;
  readonly weightsCacheBytes: number;
  readonly pageSizeBytes: number;
  readonly profiles: string;
  /** Present where `profiles` is a folder of models in the original's format, not a table. */
  readonly profilesAreFolders?: true;
  /** In the order written; instances of a model are consecutive. */
  readonly models: readonly { readonly model: string; readonly instances: number }[];
  readonly telemetryDialect: "documented" | "original";
  /** Durations are the profile's when absent. */
  readonly noise?: Noise;
}

interface WorkloadTimes {
  readonly warmUpNs: Nanos;
  readonly durationNs: Nanos;
  readonly coolDownNs: Nanos;
  readonly inputs: boolean;
  /** Processes that share the schedule; one when absent. */
  readonly generators?: number;
}

/** How a rate changes over the run; instants count from the start of the warm-up. */
export type RateShape =
  | {
      readonly kind: "ramp";
      readonly toPerS: number;
      readonly startNs: Nanos;
      readonly overNs: Nanos;
    }
  | {
      readonly kind: "steps";
      /** Rising in `atNs`. */
      readonly steps: readonly { readonly atNs: Nanos; readonly ratePerS: number }[];
    }
  | {
      readonly kind: "bursts";
      readonly peakPerS: number;
      readonly everyNs: Nanos;
      readonly lengthNs: Nanos;
      readonly firstNs: Nanos;
    }
  | {
      readonly kind: "sine";
      /** Share of the rate, in (0, 1]. */
      readonly amplitude: number;
      readonly periodNs: Nanos;
      /** Part of a period, in [0, 1]. */
      readonly phase: number;
    };

/** What all open loops without a trace may have; the keys are absent where an experiment leaves them out. */
interface OpenLoopExtras {
  readonly shape?: RateShape;
  /** Users to draw from; one when absent. */
  readonly users?: number;
}

/** Arrivals that need no file: what a workload offers beside its times, and what a part of a mix offers. */
export type Load =
  | ({ readonly arrivals: "poisson" | "constant"; readonly ratePerS: number } & OpenLoopExtras)
  | ({
      readonly arrivals: "gamma" | "weibull";
      readonly ratePerS: number;
      readonly cv: number;
    } & OpenLoopExtras)
  | {
      readonly arrivals: "markov-modulated";
      /** Followed in this order, again and again; each for an exponential time with its mean. */
      readonly states: readonly { readonly ratePerS: number; readonly meanNs: Nanos }[];
      readonly users?: number;
    }
  | {
      readonly arrivals: "closed-loop";
      readonly concurrency: number;
      readonly thinkTimeNs: Nanos;
    };

/** One part of a mix. */
export interface MixPart {
  /** Class name of its requests. */
  readonly name: string;
  /** Models that it asks for, by name; null for all. */
  readonly models: readonly string[] | null;
  readonly load: Load;
}

/** What a scaled replay has lost of its trace; both are Kolmogorov-Smirnov distances, from 0 (nothing) to 1. */
export interface ScalingDistance {
  /** Between the gaps, each in units of their own mean. */
  readonly gaps: number;
  /** Between the instants, each as a part of the time that is replayed: how far the rate curve is bent. */
  readonly rateCurve: number;
}

/** Replay of a trace with one row per request. */
interface RequestTraceWorkload {
  readonly arrivals: "trace";
  readonly trace: string;
  readonly format:
    | "azure-functions-2021"
    | "azure-llm-2023"
    | "burstgpt"
    | "mooncake"
    | "csv"
    | "parquet";
  /** Column of instants; null where the format knows it. */
  readonly column: string | null;
  readonly unit: "s" | "ms" | "us" | "ns";
  /** Counted from the trace's first request. */
  readonly startNs: Nanos;
  /** Share of the requests that are kept, in (0, 1]. */
  readonly loadFactor: number;
  readonly timeCompression: number;
  /** As for "azure-functions-2019". */
  readonly sampleFunctions?: number;
  /** Noted once the trace has been read. */
  readonly distance?: ScalingDistance;
}

export type Workload = WorkloadTimes &
  (
    | Load
    | {
        readonly arrivals: "azure-functions-2019";
        readonly trace: string;
        readonly startMinute: number | null;
        readonly loadFactor: number;
        readonly timeCompression: number;
        readonly placement: "even" | "uniform" | "poisson";
        /** Functions that take part: a share of them when below 1, else so many; all when absent. */
        readonly sampleFunctions?: number;
        /** Noted once the trace has been read. */
        readonly distance?: ScalingDistance;
      }
    | RequestTraceWorkload
    /** ServeGen's client windows. */
    | {
        readonly arrivals: "servegen";
        readonly trace: string;
        readonly startNs: Nanos;
        readonly loadFactor: number;
        readonly timeCompression: number;
        /** Noted once the trace has been read. */
        readonly distance?: ScalingDistance;
      }
    /** Replay of a schedule that was recorded or written. */
    | { readonly arrivals: "recorded"; readonly trace: string }
    | { readonly arrivals: "mix"; readonly parts: readonly MixPart[] }
  );

export interface Check {
  readonly name: string;
  readonly metric: CheckMetric;
  /** In the metric's unit: ns, requests per second, or a share. */
  readonly atLeast: number | null;
  readonly atMost: number | null;
  readonly when: readonly { readonly path: string; readonly value: string | number | boolean }[];
}

/** What a load has to keep to, in the metric's unit; exactly one of the bounds is set. */
export interface Goal {
  readonly metric: MetricName;
  readonly atLeast: number | null;
  readonly atMost: number | null;
}

/** A search for the highest load that meets every goal; each point of the sweep has one of its own. */
export interface Search {
  /** Path of the key that holds the load. */
  readonly over: string;
  /** The loads that may be tried, rising: as written, and per second or as a plain number. */
  readonly loads: readonly { readonly value: string | number; readonly load: number }[];
  readonly goals: readonly Goal[];
  /** Of every decision on one load, one-sided. */
  readonly confidence: number;
  /** Runs of one load at most, those that count for nothing included. */
  readonly repetitionsMax: number;
}

/** One point of the sweep's grid: the swept paths and their values as written. */
export type Point = readonly { readonly path: string; readonly value: string | number | boolean }[];

/** What ends a run early; each rule looks at a stretch of measured time of this length, again and again. */
export interface StopRules {
  /** More than this share of the requests that ended failed, got no answer or were dropped. */
  readonly errorBudget?: { readonly share: number; readonly overNs: Nanos };
  /** Less than this share of the requests that were scheduled were answered within their SLO. */
  readonly goodput?: { readonly atLeast: number; readonly overNs: Nanos };
  /** More requests than this were outstanding all the time. */
  readonly outstanding?: { readonly atMost: number; readonly overNs: Nanos };
}

/** The experiment of one run: the sweep's values are already in place. */
export interface RunSpec {
  readonly system: System;
  readonly workload: Workload;
  readonly launchLimitNs: Nanos;
  readonly drainLimitNs: Nanos;
  /** Absent where nothing ends a run early. */
  readonly stop?: StopRules;
}

/** One run of the plan. */
export interface PlannedRun extends RunSpec {
  /** 0-based position in the plan. */
  readonly index: number;
  /** Folder name: "00-slo=25ms-rep=1". */
  readonly name: string;
  readonly point: Point;
  /** 1-based. */
  readonly repetition: number;
  readonly seed: number;
}

export interface Plan {
  readonly name: string;
  readonly title: string;
  readonly question: string;
  readonly seed: number;
  readonly repetitions: number;
  readonly sweep: readonly {
    readonly path: string;
    readonly values: readonly (string | number | boolean)[];
  }[];
  readonly checks: readonly Check[];
  readonly headline: { readonly metric: MetricName; readonly against: string } | null;
  /** When present, `runs` has every load of it as often as it may be tried, and the search chooses among them. */
  readonly search?: Search;
  readonly runs: readonly PlannedRun[];
}

/** One mistake in an experiment file; `validate` returns all of them. */
export interface Problem {
  /** Key path from the experiment's root: "workload.duration". */
  readonly path: string;
  /** The offending value as JSON, or "" when the key is missing. */
  readonly value: string;
  readonly message: string;
  /** What would be right. */
  readonly remedy: string;
}
