/** Reading one run of a stored plan: what is accepted, and what is said of the rest. */
import { describe, expect, test } from "bun:test";
import { parsePlannedRun } from "#cli/planned-run.ts";
import {
  experiment,
  ms,
  perSecond,
  type RateShapeSpec,
  seconds,
  type WorkloadSpec,
} from "#experiment/language.ts";
import { planExperiment } from "#experiment/plan.ts";
import { toStoredKeys } from "#stdx/stored-keys.ts";
import { RESULTS_SCHEMA_VERSION } from "#telemetry/results.ts";

const WORKLOAD = {
  arrivals: "azure-functions-2019",
  trace: "/traces/a.csv",
  start_minute: null,
  load_factor: 1,
  time_compression: 60,
  placement: "even",
  warm_up_ns: 1,
  duration_ns: 2,
  cool_down_ns: 0,
  inputs: false,
};

const RUN = {
  name: "00-a",
  seed: 3,
  launch_limit_ns: 1,
  drain_limit_ns: 1,
  system: { slo_ns: 25, models: [{ model: "resnet50_v2", instances: 2 }] },
  workload: WORKLOAD,
};

const planOf = (run: unknown): string =>
  JSON.stringify({ schema_version: RESULTS_SCHEMA_VERSION, plan: { runs: [run] } });

const errorOf = (text: string, name = "00-a"): string => {
  const run = parsePlannedRun(text, name);
  if (run.ok) throw new Error("the run was accepted");
  return run.error;
};

describe("a run of a stored plan", () => {
  test("comes back with its keys as the code has them", () => {
    const run = parsePlannedRun(planOf(RUN), "00-a");
    expect(run).toMatchObject({
      ok: true,
      value: { seed: 3, launchLimitNs: 1, workload: { timeCompression: 60, warmUpNs: 1 } },
    });
  });

  test.each([
    ["no JSON", "{", "is no JSON"],
    ["no plan", "[]", "holds no plan"],
    ["another version", '{"schema_version":99,"plan":{}}', "has schema version 99"],
    ["no version", '{"plan":{}}', "has schema version none"],
    [
      "an empty plan",
      `{"schema_version":${RESULTS_SCHEMA_VERSION},"plan":null}`,
      "its runs are: none",
    ],
  ])("is refused when there is %s", (_, text, message) => {
    expect(errorOf(text)).toContain(message);
  });

  test("is named among those that are there when it is missing", () => {
    expect(errorOf(planOf(RUN), "01-b")).toBe('has no run "01-b"; its runs are: 00-a');
  });

  test.each([
    ["seed", { ...RUN, seed: -1 }],
    ["launch_limit_ns", { ...RUN, launch_limit_ns: undefined }],
    ["drain_limit_ns", { ...RUN, drain_limit_ns: 1.5 }],
    ["system.slo_ns", { ...RUN, system: { ...RUN.system, slo_ns: "25ms" } }],
    ["system.models", { ...RUN, system: { ...RUN.system, models: [] } }],
    ["workload", { ...RUN, workload: undefined }],
    ["workload.arrivals", { ...RUN, workload: { ...WORKLOAD, arrivals: "bursty" } }],
    ["workload.warm_up_ns", { ...RUN, workload: { ...WORKLOAD, warm_up_ns: null } }],
    ["workload.inputs", { ...RUN, workload: { ...WORKLOAD, inputs: 1 } }],
    ["workload.time_compression", { ...RUN, workload: { ...WORKLOAD, time_compression: 0 } }],
    ["workload.placement", { ...RUN, workload: { ...WORKLOAD, placement: "odd" } }],
    ["workload.rate_per_s", { ...RUN, workload: { ...WORKLOAD, arrivals: "poisson" } }],
    ["workload.cv", { ...RUN, workload: { ...WORKLOAD, arrivals: "gamma", rate_per_s: 1 } }],
    [
      "workload.shape",
      {
        ...RUN,
        workload: { ...WORKLOAD, arrivals: "poisson", rate_per_s: 1, shape: { kind: "ramp" } },
      },
    ],
    [
      "workload.parts",
      {
        ...RUN,
        workload: {
          ...WORKLOAD,
          arrivals: "mix",
          parts: [{ name: "a", models: null, load: { arrivals: "poisson" } }],
        },
      },
    ],
    ["workload.states", { ...RUN, workload: { ...WORKLOAD, arrivals: "markov-modulated" } }],
    ["workload.concurrency", { ...RUN, workload: { ...WORKLOAD, arrivals: "closed-loop" } }],
  ])("is refused when %s is wrong", (key, run) => {
    expect(errorOf(planOf(run))).toBe(`run "00-a": ${key} is missing or invalid`);
  });
});

const SHAPES: readonly RateShapeSpec[] = [
  { kind: "ramp", to: perSecond(0), over: seconds(1) },
  { kind: "steps", steps: [{ at: seconds(1), rate: perSecond(0) }] },
  { kind: "bursts", peak: perSecond(9), every: seconds(2), length: seconds(1) },
  { kind: "sine", amplitude: 0.5, period: seconds(1) },
];
const rate = perSecond(5);
const duration = seconds(1);
const states = [
  { rate, mean: ms(5) },
  { rate: perSecond(0), mean: ms(5) },
];
const WORKLOADS: readonly WorkloadSpec[] = [
  { arrivals: "constant", rate, duration },
  ...SHAPES.map((shape): WorkloadSpec => ({ arrivals: "poisson", rate, duration, shape })),
  { arrivals: "gamma", rate, cv: 2, users: 3, duration },
  { arrivals: "weibull", rate, cv: 0.5, duration },
  { arrivals: "markov-modulated", states, duration },
  { arrivals: "closed-loop", concurrency: 2, duration },
  { arrivals: "trace", trace: "t", format: "csv", column: "at", unit: "ms", duration },
  { arrivals: "trace", trace: "t", format: "mooncake", start: ms(5), loadFactor: 0.5, duration },
  {
    arrivals: "mix",
    duration,
    parts: {
      a: { arrivals: "gamma", rate, cv: 2, shape: { kind: "sine", amplitude: 1, period: ms(9) } },
      b: { arrivals: "closed-loop", concurrency: 1, models: ["m"] },
      c: { arrivals: "markov-modulated", states, users: 2 },
    },
  },
];

describe("every workload that can be planned comes back from its stored plan as it was", () => {
  const system = { scheduler: "S", slo: ms(5), profiles: "p", models: { m: 1 } };
  test.each(WORKLOADS.map((workload) => [JSON.stringify(workload), workload] as const))(
    "%s",
    (_, workload) => {
      const planned = planExperiment(experiment({ name: "x", system, workload }), {
        schedulers: ["S"],
      });
      if (!planned.ok) throw new Error(JSON.stringify(planned.error));
      const [run] = planned.value.runs;
      if (run === undefined) throw new Error("no run");
      const stored = { schema_version: RESULTS_SCHEMA_VERSION, plan: toStoredKeys(planned.value) };
      const read = parsePlannedRun(JSON.stringify(stored), run.name);
      expect(read).toEqual({ ok: true, value: run });
    },
  );
});
