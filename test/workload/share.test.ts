/** Several generators of one schedule: together they send the whole of it, each request once. */
import { describe, expect, test } from "bun:test";
import type { MixPart, Workload } from "#experiment/resolved.ts";
import { addNs, type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import { type ArrivalProcessOptions, createArrivalProcess } from "#workload/arrival-process.ts";
import { RECORDED_LAYOUT } from "#workload/recorded-replay.ts";
import { type RequestTraceWorkload, scanTrace } from "#workload/request-trace.ts";
import { piecesOf, SHAPES, takeAll, traceOf } from "./workloads.ts";

const MODELS = [
  { model: "a", instances: 3 },
  { model: "b", instances: 2 },
];
const TIMES = {
  warmUpNs: ns(SECOND),
  durationNs: ns(4 * SECOND),
  coolDownNs: ns(SECOND),
  inputs: false,
};

const PARTS: readonly MixPart[] = [
  { name: "steady", models: null, load: { arrivals: "constant", ratePerS: 90 } },
  { name: "even", models: ["b"], load: { arrivals: "constant", ratePerS: 90, users: 3 } },
  { name: "bursty", models: ["a"], load: { arrivals: "gamma", ratePerS: 70, cv: 3 } },
];

const REQUEST_TRACE: RequestTraceWorkload = {
  ...TIMES,
  arrivals: "trace",
  trace: "t.csv",
  format: "csv",
  column: "at",
  unit: "ms",
  startNs: ns(0),
  loadFactor: 0.7,
  timeCompression: 1,
};

const traceText = (() => {
  const rng = Rng.of(5, "test");
  const lines = ["at"];
  for (let at = 0; at < 8_000; at += rng.exponential(12)) lines.push(at.toFixed(6));
  return `${lines.join("\n")}\n`;
})();

const requestTrace = (() => {
  const scanned = scanTrace(REQUEST_TRACE, piecesOf(traceText, 1000));
  if (!scanned.ok) throw new Error(JSON.stringify(scanned.error));
  return scanned.value;
})();

const recordedTrace = (() => {
  const rng = Rng.of(6, "test");
  const lines = ["at_ns,instance,user,class"];
  for (let at = 0; at < 6e9; at += rng.exponential(2e7))
    lines.push(`${Math.floor(at)},${rng.below(5)},${rng.below(9)},c`);
  const scanned = scanTrace(RECORDED_LAYOUT, piecesOf(`${lines.join("\n")}\n`, 1000));
  if (!scanned.ok) throw new Error(JSON.stringify(scanned.error));
  return scanned.value;
})();

const AZURE = {
  arrivals: "azure-functions-2019",
  trace: "t.csv",
  startMinute: null,
  loadFactor: 1,
  timeCompression: 30,
} as const;

const azureTrace = traceOf([
  [40, 0, 75],
  [1, 200, 9],
  [0, 0, 31],
]);

const users = 17;

/** Every arrival process, drawn or not, with its count per run roughly between 200 and 2,000. */
const OPEN_LOOPS: readonly (readonly [string, Workload])[] = [
  ["constant", { ...TIMES, arrivals: "constant", ratePerS: 173.3 }],
  ["constant with users", { ...TIMES, arrivals: "constant", ratePerS: 50, users }],
  ["poisson", { ...TIMES, arrivals: "poisson", ratePerS: 200 }],
  ["gamma", { ...TIMES, arrivals: "gamma", ratePerS: 200, cv: 3, users }],
  ["weibull", { ...TIMES, arrivals: "weibull", ratePerS: 200, cv: 0.5 }],
  ...Object.values(SHAPES).map((shape): readonly [string, Workload] => [
    `poisson, ${shape.kind}`,
    { ...TIMES, arrivals: "poisson", ratePerS: 100, shape },
  ]),
  [
    "markov-modulated",
    {
      ...TIMES,
      arrivals: "markov-modulated",
      states: [
        { ratePerS: 50, meanNs: ns(SECOND) },
        { ratePerS: 500, meanNs: ns(SECOND / 2) },
      ],
      users,
    },
  ],
  ["azure-functions-2019, even", { ...TIMES, ...AZURE, placement: "even" }],
  ["azure-functions-2019, poisson", { ...TIMES, ...AZURE, placement: "poisson" }],
  ["trace", REQUEST_TRACE],
  ["recorded", { ...TIMES, arrivals: "recorded", trace: "r.csv" }],
  ["mix", { ...TIMES, arrivals: "mix", parts: PARTS }],
];

type Of = ArrivalProcessOptions["share"];

const processOf = (workload: Workload, seed: number, share?: Of): ArrivalProcess => {
  const requests = workload.arrivals === "recorded" ? recordedTrace : requestTrace;
  const given = { workload, seed, models: MODELS, trace: azureTrace, requestTrace: requests };
  const made = createArrivalProcess(share === undefined ? given : { ...given, share });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  return made.value;
};

const shares = (of: number): { readonly index: number; readonly of: number }[] =>
  Array.from({ length: of }, (_, index) => ({ index, of }));

/** Arrivals of equal instants may change places when shares are put together: they are compared in one order. */
const ordered = (arrivals: readonly Arrival[]): readonly string[] =>
  arrivals
    .map(({ at, className, instance, user }) => `${at} ${className} ${instance} ${user}`)
    .toSorted();

describe.each(OPEN_LOOPS)("%s", (_name, workload) => {
  test.each([1, 2, 3, 4, 7, 64])(
    "sent by %d generators is the whole schedule, each request once",
    (of) => {
      for (const seed of [1, 2 ** 40]) {
        const whole = takeAll(processOf(workload, seed));
        const parts = shares(of).map((share) => takeAll(processOf(workload, seed, share)));
        expect(whole.length).toBeGreaterThan(100);
        expect(ordered(parts.flat())).toEqual(ordered(whole));
        // Each part of the mix is dealt out by itself, so that generators differ by one request per part.
        const sizes = parts.map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(PARTS.length);
        for (const part of parts) {
          expect(part.every(({ at }, i) => i === 0 || at >= (part[i - 1]?.at ?? 0))).toBe(true);
        }
      }
    },
  );

  test("is expected in parts that sum up to the whole", () => {
    const windows = [
      [ns(0), ns(6 * SECOND)],
      [ns(SECOND), ns(5 * SECOND)],
      [ns(1_234_567_891), ns(3_333_333_333)],
    ] as const;
    for (const [from, to] of windows) {
      const whole = processOf(workload, 1).expectedCount(from, to) ?? Number.NaN;
      const parts = shares(5).map((share) => processOf(workload, 1, share).expectedCount(from, to));
      const sum = parts.reduce<number>((total, count) => total + (count ?? Number.NaN), 0);
      if (Number.isInteger(whole)) expect(sum).toBe(whole);
      else expect(sum).toBeCloseTo(whole, 6);
    }
  });
});

test("an exact share is expected to the request, even after requests were taken", () => {
  const [from, to] = [ns(SECOND), ns(5 * SECOND)];
  for (const [, workload] of OPEN_LOOPS.filter(([name]) =>
    /^(?:constant|trace|recorded)/.test(name),
  )) {
    for (const share of shares(3)) {
      const process = processOf(workload, 1, share);
      const own = takeAll(process).filter(({ at }) => at >= from && at < to).length;
      expect(process.expectedCount(from, to)).toBe(own);
    }
  }
});

test("request k goes to generator k modulo their number", () => {
  const workload: Workload = { ...TIMES, arrivals: "poisson", ratePerS: 200 };
  const whole = takeAll(processOf(workload, 9));
  for (const share of shares(3)) {
    const own = takeAll(processOf(workload, 9, share));
    expect(own).toEqual(whole.filter((_, k) => k % 3 === share.index));
  }
});

test("parts of a mix in step with one another begin with different generators", () => {
  const parts = PARTS.slice(0, 2);
  const workload: Workload = { ...TIMES, arrivals: "mix", parts };
  const first = shares(2).map((share) => processOf(workload, 1, share).take().className);
  expect(first.toSorted()).toEqual(["even", "steady"]);
});

/** Answers every request 7 ms after its instant, in order. */
const answered = (process: ArrivalProcess): readonly Arrival[] => {
  const taken: Arrival[] = [];
  let open: Arrival[] = [];
  const end = (arrival: Arrival): Nanos => addNs(arrival.at, ns(7_000_000));
  for (;;) {
    const next = process.nextAt();
    const [first] = open;
    if (next !== null && (first === undefined || next <= end(first))) {
      const arrival = process.take();
      taken.push(arrival);
      open.push(arrival);
    } else if (first === undefined) return taken;
    else {
      open = open.slice(1);
      process.onEnded(end(first), first);
    }
  }
};

describe("a closed loop", () => {
  const load = { arrivals: "closed-loop", concurrency: 3, thinkTimeNs: ns(100_000_000) } as const;
  const workloads: readonly (readonly [string, Workload])[] = [
    ["alone", { ...TIMES, ...load }],
    [
      "in a mix",
      { ...TIMES, arrivals: "mix", parts: [...PARTS, { name: "loop", models: ["a"], load }] },
    ],
  ];

  test.each(workloads)("%s deals out its slots, each to one generator", (_name, workload) => {
    for (const of of [1, 2, 4, 20]) {
      const whole = answered(processOf(workload, 1));
      const parts = shares(of).map((share) => answered(processOf(workload, 1, share)));
      expect(ordered(parts.flat())).toEqual(ordered(whole));
      expect(processOf(workload, 1, { index: 0, of }).expectedCount(ns(0), ns(SECOND))).toBeNull();
    }
  });

  test("leaves generators idle that have no slot", () => {
    const workload: Workload = { ...TIMES, ...load };
    expect(processOf(workload, 1, { index: 15, of: 16 }).nextAt()).toBeNull();
    expect(processOf(workload, 1, { index: 14, of: 16 }).nextAt()).toBe(ns(0));
  });
});
