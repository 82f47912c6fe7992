/** What each kind of workload sends, and when: worked out by hand from the rules and the known gaps. */
import { describe, expect, test } from "bun:test";
import { rateAdjuster, scaleAdjuster, sloAdjuster } from "#serving/client/workloads/adjusters.ts";
import { BurstyClosedLoop, ClosedLoop } from "#serving/client/workloads/closed-loops.ts";
import { type Draws, MinimalStandard } from "#serving/client/workloads/draws.ts";
import type { Workload } from "#serving/client/workloads/engine.ts";
import {
  BurstyPoissonOpenLoop,
  FixedRate,
  PoissonOpenLoop,
} from "#serving/client/workloads/open-loops.ts";
import {
  SparseRates,
  TraceReplay,
  type TraceReplayOptions,
} from "#serving/client/workloads/trace-replay.ts";
import { ns, SECOND } from "#stdx/nanos.ts";
import { play, timesOf } from "./play.ts";

/** Gaps of `mean × factors`, one after another and again; other draws are 0. */
const scripted = (...factors: readonly number[]): Draws => {
  let next = 0;
  return {
    uniform: () => 0.5,
    below: (bound) => Math.floor(bound / 2),
    exponential: (ratePerNs) => ns(Math.round((factors[next++ % factors.length] ?? 1) / ratePerNs)),
  };
};

const poisson = (id: number, ratePerS: number, seed = id): PoissonOpenLoop =>
  new PoissonOpenLoop({ id, instance: id, ratePerS, draws: new MinimalStandard(seed) });

describe("Poisson open loop", () => {
  test("gaps of its seed, summed up exactly, whatever becomes of the requests", () => {
    // 8886667; + 222203122 = 231089789; + 21033810 = 252123599; + 50751176 = 302874775.
    const due = [8.886667, 231.089789, 252.123599, 302.874775];
    const isOk = (): boolean => false;
    expect(timesOf(play([poisson(1, 10)], { untilMs: 400, isOk }))).toEqual(due);
    expect(timesOf(play([poisson(1, 10)], { untilMs: 400, serviceMs: null }))).toEqual(due);
  });

  test("workloads 0 and 1 send in lock-step", () => {
    const playing = play([poisson(0, 10), poisson(1, 10)], { untilMs: 1000 });
    expect(timesOf(playing, 0)).toEqual(timesOf(playing, 1));
    expect(timesOf(playing, 0).length).toBeGreaterThan(5);
  });
});

describe("fixed rate", () => {
  test("the first after one period, which is cut to whole ns", () => {
    // 3/s: 333,333,333 ns.
    const loop = new FixedRate({ id: 0, instance: 0, ratePerS: 3, draws: null });
    expect(timesOf(play([loop], { untilMs: 1000 }))).toEqual([333.333333, 666.666666, 999.999999]);
  });

  test("with draws a phase of its own", () => {
    const loop = new FixedRate({ id: 0, instance: 0, ratePerS: 4, draws: scripted() });
    expect(timesOf(play([loop], { untilMs: 700 }))).toEqual([125, 375, 625]);
  });
});

