/** Constant and Poisson arrivals: counts, gaps, seeds. */
import { describe, expect, test } from "bun:test";
import { type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { RenewalArrivals, type RenewalLoad } from "#workload/open-loop.ts";
import { takeAll } from "./workloads.ts";

type Changes = {
  readonly ratePerS?: number;
  readonly end?: Nanos;
  readonly seed?: number;
  readonly users?: number;
};

const make =
  (arrivals: "constant" | "poisson") =>
  ({ ratePerS = 1000, end = ns(10 * SECOND), seed = 1, users }: Changes = {}): RenewalArrivals => {
    const load: RenewalLoad = { arrivals, ratePerS, ...(users === undefined ? {} : { users }) };
    return new RenewalArrivals({ load, instances: 4, end, seed });
  };

const constant = make("constant");
const poisson = make("poisson");

describe("constant arrivals", () => {
  test("are one period apart, from 0 to before the end, instances in rotation", () => {
    const arrivals = takeAll(constant({ end: ns(5e6) }));
    // 1000/s for 5 ms: at 0, 1, 2, 3 and 4 ms.
    expect(arrivals.map(({ at }) => at)).toEqual([0, 1e6, 2e6, 3e6, 4e6].map(ns));
    expect(arrivals.map(({ instance }) => instance)).toEqual([0, 1, 2, 3, 0]);
  });

  test("do not drift at a rate whose period is no whole number of nanoseconds", () => {
    const arrivals = takeAll(constant({ ratePerS: 7 }));
    // Periods of 1/7 s: 70 in 10 s, the last at floor(69/7 s) = 9,857,142,857 ns.
    expect(arrivals).toHaveLength(70);
    expect(arrivals.at(-1)?.at).toBe(ns(9_857_142_857));
  });

  test.each([1000, 7, 333.3, 0.05])("say exactly how many fall in a window (%d/s)", (ratePerS) => {
    const arrivals = takeAll(constant({ ratePerS }));
    const process = constant({ ratePerS });
    for (const [from, to] of [
      [0, 10e9],
      [0, 0],
      [1, 1e6],
      [1e6, 1e6 + 1],
      [142_857_142, 142_857_143],
      [5e9, 99e9],
    ]) {
      const seen = arrivals.filter(({ at }) => at >= (from ?? 0) && at < (to ?? 0)).length;
      expect(process.expectedCount(ns(from ?? 0), ns(to ?? 0))).toBe(seen);
    }
  });
});

describe("Poisson arrivals", () => {
  const arrivals = takeAll(poisson({ ratePerS: 10_000 }));
  const gaps = arrivals.slice(1).map(({ at }, i) => at - (arrivals[i]?.at ?? 0));

  test("come at the rate asked for", () => {
    // 100,000 expected, sigma = sqrt(100,000) = 316: within 5 sigma.
    expect(Math.abs(arrivals.length - 100_000)).toBeLessThan(1581);
    expect(poisson({ ratePerS: 10_000 }).expectedCount(ns(0), ns(10e9))).toBe(100_000);
  });

  test("keep their rate when gaps are a few nanoseconds: fractions are not lost one by one", () => {
    // 10 ns apart: cutting every gap to whole ns would add 5 %. 100,000 expected, 5 sigma = 1581.
    const dense = takeAll(poisson({ ratePerS: 1e8, end: ns(1_000_000) }));
    expect(Math.abs(dense.length - 100_000)).toBeLessThan(1581);
  });

  test("have exponential gaps: mean, spread and median", () => {
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    const median = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
    expect(Math.sqrt(variance) / mean).toBeCloseTo(1, 1);
    expect(median / mean).toBeCloseTo(Math.LN2, 1);
  });

  test("are spread over the instances", () => {
    for (let instance = 0; instance < 4; instance++) {
      const share = arrivals.filter((arrival) => arrival.instance === instance).length;
      // 25,000 each, sigma = sqrt(100,000 × 1/4 × 3/4) = 137.
      expect(Math.abs(share - arrivals.length / 4)).toBeLessThan(685);
    }
  });

  test("are the same for the same seed, and stop before the end", () => {
    expect(takeAll(poisson())).toEqual(takeAll(poisson()));
    const other = takeAll(poisson({ seed: 2 }));
    expect(other).not.toEqual(takeAll(poisson()));
    expect(other.every(({ at }) => at < 10e9)).toBe(true);
  });

  test("keep their first draws when the run gets longer", () => {
    const short = takeAll(poisson({ end: ns(SECOND) }));
    const long = takeAll(poisson());
    expect(long.slice(0, short.length)).toEqual(short);
  });

  test("come from the users asked for, in equal parts, without moving any arrival", () => {
    const users = takeAll(poisson({ ratePerS: 10_000, users: 5 }));
    expect(users.map(({ at, instance }) => [at, instance])).toEqual(
      arrivals.map(({ at, instance }) => [at, instance]),
    );
    for (let user = 0; user < 5; user++) {
      const share = users.filter((arrival) => arrival.user === user).length;
      // 20,000 each, sigma = sqrt(100,000 × 1/5 × 4/5) = 126.
      expect(Math.abs(share - users.length / 5)).toBeLessThan(630);
    }
  });
});
