/** `--set`: values as the key needs them, sweeps replaced and made, near names, and checks that lose their point. */
import { describe, expect, test } from "bun:test";
import { type ExperimentSpec, ms, perSecond, seconds } from "#experiment/language.ts";
import { applyOverrides, asTyped } from "#experiment/override.ts";

const SPEC: ExperimentSpec = {
  name: "trial",
  system: {
    scheduler: "INFER5",
    slo: ms(50),
    profiles: "v100-table1",
    models: { resnet50_v2: 4, "resnet50_tuned_1.8x": 1 },
  },
  workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) },
  sweep: { "system.slo": [ms(25), ms(50)] },
  checks: {
    tight: { metric: "goodput", atLeast: perSecond(1), when: { "system.slo": ms(25) } },
    "all runs": { metric: "goodput", atLeast: perSecond(1) },
  },
};

type Group = Readonly<Record<string, unknown>>;

/** The changed experiment; fails when an override is refused. */
const changed = (...assignments: readonly string[]): Group => {
  const { raw, problems } = applyOverrides(SPEC, assignments);
  expect(problems).toEqual([]);
  return raw as Group;
};

describe("a value is what its key takes", () => {
  const cases: readonly (readonly [string, readonly string[], unknown])[] = [
    ["workload.duration=30s", ["workload", "duration"], "30s"],
    ["workload.rate=60/min", ["workload", "rate"], "60/min"],
    ["system.weightsCache=2GiB", ["system", "weightsCache"], "2GiB"],
    ["system.workers=3", ["system", "workers"], 3],
    ["workload.loadFactor=.5", ["workload", "loadFactor"], 0.5],
    ["system.generateInputs=true", ["system", "generateInputs"], true],
    ["workload.inputs=false", ["workload", "inputs"], false],
    ["system.models.resnet50_v2=8", ["system", "models", "resnet50_v2"], 8],
    ["system.models.resnet50_tuned_1.8x=2", ["system", "models", "resnet50_tuned_1.8x"], 2],
    ["system.models.googlenet=2", ["system", "models", "googlenet"], 2],
    ["limits.drain=3s", ["limits", "drain"], "3s"],
    ["seed=12", ["seed"], 12],
    ["repetitions=3", ["repetitions"], 3],
    ["title=one, two=three", ["title"], "one, two=three"],
    ["workload.trace=a,b.csv", ["workload", "trace"], "a,b.csv"],
    ["report.headline.metric=goodput", ["report", "headline", "metric"], "goodput"],
    ["checks.all runs.atLeast=200/s", ["checks", "all runs", "atLeast"], "200/s"],
    ["checks.all runs.atMost=0.5", ["checks", "all runs", "atMost"], 0.5],
    // What fits no need stays as typed, for the judge to explain.
    ["system.workers=many", ["system", "workers"], "many"],
    ["system.workers=0x10", ["system", "workers"], "0x10"],
    ["system.generateInputs=yes", ["system", "generateInputs"], "yes"],
    [" workload.duration = 30s ", ["workload", "duration"], "30s"],
  ];
  for (const [assignment, path, value] of cases) {
    test(assignment, () => {
      const at = path.reduce((part: unknown, key) => (part as Group)[key], changed(assignment));
      expect(at).toBe(value);
    });
  }

  test("the experiment as written is left alone", () => {
    const before = structuredClone(SPEC);
    changed("workload.duration=30s", "system.slo=1ms", "seed=3");
    expect(SPEC).toEqual(before);
  });

  test("the last one for a path wins", () => {
    expect(changed("seed=1", "seed=2")["seed"]).toBe(2);
  });
});

describe("sweeps", () => {
  test("one value of a swept path replaces its list, so that the path stays swept", () => {
    expect(changed("system.slo=75ms")["sweep"]).toEqual({ "system.slo": ["75ms"] });
  });

  test("a list replaces the list of a swept path", () => {
    expect(changed("system.slo=25ms, 75ms")["sweep"]).toEqual({ "system.slo": ["25ms", "75ms"] });
  });

  test("a list makes a sweep of a path that was not swept, and it varies fastest", () => {
    const { sweep } = changed("system.maxBatch=4,8");
    expect(Object.entries(sweep as Group)).toEqual([
      ["system.slo", ["25ms", "50ms"]],
      ["system.maxBatch", [4, 8]],
    ]);
  });
});

describe("checks that lose their point", () => {
  test("are left out, and it is said", () => {
    const { raw, notes } = applyOverrides(SPEC, ["system.slo=50ms"]);
    expect(Object.keys((raw as ExperimentSpec).checks ?? {})).toEqual(["all runs"]);
    expect(notes).toEqual([
      'check "tight" is left out: it is about system.slo = "25ms", which --set took out of the sweep',
    ]);
  });

  test("stay when the value is still swept in another spelling", () => {
    const { raw, notes } = applyOverrides(SPEC, ["system.slo=0.025s"]);
    expect(Object.keys((raw as ExperimentSpec).checks ?? {})).toEqual(["tight", "all runs"]);
    expect(notes).toEqual([]);
  });

  test("stay when their value was never swept: that is a mistake in the file, and is judged as one", () => {
    const checks = {
      lost: { metric: "goodput", atLeast: perSecond(1), when: { "system.slo": ms(99) } },
    } as const;
    const { raw, notes } = applyOverrides({ ...SPEC, checks }, ["system.slo=50ms"]);
    expect(Object.keys((raw as ExperimentSpec).checks ?? {})).toEqual(["lost"]);
    expect(notes).toEqual([]);
  });
});