describe("closed loop", () => {
  const loop = (changes = {}): ClosedLoop =>
    new ClosedLoop({ id: 3, instances: [0, 1, 2], concurrency: 2, isOriginal: true, ...changes });

  test("takes its models in turn, from all slots together", () => {
    const { requests } = play([loop()], { untilMs: 25, serviceMs: 10 });
    expect(requests.map(({ atMs, instance }) => [atMs, instance])).toEqual([
      [0, 0],
      [0, 1],
      [10, 2],
      [10, 0],
      [20, 1],
      [20, 2],
    ]);
  });

  test("waits for its start", () => {
    const { requests, lines } = play([loop({ startDelay: ns(2 * SECOND) })], { untilMs: 2000 });
    expect(requests.map(({ atMs }) => atMs)).toEqual([2000, 2000]);
    expect(lines).toHaveLength(1);
  });

  test("sends the next at once after a failure", () => {
    const isOk = (): boolean => false;
    expect(timesOf(play([loop()], { untilMs: 20, isOk }))).toEqual([0, 0, 10, 10, 20, 20]);
  });

  test("with a number: slots + number in all, and then its end", () => {
    const playing = play([loop({ concurrency: 1, requests: 3 })], { untilMs: 1000 });
    expect(timesOf(playing)).toEqual([0, 10, 20, 30]);
    expect([playing.isRunning, playing.endMs]).toEqual([false, 40]);
  });

  test("the counter wraps: beside another workload its other slots go on for ever", () => {
    const other = loop({ concurrency: 1 });
    // 2 slots + 2 further requests; at 20 one slot ends, and the other finds 2^64 − 1 left.
    const playing = play([loop({ requests: 2 }), other], { untilMs: 45 });
    expect(timesOf(playing)).toEqual([0, 0, 10, 10, 20, 30, 40]);
  });

  test("as it was meant: each slot ends, and the loop with its last one", () => {
    const meant = loop({ requests: 2, isOriginal: false });
    const playing = play([meant], { untilMs: 1000 });
    expect(timesOf(playing)).toEqual([0, 0, 10, 10]);
    expect([playing.isRunning, playing.endMs]).toEqual([false, 20]);
  });

  test("as it was meant: failures are followed by ever longer pauses, a success by none", () => {
    const meant = loop({ concurrency: 1, isOriginal: false });
    // Each takes 10 ms; pauses of 10, 20, 40 ms; the fourth succeeds; then a pause of 10 again.
    const playing = play([meant], { untilMs: 150, isOk: (index) => index === 3 });
    expect(timesOf(playing)).toEqual([0, 20, 50, 100, 110, 130]);
  });
});

describe("bursty closed loop", () => {
  const bursty = (isOriginal: boolean, draws: Draws): BurstyClosedLoop =>
    new BurstyClosedLoop({
      id: 0,
      instance: 0,
      concurrency: 1,
      burstMeanS: 0.1,
      idleMeanS: 0.3,
      draws,
      isOriginal,
    });

  test("begins with a burst; pauses are as long as bursts on average", () => {
    // Drawn: burst 25 ms, idle (unused); pause 50 ms; burst 15 ms; pause 50 ms.
    const draws = scripted(0.25, 1, 0.5, 0.15, 0.5, 1);
    const playing = play([bursty(true, draws)], { untilMs: 160 });
    // The burst ends at 25; the last response is in at 30, and the next burst begins at 80 and ends at 95.
    // Its last response is in at 100; the next begins at 150.
    expect(timesOf(playing)).toEqual([0, 10, 20, 80, 90, 150, 160]);
  });

  test("as it was meant: begins anywhere, and pauses have their own mean", () => {
    // Burst 100 ms and idle 300 ms; half of both have passed: 200 ms of the pause are left. Then a burst of 15 ms
    // and a pause of 30 ms.
    const draws = scripted(1, 1, 0.15, 0.1);
    const playing = play([bursty(false, draws)], { untilMs: 250 });
    // The burst of 200 to 215 ends with the response at 220; the next begins at 250.
    expect(timesOf(playing)).toEqual([200, 210, 250]);
  });
});

describe("bursty Poisson open loop", () => {
  const bursty = (hasRandomPhase: boolean, draws: Draws, requestDraws: Draws): Workload =>
    new BurstyPoissonOpenLoop({
      id: 0,
      instance: 0,
      ratePerS: 10,
      draws,
      requestDraws,
      burstMeanS: 1,
      idleMeanS: 2,
      hasRandomPhase,
    });

  test("the first request of a burst at its start; none between bursts", () => {
    // Burst 0.25 s, idle (for the phase only); pause 1 s; burst 0.2 s.
    const playing = play([bursty(false, scripted(0.25, 1, 0.5, 0.2, 5), scripted(1))], {
      untilMs: 2000,
    });
    expect(timesOf(playing)).toEqual([0, 100, 200, 1250, 1350]);
  });

  test("bursts and requests have generators of their own, and the phase costs one draw", () => {
    const playing = play([bursty(false, new MinimalStandard(1), new MinimalStandard(2))], {
      untilMs: 300,
    });
    // Requests: 0, then gaps of seed 2: 18640777, 152888404, 47703556. The burst: the second and third draw of seed 1
    // make u = (182605793 + 1291394885 · R) / R², 0.6013…, and −ln(1 − u) 0.92 s, which is longer.
    expect(timesOf(playing)).toEqual([0, 18.640777, 171.529181, 219.232737]);
  });

  test("as it was meant: begins anywhere", () => {
    // Burst 1 s and idle 2 s, half of both passed: 1.5 s of the pause are left.
    const playing = play([bursty(true, scripted(1), scripted(1))], { untilMs: 1650 });
    expect(timesOf(playing)).toEqual([1500, 1600]);
  });
});

