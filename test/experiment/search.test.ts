/** A search in the plan: its ladder of loads, its runs, and what the command line may change about it. */
import { describe, expect, test } from "bun:test";
import {
  type ExperimentSpec,
  experiment,
  ms,
  perMinute,
  perSecond,
  type SearchSpec,
  seconds,
} from "#experiment/language.ts";
import { applyOverrides } from "#experiment/override.ts";
import { planExperiment } from "#experiment/plan.ts";
import type { Plan } from "#experiment/resolved.ts";

const SEARCH: SearchSpec = {
  over: "workload.rate",
  from: perSecond(100),
  to: perSecond(200),
  goal: { slo_attainment: { atLeast: 0.99 } },
};

const SPEC: ExperimentSpec = {
  name: "trial",
  system: { scheduler: "INFER5", slo: ms(50), profiles: "v100-table1", models: { b: 2 } },
  workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) },
};

const planOf = (search: Partial<SearchSpec>, more: Partial<ExperimentSpec> = {}): Plan => {
  const spec = experiment({ ...SPEC, ...more, search: { ...SEARCH, ...search } });
  const planned = planExperiment(spec, { schedulers: ["INFER5"] });
  if (!planned.ok) throw new Error(JSON.stringify(planned.error));
  return planned.value;
};

const loadsOf = (plan: Plan) => plan.search?.loads.map(({ value }) => value);

describe("the ladder of loads", () => {
  test("has equal ratios of at most the resolution, and both ends as written", () => {
    const { loads } = planOf({}).search ?? { loads: [] };
    // ln 2 / ln 1.05 = 14.2, so 15 steps of 2^(1/15) = 1.0473.
    expect(loads).toHaveLength(16);
    expect(loads.slice(0, 3)).toEqual([
      { value: "100/s", load: 100 },
      { value: "104.7/s", load: 104.7 },
      { value: "109.7/s", load: 109.7 },
    ]);
    expect(loads.at(-1)).toEqual({ value: "200/s", load: 200 });
    const ends = planOf({ from: perMinute(6000), resolution: 1 });
    expect(loadsOf(ends)).toEqual(["6000/min", "200/s"]);
  });

  test("keeps to whole numbers, each once, where the key counts", () => {
    const plan = planOf({ over: "system.models.b", from: 1, to: 8, resolution: 0.25 });
    expect(loadsOf(plan)).toEqual([1, 2, 3, 4, 5, 6, 8]);
  });

  test("keeps fractions where the key is a factor", () => {
    const plan = planOf({ over: "workload.users", from: 1, to: 2, resolution: 1 });
    expect(loadsOf(plan)).toEqual([1, 2]);
    const workload = {
      arrivals: "azure-functions-2019",
      trace: "day.csv",
      duration: seconds(5),
    } as const;
    const factor = { over: "workload.loadFactor", from: 0.2, to: 0.8, resolution: 1 } as const;
    expect(loadsOf(planOf(factor, { workload }))).toEqual([0.2, 0.4, 0.8]);
  });
});

describe("the runs", () => {
  test("are every load as often as it may be tried, with the next seed each time", () => {
    const plan = planOf({ resolution: 0.5, repetitionsMax: 3 }, { seed: 7 });
    expect(plan.repetitions).toBe(3);
    expect(plan.runs.map(({ name, seed }) => `${name} ${seed}`)).toEqual([
      "00-rate=100-per-s-rep=1 7",
      "01-rate=100-per-s-rep=2 8",
      "02-rate=100-per-s-rep=3 9",
      "03-rate=141.4-per-s-rep=1 7",
      "04-rate=141.4-per-s-rep=2 8",
      "05-rate=141.4-per-s-rep=3 9",
      "06-rate=200-per-s-rep=1 7",
      "07-rate=200-per-s-rep=2 8",
      "08-rate=200-per-s-rep=3 9",
    ]);
    expect(plan.runs[4]?.workload).toMatchObject({ ratePerS: 141.4 });
  });

  test("are those of one search for each point of the sweep", () => {
    const sweep = { "system.slo": [ms(25), ms(50)] };
    const plan = planOf({ resolution: 1, repetitionsMax: 3 }, { sweep });
    expect(plan.sweep.map(({ path }) => path)).toEqual(["system.slo"]);
    expect(plan.runs).toHaveLength(2 * 2 * 3);
    expect(plan.runs[6]?.point).toEqual([
      { path: "system.slo", value: "50ms" },
      { path: "workload.rate", value: "100/s" },
    ]);
  });
});

test("the goals are resolved in the metric's unit", () => {
  const goal = { slo_attainment: { atLeast: 0.99 }, latency_p99: { atMost: ms(40) } };
  expect(planOf({ goal }).search?.goals).toEqual([
    { metric: "slo_attainment", atLeast: 0.99, atMost: null },
    { metric: "latency_p99", atLeast: null, atMost: 40e6 },
  ]);
});

test("a plan without a search says nothing of one", () => {
  const planned = planExperiment(experiment(SPEC), { schedulers: ["INFER5"] });
  expect(planned.ok && Object.hasOwn(planned.value, "search")).toBe(false);
});

describe("on the command line", () => {
  const raw = experiment({ ...SPEC, search: SEARCH });

  test("every key of a search can be set", () => {
    const set = [
      "search.to=400/s",
      "search.repetitionsMax=4",
      "search.goal.slo_attainment.atLeast=0.9",
    ];
    const { raw: changed, problems } = applyOverrides(raw, set);
    expect(problems).toEqual([]);
    expect(changed).toMatchObject({
      search: { to: "400/s", repetitionsMax: 4, goal: { slo_attainment: { atLeast: 0.9 } } },
    });
  });

  test("what the search varies cannot", () => {
    expect(applyOverrides(raw, ["workload.rate=300/s"]).problems).toEqual([
      {
        path: "--set workload.rate",
        value: "300/s",
        message: '"workload.rate" is what the search varies',
        remedy: "set search.from and search.to",
      },
    ]);
  });
});
