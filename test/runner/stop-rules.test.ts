/** The rules that end a run early: over which stretches they look, at what they stop, and what they never do. */
import { describe, expect, test } from "bun:test";
import type { StopRules } from "#experiment/resolved.ts";
import type { LiveCounters } from "#runner/live-counters.ts";
import { StopWatch } from "#runner/stop-rules.ts";
import { ns } from "#stdx/nanos.ts";

/** Sending from 100 s on, measured from 102 s to 132 s. */
const WINDOW = {
  send_start_ns: "100000000000",
  measure_start_ns: "102000000000",
  measure_end_ns: "132000000000",
  send_end_ns: "133000000000",
};

const counters = (atS: number, changes: Partial<LiveCounters> = {}): LiveCounters => ({
  at_ns: String(Math.round(atS * 1e9)),
  scheduled: 0,
  sent: 0,
  ok: 0,
  good: 0,
  failed: 0,
  unknown: 0,
  dropped: 0,
  outstanding: 0,
  rate_per_s: 0,
  goodput_per_s: 0,
  p99_ms: null,
  generators: 1,
  ...changes,
});

type Totals = (atS: number) => Partial<LiveCounters>;

/** Reports once a second, `jitterS` late; the first stop with the second of its report, or null. */
const run = (rules: StopRules, totals: Totals, jitterS = 0) => {
  const watch = new StopWatch(rules);
  for (let second = 101; second <= 133; second++) {
    const stop = watch.judge(counters(second + jitterS, totals(second)), WINDOW);
    if (stop !== null) return { second, ...stop };
  }
  return null;
};

const over = ns(5e9);

describe("an error budget", () => {
  const rules: StopRules = { errorBudget: { share: 0.5, overNs: over } };

  test("stops when the share is spent over the whole stretch, and says so", () => {
    // 100 requests/s end; from 110 s on 90 of them fail in one way or another.
    const stop = run(rules, (at) => {
      const bad = Math.max(0, at - 110);
      return {
        ok: (at - 100) * 100 - bad * 90,
        failed: bad * 40,
        unknown: bad * 10,
        dropped: bad * 40,
      };
    });
    // 270 of 500 after three bad seconds of five.
    expect(stop).toEqual({
      second: 113,
      at_ns: "113250000000",
      rule: "errorBudget",
      evidence:
        "54 % of the 500 requests that ended within 5s failed, got no answer or were dropped; 50 % may",
    });
  });

  test("does not stop at the share itself, nor without requests", () => {
    expect(run(rules, (at) => ({ ok: at * 50, failed: at * 50 }))).toBeNull();
    expect(run(rules, () => ({ failed: 0 }))).toBeNull();
  });

  test("does not judge the warm-up: its errors are not counted, the first stretch begins after it", () => {
    const bad: Totals = (at) => ({ failed: Math.min(at - 100, 2) * 1000, ok: at * 100 });
    expect(run(rules, bad)).toBeNull();
    const always: Totals = (at) => ({ failed: at * 100 });
    expect(run(rules, always)?.second).toBe(107);
  });

  test("does not stop a measurement that is over, or would be before the command arrived", () => {
    const late: Totals = (at) => ({ failed: Math.max(0, at - 131) * 1e6, ok: at * 100 });
    expect(run({ errorBudget: { share: 0.5, overNs: ns(1e9) } }, late)).toBeNull();
  });

  test("bears reports that come early and late", () => {
    for (const jitterS of [-0.05, 0.001, 0.2])
      expect(run(rules, (at) => ({ failed: at * 100 }), jitterS)?.second).toBeWithin(107, 109);
  });
});

describe("goodput", () => {
  const rules: StopRules = { goodput: { atLeast: 0.8, overNs: over } };

  test("stops when too few of the scheduled requests are answered in time", () => {
    const stop = run(rules, (at) => ({ scheduled: at * 1000, good: at * 790 }));
    expect(stop).toMatchObject({
      second: 107,
      rule: "goodput",
      evidence:
        "3,950 requests were answered within their SLO in 5s for 5,000 that were scheduled, 79 %; 80 % are due",
    });
  });

  test("does not stop at the bound itself, nor in a pause", () => {
    expect(run(rules, (at) => ({ scheduled: at * 1000, good: at * 800 }))).toBeNull();
    expect(run(rules, () => ({ scheduled: 9000, good: 10 }))).toBeNull();
  });
});

describe("outstanding requests", () => {
  const rules: StopRules = { outstanding: { atMost: 1000, overNs: ns(3e9) } };

  test("stop a run when they are too many at every report of the stretch", () => {
    const stop = run(rules, (at) => ({ outstanding: at >= 110 ? 1000 + at : 1000 }));
    expect(stop).toMatchObject({ second: 113, rule: "outstanding" });
    expect(stop?.evidence).toBe("1,110 requests or more were outstanding for 3s; 1,000 may be");
  });

  test("do not when they fell in between", () => {
    expect(run(rules, (at) => ({ outstanding: at % 3 === 0 ? 1000 : 5000 }))).toBeNull();
  });
});

test("rules with stretches of their own do not take from one another", () => {
  const rules: StopRules = {
    errorBudget: { share: 0.5, overNs: ns(2e9) },
    goodput: { atLeast: 0.5, overNs: ns(20e9) },
    outstanding: { atMost: 10, overNs: ns(4e9) },
  };
  const stop = run(rules, (at) => ({ scheduled: at * 10, good: 0, ok: at * 10 }));
  expect(stop).toMatchObject({ second: 122, rule: "goodput" });
});
