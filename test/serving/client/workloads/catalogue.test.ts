/** Every workload by name: what it loads, what it sends, what it says, and which arguments it refuses. */
import { describe, expect, test } from "bun:test";
import { findWorkload, WORKLOADS, workloadUsage } from "#serving/client/workloads/catalogue.ts";
import { type StreamKind, Streams } from "#serving/client/workloads/draws.ts";
import type { Surroundings, WorkloadPlan } from "#serving/client/workloads/workload-kind.ts";
import { err, ok } from "#stdx/result.ts";
import type { TraceFunction } from "#workload/azure-trace.ts";
import { type Playing, play } from "./play.ts";

const MODELS = ["densenet121", "resnet18_v2", "resnet50_v2"];

/** A function with one count each minute from the first on. */
const functionOf = (...counts: readonly number[]): TraceFunction => ({
  owner: "o",
  app: "a",
  name: "f",
  trigger: "http",
  columns: Uint16Array.from(counts, (_, index) => index),
  counts: Float64Array.from(counts),
});

const surroundings = (
  kind: StreamKind = "original",
  functions: readonly TraceFunction[] = [functionOf(60)],
): Surroundings => ({
  zoo: { models: MODELS, source: "/zoo" },
  streams: new Streams(kind, kind === "original" ? 0 : 1),
  readTrace: () => ok(functions),
});

const planOf = (line: string, around = surroundings()): WorkloadPlan => {
  const [name = "", ...args] = line.split(" ");
  const plan = findWorkload(name)?.plan(args, around);
  if (plan === undefined || !plan.ok) throw new Error(plan?.error ?? `there is no ${name}`);
  return plan.value;
};

const problemOf = (line: string, around = surroundings()): string => {
  const [name = "", ...args] = line.split(" ");
  const plan = findWorkload(name)?.plan(args, around);
  if (plan === undefined || plan.ok) throw new Error(`${name} has no problem`);
  return plan.error;
};

const demandsOf = (line: string, around = surroundings()): readonly string[] =>
  planOf(line, around).demands.map(({ model, instances }) => `${model} x${instances}`);

const playOf = (line: string, untilMs: number, around = surroundings()): Playing =>
  play(planOf(line, around).workloads, { untilMs, serviceMs: 10 });

/** Requests by instance. */
const countsOf = ({ requests }: Playing): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>();
  for (const { instance } of requests) counts.set(instance, (counts.get(instance) ?? 0) + 1);
  return counts;
};

describe("names and arguments", () => {
  test("there are the twenty workloads that the original's command line knows", () => {
    expect(WORKLOADS.map(({ name }) => name).toSorted()).toEqual([
      "azure",
      "azure_fast",
      "azure_half",
      "azure_scalability_exp",
      "azure_single",
      "azure_small",
      "bursty_experiment",
      "comparison_experiment",
      "comparison_experiment2",
      "example",
      "fill_memory",
      "poisson-open-loop",
      "scalability-exp-1",
      "simple",
      "simple-parametric",
      "simple-slo-factor",
      "single-spam",
      "slo-exp-1",
      "slo-exp-2",
      "spam",
    ]);
    expect(workloadUsage()).toContain(
      "  azure_scalability_exp num_workers load_factor_min load_factor_max load_factor_inc load_factor_period memory_load_factor",
    );
  });

  test.each([
    ["poisson-open-loop", "lacks its argument 1, num_models: a whole number from 1 to 100000"],
    ["poisson-open-loop 3", "lacks its argument 2, rate: a number from 0.001 to 1000000"],
    ["poisson-open-loop 0 5", 'has "0" for its argument 1, num_models; it must be a whole'],
    ["poisson-open-loop 3 fast", 'has "fast" for its argument 2, rate; it must be a number from'],
    ["poisson-open-loop 3 -5", 'has "-5" for its argument 2'],
    ["simple 1", "takes 0 arguments at most; too many: 1"],
    ["spam vgg", "needs the model vgg, which is not among the 3 of /zoo (densenet121, resnet18"],
    ["slo-exp-1 resnet50_v2 3 uniform 5 1 9 2 mul 1", "it must be poisson or fixed-rate"],
    ["slo-exp-1 resnet50_v2 3 poisson 5 1 9 1 mul 1", "never ends: mul 1 does not raise"],
    ["slo-exp-1 resnet50_v2 3 poisson 5 1.5 9 2 mul 1", 'has "1.5" for its argument 5, slo_start'],
    ["slo-exp-2 resnet50_v2 0 poisson 5 1 9 2 mul 1 0 1 1", "has no copies at all"],
    ["scalability-exp-1 3 1 9 0 add 1", "never ends: add 0 does not raise the rate"],
    ["azure 1 1 1.0 5", 'has "5" for its argument 4, memory_load_factor; it must be a whole'],
    ["azure 1 1 1.0 4 60 15", 'has "15" for its argument 6, trace'],
    ["azure 1 2", 'has "2" for its argument 2, use_all_models; it must be 0 or 1'],
    ["azure_scalability_exp 1 1 2 1.5 10", "lacks its argument 6, memory_load_factor"],
    ["bursty_experiment 5", "it must be a whole number from 6"],
  ])("%s is refused", (line, problem) => {
    expect(problemOf(line)).toContain(problem);
  });

  test("a trace that cannot be had is the workload's problem", () => {
    const around = { ...surroundings(), readTrace: () => err("needs a trace") };
    expect(problemOf("azure_small", around)).toBe("needs a trace");
  });
});

