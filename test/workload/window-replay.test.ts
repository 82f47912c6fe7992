/** ServeGen's client windows: rates and laws window by window, scaling, and every way to break a file. */
import { describe, expect, test } from "bun:test";
import { ns, SECOND } from "#stdx/nanos.ts";
import { readWindowTrace, type WindowTrace } from "#workload/client-windows.ts";
import {
  WindowReplay,
  type WindowWorkload,
  windowDistance,
  windowProblems,
} from "#workload/window-replay.ts";
import { cvOf, gammaLaw, KS_999, ksStatistic } from "./statistics.ts";
import { takeAll } from "./workloads.ts";

/** Three windows of 600 s: Gamma gaps of CV 2, silence, Weibull gaps of shape 0.7. */
const BURSTY = `0,2,2,Gamma,0.25,2
600,0,0,,0,0
1200,5,1.5,Weibull,0.7,0.1
`;
/** A client that asks in the second window only. */
const SECOND_ONLY = "0,0,0,,0,0\n600,1,1,Gamma,1,1\n1200,0,0,,0,0\n";

const workloadOf = (changes: Partial<WindowWorkload> = {}): WindowWorkload => ({
  arrivals: "servegen",
  trace: "chunk-{0..1}-trace.csv",
  startNs: ns(0),
  loadFactor: 1,
  timeCompression: 1,
  warmUpNs: ns(0),
  durationNs: ns(1800 * SECOND),
  coolDownNs: ns(0),
  inputs: false,
  ...changes,
});

const traceOf = (...texts: readonly string[]): WindowTrace => {
  const read = readWindowTrace(texts.map((text, i) => ({ path: `chunk-${i}-trace.csv`, text })));
  if (!read.ok) throw new Error(read.error);
  return read.value;
};

const replayOf = (workload: WindowWorkload, trace: WindowTrace, seed = 1) =>
  new WindowReplay({ workload, trace, seed, instances: 3 });

describe("a replay", () => {
  const trace = traceOf(BURSTY, SECOND_ONLY);

  test("keeps each client to its windows, in order of time", () => {
    const arrivals = takeAll(replayOf(workloadOf(), trace));
    const instants = arrivals.map(({ at }) => at);
    expect(instants).toEqual(instants.toSorted((a, b) => a - b));
    const windowsOf = (client: number) =>
      new Set(
        arrivals.filter(({ user }) => user === client).map(({ at }) => Math.floor(at / 600e9)),
      );
    expect([windowsOf(0), windowsOf(1)]).toEqual([new Set([0, 2]), new Set([1])]);
    expect(new Set(arrivals.map(({ className }) => className))).toEqual(new Set(["servegen"]));
    // A client asks one instance.
    expect(new Set(arrivals.map(({ user, instance }) => `${user} ${instance}`)).size).toBe(2);
  });

  test("offers the announced mean over many seeds", () => {
    const process = replayOf(workloadOf(), trace);
    // 600 s at 2/s, 1/s and 5/s; the first half of the last window with half of its own.
    expect(process.expectedCount(ns(0), ns(1800 * SECOND))).toBeCloseTo(4800, 6);
    expect(process.expectedCount(ns(1200 * SECOND), ns(1500 * SECOND))).toBeCloseTo(1500, 6);
    const counts = Array.from(
      { length: 60 },
      (_, seed) => takeAll(replayOf(workloadOf(), trace, seed)).length,
    );
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    // Variances: 1200 · 2², 600 and 3000 · 1.46² = 11,800 in all; five sigma of a mean of 60.
    expect(Math.abs(mean - 4800)).toBeLessThan((5 * Math.sqrt(11_800)) / Math.sqrt(60));
  });

  test("has gaps of each window's law", () => {
    const long = traceOf("0,50,2,Gamma,0.25,1\n600,50,1.46,Weibull,0.7,1\n");
    const instants = takeAll(replayOf(workloadOf({ durationNs: ns(1200 * SECOND) }), long)).map(
      ({ at }) => at,
    );
    const gapsIn = (from: number, to: number) => {
      const own = instants.filter((at) => at >= from && at < to);
      return own.slice(1).map((at, i) => (at - (own[i] ?? 0)) / 1e9);
    };
    const gamma = gapsIn(0, 600e9);
    expect(ksStatistic(gamma, gammaLaw(0.25, 1 / 50 / 0.25))).toBeLessThan(KS_999);
    expect(cvOf(gamma)).toBeCloseTo(2, 0);
    const weibull = gapsIn(600e9, 1200e9);
    // Γ(1 + 1 / 0.7) = 1.2658.
    const scale = 1 / 50 / 1.2658;
    expect(ksStatistic(weibull, (x) => 1 - Math.exp(-((x / scale) ** 0.7)))).toBeLessThan(KS_999);
  });

  test("is scaled in rate and in time, and begins where it is told", () => {
    const scaled = workloadOf({
      loadFactor: 3,
      timeCompression: 60,
      startNs: ns(900 * SECOND),
      durationNs: ns(15 * SECOND),
    });
    const process = replayOf(scaled, trace);
    // Five seconds are left of the second window, then ten of the third: rates are 180 times as high.
    expect(process.expectedCount(ns(0), ns(5 * SECOND))).toBeCloseTo(5 * 180, 6);
    expect(process.expectedCount(ns(5 * SECOND), ns(15 * SECOND))).toBeCloseTo(10 * 5 * 180, 6);
    const arrivals = takeAll(process);
    expect(arrivals.every(({ at, user }) => user === (at < 5 * SECOND ? 1 : 0))).toBe(true);
  });

  test("has the same schedule for the same seed, and each client its own", () => {
    const schedule = (seed: number, of = trace) => takeAll(replayOf(workloadOf(), of, seed));
    expect(schedule(5)).toEqual(schedule(5));
    expect(schedule(5)).not.toEqual(schedule(6));
    const alone = schedule(5, traceOf(BURSTY)).map(({ at }) => at);
    const among = schedule(5).filter(({ user }) => user === 0);
    expect(among.map(({ at }) => at)).toEqual(alone);
  });
});

