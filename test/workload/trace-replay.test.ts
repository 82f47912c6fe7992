/** Replay of traces: exact counts for even placement, chi-square for Poisson placement. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { MINUTE, ns, SECOND } from "#stdx/nanos.ts";
import { type CountTable, parseCountTable } from "#workload/count-table.ts";
import { TraceReplay } from "#workload/trace-replay.ts";
import {
  dealFunctions,
  minutesNeeded,
  sampledFunctions,
  type TraceWorkload,
  traceProblems,
} from "#workload/trace-schedule.ts";
import { KS_999, ksStatistic } from "./statistics.ts";
import { countPerMinute, replay, takeAll, traceOf } from "./workloads.ts";

const make = (workload: TraceWorkload, trace: CountTable, changes = {}): TraceReplay =>
  new TraceReplay({ workload, trace, seed: 1, instances: 3, ...changes });

/** Counts of every function and minute, from the parsed trace. */
const tracedCounts = (trace: CountTable, minutes: number): number[][] => {
  const rows = Array.from({ length: trace.functionCount }, () =>
    Array.from({ length: minutes }, () => 0),
  );
  for (let minute = 0; minute < minutes; minute++) {
    const { size, functions, counts } = trace.cellsOf(minute);
    for (let i = 0; i < size; i++) {
      const row = rows[functions[i] ?? 0];
      if (row !== undefined) row[minute] = counts[i] ?? 0;
    }
  }
  return rows;
};

/** Upper 0.1 % point of the chi-square law (Wilson and Hilferty, 1931); fixed seeds make the tests repeatable. */
const chiSquareMax = (degrees: number): number => {
  const a = 2 / (9 * degrees);
  return degrees * (1 - a + 3.09 * Math.sqrt(a)) ** 3;
};

/** Pearson's statistic of counts against Poisson means; cells with small means are pooled until they reach 5. */
const chiSquare = (
  observed: readonly number[],
  means: readonly number[],
): readonly [number, number] => {
  let [statistic, degrees, pooledSeen, pooledMean] = [0, 0, 0, 0];
  for (const [i, mean] of means.entries()) {
    pooledSeen += observed[i] ?? 0;
    pooledMean += mean;
    if (pooledMean < 5) continue;
    statistic += (pooledSeen - pooledMean) ** 2 / pooledMean;
    degrees++;
    [pooledSeen, pooledMean] = [0, 0];
  }
  return [statistic, degrees];
};

const COUNTS = [
  [3, 0, 7, 1],
  [0, 0, 0, 0],
  [250, 1, 0, 999],
  [0, 5, 0, 0],
];