describe("closed loops", () => {
  test.each([
    ["simple", ["resnet50_v2 x2"], 2, 1],
    ["spam", ["resnet50_v2 x100"], 100, 100],
    ["spam resnet18_v2", ["resnet18_v2 x100"], 100, 100],
    ["single-spam", ["resnet50_v2 x100"], 100, 1000],
    ["comparison_experiment2", ["resnet50_v2 x15"], 15, 16],
    ["comparison_experiment2 6 2", ["resnet50_v2 x6"], 6, 2],
  ])("%s", (line, demands, instances, concurrency) => {
    expect(demandsOf(line)).toEqual(demands);
    const counts = countsOf(playOf(line, 0));
    expect(counts.size).toBe(instances);
    expect(new Set(counts.values())).toEqual(new Set([concurrency]));
  });

  test("comparison_experiment2 numbers its users, simple does not", () => {
    const users = (line: string) => playOf(line, 0).requests.map(({ user }) => user);
    expect(users("comparison_experiment2 3 1")).toEqual([0, 1, 2]);
    expect(users("simple")).toEqual([0, 0]);
  });

  test("simple-parametric deals shares of ⌈models ÷ clients⌉, to fewer clients if need be", () => {
    const plan = planOf("simple-parametric 5 4 2 3");
    // ⌈5 ÷ 4⌉ = 2: shares of 2, 2 and 1; the fourth client gets none.
    expect(plan.lines.slice(1)).toEqual([
      "Adding ClosedLoop client 0 with models: 0 1",
      "Adding ClosedLoop client 1 with models: 2 3",
      "Adding ClosedLoop client 2 with models: 4",
    ]);
    const playing = playOf("simple-parametric 5 4 1 3", 10_000);
    // Each client: its slot and three more, in step; all end together.
    expect([...countsOf(playing)]).toEqual([
      [0, 2],
      [2, 2],
      [4, 4],
      [1, 2],
      [3, 2],
    ]);
    expect(playing.isRunning).toBe(false);
    expect(new Set(playing.requests.map(({ user }) => user))).toEqual(new Set([0, 1, 2]));
  });

  test("simple-slo-factor: three models, three ways to change, the third of them broken", () => {
    const { requests, lines } = playOf("simple-slo-factor", 20_000);
    expect(requests.slice(0, 3).map(({ sloFactor }) => sloFactor)).toEqual([4, 4, 10]);
    expect(lines.map((line) => line.replace("Updating slo_factor to ", ""))).toEqual(
      "5 5 1 6.25 6 1".split(" "),
    );
    const meant = playOf("simple-slo-factor", 20_000, surroundings("independent"));
    expect(meant.lines.at(-1)).toBe("Updating slo_factor to 10");
  });
});

