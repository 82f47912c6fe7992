/** The experiment language: the types of an experiment file, its units, and `experiment()`. */
import type { Duration, Rate, Size } from "#experiment/quantities.ts";
import type { BurstsSpec, RampSpec, RateShapeSpec, SineSpec } from "#experiment/shape-spec.ts";

import type {
  AzureFunctions2019Spec,
  RecordedSpec,
  RequestTraceSpec,
  ServeGenSpec,
} from "#experiment/trace-language.ts";

export type { Duration, Rate, Size } from "#experiment/quantities.ts";
export {
  gibibytes,
  mebibytes,
  microseconds,
  minutes,
  ms,
  perMinute,
  perSecond,
  seconds,
} from "#experiment/quantities.ts";
export type {
  BurstsSpec,
  RampSpec,
  RateShapeSpec,
  SineSpec,
  StepsSpec,
} from "#experiment/shape-spec.ts";

/** How the durations of simulated GPUs vary around their profile, each GPU by itself. */
export interface NoiseSpec {
  /** Standard deviation ÷ mean of a factor on every execution and load (default 0). */
  readonly jitterCv?: number;
  /** How often a GPU's clock slows down (default 0/s). */
  readonly throttleRate?: Rate;
  /** Mean time that it stays slow (default 1 s). */
  readonly throttleLength?: Duration;
  /** How many times as long executions take then (default 1.5). */
  readonly throttleFactor?: number;
  /** Part of the weights loads that are slow (default 0). */
  readonly slowTransferShare?: number;
  /** How many times as long those take (default 3). */
  readonly slowTransferFactor?: number;
  /** How often a GPU stands still (default 0/s). */
  readonly stallRate?: Rate;
  /** Mean time that it stands still (default 10 ms). */
  readonly stallLength?: Duration;
}

/** The system under test: one Clockwork controller, its workers, and the models they serve. */
export interface SystemSpec {
  /** Name of a scheduling strategy; "INFER4" and "INFER5" are the original's. */
  readonly scheduler: string;
  /** The controller's default SLO, applied to every request without an SLO factor. */
  readonly slo: Duration;
  /** How far ahead of a GPU's free time actions are sent (default 10 ms, 15 ms with generated inputs and INFER5). */
  readonly scheduleAhead?: Duration;
  /** Batch sizes above 1 that are predicted to take longer are not used (default 250 ms). */
  readonly maxExec?: Duration;
  /** Largest batch size (default 8, 16 with INFER4). */
  readonly maxBatch?: number;
  /** GPUs that the controller uses, over all workers (default 100). */
  readonly maxGpus?: number;
  /** The controller invents inputs for requests that carry none (default false). */
  readonly generateInputs?: boolean;
  /** Number of worker processes (default 1). */
  readonly workers?: number;
  /** GPUs of each worker (default 1). */
  readonly gpusPerWorker?: number;
  /** Memory for weights on each GPU (default 23085449216 B, the original's). */
  readonly weightsCache?: Size;
  /** Page size of that memory (default 16 MiB). */
  readonly pageSize?: Size;
  /** Profile set of the simulated GPUs: a name in `experiments/profiles/`, or a path to a CSV file or folder of models. */
  readonly profiles: string;
  /** Model name to number of instances. */
  readonly models: Readonly<Record<string, number>>;
  /** Columns as documented to users, or as the original's code writes them (default "documented"). */
  readonly telemetryDialect?: "documented" | "original";
  /** Makes durations vary (default: they are exactly the profile's). */
  readonly noise?: NoiseSpec;
}

export interface WorkloadCommon {
  /** Sent but not measured, at the start (default 2 s). */
  readonly warmUp?: Duration;
  /** Length of the measurement window. */
  readonly duration: Duration;
  /** Sent but not measured, at the end (default 1 s). */
  readonly coolDown?: Duration;
  /** Requests carry an input of the model's size (default false: empty inputs). */
  readonly inputs?: boolean;
  /** Load generator processes that share the schedule, each sending every n-th request (default 1). */
  readonly generators?: number;
}

/** Open loop: arrivals independent of responses, spread evenly over all model instances. */
export interface OpenLoopSpec extends WorkloadCommon {
  readonly arrivals: "poisson" | "constant";
  /** Requests per time, over all model instances together. */
  readonly rate: Rate;
  /** Changes the rate over the run (default: it stays as it is). */
  readonly shape?: RateShapeSpec;
  /** Users among whom requests are drawn uniformly (default 1). */
  readonly users?: number;
}