describe("trace replay", () => {
  /** Only what is not 0 is kept. */
  const rates = (...perMinute: readonly number[]): SparseRates => {
    const columns = perMinute.flatMap((rate, index) => (rate > 0 ? [index] : []));
    const counts = perMinute.filter((rate) => rate > 0);
    return new SparseRates(perMinute.length, Uint16Array.from(columns), Float64Array.from(counts));
  };
  const replay = (changes: Partial<TraceReplayOptions>): TraceReplay =>
    new TraceReplay({
      id: 0,
      instance: 0,
      draws: scripted(1),
      rates: rates(60),
      scale: 1,
      interval: SECOND,
      start: "first",
      ...changes,
    });

  test("work of a minute per unit of rate: 60 a minute is one a second, whatever an interval takes", () => {
    expect(timesOf(play([replay({})], { untilMs: 3000 }))).toEqual([1000, 2000, 3000]);
    expect(timesOf(play([replay({ interval: ns(10e9) })], { untilMs: 3000 }))).toEqual([
      1000, 2000, 3000,
    ]);
    expect(timesOf(play([replay({ scale: 4 })], { untilMs: 1000 }))).toEqual([250, 500, 750, 1000]);
  });

  test("unfinished work is carried over exactly, through silence as well", () => {
    // 60 s of work. Second 0 at 12/min does 12 s of it, second 1 nothing, second 2 at 96/min the other 48 s in 0.5 s.
    // Then 60 s of work: 48 s of it in the rest of second 2, 12 s in second 3 (the first again), which is all of it.
    const playing = play([replay({ rates: rates(12, 0, 96) })], { untilMs: 4000 });
    expect(timesOf(playing)).toEqual([2500, 4000]);
  });

  test("wraps around after the last interval, and is silent for ever without a rate", () => {
    expect(timesOf(play([replay({ rates: rates(0, 0, 120) })], { untilMs: 6000 }))).toEqual([
      2500, 3000, 5500, 6000,
    ]);
    const silent = play([replay({ rates: rates(0, 0) })], { untilMs: 1e9 });
    expect([silent.requests.length, silent.isRunning]).toEqual([0, true]);
  });

  test("a function with one invocation a day is found ahead without a timer for each interval, or never comes", () => {
    const day = new SparseRates(1440, Uint16Array.of(9), Float64Array.of(1));
    const often = { rates: day, interval: ns(60e9) };
    // At a hundredth, 100 min of work for a minute a day.
    const never = play([replay({ ...often, scale: 0.01 })], { untilMs: 1e12 });
    expect(timesOf(never)).toEqual([]);
    // 60 s of work in seconds instead of minutes: 59 whole days of 1440 s, and 10 s.
    const [soon] = timesOf(play([replay({ ...often, interval: SECOND })], { untilMs: 1e9 }));
    expect(soon).toBe((59 * 1440 + 10) * 1000);
  });

  test("the gaps of seed 1 at an eighth of 6000 a minute", () => {
    // 42656005159 / 6000 = 7109334; (+ 1066574990191 / 6000 = 177762498) 184871832; (+ 16827048) 201698880.
    const draws = new MinimalStandard(1);
    const playing = play([replay({ draws, scale: 0.125, rates: rates(6000) })], { untilMs: 205 });
    expect(timesOf(playing)).toEqual([7.109334, 184.871832, 201.69888]);
  });

  test("the original's random start is interval 735 of a day for everybody", () => {
    // (2^64 − 1) mod 1440 = 735; the first draw of seed 1, 48271 ns, is what is left of it.
    const day = new SparseRates(1440, Uint16Array.of(736), Float64Array.of(6000));
    const draws = new MinimalStandard(1);
    const options = { draws, start: "original-random", rates: day, interval: ns(60e9) } as const;
    // The draw after it is work: u of 182605794 and 1291394886 → −ln(1 − u) = 0.9196 min of work, 9.196 ms at 6000.
    const first = timesOf(play([replay(options)], { untilMs: 20 }))[0] ?? 0;
    expect(first).toBeGreaterThan(0.048271 + 9.1);
    expect(first).toBeLessThan(0.048271 + 9.3);
  });

  test("as it was meant: begins in the middle of any interval", () => {
    // Half of four intervals: the third; half of it is left, 0.5 s at 120/min, then 60/min.
    const playing = play([replay({ start: "random", rates: rates(0, 0, 120, 60) })], {
      untilMs: 1500,
    });
    expect(timesOf(playing)).toEqual([500, 1500]);
  });
});