describe("an override that names nothing", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["workload.duraton=3s", 'no key has the path "workload.duraton"', 'write "workload.duration"'],
    ["duration=3s", 'no key has the path "duration"', 'write "workload.duration"'],
    ["slo=3ms", 'no key has the path "slo"', 'write "system.slo"'],
    [
      "checks.all runs.atMots=3",
      'no key has the path "checks.all runs.atMots"',
      'write "checks.all runs.atMost"',
    ],
    ["system=3", "system is a group of keys, not one value", "set one of its keys"],
    [
      "sweep.system.slo=3ms",
      "a sweep is set through the key that it varies",
      "--set system.slo=VALUE,VALUE",
    ],
    ["qqqqqqqq=1", 'no key has the path "qqqqqqqq"', "a path of a key, such as workload.duration"],
    [
      "workload.duration",
      "a path, an equals sign and a value are due",
      "--set workload.duration=30s",
    ],
    [
      "workload.duration=",
      "a path, an equals sign and a value are due",
      "--set workload.duration=30s",
    ],
    ["=30s", "a path, an equals sign and a value are due", "--set workload.duration=30s"],
  ];
  for (const [assignment, message, remedy] of cases) {
    test(assignment, () => {
      const { problems, overrides } = applyOverrides(SPEC, [assignment]);
      expect(overrides).toEqual([]);
      expect(problems.map((problem) => [problem.message, problem.remedy])).toEqual([
        [message, remedy],
      ]);
    });
  }

  test("does not keep the others from being applied", () => {
    const { raw, problems } = applyOverrides(SPEC, ["nothing", "seed=9"]);
    expect(problems).toHaveLength(1);
    expect((raw as ExperimentSpec).seed).toBe(9);
  });
});

describe("problems of what was typed", () => {
  test("are named after the option and mended in its spelling", () => {
    const problem = {
      path: 'sweep["system.slo"][1]',
      value: '"25"',
      message: "m",
      remedy: "write ms(25) or seconds(25)",
    };
    const overrides = [{ path: "system.slo", value: "5ms,25" }];
    expect(asTyped([problem], overrides)).toEqual([
      { ...problem, path: "--set system.slo", remedy: "write 25ms or 25s" },
    ]);
    expect(asTyped([problem], [])).toEqual([problem]);
  });
});

describe("keys of a shape and of a mix's parts", () => {
  const mixed: ExperimentSpec = {
    ...SPEC,
    workload: {
      arrivals: "mix",
      duration: seconds(5),
      parts: { web: { arrivals: "gamma", rate: perSecond(5), cv: 2 } },
    },
  };

  test("are set in their places, numbers as numbers", () => {
    const { raw, problems } = applyOverrides(mixed, [
      "workload.parts.web.cv=3",
      "workload.parts.web.shape.kind=sine",
      "workload.parts.web.shape.amplitude=0.5",
    ]);
    expect(problems).toEqual([]);
    expect(raw).toMatchObject({
      workload: {
        parts: { web: { rate: "5/s", cv: 3, shape: { kind: "sine", amplitude: 0.5 } } },
      },
    });
    expect(changed("workload.shape.kind=ramp")).toMatchObject({
      workload: { shape: { kind: "ramp" } },
    });
  });

  test("make a sweep when several values are given", () => {
    const { raw } = applyOverrides(mixed, ["workload.parts.web.rate=1/s,2/s"]);
    expect(raw).toMatchObject({ sweep: { "workload.parts.web.rate": ["1/s", "2/s"] } });
  });

  test("are suggested when they are mistyped", () => {
    const { problems } = applyOverrides(mixed, ["workload.parts.web.rates=1/s"]);
    expect(problems).toMatchObject([{ remedy: 'write "workload.parts.web.rate"' }]);
  });
});

describe("a part of a mix", () => {
  const parts = { web: { arrivals: "poisson", rate: perSecond(5) } } as const;
  const mix = { ...SPEC, workload: { arrivals: "mix", parts, duration: seconds(5) } } as const;

  test("that is not there is no key to set", () => {
    expect(applyOverrides(mix, ["workload.parts.wob.rate=7/s"]).problems).toEqual([
      {
        path: "--set workload.parts.wob.rate",
        value: "7/s",
        message: 'the mix has no part "wob"',
        remedy: 'write "web"',
      },
    ]);
  });

  test("is set, or made by its arrivals", () => {
    const set = ["web.rate=7/s", "more.arrivals=constant", "more.rate=1/s"];
    const { raw, problems } = applyOverrides(
      mix,
      set.map((each) => `workload.parts.${each}`),
    );
    expect(problems).toEqual([]);
    expect(raw).toHaveProperty("workload.parts", {
      web: { arrivals: "poisson", rate: "7/s" },
      more: { arrivals: "constant", rate: "1/s" },
    });
  });
});