/** Open loop whose gaps are independent and follow a Gamma or Weibull law of the given variation. */
export interface RenewalSpec extends WorkloadCommon {
  readonly arrivals: "gamma" | "weibull";
  readonly rate: Rate;
  /** Coefficient of variation of the gaps: standard deviation ÷ mean; 1 is Poisson, more is burstier. */
  readonly cv: number;
  readonly shape?: RateShapeSpec;
  readonly users?: number;
}

/** Open loop: a Poisson process whose rate goes through states in turn, each held for an exponential time. */
export interface MarkovModulatedSpec extends WorkloadCommon {
  readonly arrivals: "markov-modulated";
  /** In the order in which they follow one another, again and again; `mean` is how long a state lasts on average. */
  readonly states: readonly { readonly rate: Rate; readonly mean: Duration }[];
  readonly users?: number;
}

/** Closed loop: each model instance has `concurrency` requests outstanding at any time. */
export interface ClosedLoopSpec extends WorkloadCommon {
  readonly arrivals: "closed-loop";
  /** Outstanding requests per model instance. */
  readonly concurrency: number;
  /** Pause between a response and the next request of the same slot (default 0 s). */
  readonly thinkTime?: Duration;
}

/** A workload as one part of a mix: its own arrivals, and the models that it asks for (default: all). */
type PartOf<Spec> = Omit<Spec, keyof WorkloadCommon> & { readonly models?: readonly string[] };

export type MixPartSpec =
  | PartOf<OpenLoopSpec>
  | PartOf<RenewalSpec>
  | PartOf<MarkovModulatedSpec>
  | PartOf<ClosedLoopSpec>;

/** Several loads at once, each with its own arrivals, models, users and seed. */
export interface MixSpec extends WorkloadCommon {
  readonly arrivals: "mix";
  /** Class name, as the log has it, to the load of that class. */
  readonly parts: Readonly<Record<string, MixPartSpec>>;
}

export type WorkloadSpec =
  | OpenLoopSpec
  | RenewalSpec
  | MarkovModulatedSpec
  | ClosedLoopSpec
  | AzureFunctions2019Spec
  | RequestTraceSpec
  | ServeGenSpec
  | RecordedSpec
  | MixSpec;

/** What a swept key may hold. */
export type Scalar = string | number | boolean;

/** A list of values for every key of `Section`, under its path. */
type Lists<Section, Prefix extends string> = {
  readonly [Key in keyof Section & string as `${Prefix}.${Key}`]?: readonly Section[Key][];
};

/** Keys that hold one value each. */
type OwnKeys<Spec> = Omit<Required<Spec>, "arrivals" | "kind" | "shape" | "steps" | "states">;
type WorkloadKeys = OwnKeys<OpenLoopSpec> &
  OwnKeys<RenewalSpec> &
  OwnKeys<ClosedLoopSpec> &
  OwnKeys<AzureFunctions2019Spec> &
  OwnKeys<RequestTraceSpec> & { readonly arrivals: WorkloadSpec["arrivals"] };
type ShapeKeys = OwnKeys<RampSpec> &
  OwnKeys<BurstsSpec> &
  OwnKeys<SineSpec> & { readonly kind: RateShapeSpec["kind"] };

/** Path of a key to the values it takes: `{ "system.slo": [ms(25), ms(50)] }`. */
export type Sweep = Lists<Omit<Required<SystemSpec>, "models" | "noise">, "system"> &
  Lists<Required<NoiseSpec>, "system.noise"> &
  Lists<WorkloadKeys, "workload"> &
  Lists<ShapeKeys, "workload.shape"> &
  Lists<Required<LimitsSpec>, "limits"> &
  Lists<ErrorBudgetSpec, "stop.errorBudget"> &
  Lists<GoodputRuleSpec, "stop.goodput"> &
  Lists<OutstandingRuleSpec, "stop.outstanding"> & {
    readonly [path: `system.models.${string}`]: readonly number[];
  } & {
    readonly [path: `workload.parts.${string}`]: readonly Scalar[];
  };

/** A path that a sweep may name. */
export type SweepPath = keyof Sweep;

/** Metrics that checks and headlines may name; definitions in docs/metrics.md. */
export const METRIC_NAMES = [
  "offered_load",
  "throughput",
  "goodput",
  "slo_attainment",
  "latency_p50",
  "latency_p99",
  "latency_p999",
  "latency_max",
  "service_time_p99",
  "cold_start_share",
  "batch_size_mean",
  "gpu_utilisation",
  "send_lateness_p99",
  "dropped_share",
  "failed_share",
] as const;

