/** The role's clock: anchored once, monotonic after, exact at the edges. */
import { expect, test } from "bun:test";
import {
  anchorClock,
  type Clock,
  clampNanos,
  fromAbsolute,
  INSTANT_MAX,
  startClock,
  toAbsolute,
} from "#host/clock.ts";
import { type Nanos, ns, ZERO_NS } from "#stdx/nanos.ts";

const fixed: Clock = { epochNs: 1_795_450_679_419_767_911n, now: () => ZERO_NS };

test("absolute instants keep every nanosecond, which a double could not", () => {
  expect(toAbsolute(fixed, ns(150))).toBe(1_795_450_679_419_768_061n);
  expect(fromAbsolute(fixed, 1_795_450_679_419_768_061n)).toBe(ns(150));
  expect(fromAbsolute(fixed, 1_795_450_679_419_767_910n)).toBe(ns(-1));
});

test("instants that no run can contain are held at 52 days", () => {
  expect(fromAbsolute(fixed, 0n)).toBe(ns(-INSTANT_MAX));
  expect(fromAbsolute(fixed, 2n ** 64n - 1n)).toBe(INSTANT_MAX);
  expect(clampNanos(BigInt(INSTANT_MAX) - 1n)).toBe(ns(INSTANT_MAX - 1));
  // The sum of two is still exact.
  expect(Number.isSafeInteger(INSTANT_MAX + INSTANT_MAX)).toBe(true);
});

test("the anchor takes the attempt with the narrowest bracket", () => {
  // Attempt n reads n seconds; all but the 17th take 0.2 ms.
  let attempts = 0;
  const anchor = anchorClock(() => {
    attempts++;
    const start = Bun.nanoseconds();
    while (attempts !== 17 && Bun.nanoseconds() - start < 200_000);
    return 1_000_000_000n * BigInt(attempts);
  });
  expect(attempts).toBe(50);
  expect(anchor.wallNs).toBe(17_000_000_000n);
});

test.each([
  ["through the C library", undefined],
  ["without one", null],
])("the real clock %s agrees with the system's and never decreases", (_, readWallNs) => {
  const beforeMs = Date.now();
  const clock = startClock(readWallNs === null ? anchorClock(null) : anchorClock());
  const start = toAbsolute(clock, clock.now());
  const afterMs = Date.now();
  // Date.now() truncates to 1 ms, and the fallback is good to about 0.1 ms.
  expect(Number(start / 1_000_000n)).toBeGreaterThanOrEqual(beforeMs - 2);
  expect(Number(start / 1_000_000n)).toBeLessThanOrEqual(afterMs + 2);
  let last: Nanos = ZERO_NS;
  for (let i = 0; i < 1000; i++) {
    const now = clock.now();
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
});
