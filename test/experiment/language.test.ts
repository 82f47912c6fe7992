/** The experiment language: its types refuse what the judge would refuse, as far as types can, and both know the same keys. */
import { describe, expect, test } from "bun:test";
import {
  type BurstsSpec,
  type CheckSpec,
  type ClosedLoopSpec,
  type ExperimentSpec,
  experiment,
  gibibytes,
  isExperiment,
  type LimitsSpec,
  type MarkovModulatedSpec,
  METRIC_NAMES,
  type MixPartSpec,
  type MixSpec,
  mebibytes,
  microseconds,
  minutes,
  ms,
  type OpenLoopSpec,
  perMinute,
  perSecond,
  type RampSpec,
  type RenewalSpec,
  type ReportSpec,
  type SineSpec,
  type StepsSpec,
  type SystemSpec,
  seconds,
} from "#experiment/language.ts";
import { METRIC_UNITS } from "#experiment/metric-units.ts";
import type { ParsedCheck, ParsedLimits, ParsedRoot, ParsedSystem } from "#experiment/schema.ts";
import type {
  AzureFunctions2019Spec,
  RecordedSpec,
  RequestTraceSpec,
  ServeGenSpec,
} from "#experiment/trace-language.ts";
import type { ParsedPart, ParsedShape, ParsedWorkload } from "#experiment/workload-schema.ts";

const system: SystemSpec = {
  scheduler: "INFER5",
  slo: ms(50),
  profiles: "v100-table1",
  models: { resnet50_v2: 4 },
};
const workload: OpenLoopSpec = { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) };

/** Compiles only when both have the same keys. */
type SameKeys<A, B> = [keyof A] extends [keyof B]
  ? [keyof B] extends [keyof A]
    ? true
    : never
  : never;
type Of<Arrivals extends string> = Extract<ParsedWorkload, { readonly arrivals: Arrivals }>;
type Shape<Kind extends string> = Extract<ParsedShape, { readonly kind: Kind }>;
type SpecPart<Arrivals extends string> = Extract<MixPartSpec, { readonly arrivals: Arrivals }>;
type Part<Arrivals extends string> = Extract<ParsedPart, { readonly arrivals: Arrivals }>;
const SAME_KEYS: readonly [
  SameKeys<ExperimentSpec, ParsedRoot>,
  SameKeys<SystemSpec, ParsedSystem>,
  SameKeys<OpenLoopSpec, Of<"poisson" | "constant">>,
  SameKeys<ClosedLoopSpec, Of<"closed-loop">>,
  SameKeys<AzureFunctions2019Spec, Of<"azure-functions-2019">>,
  SameKeys<LimitsSpec, ParsedLimits>,
  SameKeys<CheckSpec, ParsedCheck>,
  SameKeys<ReportSpec, NonNullable<ParsedRoot["report"]>>,
  SameKeys<RenewalSpec, Of<"gamma" | "weibull">>,
  SameKeys<MarkovModulatedSpec, Of<"markov-modulated">>,
  SameKeys<MixSpec, Of<"mix">>,
  SameKeys<RequestTraceSpec, Of<"trace">>,
  SameKeys<ServeGenSpec, Of<"servegen">>,
  SameKeys<RecordedSpec, Of<"recorded">>,
  SameKeys<RampSpec, Shape<"ramp">>,
  SameKeys<StepsSpec, Shape<"steps">>,
  SameKeys<BurstsSpec, Shape<"bursts">>,
  SameKeys<SineSpec, Shape<"sine">>,
  SameKeys<SpecPart<"poisson" | "constant">, Part<"poisson" | "constant">>,
  SameKeys<SpecPart<"gamma" | "weibull">, Part<"gamma" | "weibull">>,
  SameKeys<SpecPart<"markov-modulated">, Part<"markov-modulated">>,
  SameKeys<SpecPart<"closed-loop">, Part<"closed-loop">>,
] = [
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
];

