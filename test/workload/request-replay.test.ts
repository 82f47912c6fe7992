/** Replays request by request: exact instants, order, windows, thinning, compression, distances, real data. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { RequestReplay, replayProblems, scalingDistance } from "#workload/request-replay.ts";
import {
  type RequestTrace,
  type RequestTraceWorkload,
  scanTrace,
} from "#workload/request-trace.ts";
import { piecesOf, takeAll } from "./workloads.ts";

const workloadOf = (changes: Partial<RequestTraceWorkload> = {}): RequestTraceWorkload => ({
  arrivals: "trace",
  trace: "t.csv",
  format: "csv",
  column: "at",
  unit: "ms",
  startNs: ns(0),
  loadFactor: 1,
  timeCompression: 1,
  warmUpNs: ns(0),
  durationNs: ns(10 * SECOND),
  coolDownNs: ns(0),
  inputs: false,
  ...changes,
});

const traceOf = (workload: RequestTraceWorkload, text: string): RequestTrace => {
  const scanned = scanTrace(workload, piecesOf(text, 1000));
  if (!scanned.ok) throw new Error(JSON.stringify(scanned.error));
  return scanned.value;
};

const replayOf = (workload: RequestTraceWorkload, trace: RequestTrace, seed = 1) =>
  new RequestReplay({ workload, trace, seed, instances: 4 });

/** Poisson arrivals at 1,000/s for 20 s. */
const POISSON = (() => {
  const rng = Rng.of(5, "test");
  const lines = ["at"];
  for (let at = 1000; at < 21_000; at += rng.exponential(1)) lines.push(at.toFixed(6));
  return `${lines.join("\n")}\n`;
})();

describe("instants", () => {
  const text = "at\n1000\n1000.5\n1002\n1007.25\n12000\n";
  const instants = (changes: Partial<RequestTraceWorkload>): Nanos[] =>
    takeAll(replayOf(workloadOf(changes), traceOf(workloadOf(), text))).map(({ at }) => at);

  test("count from the first request, and end before the end of sending", () => {
    expect(instants({})).toEqual([0, 0.5e6, 2e6, 7.25e6].map(ns));
  });

  test("count from a later start, and leave out what is before it", () => {
    expect(instants({ startNs: ns(1e6) })).toEqual([1e6, 6.25e6].map(ns));
  });

  test("are divided by the compression", () => {
    expect(instants({ timeCompression: 4 })).toEqual([0, 125_000, 5e5, 1_812_500, 2.75e9].map(ns));
  });
});