describe("open loops", () => {
  test("poisson-open-loop says its rates, and gives every model its share and seed", () => {
    const plan = planOf("poisson-open-loop 10 200");
    expect(plan.lines).toEqual([
      "Found 3 models in /zoo",
      "Loading 10 resnet50_v2 models",
      "Cumulative request rate across models: 200 requests/seconds",
      "Adding a PoissonOpenLoop Workload (20 requests/second) for each model",
    ]);
    const { requests } = play(plan.workloads, { untilMs: 14.7 });
    // At 20/s half of the gaps at 10/s: seeds 0 and 1 at 4.443 ms, 2 at 9.32, 3 at 14.725.
    expect(requests.map(({ atMs, user }) => [user, Math.trunc(atMs * 1000)])).toEqual([
      [0, 4443],
      [1, 4443],
      [2, 9320],
    ]);
  });

  test("comparison_experiment spreads 1000 requests/s over 15 models", () => {
    const playing = playOf("comparison_experiment", 5000);
    expect(countsOf(playing).size).toBe(15);
    // 5000 ± 3 · √5000, though models 0 and 1 are the same.
    expect(Math.abs(playing.requests.length - 5000)).toBeLessThan(300);
  });

  test("fill_memory: 411 copies, of which one has 1000/s, ten 10/s and 400 1/s", () => {
    expect(demandsOf("fill_memory")).toEqual(["resnet50_v2 x411"]);
    const counts = countsOf(playOf("fill_memory", 5000));
    const sum = (from: number, to: number): number => {
      let total = 0;
      for (let instance = from; instance <= to; instance++) total += counts.get(instance) ?? 0;
      return total;
    };
    expect(Math.abs(sum(0, 0) - 5000)).toBeLessThan(300);
    expect(Math.abs(sum(1, 10) - 500)).toBeLessThan(100);
    expect(Math.abs(sum(11, 410) - 2000)).toBeLessThan(300);
  });

  test("example: five loads for every model of the zoo, all under its number", () => {
    const plan = planOf("example");
    expect(plan.demands).toEqual(MODELS.map((model) => ({ model, instances: 1 })));
    expect(plan.workloads.map(({ id, className }) => `${id} ${className}`)).toEqual(
      [0, 1, 2].flatMap((id) =>
        ["fixed-rate", "poisson", "bursty-poisson", "closed-loop", "bursty-closed-loop"].map(
          (name) => `${id} ${name}`,
        ),
      ),
    );
    // Seeds are the same for every model: all of them send at the same instants.
    const { requests } = play(plan.workloads, { untilMs: 100 });
    const times = (instance: number) =>
      requests.filter((request) => request.instance === instance).map(({ atMs }) => atMs);
    expect(times(0)).toEqual(times(2));
  });

  test("scalability-exp-1 raises its rate until it is above the last one", () => {
    // Per model: 10, then + 5 each second: 15, 20, 25 > 20.
    const playing = playOf("scalability-exp-1 2 20 40 10 add 1", 60_000);
    expect(playing.lines).toEqual([
      "Updating rate to 15",
      "Updating rate to 20",
      "Terminating engine",
      "Updating rate to 25",
    ]);
    expect([playing.isRunning, playing.endMs]).toEqual([false, 3000]);
    expect(playOf("scalability-exp-1 2 20 40 2 mul 1", 60_000).lines[0]).toBe(
      "Updating rate to 20",
    );
  });

  test("slo-exp-1: a factor for all copies, at a fixed rate for all of them at once", () => {
    const playing = playOf("slo-exp-1 resnet18_v2 2 fixed-rate 4 2 4 1 add 1", 60_000);
    // Every copy at 2/s; factors 2, 3, 4, and 5 > 4 after 3 s.
    expect(playing.requests.map(({ atMs, sloFactor }) => [atMs, sloFactor])).toEqual([
      [500, 2],
      [500, 2],
      [1000, 3],
      [1000, 3],
      [1500, 3],
      [1500, 3],
      [2000, 4],
      [2000, 4],
      [2500, 4],
      [2500, 4],
    ]);
    expect(playing.isRunning).toBe(false);
  });

  test("slo-exp-2: closed loops behind it, after 10 s, with a factor of their own", () => {
    const line = "slo-exp-2 resnet18_v2 2 fixed-rate 2 2 100 1 add 20 3 2 7.5";
    expect(demandsOf(line)).toEqual(["resnet18_v2 x2", "resnet18_v2 x3"]);
    const { requests } = playOf(line, 10_000);
    const behind = requests.filter(({ instance }) => instance >= 2);
    expect(behind.map(({ atMs, user, sloFactor }) => [atMs, user, sloFactor])).toEqual(
      [2, 2, 3, 3, 4, 4].map((user) => [10_000, user, 7.5]),
    );
    expect(requests.filter(({ instance }) => instance < 2)).toHaveLength(20);
    expect(demandsOf("slo-exp-2 resnet18_v2 0 poisson 0 1 1 0 add 1 3 2 7.5")).toEqual([
      "resnet18_v2 x3",
    ]);
  });
});

