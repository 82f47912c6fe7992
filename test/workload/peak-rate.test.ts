/** Peaks of rate curves and of schedules. */
import { describe, expect, test } from "bun:test";
import type { Load } from "#experiment/resolved.ts";
import { ns } from "#stdx/nanos.ts";
import type { ArrivalProcess } from "#workload/arrival.ts";
import { peakOfArrivals, peakOfLoad } from "#workload/peak-rate.ts";
import { rateCurve } from "#workload/rate-curve.ts";

const poisson = (shape?: Extract<Load, { arrivals: "poisson" | "constant" }>["shape"]): Load => ({
  arrivals: "poisson",
  ratePerS: 100,
  ...(shape === undefined ? {} : { shape }),
});

describe("a rate curve", () => {
  test.each<[string, Load, number]>([
    ["flat", poisson(), 100],
    ["rising", poisson({ kind: "ramp", toPerS: 900, startNs: ns(1e9), overNs: ns(2e9) }), 900],
    ["falling", poisson({ kind: "ramp", toPerS: 9, startNs: ns(1e9), overNs: ns(2e9) }), 100],
    [
      "in steps",
      poisson({
        kind: "steps",
        steps: [
          { atNs: ns(1e9), ratePerS: 300 },
          { atNs: ns(2e9), ratePerS: 50 },
        ],
      }),
      300,
    ],
    [
      "in bursts",
      poisson({
        kind: "bursts",
        peakPerS: 800,
        everyNs: ns(3e9),
        lengthNs: ns(1e9),
        firstNs: ns(0),
      }),
      800,
    ],
    ["waving", poisson({ kind: "sine", amplitude: 0.5, periodNs: ns(4e9), phase: 0 }), 150],
  ])("%s: no instant has more than the peak, and some instant has it", (_, load, expected) => {
    expect(peakOfLoad(load)).toBe(expected);
    if (load.arrivals !== "poisson") throw new Error("unexpected");
    const curve = rateCurve(load.ratePerS, load.shape);
    let highest = 0;
    for (let at = 0; at < 8e9; at += 10e6) highest = Math.max(highest, curve.rateAt(at));
    expect(highest).toBeCloseTo(expected, 3);
  });

  test("of states is that of the busiest, and a closed loop has none", () => {
    const states = [
      { ratePerS: 10, meanNs: ns(1e9) },
      { ratePerS: 70, meanNs: ns(1e6) },
    ];
    expect(peakOfLoad({ arrivals: "markov-modulated", states })).toBe(70);
    const closed = { arrivals: "closed-loop", concurrency: 5, thinkTimeNs: ns(0) } as const;
    expect(peakOfLoad(closed)).toBe(0);
  });
});

const arrivalsAt = (instantsMs: readonly number[]): ArrivalProcess => {
  const left = [...instantsMs];
  return {
    expectedCount: () => null,
    nextAt: () => (left[0] === undefined ? null : ns(left[0] * 1e6)),
    take: () => ({ at: ns((left.shift() ?? 0) * 1e6), instance: 0, user: 0, className: "" }),
    onEnded: () => {},
  };
};

describe("a schedule", () => {
  test("peaks in its busiest 100 ms", () => {
    // Three in [500, 600), two in each of two others.
    expect(peakOfArrivals(arrivalsAt([0, 99, 100, 199, 500, 550, 599, 600]), 100)).toBe(30);
    expect(peakOfArrivals(arrivalsAt([]), 100)).toBe(0);
  });

  test("is walked no further than allowed", () => {
    expect(peakOfArrivals(arrivalsAt([0, 500, 501, 502, 503]), 3)).toBe(20);
  });
});
