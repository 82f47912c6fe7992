/** The alarm on hand-turned time: never early, once per arming, and how it waits in either mode. */
import { expect, test } from "bun:test";
import { Alarm, type AlarmMode, type Timers } from "#host/alarm.ts";
import { type Clock, startClock } from "#host/clock.ts";
import { MILLISECOND, type Nanos, ns, ZERO_NS } from "#stdx/nanos.ts";

/** Timers that fire only when told, and remember what they were asked for. */
class HandTimers implements Timers {
  readonly delaysMs: number[] = [];
  immediates = 0;
  #pending = new Map<number, () => void>();
  #handles = 0;

  setTimeout(callback: () => void, delayMs: number): unknown {
    this.delaysMs.push(delayMs);
    return this.#add(callback);
  }

  setImmediate(callback: () => void): unknown {
    this.immediates++;
    return this.#add(callback);
  }

  clearTimeout(handle: unknown): void {
    this.#pending.delete(handle as number);
  }

  clearImmediate(handle: unknown): void {
    this.#pending.delete(handle as number);
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  fire(): void {
    const callbacks = [...this.#pending.values()];
    this.#pending.clear();
    for (const callback of callbacks) callback();
  }

  #add(callback: () => void): number {
    this.#pending.set(++this.#handles, callback);
    return this.#handles;
  }
}

const setUp = (mode: AlarmMode) => {
  let now: Nanos = ZERO_NS;
  const clock: Clock = { epochNs: 0n, now: () => now };
  const timers = new HandTimers();
  const dueAt: Nanos[] = [];
  const alarm = new Alarm({ clock, mode, onDue: () => dueAt.push(now), timers });
  const at = (ms: number): Nanos => ns(ms * MILLISECOND);
  return { alarm, timers, dueAt, at, setNow: (ms: number) => (now = at(ms)) };
};

test("coarse: rounds the delay up, because the runtime would drop the fraction", () => {
  const { alarm, timers, dueAt, at, setNow } = setUp("coarse");
  alarm.arm(at(1.5));
  expect(timers.delaysMs).toEqual([2]);
  setNow(2);
  timers.fire();
  expect(dueAt).toEqual([at(2)]);
  expect(alarm.at).toBeNull();
  expect(timers.pendingCount).toBe(0);
});

test("a timer that fires early is waited out, not passed on", () => {
  const { alarm, timers, dueAt, at, setNow } = setUp("coarse");
  alarm.arm(at(10));
  setNow(9.2);
  timers.fire();
  expect(dueAt).toEqual([]);
  expect(timers.delaysMs).toEqual([10, 1]);
  setNow(10);
  timers.fire();
  expect(dueAt).toEqual([at(10)]);
});

test("precise: sleeps until 2 ms before, then turns the event loop", () => {
  const { alarm, timers, dueAt, at, setNow } = setUp("precise");
  alarm.arm(at(10.7));
  expect(timers.delaysMs).toEqual([8]);
  setNow(8.9);
  timers.fire();
  expect(timers.immediates).toBe(1);
  setNow(10.6);
  timers.fire();
  expect(timers.immediates).toBe(2);
  expect(dueAt).toEqual([]);
  setNow(10.7);
  timers.fire();
  expect(dueAt).toEqual([at(10.7)]);
  expect(timers.pendingCount).toBe(0);
});

test("precise: pauses between turns, not after a sleep, and fires at once when a pause reaches the instant", () => {
  let now: Nanos = ZERO_NS;
  const clock: Clock = { epochNs: 0n, now: () => now };
  const timers = new HandTimers();
  const dueAt: Nanos[] = [];
  const paused: Nanos[] = [];
  const pause = (at: Nanos): void => {
    paused.push(at);
    now = ns(now + MILLISECOND);
  };
  const alarm = new Alarm({
    clock,
    mode: "precise",
    onDue: () => dueAt.push(now),
    pause,
    timers,
  });
  const at = ns(4.5 * MILLISECOND);
  alarm.arm(at);
  expect(timers.delaysMs).toEqual([2]);
  now = ns(2 * MILLISECOND);
  timers.fire();
  expect(paused).toEqual([]);
  for (let turn = 0; turn < 3; turn++) timers.fire();
  expect(paused).toEqual([at, at, at]);
  expect(dueAt).toEqual([ns(5 * MILLISECOND)]);
});

test.each<AlarmMode>(["coarse", "precise"])("%s: moved, the old instant is forgotten", (mode) => {
  const { alarm, timers, dueAt, at, setNow } = setUp(mode);
  alarm.arm(at(5));
  alarm.arm(at(50));
  expect(timers.pendingCount).toBe(1);
  setNow(6);
  timers.fire();
  expect(dueAt).toEqual([]);
  alarm.arm(at(6.5));
  setNow(7);
  timers.fire();
  expect(dueAt).toEqual([at(7)]);
});

test.each<AlarmMode>(["coarse", "precise"])("%s: disarmed, nothing is pending", (mode) => {
  const { alarm, timers, dueAt, at } = setUp(mode);
  alarm.arm(at(0));
  alarm.arm(null);
  expect(timers.pendingCount).toBe(0);
  timers.fire();
  expect(dueAt).toEqual([]);
});

test.each<AlarmMode>(["coarse", "precise"])(
  "%s: an instant in the past is due in the next turn",
  (mode) => {
    const { alarm, timers, dueAt, at, setNow } = setUp(mode);
    setNow(30);
    alarm.arm(at(10));
    expect(dueAt).toEqual([]);
    timers.fire();
    expect(dueAt).toEqual([at(30)]);
  },
);

test("arming for the same instant again leaves the pending timer alone", () => {
  const { alarm, timers, at } = setUp("coarse");
  alarm.arm(at(5));
  alarm.arm(at(5));
  expect(timers.delaysMs).toEqual([5]);
});

test("an instant beyond the runtime's 32-bit timers is approached in steps", () => {
  const { alarm, timers, dueAt, at, setNow } = setUp("coarse");
  const far = 40 * 24 * 3600 * 1000;
  alarm.arm(at(far));
  expect(timers.delaysMs).toEqual([2 ** 31 - 1]);
  setNow(2 ** 31 - 1);
  timers.fire();
  expect(dueAt).toEqual([]);
  expect(timers.delaysMs).toEqual([2 ** 31 - 1, far - (2 ** 31 - 1)]);
});

test("re-armed from within its own callback, it goes off again", () => {
  let now = ZERO_NS;
  const timers = new HandTimers();
  const alarm: Alarm = new Alarm({
    clock: { epochNs: 0n, now: () => now },
    mode: "coarse",
    onDue: () => alarm.arm(ns(now + 3 * MILLISECOND)),
    timers,
  });
  alarm.arm(ns(MILLISECOND));
  now = ns(MILLISECOND);
  timers.fire();
  expect(alarm.at).toBe(ns(4 * MILLISECOND));
  expect(timers.delaysMs).toEqual([1, 3]);
});

test.each<AlarmMode>(["coarse", "precise"])("%s on the real clock: never early", async (mode) => {
  const clock = startClock();
  for (const delayNs of [0, 300_000, 1_400_000, 3_700_000]) {
    const { promise, resolve } = Promise.withResolvers<Nanos>();
    const alarm = new Alarm({ clock, mode, onDue: () => resolve(clock.now()) });
    const at = ns(clock.now() + delayNs);
    alarm.arm(at);
    expect(await promise).toBeGreaterThanOrEqual(at);
  }
});