describe("azure", () => {
  /** In the order of the file; 60, 240, 120 and 120 in the first minute. */
  const DAY = [functionOf(60), functionOf(240), functionOf(120), functionOf(60, 60)];
  const day = (kind: StreamKind = "original") => surroundings(kind, DAY);

  test("says what it does, as the original", () => {
    expect(planOf("azure 1 1 1.0 1 5 1", day()).lines).toEqual([
      "Running azure2 workload with num_workers=1 use_all_models=1 load_factor=1 memory_load_factor=1 interval_duration_seconds=5 trace_id=1 randomise_start=0",
      "Found 3 models in /zoo",
      "Using 9 models (3 copies of 3 models)",
      "Replaying trace 1 at scale_factor=0.125 to achieve load_factor 1 on 1 workers",
      "5 second intervals",
      "Running azure_parameterized trace_id=1 scale_factor=0.125 interval_duration_seconds=5 randomise=0 use_all_models=1 num_models=9",
      "Found 3 models in /zoo",
      "Loading densenet121 x3",
      "Loading resnet18_v2 x3",
      "Loading resnet50_v2 x3",
    ]);
  });

  test.each([
    [1, 3, 200],
    [2, 13, 800],
    [3, 29, 1800],
    [4, 66, 3600],
  ])("memory_load_factor %d: %d copies of each model, or %d of one", (factor, each, single) => {
    expect(demandsOf(`azure 1 1 1 ${factor}`, day())).toEqual(
      MODELS.map((model) => `${model} x${each}`),
    );
    expect(demandsOf(`azure 1 0 1 ${factor}`, day())).toEqual([`resnet50_v2 x${single}`]);
  });

  test("warns of many instances", () => {
    expect(
      planOf("azure 1 0 1 4", day()).lines.some((line) => line.startsWith("WARNING: 3600 ")),
    ).toBe(true);
  });

  test("functions by rank: busiest first, of equals the later one; spread over the instances", () => {
    const { workloads } = planOf("azure 8 1 1 1", day());
    // ⌊9 · rank ÷ 4⌋.
    expect(workloads.map(({ instances }) => instances[0])).toEqual([0, 2, 4, 6]);
    const { requests } = play(workloads, { untilMs: 600_000 });
    const first = (rank: number) => requests.find(({ user }) => user === rank)?.atMs ?? 0;
    // Scale 1, only minute 1 has more than nothing. Seed 0: 5332000644.9 ns of work at 240/min: 22.2 ms.
    expect(Math.trunc(first(0) * 10)).toBe(222);
    // Rank 1 is the last function (60 in each of two minutes, 120 in all), rank 2 the third (120 in one minute).
    const ranks = [1, 2].map((rank) => requests.filter(({ user }) => user === rank));
    expect(ranks[0]?.every(({ atMs }) => atMs <= 120_000)).toBe(true);
    expect(ranks[1]?.every(({ atMs }) => atMs <= 60_000)).toBe(true);
  });

  test("azure_half splits 3100 instances evenly, the first models having one less", () => {
    expect(demandsOf("azure_half", day())).toEqual([
      "densenet121 x1033",
      "resnet18_v2 x1033",
      "resnet50_v2 x1034",
    ]);
  });

  test("azure_small and azure_fast deal functions in turn over three copies of every model", () => {
    for (const name of ["azure_small", "azure_fast"]) {
      expect(demandsOf(name, day())).toEqual(MODELS.map((model) => `${model} x3`));
      const around = surroundings(
        "original",
        Array.from({ length: 11 }, () => functionOf(60)),
      );
      expect(planOf(name, around).workloads.map(({ instances }) => instances[0])).toEqual([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1,
      ]);
    }
  });

  test("azure_fast begins at interval 735 of seconds, whose rest differs by function", () => {
    const late = { ...functionOf(1), columns: Uint16Array.of(735), counts: Float64Array.of(6e6) };
    const { requests } = playOf("azure_fast", 1300, surroundings("original", [late]));
    // 48271 ns are left of second 735, at 100,000 requests/s; then a day of 1440 s without any.
    const times = requests.map(({ atMs }) => atMs);
    expect(Math.max(...times)).toBeLessThanOrEqual(0.048271);
    expect(times.length).toBeGreaterThan(0);
  });

  test("azure_single is the busiest function, each minute's rate for a second", () => {
    expect(demandsOf("azure_single", day())).toEqual(["resnet50_v2 x1"]);
    const { requests } = playOf("azure_single", 10_000, day());
    expect(requests.every(({ atMs }) => atMs <= 1000)).toBe(true);
    expect(requests.length).toBeGreaterThan(0);
  });

  test("azure_scalability_exp raises its scale, and then ends", () => {
    const playing = playOf("azure_scalability_exp 2 1 3 2 10 1", 60_000, day());
    // 2 workers: 0.25, 0.5, and 1 > 0.75 after 20 s.
    expect(playing.lines).toEqual([
      ">>>> Updating scale_factor to 0.5",
      "Terminating engine",
      ">>>> Updating scale_factor to 1",
    ]);
    expect([playing.isRunning, playing.endMs]).toEqual([false, 20_000]);
  });

  test("as it was meant: instances in an order of chance, each request under its function's number", () => {
    const many = Array.from({ length: 9 }, () => functionOf(60));
    const { workloads } = planOf("azure 1 1 1 1", surroundings("independent", many));
    const dealt = workloads.map(({ instances }) => instances[0] ?? 0);
    expect(dealt).not.toEqual(dealt.toSorted((a, b) => a - b));
    expect(new Set(dealt).size).toBe(9);
  });
});

