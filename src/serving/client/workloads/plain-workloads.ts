/** The original client's workloads that neither replay a trace nor change as they run. */

import { BurstyClosedLoop, ClosedLoop } from "#serving/client/workloads/closed-loops.ts";
import type { Draws, Streams } from "#serving/client/workloads/draws.ts";
import type { Workload } from "#serving/client/workloads/engine.ts";
import {
  BurstyPoissonOpenLoop,
  FixedRate,
  PoissonOpenLoop,
} from "#serving/client/workloads/open-loops.ts";
import { sixDigits } from "#serving/client/workloads/six-digits.ts";
import {
  DEFAULT_MODEL,
  defineWorkload,
  foundLine,
  indices,
  modelName,
  real,
  type Surroundings,
  type WorkloadPlan,
  whole,
} from "#serving/client/workloads/workload-kind.ts";
import { ok, type Result } from "#stdx/result.ts";

export const COPIES_MAX = 100_000;
export const CONCURRENCY_MAX = 100_000;
/** Requests per second; more is beyond what any client sends. */
export const RATE_MAX = 1_000_000;
export const RATE_MIN = 0.001;

/** Copies of one model, loaded by one request. */
export const copiesOf = (model: string, instances: number): WorkloadPlan["demands"] => [
  { model, instances },
];

export const poisson = (
  streams: Streams,
  loop: { readonly index: number; readonly ratePerS: number },
): PoissonOpenLoop => {
  const { index, ratePerS } = loop;
  return new PoissonOpenLoop({ id: index, instance: index, ratePerS, draws: streams.draws(index) });
};

export const fixedRate = (
  streams: Streams,
  loop: { readonly index: number; readonly ratePerS: number },
): FixedRate => {
  const draws: Draws | null = streams.isOriginal ? null : streams.draws(0);
  return new FixedRate({ id: loop.index, instance: loop.index, ratePerS: loop.ratePerS, draws });
};

interface ClosedLoops {
  readonly model: string;
  readonly count: number;
  readonly concurrency: number;
  /** Every loop has the id of its instance; otherwise all have 0. */
  readonly hasIds: boolean;
}

const closedLoops = (
  { model, count, concurrency, hasIds }: ClosedLoops,
  surroundings: Surroundings,
): Result<WorkloadPlan, string> => {
  const { isOriginal } = surroundings.streams;
  return ok({
    demands: copiesOf(model, count),
    workloads: indices(count).map(
      (index) =>
        new ClosedLoop({ id: hasIds ? index : 0, instances: [index], concurrency, isOriginal }),
    ),
    lines: [foundLine(surroundings)],
  });
};

const exampleOf = (instance: number, streams: Streams): readonly Workload[] => {
  const { isOriginal } = streams;
  const common = { id: instance, instance };
  return [
    new FixedRate({ ...common, ratePerS: 5, draws: isOriginal ? null : streams.draws(0) }),
    new PoissonOpenLoop({ ...common, ratePerS: 10, draws: streams.draws(1) }),
    new BurstyPoissonOpenLoop({
      ...common,
      ratePerS: 10,
      burstMeanS: 10,
      idleMeanS: 20,
      draws: streams.draws(1),
      requestDraws: streams.draws(2),
      hasRandomPhase: !isOriginal,
    }),
    new ClosedLoop({ id: instance, instances: [instance], concurrency: 1, isOriginal }),
    new BurstyClosedLoop({
      ...common,
      concurrency: 1,
      burstMeanS: 10,
      idleMeanS: 20,
      draws: streams.draws(0),
      isOriginal,
    }),
  ];
};

const EXAMPLE = defineWorkload({
  name: "example",
  about: "every model once, each with a fixed rate, Poisson, bursty and closed loops",
  parameters: {},
  plan: (_values, surroundings) => {
    const { zoo, streams } = surroundings;
    return ok({
      demands: zoo.models.map((model) => ({ model, instances: 1 })),
      workloads: zoo.models.flatMap((_, index) => exampleOf(index, streams)),
      lines: [foundLine(surroundings)],
    });
  },
});

const fillMemoryRate = (index: number): number => {
  if (index === 0) return 1000;
  return index <= 10 ? 10 : 1;
};
const FILL_MEMORY_COPIES = 411;

const FILL_MEMORY = defineWorkload({
  name: "fill_memory",
  about: "411 copies: one of 1000 requests/s, ten of 10, the others of 1, Poisson",
  parameters: {},
  plan: (_values, surroundings) =>
    ok({
      demands: copiesOf(DEFAULT_MODEL, FILL_MEMORY_COPIES),
      workloads: indices(FILL_MEMORY_COPIES).map((index) =>
        poisson(surroundings.streams, { index, ratePerS: fillMemoryRate(index) }),
      ),
      lines: [foundLine(surroundings)],
    }),
});