describe("rows in the order of their ends", () => {
  const workload = workloadOf({ format: "azure-functions-2021", column: null });
  const rng = Rng.of(9, "durations");
  const rows = Array.from({ length: 3000 }, (_, i) => {
    const end = 20 + i * 0.005;
    return { end, duration: rng.exponential(0.3), func: `f${rng.below(7)}` };
  });
  const text = `app,func,end_timestamp,duration\n${rows.map(({ end, duration, func }) => `a,${func},${end.toFixed(3)},${duration.toFixed(6)}`).join("\n")}\n`;
  const trace = traceOf(workload, text);
  const arrivals = takeAll(replayOf(workload, trace));

  test("come out in the order of their starts, none lost", () => {
    const starts = rows
      .map(({ end, duration }) => Number(end.toFixed(3)) - Number(duration.toFixed(6)))
      .toSorted((a, b) => a - b);
    const first = starts[0] ?? 0;
    const due = starts.map((start) => Math.round((start - first) * 1e6)).filter((us) => us < 1e7);
    expect(due.length).toBeGreaterThan(1000);
    expect(arrivals.map(({ at }) => Math.round(at / 1e3))).toEqual(due);
  });

  test("stay with their function's user and instance, which take turns", () => {
    const instances = new Map<number, Set<number>>();
    for (const { user, instance } of arrivals)
      instances.set(user, (instances.get(user) ?? new Set()).add(instance));
    expect([...instances.keys()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([...instances.values()].every((of) => of.size === 1)).toBe(true);
    // Seven functions over four instances: the first four have one each.
    const first = [0, 1, 2, 3].map((user) => [...(instances.get(user) ?? [])][0] ?? -1);
    expect(first.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  });
});

describe("a sample of functions", () => {
  const rows = Array.from({ length: 4000 }, (_, i) => `a,f${i % 40},${(i + 1) / 400},0.001`);
  const text = `app,func,end_timestamp,duration\n${rows.join("\n")}\n`;
  const whole = workloadOf({ format: "azure-functions-2021", column: null });
  const trace = traceOf(whole, text);
  const sampled = (sampleFunctions: number, seed = 1) =>
    takeAll(replayOf({ ...whole, sampleFunctions }, trace, seed));
  const usersOf = (arrivals: readonly { readonly user: number }[]) =>
    [...new Set(arrivals.map(({ user }) => user))].toSorted((a, b) => a - b);

  test("has as many as are asked for, each with all its requests at their instants", () => {
    const arrivals = sampled(7);
    const users = usersOf(arrivals);
    expect(users).toHaveLength(7);
    const all = takeAll(replayOf(whole, trace));
    expect(arrivals).toEqual(all.filter(({ user }) => users.includes(user)));
    expect(usersOf(sampled(40))).toHaveLength(40);
    expect(usersOf(sampled(7, 2))).not.toEqual(users);
  });

  test("is announced exactly, and its distance is told", () => {
    const workload = { ...whole, sampleFunctions: 0.3 };
    const process = replayOf(workload, trace, 3);
    const arrivals = takeAll(process);
    expect(process.expectedCount(ns(0), ns(10e9))).toBe(arrivals.length);
    expect(scalingDistance({ workload, trace, seed: 3 })?.gaps).toBeGreaterThan(0.1);
    expect(scalingDistance({ workload: whole, trace, seed: 3 })).toBeNull();
    expect(
      scalingDistance({ workload: { ...whole, sampleFunctions: 40 }, trace, seed: 3 }),
    ).toBeNull();
  });
});

test("the requests of a trace's only function stay together", () => {
  const workload = workloadOf({ format: "azure-functions-2021", column: null });
  const rows = Array.from({ length: 50 }, (_, i) => `a,f,${i + 1},0.5`).join("\n");
  const trace = traceOf(workload, `app,func,end_timestamp,duration\n${rows}\n`);
  const arrivals = takeAll(replayOf(workload, trace));
  expect(arrivals).toHaveLength(10);
  expect(new Set(arrivals.map(({ instance }) => instance)).size).toBe(1);
});

describe("counts", () => {
  const workload = workloadOf({ loadFactor: 0.25 });
  const trace = traceOf(workload, POISSON);

  test("are announced exactly for any window", () => {
    const arrivals = takeAll(replayOf(workload, trace));
    const process = replayOf(workload, trace);
    for (const [from, to] of [
      [0, 10e9],
      [1e9, 2e9],
      [9_999_999_999, 99e9],
    ] as const) {
      const seen = arrivals.filter(({ at }) => at >= from && at < to).length;
      expect(process.expectedCount(ns(from), ns(to))).toBe(seen);
    }
    // Announcing takes nothing away.
    expect(takeAll(process)).toEqual(arrivals);
  });

  test("are thinned to the share asked for, the same for the same seed", () => {
    const arrivals = takeAll(replayOf(workload, trace));
    // A quarter of 10,000; deviation √(10,000 · 0.25) = 50 with the trace's own.
    expect(Math.abs(arrivals.length - 2500)).toBeLessThan(200);
    expect(takeAll(replayOf(workload, trace))).toEqual(arrivals);
    expect(takeAll(replayOf(workload, trace, 2))).not.toEqual(arrivals);
  });

  test("keep the same rows wherever the replay begins", () => {
    const later = workloadOf({ loadFactor: 0.25, startNs: ns(4e9), durationNs: ns(6 * SECOND) });
    const all = takeAll(replayOf(workload, trace)).map(({ at }) => at - 4e9);
    expect(takeAll(replayOf(later, trace)).map(({ at }) => Number(at))).toEqual(
      all.filter((at) => at >= 0),
    );
  });
});

describe("the distance from the trace", () => {
  const distance = (changes: Partial<RequestTraceWorkload>, text: string) => {
    const workload = workloadOf(changes);
    return scalingDistance({ workload, trace: traceOf(workload, text), seed: 1 });
  };

  test("is not stated where nothing is scaled", () => {
    expect(distance({}, POISSON)).toBeNull();
  });

  test("of compression alone is nothing but the buckets' edges", () => {
    const { gaps, rateCurve } = distance({ timeCompression: 2, durationNs: ns(9e9) }, POISSON) ?? {
      gaps: 1,
      rateCurve: 1,
    };
    expect(gaps).toBeLessThan(0.01);
    expect(rateCurve).toBeLessThan(0.001);
  });

  test("of a thinned Poisson process is chance: it stays Poisson", () => {
    const found = distance({ loadFactor: 0.5 }, POISSON) ?? { gaps: 1, rateCurve: 1 };
    // About 5,000 requests are kept: 1.95 / √5,000 = 0.028, once in a thousand times.
    expect(found.gaps).toBeLessThan(0.028);
    expect(found.rateCurve).toBeLessThan(0.028);
  });

  test("of thinned even spacing is what geometry says", () => {
    const even = `at\n${Array.from({ length: 10_500 }, (_, i) => i + 1).join("\n")}\n`;
    const found = distance({ loadFactor: 0.5 }, even) ?? { gaps: 0, rateCurve: 1 };
    // Gaps of 1 become geometric with mean 2; in units of the mean, half of them are 1/2 and none were below 1.
    expect(found.gaps).toBeGreaterThan(0.47);
    expect(found.gaps).toBeLessThan(0.53);
    expect(found.rateCurve).toBeLessThan(0.03);
  });
});

describe("a trace that does not fit", () => {
  const trace = traceOf(workloadOf(), POISSON);

  test("is refused with the longest run that it allows", () => {
    const [problem] = replayProblems(workloadOf({ timeCompression: 4 }), trace);
    expect(problem?.path).toBe("workload.duration");
    expect(problem?.value).toBe('"10s"');
    // Just under 20 s of trace at compression 4.
    expect(problem?.remedy).toMatch(/^keep the three at 4\.99\d? s or less together/);
    expect(replayProblems(workloadOf({ durationNs: ns(19e9) }), trace)).toEqual([]);
  });

  test("is refused when it ends before the start", () => {
    const [problem] = replayProblems(workloadOf({ startNs: ns(30e9) }), trace);
    expect(problem).toMatchObject({ path: "workload.start", value: '"30s"' });
  });
});

const shared = process.env["ESCAPEMENT_SHARED"] ?? resolve(import.meta.dir, "../../../shared");
const real = resolve(shared, "data/azure-llm-2023/AzureLLMInferenceTrace_code.csv");
if (!existsSync(real)) console.warn(`SKIPPED: the real LLM trace is not at ${real}`);

describe.skipIf(!existsSync(real))("the real trace of LLM requests", () => {
  test("is replayed to the last but one of its 8,819 requests", () => {
    const workload = workloadOf({ format: "azure-llm-2023", column: null });
    const trace = traceOf(workload, readFileSync(real, "utf8"));
    expect(trace.facts.requests).toBe(8819);
    const length = ns(trace.facts.lastNs - trace.facts.firstNs);
    expect(Math.floor(length / 1e9)).toBe(3435);
    const arrivals = takeAll(replayOf({ ...workload, durationNs: length }, trace));
    // The last request falls on the end itself.
    expect(arrivals).toHaveLength(8818);
    // 18:17:04.0319600 − 18:17:03.9799600.
    expect(arrivals[1]?.at).toBe(ns(52_000_000));
  });
});
