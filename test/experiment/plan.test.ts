/** Plans: the grid's order, repetitions, names, seeds, defaults, and what is announced of time and load. */
import { describe, expect, test } from "bun:test";
import {
  type ExperimentSpec,
  experiment,
  ms,
  perMinute,
  perSecond,
  seconds,
} from "#experiment/language.ts";
import { NOISE_DEFAULTS } from "#experiment/noise-schema.ts";
import {
  expectedRunNs,
  expectedTotalNs,
  planExperiment,
  RUN_ALLOWANCE_NS,
  sendingNs,
} from "#experiment/plan.ts";
import type { Plan } from "#experiment/resolved.ts";
import { runName } from "#experiment/run-name.ts";
import { ns } from "#stdx/nanos.ts";

const KNOWN = {
  schedulers: ["INFER5", "LARGE"],
  schedulerDefaults: new Map([["LARGE", { maxBatch: 32, scheduleAheadGeneratedNs: ns(20e6) }]]),
};

const SPEC: ExperimentSpec = {
  name: "trial",
  system: { scheduler: "INFER5", slo: ms(50), profiles: "v100-table1", models: { b: 2, a: 1 } },
  workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) },
};

const planOf = (changes: Partial<ExperimentSpec>): Plan => {
  const planned = planExperiment(experiment({ ...SPEC, ...changes }), KNOWN);
  if (!planned.ok) throw new Error(JSON.stringify(planned.error));
  return planned.value;
};

describe("runs", () => {
  test("one run without a sweep, with seed 1", () => {
    const { runs, title, question, headline, checks, sweep } = planOf({});
    expect(
      runs.map(({ name, seed, repetition, point }) => ({ name, seed, repetition, point })),
    ).toEqual([{ name: "00-rep=1", seed: 1, repetition: 1, point: [] }]);
    expect({ title, question, headline, checks, sweep }).toEqual({
      title: "trial",
      question: "",
      headline: null,
      checks: [],
      sweep: [],
    });
  });

  test("a grid varies its last path fastest, and repetitions are interleaved with the next seed", () => {
    const { runs } = planOf({
      seed: 5,
      repetitions: 2,
      sweep: { "system.slo": [ms(25), ms(50)], "workload.rate": [perSecond(10), perMinute(60)] },
    });
    expect(runs.map(({ index, name, seed }) => `${index} ${name} ${seed}`)).toEqual([
      "0 00-slo=25ms-rate=10-per-s-rep=1 5",
      "1 01-slo=25ms-rate=60-per-min-rep=1 5",
      "2 02-slo=50ms-rate=10-per-s-rep=1 5",
      "3 03-slo=50ms-rate=60-per-min-rep=1 5",
      "4 04-slo=25ms-rate=10-per-s-rep=2 6",
      "5 05-slo=25ms-rate=60-per-min-rep=2 6",
      "6 06-slo=50ms-rate=10-per-s-rep=2 6",
      "7 07-slo=50ms-rate=60-per-min-rep=2 6",
    ]);
    expect(runs[3]?.point).toEqual([
      { path: "system.slo", value: "50ms" },
      { path: "workload.rate", value: "60/min" },
    ]);
    expect(runs[3]?.system.sloNs).toBe(ns(50e6));
    // 60 a minute are one a second.
    expect(runs[3]?.workload).toMatchObject({ arrivals: "poisson", ratePerS: 1 });
  });

  test("a swept model, swept arrivals and swept limits are in their places", () => {
    const { runs } = planOf({
      sweep: {
        "system.models.a": [3],
        "workload.arrivals": ["constant"],
        "limits.drain": [seconds(4)],
      },
    });
    expect(runs[0]?.system.models).toEqual([
      { model: "b", instances: 2 },
      { model: "a", instances: 3 },
    ]);
    expect(runs[0]?.workload.arrivals).toBe("constant");
    expect(runs[0]?.drainLimitNs).toBe(ns(4e9));
    expect(runs[0]?.name).toBe("00-a=3-arrivals=constant-drain=4s-rep=1");
  });
});