describe("adjusters", () => {
  const options = {
    period: SECOND,
    initial: 4,
    next: (value: number) => value * 1.25,
    isOver: (value: number) => value > 6,
  };

  test("an SLO factor is there from the first request on, is a 32-bit float, and ends the run", () => {
    const loop = new FixedRate({ id: 0, instance: 0, ratePerS: 2, draws: null });
    const adjuster = sloAdjuster({ ...options, initial: 0.1 }, [0]);
    const playing = play([loop, adjuster], { untilMs: 1500 });
    // Of two timers at 1 s the adjuster's was set first.
    const [one, two] = [Math.fround(0.1), Math.fround(Math.fround(0.1) * 1.25)];
    expect(playing.requests.map(({ sloFactor }) => sloFactor)).toEqual([one, two, two]);
    const rising = play([loop, sloAdjuster(options, [0])], { untilMs: 10_000 });
    // 4, 5 and 6.25, which is above 6: it is not applied.
    expect(rising.lines).toEqual(["Updating slo_factor to 5", "Terminating engine"]);
    expect([rising.isRunning, rising.endMs]).toEqual([false, 2000]);
  });

  test("a rate counts from the next gap on; the last one is told, too", () => {
    const loop = new PoissonOpenLoop({ id: 0, instance: 0, ratePerS: 1, draws: scripted(1) });
    const playing = play([loop, rateAdjuster(options, [loop])], { untilMs: 10_000 });
    // 4/s from the start; 5/s from 1 s on, until the adjuster ends the run at 2 s.
    expect(timesOf(playing)).toEqual([250, 500, 750, 1000, 1200, 1400, 1600, 1800]);
    expect(playing.lines).toEqual([
      "Updating rate to 5",
      "Terminating engine",
      "Updating rate to 6.25",
    ]);
  });

  test("a scale likewise", () => {
    const replay = new TraceReplay({
      id: 0,
      instance: 0,
      draws: scripted(1),
      rates: new SparseRates(1, Uint16Array.of(0), Float64Array.of(60)),
      scale: 1,
      interval: SECOND,
      start: "first",
    });
    const playing = play([replay, scaleAdjuster({ ...options, initial: 2 }, [replay])], {
      untilMs: 1800,
    });
    expect(timesOf(playing)).toEqual([500, 1000, 1400, 1800]);
    expect(playing.lines).toEqual([">>>> Updating scale_factor to 2.5"]);
  });
});

describe("user ids", () => {
  const both = (): readonly Workload[] => {
    const options = { instance: 0, ratePerS: 10, draws: null };
    return [new FixedRate({ id: 4, ...options }), new FixedRate({ id: 9, ...options })];
  };

  test("of an instance that workloads share: the last one's for all of them", () => {
    const { requests } = play(both(), { untilMs: 100 });
    expect(requests.map(({ user }) => user)).toEqual([9, 9]);
  });

  test("as it was meant: each its own", () => {
    const { requests } = play(both(), { untilMs: 100, usersAreShared: false });
    expect(requests.map(({ user }) => user)).toEqual([4, 9]);
  });
});