test("a trace that is too short, or begins too late, is refused", () => {
  const trace = traceOf(BURSTY);
  expect(windowProblems(workloadOf(), trace)).toEqual([]);
  const [long] = windowProblems(workloadOf({ coolDownNs: ns(1) }), trace);
  expect(long?.path).toBe("workload.duration");
  expect(long?.remedy).toContain("keep the three at 1800 s or less");
  const [late] = windowProblems(workloadOf({ startNs: ns(1800 * SECOND) }), trace);
  expect(late?.path).toBe("workload.start");
});

describe("a file is refused", () => {
  test.each([
    ["that is empty", "", ":1: the line has 1 fields, not 6"],
    ["with a header", "timestamp,rate,cv,pattern,shape,scale\n", ":1, column timestamp: no whole"],
    ["with a negative rate", "0,-1,1,Gamma,1,1\n", ":1, column rate: no rate"],
    ["with NaN as a rate", "0,NaN,1,Gamma,1,1\n", ":1, column rate: no rate"],
    ["with another law", "0,1,1,Pareto,1,1\n", ":1, column pattern: neither Gamma nor Weibull"],
    ["with shape 0", "0,1,0,Gamma,0,1\n", ":1, column shape: no shape"],
    [
      "with a window missing",
      `${BURSTY}2400,0,0,,0,0\n`,
      ":4, column timestamp: windows are 600 s",
    ],
    ["with a window twice", "0,0,0,,0,0\n0,0,0,,0,0\n", ":2, column timestamp: not after"],
    ["with a blank line within", "0,0,0,,0,0\n\n600,0,0,,0,0\n", ":2: the line has 1 fields"],
  ])("%s", (_, text, message) => {
    const read = readWindowTrace([{ path: "chunk-0-trace.csv", text }]);
    expect(read.ok ? "accepted" : read.error).toContain(`chunk-0-trace.csv${message}`);
  });

  test("whose windows are not those of the others", () => {
    expect(() => traceOf(BURSTY, "0,1,1,Gamma,1,1\n")).toThrow(
      "chunk-1-trace.csv: its windows are not those of chunk-0-trace.csv",
    );
  });
});

describe("the distance of a scaled replay", () => {
  const trace = traceOf(BURSTY, SECOND_ONLY);
  const distance = (changes: Partial<WindowWorkload>) =>
    windowDistance({ workload: workloadOf(changes), trace, seed: 5 });

  test("is not told where nothing is scaled", () => {
    expect(distance({})).toBeNull();
  });

  test("of time alone is none: the same draws, faster", () => {
    const found = distance({ timeCompression: 10, durationNs: ns(180 * SECOND) });
    expect(found?.rateCurve).toBeLessThan(1e-9);
    expect(found?.gaps).toBeLessThan(0.01);
  });

  test("of more requests leaves the rate curve, and the gaps to chance", () => {
    const found = distance({ loadFactor: 4 });
    expect(found?.rateCurve).toBeLessThan(1e-9);
    // About 4,800 gaps against 19,200: 1.95 · √(1/4,800 + 1/19,200) = 0.031, once in a thousand times for one law.
    expect(found?.gaps).toBeGreaterThan(0);
    expect(found?.gaps).toBeLessThan(0.05);
  });
});