describe("names of runs", () => {
  test("sort as they run: the index has as many digits as the last one needs", () => {
    const name = (index: number, count: number) =>
      runName({ index, count, point: [], repetition: 1 });
    expect([name(3, 4), name(3, 100), name(3, 101)]).toEqual(["03-rep=1", "03-rep=1", "003-rep=1"]);
  });

  test("are safe as folder names and never too long", () => {
    const point = [
      { path: "workload.trace", value: "../shared/some trace.csv" },
      { path: "system.profiles", value: "x".repeat(300) },
    ];
    const name = runName({ index: 0, count: 1, point, repetition: 12 });
    expect(name).toStartWith("00-trace=some_trace.csv-profiles=xxx");
    expect(name).toEndWith("-rep=12");
    expect(name.length).toBeLessThanOrEqual(120);
    expect(name).toMatch(/^[A-Za-z0-9._=+-]+$/);
  });
});

describe("defaults", () => {
  test("without generators and stop rules a run has neither key, as before there were any", () => {
    const run = planOf({}).runs[0];
    expect(Object.keys(run ?? {})).not.toContain("stop");
    expect(Object.keys(run?.workload ?? {})).not.toContain("generators");
  });

  test("stop rules come with their stretches in ns, and can be swept like any key", () => {
    const { runs } = planOf({
      stop: {
        errorBudget: { share: 0.5, over: seconds(2) },
        outstanding: { atMost: 7, over: seconds(1) },
      },
      sweep: { "stop.errorBudget.share": [0.1, 0.2], "workload.generators": [1, 4] },
    });
    expect(runs[1]?.stop).toEqual({
      errorBudget: { share: 0.1, overNs: ns(2e9) },
      outstanding: { atMost: 7, overNs: ns(1e9) },
    });
    expect(
      runs.map(({ stop, workload }) => [stop?.errorBudget?.share, workload.generators]),
    ).toEqual([
      [0.1, 1],
      [0.1, 4],
      [0.2, 1],
      [0.2, 4],
    ]);
  });

  test("a noise is filled in, can be swept, and is absent where an experiment has none", () => {
    expect(Object.keys(planOf({}).runs[0]?.system ?? {})).not.toContain("noise");
    const { runs } = planOf({
      sweep: { "system.noise.jitterCv": [0, 0.1], "system.noise.stallRate": [perSecond(2)] },
    });
    expect(runs.map(({ system }) => system.noise)).toEqual([
      { ...NOISE_DEFAULTS, stallRatePerS: 2 },
      { ...NOISE_DEFAULTS, stallRatePerS: 2, jitterCv: 0.1 },
    ]);
  });

  test("of system, workload and limits", () => {
    const [run] = planOf({}).runs;
    expect(run?.system).toEqual({
      scheduler: "INFER5",
      sloNs: ns(50e6),
      scheduleAheadNs: ns(10e6),
      maxExecNs: ns(250e6),
      maxBatch: 8,
      maxGpus: 100,
      generateInputs: false,
      workers: 1,
      gpusPerWorker: 1,
      weightsCacheBytes: 23_085_449_216,
      pageSizeBytes: 16_777_216,
      profiles: "v100-table1",
      models: [
        { model: "b", instances: 2 },
        { model: "a", instances: 1 },
      ],
      telemetryDialect: "documented",
    });
    expect(run?.workload).toEqual({
      arrivals: "poisson",
      warmUpNs: ns(2e9),
      durationNs: ns(5e9),
      coolDownNs: ns(1e9),
      inputs: false,
      ratePerS: 100,
    });
    expect([run?.launchLimitNs, run?.drainLimitNs]).toEqual([ns(30e9), ns(10e9)]);
  });

  test("a scheduler may have its own, at each point of a sweep", () => {
    const { runs } = planOf({
      system: { ...SPEC.system, generateInputs: true },
      sweep: { "system.scheduler": ["INFER5", "LARGE"] },
    });
    const seen = runs.map(({ system }) => [system.maxBatch, system.scheduleAheadNs / 1e6]);
    expect(seen).toEqual([
      [8, 15],
      [32, 20],
    ]);
    const [given] = planOf({ system: { ...SPEC.system, scheduler: "LARGE", maxBatch: 4 } }).runs;
    expect(given?.system.maxBatch).toBe(4);
  });

  test("schedule ahead is 15 ms with generated inputs, unless it is given", () => {
    const ahead = (system: Partial<ExperimentSpec["system"]>) =>
      planOf({ system: { ...SPEC.system, ...system } }).runs[0]?.system.scheduleAheadNs;
    expect(ahead({ generateInputs: true })).toBe(ns(15e6));
    expect(ahead({ generateInputs: true, scheduleAhead: ms(3) })).toBe(ns(3e6));
  });

  test("of a closed loop and of a trace", () => {
    const times = { warmUp: seconds(0), duration: seconds(1), coolDown: seconds(0) };
    const closed = planOf({ workload: { arrivals: "closed-loop", concurrency: 2, ...times } });
    const replay = planOf({
      workload: { arrivals: "azure-functions-2019", trace: "t.csv", ...times },
    });
    const resolved = { warmUpNs: ns(0), durationNs: ns(1e9), coolDownNs: ns(0), inputs: false };
    expect(closed.runs[0]?.workload).toEqual({
      arrivals: "closed-loop",
      concurrency: 2,
      thinkTimeNs: ns(0),
      ...resolved,
    });
    expect(replay.runs[0]?.workload).toEqual({
      arrivals: "azure-functions-2019",
      trace: "t.csv",
      startMinute: null,
      loadFactor: 1,
      timeCompression: 1,
      placement: "even",
      ...resolved,
    });
  });
});