describe("even placement", () => {
  test("offers exactly the trace's requests in every minute, in order of time", () => {
    const arrivals = takeAll(make(replay(4), traceOf(COUNTS)));
    expect(countPerMinute(arrivals, { functions: 4, minutes: 4 })).toEqual(COUNTS);
    const instants = arrivals.map(({ at }) => at);
    expect(instants).toEqual(instants.toSorted((a, b) => a - b));
  });

  test("spaces a function's requests evenly within the minute", () => {
    const arrivals = takeAll(make(replay(1), traceOf([[8]])));
    const gaps = arrivals.slice(1).map(({ at }, i) => at - (arrivals[i]?.at ?? 0));
    // 8 requests in a minute that lasts 1 s: 125 ms apart, to within the rounding of an instant.
    for (const gap of gaps) expect(Math.abs(gap - 125e6)).toBeLessThanOrEqual(1);
  });

  test("does not let functions fire together", () => {
    const rows = Array.from({ length: 100 }, () => [1]);
    const instants = takeAll(make(replay(1), traceOf(rows))).map(({ at }) => at);
    expect(new Set(instants).size).toBe(100);
    // 100 phases uniform over the second: each half gets 50 ± 5 sigma (sigma = 5).
    const early = instants.filter((at) => at < 5e8).length;
    expect(early).toBeGreaterThan(25);
    expect(early).toBeLessThan(75);
  });

  test("keeps a periodic function periodic", () => {
    const instants = takeAll(make(replay(5), traceOf([[1, 1, 1, 1, 1]]))).map(({ at }) => at);
    const gaps = instants.slice(1).map((at, i) => at - (instants[i] ?? 0));
    expect(gaps).toEqual([SECOND, SECOND, SECOND, SECOND]);
  });

  test("says in advance exactly how many requests any window will hold", () => {
    const process = make(replay(4), traceOf(COUNTS));
    const arrivals = takeAll(make(replay(4), traceOf(COUNTS)));
    for (const [from, to] of [
      [0, 4e9],
      [0, 1],
      [123_456_789, 2_345_678_901],
      [9e8, 1.1e9],
      [3e9, 9e9],
      [2e9, 1e9],
    ]) {
      const seen = arrivals.filter(({ at }) => at >= (from ?? 0) && at < (to ?? 0)).length;
      expect(process.expectedCount(ns(from ?? 0), ns(to ?? 0))).toBe(seen);
    }
  });

  test("ends with the run, in the middle of a minute if need be", () => {
    const workload = replay(1, { durationNs: ns(1.5e9) });
    const process = make(workload, traceOf([[10, 10]]));
    const arrivals = takeAll(process);
    // All 10 of the first minute and those 5 of the second that fall in its first half.
    expect(arrivals).toHaveLength(15);
    expect(process.expectedCount(ns(0), ns(9e9))).toBe(15);
  });

  test("begins at the start minute", () => {
    const arrivals = takeAll(make(replay(2, { startMinute: 3 }), traceOf(COUNTS)));
    const expected = COUNTS.map((row) => row.slice(2));
    expect(countPerMinute(arrivals, { functions: 4, minutes: 2 })).toEqual(expected);
  });

  test("finds the start minute in a trace that begins late in the day", () => {
    const trace = traceOf(COUNTS, 480);
    const arrivals = takeAll(make(replay(2, { startMinute: 482 }), trace));
    const expected = COUNTS.map((row) => row.slice(2));
    expect(countPerMinute(arrivals, { functions: 4, minutes: 2 })).toEqual(expected);
    expect(traceProblems(replay(1, { startMinute: 479 }), trace)[0]?.remedy).toBe(
      "choose a minute from 480 to 483",
    );
  });

  test("replays through warm-up, measurement and cool-down", () => {
    const times = { warmUpNs: ns(SECOND), durationNs: ns(2 * SECOND), coolDownNs: ns(SECOND) };
    const arrivals = takeAll(make(replay(0, times), traceOf(COUNTS)));
    expect(countPerMinute(arrivals, { functions: 4, minutes: 4 })).toEqual(COUNTS);
    expect(
      traceProblems(replay(0, { ...times, coolDownNs: ns(SECOND + 1) }), traceOf(COUNTS)),
    ).toHaveLength(1);
  });

  test("takes functions that fire at the same instant in file order", () => {
    // A minute of 1 ns: all 20 fire at 0.
    const rows = Array.from({ length: 20 }, () => [1]);
    const workload = replay(1, { timeCompression: 60e9, durationNs: ns(1) });
    const users = takeAll(make(workload, traceOf(rows))).map(({ user }) => user);
    expect(users).toEqual(rows.map((_, row) => row));
  });

  test("sends nothing at the very end", () => {
    // A minute of 2 ns of which 1 ns is replayed: functions fire at 0 or at 1, and 1 is too late.
    const rows = Array.from({ length: 100 }, () => [1]);
    const workload = replay(1, { timeCompression: 30e9, durationNs: ns(1) });
    const instants = takeAll(make(workload, traceOf(rows))).map(({ at }) => at as number);
    expect(instants.length).toBeLessThan(100);
    expect(new Set(instants)).toEqual(new Set([0]));
  });

  test("lasts as long as the trace when time is not compressed", () => {
    const workload = replay(1, { timeCompression: 1, durationNs: ns(4 * MINUTE) });
    const arrivals = takeAll(make(workload, traceOf(COUNTS)));
    const perMinute = [0, 0, 0, 0];
    for (const { at } of arrivals) {
      const minute = Math.floor(at / MINUTE);
      perMinute[minute] = (perMinute[minute] ?? 0) + 1;
    }
    // Column sums of COUNTS.
    expect(perMinute).toEqual([253, 6, 7, 1000]);
  });

  test("keeps every request when a minute's length is no whole number of nanoseconds", () => {
    const workload = replay(1, { timeCompression: 7, durationNs: ns(4 * Math.ceil(60e9 / 7)) });
    // The run ends less than 4 ns after the last minute, so that a fifth minute is touched and needed.
    expect(minutesNeeded(workload)).toBe(5);
    const trace = traceOf(COUNTS.map((row) => [...row, 0]));
    const arrivals = takeAll(make(workload, trace));
    expect(arrivals).toHaveLength(253 + 6 + 7 + 1000);
  });
});

