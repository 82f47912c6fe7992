/** Pauses on the real clock: they end at the instant or before it, and soon. */
import { expect, test } from "bun:test";
import { type Clock, startClock } from "#host/clock.ts";
import { napping, spinning } from "#host/pauses.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";

/** Time that passes by 1 us at each look at it. */
const steppingClock = (): Clock & { readonly looks: () => number } => {
  let looks = 0;
  return { epochNs: 0n, now: () => ns(1000 * looks++), looks: () => looks };
};

test("a spin ends at the instant when that is near, and after 10 us when it is far", () => {
  const near = steppingClock();
  spinning(near)(ns(5000));
  expect(near.now()).toBe(ns(6000));
  const far = steppingClock();
  spinning(far)(ns(1e9));
  expect(far.now()).toBe(ns(11_000));
});

test("an instant that has passed is not waited for", () => {
  const clock = startClock();
  for (const pause of [spinning(clock), napping(clock)]) {
    const before = clock.now();
    pause(ns(0));
    // Only a machine that stops for a second could make this fail.
    expect(clock.now() - before).toBeLessThan(1e9);
  }
});

test("near its instant a nap is a spin, which never ends late by the clock that it looks at", () => {
  const clock = steppingClock();
  napping(clock)(ns(100_000));
  // One look to see how near it is, then ten.
  expect(clock.looks()).toBe(12);
});

test("where instants are dense it does not nap, even when one is far", () => {
  const clock = steppingClock();
  const pause = napping(clock, { napMax: ns(5e6) });
  // 50 us apart, and looked at when they are due.
  for (let i = 0; i < 200; i++) pause(ns(50_000 * i));
  const before = clock.looks();
  pause(ns(1e9));
  // One look to see how far it is, then a spin; a nap would have looked once.
  expect(clock.looks() - before).toBe(12);
});

test("far from its instant it sleeps for the longest nap and no longer", () => {
  const clock = startClock();
  const before = clock.now();
  napping(clock, { napMax: ns(2e6) })((before + 10e9) as Nanos);
  expect(clock.now() - before).toBeGreaterThanOrEqual(2e6);
  expect(clock.now() - before).toBeLessThan(5e9);
});
