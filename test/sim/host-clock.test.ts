/** Clocks of simulated hosts: offsets show on the wall, drifts in every instant, and alarms ring when they should. */
import { describe, expect, test } from "bun:test";
import { HostClock, TRUE_CLOCK, WORLD_EPOCH_NS } from "#sim/host-clock.ts";
import { ns } from "#stdx/nanos.ts";

test("a true clock counts from when its role started", () => {
  const clock = new HostClock(TRUE_CLOCK, ns(5000));
  expect(clock.epochNs).toBe(WORLD_EPOCH_NS + 5000n);
  expect(clock.read(ns(5007))).toBe(ns(7));
  expect(clock.when(ns(7))).toBe(ns(5007));
});

test("an offset is on the wall clock and in no duration", () => {
  const clock = new HostClock({ offset: ns(-3_000_000), driftPpb: 0 }, ns(1000));
  expect(clock.epochNs).toBe(WORLD_EPOCH_NS + 1000n - 3_000_000n);
  expect(clock.read(ns(2000))).toBe(ns(1000));
});

describe.each([20_000, -20_000, 500_000_000, -300_000_000])("a drift of %d ppb", (driftPpb) => {
  const clock = new HostClock({ offset: ns(0), driftPpb }, ns(100));

  test("gains or loses as much", () => {
    const second = 1_000_000_000;
    expect(clock.read(ns(100 + second))).toBe(ns(second + driftPpb));
  });

  test("an alarm rings at the first instant at which the clock shows its time", () => {
    for (let local = 1; local < 3000; local += 7) {
      const at = clock.when(ns(local));
      expect(clock.read(at)).toBeGreaterThanOrEqual(local);
      expect(clock.read(ns(at - 1))).toBeLessThan(local);
    }
    const far = ns(86_400_000_000_000);
    expect(clock.read(clock.when(far))).toBeGreaterThanOrEqual(far);
  });

  test("it never goes back", () => {
    let last = -1;
    for (let at = 100; at < 3100; at++) {
      expect(clock.read(ns(at))).toBeGreaterThanOrEqual(last);
      last = clock.read(ns(at));
    }
  });
});