describe("bursty_experiment", () => {
  test("silence for 300 s, then one more model each second, with 1000 requests/s between them", () => {
    const plan = planOf("bursty_experiment 250");
    expect(plan.demands.map(({ instances }) => instances)).toEqual([100, 100, 50, 1]);
    expect(plan.lines.slice(1, 3)).toEqual([
      "Model 0: 0 requests/min until second 300, then 60000 30000 20000 15000 12000 …",
      "Model 1: 0 requests/min until second 301, then 30000 20000 15000 12000 10000 …",
    ]);
    expect(plan.lines).toHaveLength(12);
    const { requests } = play(plan.workloads, { untilMs: 303_000 });
    const burst = requests.filter(({ instance }) => instance !== 250);
    expect(burst.every(({ atMs }) => atMs >= 300_000)).toBe(true);
    expect(Math.abs(burst.length - 3000)).toBeLessThan(300);
    expect(countsOf({ requests: burst, lines: [], isRunning: true, endMs: 0 }).size).toBe(3);
    // 200/s from the start, under the number after the models'.
    expect(Math.abs(requests.length - burst.length - 60_600)).toBeLessThan(1000);
  });

  test("the original never has all models active; as it was meant it has", () => {
    const usersIn = (kind: StreamKind): number => {
      const { workloads } = planOf("bursty_experiment 6", surroundings(kind));
      const playing = play(workloads, { untilMs: 306_000 });
      return new Set(playing.requests.map(({ user }) => user)).size;
    };
    // Six models and the one beside them.
    expect([usersIn("original"), usersIn("independent")]).toEqual([6, 7]);
  });
});