export type MetricName = (typeof METRIC_NAMES)[number];

/** What a check may be about: a metric of every run, or the capacity that a search found. */
export type CheckMetric = MetricName | "capacity";

/** A claim of the experiment about a metric; bounds carry the metric's unit (a Duration, a Rate, or a share from 0 to 1). */
export interface CheckSpec {
  readonly metric: CheckMetric;
  readonly atLeast?: Duration | Rate | number;
  readonly atMost?: Duration | Rate | number;
  /** Limits the check to runs whose swept parameters have these values; all runs when absent. */
  readonly when?: Readonly<Partial<Record<SweepPath, Scalar>>>;
}

/** What a load has to keep to: one bound, in the metric's unit. */
export interface GoalSpec {
  readonly atLeast?: Duration | Rate | number;
  readonly atMost?: Duration | Rate | number;
}

/** A search for the highest load that meets every goal; only the loads that decide are run. */
export interface SearchSpec {
  /** Path of the rate or number that makes the load, "workload.rate". */
  readonly over: SweepPath;
  readonly from: Rate | number;
  readonly to: Rate | number;
  /** Metric to its bound; all of them have to be met. */
  readonly goal: Readonly<Partial<Record<MetricName, GoalSpec>>>;
  /** How much higher each load is than the one below it, as a share (default 0.05). */
  readonly resolution?: number;
  /** Of every decision on one load (default 0.95). */
  readonly confidence?: number;
  /** Runs of one load at most (default 6). */
  readonly repetitionsMax?: number;
}

export interface ReportSpec {
  /** The figure at the top: this metric against this swept parameter. */
  readonly headline?: { readonly metric: MetricName; readonly against: SweepPath };
}

/** Deadlines of a run's states; a run that passes one fails with the reason. */
export interface LimitsSpec {
  /** From launch until every role is ready (default 30 s). */
  readonly launch?: Duration;
  /** From the last send until every response is in (default 10 s). */
  readonly drain?: Duration;
}

/** Share of the requests that ended within `over` which may fail, get no answer or be dropped. */
export interface ErrorBudgetSpec {
  readonly share: number;
  readonly over: Duration;
}

/** Share of the requests scheduled within `over` for which as many have to be answered within their SLO. */
export interface GoodputRuleSpec {
  readonly atLeast: number;
  readonly over: Duration;
}

/** Requests that may be outstanding at every report within `over`. */
export interface OutstandingRuleSpec {
  readonly atMost: number;
  readonly over: Duration;
}

/** Rules that end a run early, over measured time; what was measured until then counts, and the report says so. */
export interface StopSpec {
  readonly errorBudget?: ErrorBudgetSpec;
  readonly goodput?: GoodputRuleSpec;
  readonly outstanding?: OutstandingRuleSpec;
}

export interface ExperimentSpec {
  /** Kebab-case; also the name of the results folder. */
  readonly name: string;
  readonly title?: string;
  /** What the experiment is to answer, in a sentence or two; printed in the report. */
  readonly question?: string;
  /** Whole number; repetition i uses seed + i − 1 (default 1). */
  readonly seed?: number;
  readonly system: SystemSpec;
  readonly workload: WorkloadSpec;
  /** Path of a key ("system.slo") to the values it takes; several paths make a grid, the last varies fastest. */
  readonly sweep?: Sweep;
  /** Looks for the highest load that meets a goal, once for every point of the sweep. */
  readonly search?: SearchSpec;
  /** Runs per point of the sweep (default 1); not with a search. */
  readonly repetitions?: number;
  readonly checks?: Readonly<Record<string, CheckSpec>>;
  readonly report?: ReportSpec;
  readonly limits?: LimitsSpec;
  readonly stop?: StopSpec;
}

/** Present on every value that `experiment()` made; not enumerable, so a spread copy has to be declared again. */
const DECLARED = Symbol.for("escapement.experiment");

/** Declares an experiment; an experiment file default-exports its result. Nothing is checked or started here. */
export const experiment = (spec: ExperimentSpec): ExperimentSpec =>
  Object.defineProperty({ ...spec }, DECLARED, { value: true });

/** Whether `experiment()` made this value. */
export const isExperiment = (value: unknown): value is ExperimentSpec =>
  typeof value === "object" && value !== null && DECLARED in value;
