/** Closed loops: slots, think time, the end. */
import { describe, expect, test } from "bun:test";
import { ns } from "#stdx/nanos.ts";
import { ClosedLoopArrivals } from "#workload/closed-loop.ts";

const make = (changes = {}) =>
  new ClosedLoopArrivals({
    concurrency: 2,
    thinkTime: ns(100),
    instances: 3,
    end: ns(1000),
    ...changes,
  });

/** Takes what is due at the next instant. */
const takeDue = (process: ClosedLoopArrivals) => {
  const at = process.nextAt();
  const due = [];
  while (at !== null && process.nextAt() === at) due.push(process.take());
  return due;
};

describe("a closed loop", () => {
  test("asks in every slot of every instance at the start, slot by slot", () => {
    const due = takeDue(make());
    expect(due.map(({ at, instance, user }) => [at, instance, user])).toEqual([
      [ns(0), 0, 0],
      [ns(0), 1, 0],
      [ns(0), 2, 0],
      [ns(0), 0, 1],
      [ns(0), 1, 1],
      [ns(0), 2, 1],
    ]);
  });

  test("asks again one think time after a response, in the same slot", () => {
    const process = make();
    const due = takeDue(process);
    expect(process.nextAt()).toBeNull();
    const second = due[4];
    if (second === undefined) throw new Error("no arrival");
    process.onEnded(ns(250), second);
    expect(process.take()).toMatchObject({ at: ns(350), instance: 1, user: 1 });
    expect(process.nextAt()).toBeNull();
  });

  test("asks no more from the end on", () => {
    const process = make();
    const [first, second] = takeDue(process);
    if (first === undefined || second === undefined) throw new Error("no arrival");
    process.onEnded(ns(899), first);
    process.onEnded(ns(900), second);
    // 899 + 100 = 999 is before the end at 1000; 900 + 100 is not.
    expect(process.take().at).toBe(ns(999));
    expect(process.nextAt()).toBeNull();
  });

  test("keeps its arrivals in order when ends are told out of order", () => {
    const process = make();
    const [first, second] = takeDue(process);
    if (first === undefined || second === undefined) throw new Error("no arrival");
    process.onEnded(ns(500), first);
    process.onEnded(ns(400), second);
    expect([process.take().at, process.take().at]).toEqual([ns(600), ns(600)]);
  });

  test("survives very many rounds without forgetting a slot", () => {
    const process = make({ thinkTime: ns(0), end: ns(10_000) });
    let taken = 0;
    for (let now = 0; now < 5000; now++) {
      const due = takeDue(process);
      taken += due.length;
      for (const arrival of due) process.onEnded(ns(now), arrival);
    }
    // 6 slots, each asking once per round.
    expect(taken).toBe(6 * 5000);
  });

  test("cannot say in advance how many requests there will be", () => {
    expect(make().expectedCount()).toBeNull();
  });
});
