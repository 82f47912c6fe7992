/** Workloads in words, and the numbers of requests that they announce. */
import { describe, expect, test } from "bun:test";
import type { Load, Workload } from "#experiment/resolved.ts";
import { ns, SECOND } from "#stdx/nanos.ts";
import { describeWorkload, expectedRequests } from "#workload/describe-workload.ts";
import { SHAPES } from "./workloads.ts";

const TIMES = {
  warmUpNs: ns(SECOND),
  durationNs: ns(8 * SECOND),
  coolDownNs: ns(SECOND),
  inputs: false,
};
const OPTIONS = {
  seed: 1,
  models: [
    { model: "a", instances: 2 },
    { model: "b", instances: 1 },
  ],
};

const said = (workload: Workload): string => describeWorkload(workload, OPTIONS).join(" ");

/** Ten seconds at a base rate of 100/s; rate-curve.test.ts works out the integrals. */
const LOADS: readonly (readonly [Load, string])[] = [
  [
    { arrivals: "constant", ratePerS: 100 },
    "Open loop, constant arrivals at 100/s spread evenly over 3 model instances. Offers 1,000 requests.",
  ],
  [
    { arrivals: "weibull", ratePerS: 100, cv: 2, users: 7 },
    "Open loop, Weibull gaps of CV 2 at 100/s, from 7 users drawn uniformly, spread evenly over 3 model instances. Offers about 1,000 requests.",
  ],
  [
    // 500 before 3 s, then 7 s at 300/s.
    { arrivals: "poisson", ratePerS: 100, shape: SHAPES.ramp },
    "Open loop, poisson arrivals at 100/s, from 1s on in a straight line to 300/s within 2s, spread evenly over 3 model instances. Offers about 2,600 requests.",
  ],
  [
    // 400 before 3 s, then 7 s at 50/s.
    { arrivals: "gamma", ratePerS: 100, cv: 0.5, shape: SHAPES.steps },
    "Open loop, Gamma gaps of CV 0.5 at 100/s, then 300/s from 1s on, 0/s from 2s on, 50/s from 3s on, spread evenly over 3 model instances. Offers about 750 requests.",
  ],
  [
    // 50 before 0.5 s, nine cycles of 180, and half a second of a cycle: 0.2 s × 500 + 0.3 s × 100 = 130.
    { arrivals: "poisson", ratePerS: 100, shape: SHAPES.bursts },
    "Open loop, poisson arrivals at 100/s, with 500/s for 200ms every 1s, first at 500ms, spread evenly over 3 model instances. Offers about 1,800 requests.",
  ],
  [
    // Two and a half waves of 4 s: 1,000 + 200 / π = 1,064 (63.7).
    { arrivals: "poisson", ratePerS: 100, shape: SHAPES.sine },
    "Open loop, poisson arrivals at 100/s, in waves of ±50 % with a period of 4s, spread evenly over 3 model instances. Offers about 1,064 requests.",
  ],
  [
    {
      arrivals: "markov-modulated",
      states: [
        { ratePerS: 0, meanNs: ns(3 * SECOND) },
        { ratePerS: 200, meanNs: ns(SECOND) },
      ],
    },
    "Open loop, Markov-modulated Poisson arrivals at 50/s on average (in turn 0/s for 3s, 200/s for 1s, each time exponential with that mean), spread evenly over 3 model instances. Offers about 500 requests.",
  ],
];

test.each(LOADS)("%j", (load, text) => {
  expect(said({ ...TIMES, ...load })).toBe(text);
});

describe("a mix", () => {
  const parts = [
    { name: "web", models: ["a"], load: { arrivals: "poisson", ratePerS: 30 } },
    { name: "tick", models: null, load: { arrivals: "constant", ratePerS: 5 } },
  ] as const;

  test("says what each part offers, and all together", () => {
    expect(describeWorkload({ ...TIMES, arrivals: "mix", parts }, OPTIONS)).toEqual([
      "A mix of 2 loads, each with its own seed:",
      "web: poisson arrivals at 30/s over 2 instances of a; about 300 requests.",
      "tick: constant arrivals at 5/s over 3 instances of all models; 50 requests.",
      "Offers about 350 requests in all.",
    ]);
  });

  test("with a closed loop in it has no number", () => {
    const loop = { arrivals: "closed-loop", concurrency: 2, thinkTimeNs: ns(0) } as const;
    const mix: Workload = {
      ...TIMES,
      arrivals: "mix",
      parts: [...parts, { name: "loop", models: ["b"], load: loop }],
    };
    expect(expectedRequests(mix, OPTIONS)).toBeNull();
    expect(said(mix)).toEndWith(
      "loop: closed loop over 1 instance of b: 2 requests outstanding, each followed at once by the next. The number of requests depends on the responses.",
    );
  });
});