/** Never called: the compiler judges every line below an expected error. */
const refusedByTypes = (): void => {
  const accept = (_spec: ExperimentSpec): void => {};
  const base = { name: "x", system, workload };
  const metric = "goodput";
  const mix = { arrivals: "mix", duration: ms(1) } as const;
  const part = { arrivals: "poisson", rate: perSecond(1), models: ["vgg11"] } as const;
  // @ts-expect-error a number has no unit
  accept({ ...base, system: { ...system, slo: 25 } });
  // @ts-expect-error a text is no quantity, even one that could be read
  accept({ ...base, system: { ...system, slo: "25ms" } });
  // @ts-expect-error a rate is no duration
  accept({ ...base, system: { ...system, slo: perSecond(25) } });
  // @ts-expect-error a size is no rate
  accept({ ...base, workload: { ...workload, rate: mebibytes(1) } });
  // @ts-expect-error an unknown key
  accept({ ...base, seeds: 1 });
  // @ts-expect-error an unknown key of system
  accept({ ...base, system: { ...system, gpus: 1 } });
  // @ts-expect-error no workload
  accept({ name: "x", system });
  // @ts-expect-error an unknown arrival process
  accept({ ...base, workload: { ...workload, arrivals: "poison" } });
  // @ts-expect-error a key of another arrival process
  accept({ ...base, workload: { ...workload, concurrency: 1 } });
  // @ts-expect-error an open loop without rate
  accept({ ...base, workload: { arrivals: "constant", duration: ms(1) } });
  // @ts-expect-error a variation of Poisson gaps, which have their own
  accept({ ...base, workload: { ...workload, cv: 2 } });
  // @ts-expect-error Gamma gaps without their variation
  accept({ ...base, workload: { ...workload, arrivals: "gamma" } });
  // @ts-expect-error a key of another shape
  accept({ ...base, workload: { ...workload, shape: { kind: "ramp", period: ms(1) } } });
  // @ts-expect-error a part of a mix with times of its own
  accept({ ...base, workload: { ...mix, parts: { a: { ...part, duration: ms(1) } } } });
  accept({ ...base, workload: { ...mix, parts: { a: part } } });
  // @ts-expect-error an unknown metric
  accept({ ...base, checks: { a: { metric: "latency_p98", atMost: ms(1) } } });
  // @ts-expect-error a path that no key has
  accept({ ...base, sweep: { "system.slow": [ms(1)] } });
  // @ts-expect-error a swept value of the wrong kind
  accept({ ...base, sweep: { "system.slo": [perSecond(1)] } });
  // @ts-expect-error a sweep that is no list
  accept({ ...base, sweep: { "system.slo": ms(1) } });
  // @ts-expect-error a headline against a path that no key has
  accept({ ...base, report: { headline: { metric, against: "slo" } } });
  // @ts-expect-error undefined is no value
  accept({ ...base, seed: undefined });
  accept({ ...base, sweep: { "system.models.resnet50_v2": [1, 2] } });
  accept({
    ...base,
    sweep: { "system.noise.jitterCv": [0, 0.1], "system.noise.stallLength": [ms(1)] },
  });
  accept({ ...base, sweep: { "workload.cv": [0.5, 2], "workload.shape.to": [perSecond(5)] } });
  accept({ ...base, sweep: { "workload.parts.batch.rate": [perSecond(1), perSecond(2)] } });
  accept({ ...base, sweep: { "workload.arrivals": ["constant"], "limits.drain": [ms(1)] } });
};

describe("the language", () => {
  test("writes quantities with their units", () => {
    expect([microseconds(250), ms(25), seconds(1.5), minutes(2)].map(String)).toEqual([
      "250us",
      "25ms",
      "1.5s",
      "2min",
    ]);
    expect([perSecond(1000), perMinute(60)].map(String)).toEqual(["1000/s", "60/min"]);
    expect([mebibytes(16), gibibytes(2)].map(String)).toEqual(["16MiB", "2GiB"]);
  });

  test("marks what experiment() made, and nothing else", () => {
    const made = experiment({ name: "x", system, workload });
    expect(isExperiment(made)).toBe(true);
    expect(isExperiment({ ...made })).toBe(false);
    expect(isExperiment(experiment({ ...made, name: "y" }))).toBe(true);
    for (const other of [null, undefined, 5, "x", {}, () => made])
      expect(isExperiment(other)).toBe(false);
    expect(JSON.parse(JSON.stringify(made))).toEqual({ name: "x", system, workload });
  });

  test("has a unit for every metric", () => {
    expect(Object.keys(METRIC_UNITS).toSorted()).toEqual([...METRIC_NAMES].toSorted());
  });

  test("has the keys that the judge knows, and types that refuse the rest", () => {
    // The compiler has judged both; the values only keep them from being unused.
    expect(SAME_KEYS).toHaveLength(22);
    expect(refusedByTypes).toBeFunction();
  });
});
