/** The original client's workloads that replay a trace: a day of Azure Functions 2019, or bursts made up. */
import { scaleAdjuster } from "#serving/client/workloads/adjusters.ts";
import { poisson } from "#serving/client/workloads/plain-workloads.ts";
import { sixDigits } from "#serving/client/workloads/six-digits.ts";
import {
  type RateSchedule,
  SparseRates,
  TraceReplay,
} from "#serving/client/workloads/trace-replay.ts";
import {
  DEFAULT_MODEL,
  defineWorkload,
  flag,
  foundLine,
  indices,
  real,
  type Surroundings,
  type WorkloadPlan,
  whole,
} from "#serving/client/workloads/workload-kind.ts";
import { MINUTE, type Nanos, ns, SECOND, truncNs } from "#stdx/nanos.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import type { TraceFunction } from "#workload/azure-trace.ts";

const DAY_MINUTES = 1440;
const TRACE_MAX = 14;
const INTERVAL_S_MAX = 3600;
/** Of instances; the original warns above it. */
const INSTANCES_GOOD = 3100;

const totalOf = ({ counts }: TraceFunction): number =>
  counts.reduce((sum, count) => sum + count, 0);

/** Busiest first; of functions that are equally busy the later one. */
const byTotal = (functions: readonly TraceFunction[]): readonly TraceFunction[] =>
  functions
    .map((fn, row) => ({ fn, row, total: totalOf(fn) }))
    .toSorted((a, b) => b.total - a.total || b.row - a.row)
    .map(({ fn }) => fn);

const ratesOf = ({ columns, counts }: TraceFunction): RateSchedule =>
  new SparseRates(DAY_MINUTES, columns, counts);

interface Replay {
  readonly scale: number;
  readonly interval: Nanos;
  readonly isRandomised: boolean;
  /** Where the function of a rank goes. */
  readonly instanceOf: (rank: number) => number;
}

const replaysOf = (
  functions: readonly TraceFunction[],
  replay: Replay,
  { streams }: Surroundings,
): readonly TraceReplay[] => {
  const random = streams.isOriginal ? "original-random" : "random";
  const { scale, interval, isRandomised, instanceOf } = replay;
  return functions.map(
    (fn, rank) =>
      new TraceReplay({
        id: rank,
        instance: instanceOf(rank),
        draws: streams.draws(rank),
        rates: ratesOf(fn),
        scale,
        interval,
        start: isRandomised ? random : "first",
      }),
  );
};

/** As evenly as possible; the first ones have one less. */
const splitEvenly = (total: number, parts: number): readonly number[] => {
  let left = total;
  return indices(parts).map((index) => {
    const part = Math.floor(left / (parts - index));
    left -= part;
    return part;
  });
};