describe("checks and headline", () => {
  test("bounds are in the metric's unit; conditions are spelled as the sweep spells them", () => {
    const { checks, headline } = planOf({
      sweep: { "system.slo": [ms(25), ms(50)] },
      checks: {
        fast: { metric: "latency_p99", atMost: ms(40), when: { "system.slo": seconds(0.05) } },
        busy: { metric: "goodput", atLeast: perMinute(600), atMost: perSecond(100) },
        most: { metric: "slo_attainment", atLeast: 0.99 },
        batched: { metric: "batch_size_mean", atLeast: 1.5 },
      },
      report: { headline: { metric: "goodput", against: "system.slo" } },
    });
    expect(checks).toEqual([
      {
        name: "fast",
        metric: "latency_p99",
        atLeast: null,
        atMost: 40e6,
        when: [{ path: "system.slo", value: "50ms" }],
      },
      // 600 a minute are 10 a second.
      { name: "busy", metric: "goodput", atLeast: 10, atMost: 100, when: [] },
      { name: "most", metric: "slo_attainment", atLeast: 0.99, atMost: null, when: [] },
      { name: "batched", metric: "batch_size_mean", atLeast: 1.5, atMost: null, when: [] },
    ]);
    expect(headline).toEqual({ metric: "goodput", against: "system.slo" });
  });
});

describe("what is announced", () => {
  test("a run takes its sending time and the allowance; the total is their sum", () => {
    const { runs } = planOf({ repetitions: 3 });
    const [run] = runs;
    if (run === undefined) throw new Error("no run");
    // 2 s warm-up, 5 s measurement, 1 s cool-down.
    expect(sendingNs(run)).toBe(ns(8e9));
    expect(expectedRunNs(run)).toBe(ns(8e9 + RUN_ALLOWANCE_NS));
    expect(expectedTotalNs(runs)).toBe(ns(3 * (8e9 + RUN_ALLOWANCE_NS)));
  });
});