const SPAM = defineWorkload({
  name: "spam",
  about: "100 copies, each with a closed loop of 100",
  parameters: { model: modelName(DEFAULT_MODEL) },
  plan: ({ model }, surroundings) =>
    closedLoops({ model, count: 100, concurrency: 100, hasIds: false }, surroundings),
});

const SINGLE_SPAM = defineWorkload({
  name: "single-spam",
  about: "100 copies, each with a closed loop of 1000",
  parameters: {},
  plan: (_values, surroundings) => {
    const loops = { model: DEFAULT_MODEL, count: 100, concurrency: 1000, hasIds: false };
    return closedLoops(loops, surroundings);
  },
});

const SIMPLE = defineWorkload({
  name: "simple",
  about: "two copies, each with a closed loop of 1",
  parameters: {},
  plan: (_values, surroundings) => {
    const loops = { model: DEFAULT_MODEL, count: 2, concurrency: 1, hasIds: false };
    return closedLoops(loops, surroundings);
  },
});

const SIMPLE_PARAMETRIC = defineWorkload({
  name: "simple-parametric",
  about: "closed loops over shares of the models, each with a number of requests; then it ends",
  parameters: {
    models: whole(1, COPIES_MAX),
    clients: whole(1, COPIES_MAX),
    concurrency: whole(1, CONCURRENCY_MAX),
    requests: whole(0, 10 ** 12),
  },
  plan: ({ models, clients, concurrency, requests }, surroundings) => {
    const perClient = Math.ceil(models / clients);
    const shares = indices(Math.ceil(models / perClient)).map((client) =>
      indices(models).slice(client * perClient, (client + 1) * perClient),
    );
    const { isOriginal } = surroundings.streams;
    return ok({
      demands: copiesOf(DEFAULT_MODEL, models),
      workloads: shares.map(
        (instances, id) => new ClosedLoop({ id, instances, concurrency, requests, isOriginal }),
      ),
      lines: [
        foundLine(surroundings),
        ...shares.map(
          (share, client) => `Adding ClosedLoop client ${client} with models: ${share.join(" ")}`,
        ),
      ],
    });
  },
});

const POISSON_OPEN_LOOP = defineWorkload({
  name: "poisson-open-loop",
  about: "Poisson arrivals at a rate in requests/s, spread evenly over copies",
  parameters: { num_models: whole(1, COPIES_MAX), rate: real(RATE_MIN, RATE_MAX) },
  plan: ({ num_models, rate }, surroundings) => {
    const ratePerS = rate / num_models;
    return ok({
      demands: copiesOf(DEFAULT_MODEL, num_models),
      workloads: indices(num_models).map((index) =>
        poisson(surroundings.streams, { index, ratePerS }),
      ),
      lines: [
        foundLine(surroundings),
        `Loading ${num_models} ${DEFAULT_MODEL} models`,
        `Cumulative request rate across models: ${sixDigits(rate)} requests/seconds`,
        `Adding a PoissonOpenLoop Workload (${sixDigits(ratePerS)} requests/second) for each model`,
      ],
    });
  },
});

const COMPARISON = defineWorkload({
  name: "comparison_experiment",
  about: "Poisson arrivals at a rate in requests/s, spread evenly over copies",
  parameters: {
    num_models: whole(1, COPIES_MAX, 15),
    total_requests: real(RATE_MIN, RATE_MAX, 1000),
  },
  plan: ({ num_models, total_requests }, surroundings) =>
    ok({
      demands: copiesOf(DEFAULT_MODEL, num_models),
      workloads: indices(num_models).map((index) =>
        poisson(surroundings.streams, { index, ratePerS: total_requests / num_models }),
      ),
      lines: [foundLine(surroundings)],
    }),
});

const COMPARISON_2 = defineWorkload({
  name: "comparison_experiment2",
  about: "copies with a closed loop each",
  parameters: { num_models: whole(1, COPIES_MAX, 15), concurrency: whole(1, CONCURRENCY_MAX, 16) },
  plan: ({ num_models, concurrency }, surroundings) => {
    const loops = { model: DEFAULT_MODEL, count: num_models, concurrency, hasIds: true };
    return closedLoops(loops, surroundings);
  },
});

export const PLAIN_WORKLOADS = [
  EXAMPLE,
  FILL_MEMORY,
  SPAM,
  SINGLE_SPAM,
  SIMPLE,
  SIMPLE_PARAMETRIC,
  POISSON_OPEN_LOOP,
  COMPARISON,
  COMPARISON_2,
];