/** Instances in an order of chance; the original means to, but leaves them grouped by model. */
const shuffled = (count: number, { streams }: Surroundings): readonly number[] => {
  const order = [...indices(count)];
  if (streams.isOriginal) return order;
  const draws = streams.draws(0);
  for (let last = count - 1; last > 0; last--) {
    const other = draws.below(last + 1);
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
};

interface Azure {
  readonly trace: number;
  readonly scale: number;
  readonly intervalS: number;
  readonly isRandomised: boolean;
  readonly usesAllModels: boolean;
  /** Of instances, over all models. */
  readonly total: number;
  readonly lines: readonly string[];
}

interface AzurePlan extends WorkloadPlan {
  readonly workloads: readonly TraceReplay[];
}

/** The functions of a day, by rank, over instances of all models or of one. */
const planAzure = (azure: Azure, surroundings: Surroundings): Result<AzurePlan, string> => {
  const { trace, scale, intervalS, isRandomised, usesAllModels, total } = azure;
  const read = surroundings.readTrace(trace);
  if (!read.ok) return read;
  const functions = byTotal(read.value);
  const models = usesAllModels ? surroundings.zoo.models : [DEFAULT_MODEL];
  const demands = splitEvenly(total, models.length)
    .map((instances, index) => ({ model: models[index] ?? "", instances }))
    .filter(({ instances }) => instances > 0);
  const order = shuffled(total, surroundings);
  const instanceOf = (rank: number): number =>
    order[Math.floor((total * rank) / functions.length)] ?? 0;
  const interval = truncNs(intervalS * SECOND);
  const parameters = [
    `trace_id=${trace} scale_factor=${sixDigits(scale)} interval_duration_seconds=${sixDigits(intervalS)}`,
    `randomise=${Number(isRandomised)} use_all_models=${Number(usesAllModels)} num_models=${total}`,
  ];
  return ok({
    demands,
    workloads: replaysOf(functions, { scale, interval, isRandomised, instanceOf }, surroundings),
    lines: [
      ...azure.lines,
      `Running azure_parameterized ${parameters.join(" ")}`,
      ...(total > INSTANCES_GOOD
        ? [
            `WARNING: ${total} model instances, more than ${INSTANCES_GOOD}, may not fit into memory`,
          ]
        : []),
      foundLine(surroundings),
      ...demands.map(({ model, instances }) => `Loading ${model} x${instances}`),
    ],
  });
};

/** Copies of each model, and of the default model when it is the only one, by memory_load_factor. */
const COPIES_BY_LOAD = [
  { each: 3, single: 200 },
  { each: 13, single: 800 },
  { each: 29, single: 1800 },
  { each: 66, single: 3600 },
] as const;

interface Memory {
  readonly total: number;
  readonly line: string;
}

const memoryOf = (factor: number, usesAllModels: boolean, { zoo }: Surroundings): Memory => {
  const { each, single } = COPIES_BY_LOAD[factor - 1] ?? COPIES_BY_LOAD[0];
  const [copies, models] = usesAllModels ? [each, zoo.models.length] : [single, 1];
  const total = copies * models;
  return { total, line: `Using ${total} models (${copies} copies of ${models} models)` };
};

/** Of a trace's rates, for a load factor of 1 and one worker. */
const SCALE_PER_WORKER = 0.125;
const workers = whole(1, 10_000, 1);
const loadFactor = real(1e-6, 1e6, 1);
const memoryFactor = whole(1, COPIES_BY_LOAD.length, 4);

const AZURE = defineWorkload({
  name: "azure",
  about: "replays a day of Azure Functions 2019",
  parameters: {
    num_workers: workers,
    use_all_models: flag(true),
    load_factor: loadFactor,
    memory_load_factor: memoryFactor,
    interval: real(0.001, INTERVAL_S_MAX, 60),
    trace: whole(1, TRACE_MAX, 1),
    randomise: flag(false),
  },
  plan: (values, surroundings) => {
    const { num_workers, use_all_models, load_factor, interval, trace, randomise } = values;
    const { memory_load_factor } = values;
    const scale = load_factor * SCALE_PER_WORKER * num_workers;
    const { total, line } = memoryOf(memory_load_factor, use_all_models, surroundings);
    const told = [
      `num_workers=${num_workers} use_all_models=${Number(use_all_models)}`,
      `load_factor=${sixDigits(load_factor)} memory_load_factor=${memory_load_factor}`,
      `interval_duration_seconds=${sixDigits(interval)} trace_id=${trace}`,
      `randomise_start=${Number(randomise)}`,
    ];
    const goal = `to achieve load_factor ${sixDigits(load_factor)} on ${num_workers} workers`;
    const lines = [
      `Running azure2 workload with ${told.join(" ")}`,
      foundLine(surroundings),
      line,
      `Replaying trace ${trace} at scale_factor=${sixDigits(scale)} ${goal}`,
      `${sixDigits(interval)} second intervals`,
    ];
    const options = { trace, scale, intervalS: interval, isRandomised: randomise, total, lines };
    return planAzure({ ...options, usesAllModels: use_all_models }, surroundings);
  },
});

const AZURE_SCALABILITY = defineWorkload({
  name: "azure_scalability_exp",
  about: "replays a day of Azure Functions 2019 at a scale that rises from period to period",
  parameters: {
    num_workers: whole(1, 10_000),
    load_factor_min: real(1e-6, 1e6),
    load_factor_max: real(1e-6, 1e6),
    load_factor_inc: real(0, 1e6),
    load_factor_period: whole(1, 86_400),
    memory_load_factor: whole(1, COPIES_BY_LOAD.length),
  },
  plan: (values, surroundings) => {
    const { num_workers, load_factor_min, load_factor_max, load_factor_inc } = values;
    if (load_factor_inc <= 1) return err("never ends: load_factor_inc must be above 1");
    const scaleOf = (factor: number): number => factor * SCALE_PER_WORKER * num_workers;
    const { total, line } = memoryOf(values.memory_load_factor, true, surroundings);
    const azure = {
      trace: 1,
      scale: scaleOf(load_factor_min),
      intervalS: 60,
      isRandomised: false,
      usesAllModels: true,
      total,
      lines: [foundLine(surroundings), line],
    };
    const plan = planAzure(azure, surroundings);
    if (!plan.ok) return plan;
    const adjuster = scaleAdjuster(
      {
        period: ns(values.load_factor_period * SECOND),
        initial: azure.scale,
        next: (scale) => scale * load_factor_inc,
        isOver: (scale) => scale > scaleOf(load_factor_max),
      },
      plan.value.workloads,
    );
    return ok({ ...plan.value, workloads: [...plan.value.workloads, adjuster] });
  },
});

const AZURE_HALF = defineWorkload({
  name: "azure_half",
  about: "the first day, 3100 instances of all models, scale 1",
  parameters: {},
  plan: (_values, surroundings) => {
    const azure = { trace: 1, scale: 1, intervalS: 60, isRandomised: false, usesAllModels: true };
    return planAzure({ ...azure, total: INSTANCES_GOOD, lines: [] }, surroundings);
  },
});

/** Functions in turn over three copies of every model. */
const planSmall = (
  interval: Nanos,
  isRandomised: boolean,
  surroundings: Surroundings,
): Result<WorkloadPlan, string> => {
  const read = surroundings.readTrace(1);
  if (!read.ok) return read;
  const { models } = surroundings.zoo;
  const total = 3 * models.length;
  const instanceOf = (rank: number): number => rank % total;
  const replay = { scale: 1, interval, isRandomised, instanceOf };
  return ok({
    demands: models.map((model) => ({ model, instances: 3 })),
    workloads: replaysOf(byTotal(read.value), replay, surroundings),
    lines: [foundLine(surroundings)],
  });
};

const AZURE_SMALL = defineWorkload({
  name: "azure_small",
  about: "the first day, three copies of every model",
  parameters: {},
  plan: (_values, surroundings) => planSmall(MINUTE, false, surroundings),
});

const AZURE_FAST = defineWorkload({
  name: "azure_fast",
  about: "the first day, three copies of every model, each minute's rates for a second",
  parameters: {},
  plan: (_values, surroundings) => planSmall(SECOND, true, surroundings),
});

const AZURE_SINGLE = defineWorkload({
  name: "azure_single",
  about: "the busiest function of the first day, each minute's rate for a second",
  parameters: {},
  plan: (_values, surroundings) => {
    const read = surroundings.readTrace(1);
    if (!read.ok) return read;
    const replay = { scale: 1, interval: SECOND, isRandomised: false, instanceOf: () => 0 };
    return ok({
      demands: [{ model: DEFAULT_MODEL, instances: 1 }],
      workloads: replaysOf(byTotal(read.value).slice(0, 1), replay, surroundings),
      lines: [foundLine(surroundings)],
    });
  },
});

const SILENT_S = 300;
/** Requests per minute, over all models that are active. */
const BURST_PER_MINUTE = 60_000;
const CHUNK = 100;

/** One model of the bursts: second 300 + j is spread over the first j + 1 models. */
const burstRates = (model: number, intervals: number): RateSchedule => {
  const begin = SILENT_S + model;
  return {
    intervals,
    rateAt: (interval) => {
      const active = interval - SILENT_S + 1;
      if (interval < begin) return 0;
      return Math.floor(BURST_PER_MINUTE / active) + (model < BURST_PER_MINUTE % active ? 1 : 0);
    },
    // The last model of the original's never has its turn.
    silenceFrom: (interval) =>
      begin < intervals ? Math.max(0, begin - interval) : Number.POSITIVE_INFINITY,
  };
};

const burstLines = (count: number, intervals: number): readonly string[] =>
  [...indices(5), ...indices(6).map((index) => count - 6 + index)].map((model) => {
    const schedule = burstRates(model, intervals);
    const rates = indices(intervals).map((interval) => schedule.rateAt(interval));
    const first = rates.findIndex((rate) => rate > 0);
    const shown = rates.slice(first, first + 5).join(" ");
    return `Model ${model}: 0 requests/min until second ${first}, then ${shown} …`;
  });

const BURSTY = defineWorkload({
  name: "bursty_experiment",
  about: "1000 requests/s over one more model each second, beside a model with 200 requests/s",
  parameters: { num_models: whole(6, 10_000, 3600) },
  plan: ({ num_models }, surroundings) => {
    const { streams } = surroundings;
    // The original's schedule is one second too short for its last step.
    const intervals = SILENT_S + num_models - (streams.isOriginal ? 1 : 0);
    const chunks = indices(Math.ceil(num_models / CHUNK)).map((chunk) => ({
      model: DEFAULT_MODEL,
      instances: Math.min(CHUNK, num_models - chunk * CHUNK),
    }));
    const replays = indices(num_models).map(
      (id) =>
        new TraceReplay({
          id,
          instance: id,
          draws: streams.draws(id),
          rates: burstRates(id, intervals),
          scale: 1,
          interval: SECOND,
          start: "first",
        }),
    );
    return ok({
      demands: [...chunks, { model: DEFAULT_MODEL, instances: 1 }],
      workloads: [...replays, poisson(streams, { index: num_models, ratePerS: 200 })],
      lines: [foundLine(surroundings), ...burstLines(num_models, intervals)],
    });
  },
});

export const TRACE_WORKLOADS = [
  BURSTY,
  AZURE,
  AZURE_SCALABILITY,
  AZURE_HALF,
  AZURE_SMALL,
  AZURE_FAST,
  AZURE_SINGLE,
];