describe("the load factor", () => {
  test.each([0.1, 0.37, 1.5, 2, 3.3])(
    "%d keeps each function's total to within one request",
    (loadFactor) => {
      const rows = Array.from({ length: 50 }, (_, f) =>
        Array.from({ length: 30 }, (_, m) => ((f * 7 + m * 13) % 11) * (f % 3)),
      );
      const arrivals = takeAll(make(replay(30, { loadFactor }), traceOf(rows)));
      const offered = countPerMinute(arrivals, { functions: 50, minutes: 30 });
      for (const [f, row] of rows.entries()) {
        let [seen, due] = [0, 0];
        for (const [m, count] of row.entries()) {
          seen += offered[f]?.[m] ?? 0;
          due += count * loadFactor;
          expect(Math.abs(seen - due)).toBeLessThanOrEqual(1);
        }
      }
    },
  );

  test("neither loses nor keeps all rare functions", () => {
    const rows = Array.from({ length: 1000 }, () => [1]);
    const arrivals = takeAll(make(replay(1, { loadFactor: 0.1 }), traceOf(rows)));
    // Each of 1000 functions keeps its one request with probability 0.1: 100 ± 5 sigma, sigma = sqrt(90) = 9.5.
    expect(Math.abs(arrivals.length - 100)).toBeLessThan(48);
  });
});

