/** When a GPU is thought to be free; all instants in ms at the default clock unless stated. */
import { describe, expect, test } from "bun:test";
import { WorkTracker } from "#serving/controller/work-tracker.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";

const ms = (value: number): Nanos => ns(Math.round(value * 1e6));
const availableMs = (tracker: WorkTracker, now: number): number => tracker.available(ms(now)) / 1e6;

describe("WorkTracker", () => {
  test("an idle GPU is free 1 ms from now", () => {
    expect(availableMs(new WorkTracker(), 50)).toBe(51);
  });

  test("work adds up from when the first was added", () => {
    const tracker = new WorkTracker();
    tracker.add(ms(10), 1, ms(4));
    tracker.add(ms(11), 2, ms(6));
    // 10 + 4 + 6.
    expect(availableMs(tracker, 12)).toBe(20);
    // The front's end, as the worker reports it, is the new beginning: 15 + 6.
    tracker.succeeded(1, ms(15));
    expect(availableMs(tracker, 16)).toBe(21);
    tracker.failed(2, ms(17));
    expect(availableMs(tracker, 17)).toBe(18);
  });

  test("out of order: a success moves the beginning on by its size, an error does not", () => {
    const tracker = new WorkTracker();
    for (const id of [1, 2, 3]) tracker.add(ms(0), id, ms(5));
    // 2 ended before 1: 0 + 5 begins, 1 and 3 are left: 5 + 10 = 15.
    tracker.succeeded(2, ms(4));
    expect(availableMs(tracker, 5)).toBe(15);
    // 3 failed: only 1 is left: 5 + 5.
    tracker.failed(3, ms(6));
    expect(availableMs(tracker, 6)).toBe(10);
  });

  test("a stalled front is assumed to end 10 ms ago", () => {
    const tracker = new WorkTracker();
    tracker.add(ms(0), 1, ms(4));
    tracker.add(ms(0), 2, ms(30));
    // At 10 ms the front is late, but by less than 10 ms, and so it counts from its beginning: 0 + 34.
    expect(availableMs(tracker, 10)).toBe(34);
    // At 14 ms the front is exactly 10 ms late: not stalled yet: 34.
    expect(availableMs(tracker, 14)).toBe(34);
    // At 20 ms: begin = 20 − 10 − 4 = 6; 6 + 34 = 40.
    expect(availableMs(tracker, 20)).toBe(40);
  });

  test("a new clock changes the durations of what is outstanding", () => {
    const tracker = new WorkTracker();
    tracker.add(ms(0), 1, ms(4));
    tracker.clockMhz = 690;
    // 4 ms × 1380 / 690 = 8 ms.
    expect(availableMs(tracker, 1)).toBe(8);
  });

  test("names the first instant at which it is free less than 10 ms ahead", () => {
    const tracker = new WorkTracker();
    tracker.add(ms(0), 1, ms(14));
    // 14 − 10 = 4 ms and a ns: there 14 < 14.000001.
    const at = tracker.eligibleAt(ms(10));
    expect(at as number).toBe(4_000_001);
    expect(tracker.available(ns(4_000_001)) < 4_000_001 + 10_000_000).toBe(true);
    expect(tracker.available(ns(4_000_000)) < 4_000_000 + 10_000_000).toBe(false);
  });

  test("a GPU that will be stalled by then waits for an event", () => {
    const tracker = new WorkTracker();
    tracker.add(ms(0), 1, ms(1));
    tracker.add(ms(0), 2, ms(40));
    // Eligible at 41 − 10 = 31 ms, but from 11 ms on the front is stalled, and 40 ms of work lie behind it:
    // available = now − 10 − 1 + 41 = now + 30, never less than 10 away.
    expect(tracker.eligibleAt(ms(10))).toBeNull();
    expect(availableMs(tracker, 100)).toBe(130);
  });

  test("unknown actions change nothing", () => {
    const tracker = new WorkTracker();
    tracker.add(ms(0), 1, ms(4));
    tracker.succeeded(9, ms(2));
    expect(availableMs(tracker, 1)).toBe(4);
  });
});