describe("Poisson placement", () => {
  const minutes = 40;
  const rows = Array.from({ length: 20 }, (_, f) =>
    Array.from({ length: minutes }, (_, m) => ((f + m) % 5) * (f + 1)),
  );
  const workload = replay(minutes, { placement: "poisson" });
  const trace = traceOf(rows);

  test("has the trace's counts as means: chi-square over functions and minutes", () => {
    const arrivals = takeAll(make(workload, trace));
    const observed = countPerMinute(arrivals, { functions: 20, minutes });
    const [statistic, degrees] = chiSquare(observed.flat(), rows.flat());
    expect(degrees).toBeGreaterThan(300);
    expect(statistic).toBeLessThan(chiSquareMax(degrees));
    // Not suspiciously close either: exact counts would have a statistic of 0.
    expect(statistic).toBeGreaterThan(degrees / 2);
  });

  test("places requests uniformly within the minute", () => {
    const arrivals = takeAll(make(workload, trace));
    const tenths = Array.from({ length: 10 }, () => 0);
    for (const { at } of arrivals) {
      const tenth = Math.floor((at % SECOND) / 1e8);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    const means = tenths.map(() => arrivals.length / 10);
    const [statistic] = chiSquare(tenths, means);
    expect(statistic).toBeLessThan(chiSquareMax(9));
  });

  test("offers nothing where the trace has nothing, and expects the mean", () => {
    const observed = countPerMinute(takeAll(make(workload, trace)), { functions: 20, minutes });
    for (const [f, row] of rows.entries()) {
      for (const [m, count] of row.entries()) if (count === 0) expect(observed[f]?.[m]).toBe(0);
    }
    const total = rows.flat().reduce((sum, count) => sum + count, 0);
    const process = make(workload, trace);
    expect(process.expectedCount(ns(0), ns(minutes * SECOND))).toBe(total);
    // Half of the first minute holds half of its mean.
    const first = rows.reduce((sum, row) => sum + (row[0] ?? 0), 0);
    expect(process.expectedCount(ns(0), ns(5e8))).toBeCloseTo(first / 2, 9);
  });
});

describe("uniform placement", () => {
  const rows = Array.from({ length: 20 }, (_, f) => [f, 0, 3 * f, 50]);
  const workload = replay(4, { placement: "uniform" });

  test("offers exactly the trace's counts", () => {
    const arrivals = takeAll(make(workload, traceOf(rows)));
    expect(countPerMinute(arrivals, { functions: 20, minutes: 4 })).toEqual(rows);
    const instants = arrivals.map(({ at }) => at);
    expect(instants).toEqual(instants.toSorted((a, b) => a - b));
    const total = rows.flat().reduce((sum, count) => sum + count, 0);
    expect(make(workload, traceOf(rows)).expectedCount(ns(0), ns(4 * SECOND))).toBe(total);
  });

  test("places each request anywhere in its minute, not evenly", () => {
    const arrivals = takeAll(make(replay(1, { placement: "uniform" }), traceOf([[2000], [3]])));
    const busy = arrivals.filter(({ user }) => user === 0).map(({ at }) => at);
    const distance = ksStatistic(busy, (at) => at / SECOND);
    expect(distance).toBeLessThan(KS_999);
    // Even spacing would be within one request of the law everywhere: 1 / √2000 = 0.02.
    expect(distance).toBeGreaterThan(0.2);
    const gaps = busy.slice(1).map((at, i) => at - (busy[i] ?? 0));
    const mean = SECOND / 2001;
    // The gaps of uniform draws are nearly exponential.
    expect(ksStatistic(gaps, (x) => 1 - Math.exp(-x / mean))).toBeLessThan(KS_999);
  });

  test("carries fractions of a load factor as even placement does", () => {
    const scaled = (placement: "even" | "uniform") =>
      countPerMinute(takeAll(make(replay(4, { placement, loadFactor: 0.3 }), traceOf(rows))), {
        functions: 20,
        minutes: 4,
      });
    expect(scaled("uniform")).toEqual(scaled("even"));
  });
});

describe("a sample of functions", () => {
  const rows = Array.from({ length: 400 }, (_, f) => [1 + (f % 3), f % 2]);
  const usersOf = (sampleFunctions: number, seed = 1): ReadonlySet<number> =>
    new Set(
      takeAll(make(replay(2, { sampleFunctions }), traceOf(rows), { seed })).map(
        ({ user }) => user,
      ),
    );

  test("has as many functions as are asked for, each with all its requests", () => {
    const users = usersOf(30);
    expect(users.size).toBe(30);
    const arrivals = takeAll(make(replay(2, { sampleFunctions: 30 }), traceOf(rows)));
    const counts = countPerMinute(arrivals, { functions: 400, minutes: 2 });
    for (const [f, row] of rows.entries()) expect(counts[f]).toEqual(users.has(f) ? row : [0, 0]);
    expect(usersOf(400).size).toBe(400);
    expect(usersOf(10_000).size).toBe(400);
  });

  test("or the share, and depends on the seed alone", () => {
    // 400 functions at 0.25: 100 ± 5 sigma, sigma = sqrt(75) = 8.7.
    expect(Math.abs(usersOf(0.25).size - 100)).toBeLessThan(44);
    expect([...usersOf(0.25)]).toEqual([...usersOf(0.25)]);
    expect([...usersOf(30)]).not.toEqual([...usersOf(30, 2)]);
  });

  test("prefers none", () => {
    const drawn = Array.from({ length: 400 }, () => 0);
    const workload = replay(2, { sampleFunctions: 20 });
    for (let seed = 0; seed < 400; seed++) {
      for (const [fn, isIn] of sampledFunctions(workload, 400, seed)?.entries() ?? []) {
        drawn[fn] = (drawn[fn] ?? 0) + isIn;
      }
    }
    const means = drawn.map(() => 20);
    const [statistic, degrees] = chiSquare(drawn, means);
    expect(statistic).toBeLessThan(chiSquareMax(degrees));
  });

  test("is dealt to the instances in turn", () => {
    const arrivals = takeAll(make(replay(2, { sampleFunctions: 30 }), traceOf(rows)));
    const pairs = new Set(arrivals.map(({ user, instance }) => `${user} ${instance}`));
    const perInstance = [0, 1, 2].map(
      (instance) => [...pairs].filter((pair) => pair.endsWith(` ${instance}`)).length,
    );
    expect(perInstance).toEqual([10, 10, 10]);
  });
});

describe("functions and model instances", () => {
  test("are dealt in turn, so that instances differ by at most one function", () => {
    const dealt = dealFunctions(245, 10, 1);
    const perInstance = Array.from({ length: 10 }, (_, i) => dealt.filter((d) => d === i).length);
    // 245 = 5 × 25 + 5 × 24.
    expect(perInstance.toSorted((a, b) => a - b)).toEqual([24, 24, 24, 24, 24, 25, 25, 25, 25, 25]);
  });

  test("are shuffled with the seed", () => {
    expect([...dealFunctions(50, 7, 1)]).toEqual([...dealFunctions(50, 7, 1)]);
    expect([...dealFunctions(50, 7, 1)]).not.toEqual([...dealFunctions(50, 7, 2)]);
    expect([...dealFunctions(50, 7, 1)]).not.toEqual(Array.from({ length: 50 }, (_, i) => i % 7));
  });

  test("leave instances idle when there are fewer functions", () => {
    expect(new Set(dealFunctions(3, 10, 1)).size).toBe(3);
  });

  test("stay together: every request of a function goes to one instance", () => {
    const arrivals = takeAll(make(replay(4), traceOf(COUNTS)));
    const pairs = new Set(arrivals.map(({ user, instance }) => `${user} ${instance}`));
    expect(pairs.size).toBe(new Set(arrivals.map(({ user }) => user)).size);
  });
});

describe("the same seed", () => {
  test.each(["even", "uniform", "poisson"] as const)(
    "gives the same schedule (%s)",
    (placement) => {
      const workload = replay(4, { placement, loadFactor: 0.7 });
      const schedule = (seed: number) => takeAll(make(workload, traceOf(COUNTS), { seed }));
      expect(schedule(5)).toEqual(schedule(5));
      expect(schedule(5)).not.toEqual(schedule(6));
    },
  );
});

describe("a trace that does not fit", () => {
  const trace = traceOf(COUNTS);

  test("is too short", () => {
    const [problem] = traceProblems(replay(5), trace);
    expect(problem?.path).toBe("workload.duration");
    expect(problem?.message).toContain("replay 5 traced minutes");
    expect(problem?.message).toContain("minutes 1 to 4");
    expect(problem?.remedy).toContain("below 4 s");
    expect(traceProblems(replay(4), trace)).toEqual([]);
  });

  test("is too short from the start minute on", () => {
    expect(traceProblems(replay(2, { startMinute: 4 }), trace)[0]?.message).toContain(
      "1 from the start minute",
    );
    expect(traceProblems(replay(1, { startMinute: 4 }), trace)).toEqual([]);
  });

  test("does not have the start minute", () => {
    const [problem] = traceProblems(replay(1, { startMinute: 480 }), trace);
    expect(problem).toMatchObject({ path: "workload.startMinute", value: "480" });
    expect(problem?.remedy).toBe("choose a minute from 1 to 4");
    expect(traceProblems(replay(1, { startMinute: 5 }), trace)[0]?.path).toBe(
      "workload.startMinute",
    );
  });
});

const shared = process.env["ESCAPEMENT_SHARED"] ?? resolve(import.meta.dir, "../../../shared");
const realPath = resolve(shared, "data/azure2019-day-245fn/invocations.csv");
const hasReal = existsSync(realPath);
if (!hasReal) console.warn(`SKIPPED: the real Azure trace is not at ${realPath}`);

describe("245 real functions over 480 minutes", () => {
  const load = (): CountTable => {
    const parsed = parseCountTable(readFileSync(realPath, "utf8"));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    return parsed.value;
  };
  const size = { functions: 245, minutes: 480 };

  test.skipIf(!hasReal)("are offered exactly, even placement", () => {
    const trace = load();
    const observed = countPerMinute(takeAll(make(replay(480), trace)), size);
    const traced = tracedCounts(trace, 480);
    expect(observed).toEqual(traced);
    // The data set's own description: 2,305,472 invocations.
    expect(observed.flat().reduce((sum, count) => sum + count, 0)).toBe(2_305_472);
  });

  test.skipIf(!hasReal)("pass a chi-square test, Poisson placement", () => {
    const trace = load();
    const process = make(replay(480, { placement: "poisson" }), trace);
    const observed = countPerMinute(takeAll(process), size);
    const [statistic, degrees] = chiSquare(observed.flat(), tracedCounts(trace, 480).flat());
    expect(degrees).toBeGreaterThan(1000);
    expect(statistic).toBeLessThan(chiSquareMax(degrees));
    expect(process.expectedCount(ns(0), ns(480 * SECOND))).toBe(2_305_472);
  });
});
