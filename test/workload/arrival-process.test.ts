/** Mixes: order, classes, models, users, seeds of their own, closed loops among them. */
import { describe, expect, test } from "bun:test";
import type { MixPart, Workload } from "#experiment/resolved.ts";
import { ns, SECOND } from "#stdx/nanos.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { takeAll } from "./workloads.ts";

/** Instances 0 and 1 are of "a", 2 of "b", 3 to 5 of "c". */
const MODELS = [
  { model: "a", instances: 2 },
  { model: "b", instances: 1 },
  { model: "c", instances: 3 },
];

const INTERACTIVE: MixPart = {
  name: "interactive",
  models: ["c", "a"],
  load: { arrivals: "poisson", ratePerS: 300, users: 10 },
};
const BATCH: MixPart = {
  name: "batch",
  models: ["b"],
  load: { arrivals: "gamma", ratePerS: 100, cv: 2, users: 3 },
};
const TICK: MixPart = { name: "tick", models: null, load: { arrivals: "constant", ratePerS: 10 } };
const LOOP: MixPart = {
  name: "loop",
  models: ["b", "c"],
  load: { arrivals: "closed-loop", concurrency: 2, thinkTimeNs: ns(0) },
};

const mixOf = (parts: readonly MixPart[], seed = 1) => {
  const workload: Workload = {
    arrivals: "mix",
    parts,
    warmUpNs: ns(SECOND),
    durationNs: ns(8 * SECOND),
    coolDownNs: ns(SECOND),
    inputs: false,
  };
  const made = createArrivalProcess({ workload, seed, models: MODELS });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  return made.value;
};

describe("a mix of open loops", () => {
  const arrivals = takeAll(mixOf([INTERACTIVE, BATCH, TICK]));
  const of = (name: string) => arrivals.filter(({ className }) => className === name);

  test("is in order of time and has every class", () => {
    const instants = arrivals.map(({ at }) => at);
    expect(instants).toEqual(instants.toSorted((a, b) => a - b));
    // 10 s at 300/s, 100/s and 10/s; deviations 55 and 2 · √1000 = 63.
    expect(Math.abs(of("interactive").length - 3000)).toBeLessThan(220);
    expect(Math.abs(of("batch").length - 1000)).toBeLessThan(260);
    expect(of("tick")).toHaveLength(100);
  });

  test("asks only for the models of each part, evenly", () => {
    const asked = (name: string) =>
      [...new Set(of(name).map(({ instance }) => instance))].toSorted((a, b) => a - b);
    expect(asked("interactive")).toEqual([0, 1, 3, 4, 5]);
    expect(asked("batch")).toEqual([2]);
    expect(asked("tick")).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("numbers the users of its parts one after the other", () => {
    const users = (name: string) =>
      [...new Set(of(name).map(({ user }) => user))].toSorted((a, b) => a - b);
    expect(users("interactive")).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(users("batch")).toEqual([10, 11, 12]);
    expect(users("tick")).toEqual([13]);
  });

  test("announces the sum of its parts", () => {
    // 8 s × 410/s, of which the constant part is counted exactly: 80.
    const count = mixOf([INTERACTIVE, BATCH, TICK]).expectedCount(ns(1e9), ns(9e9));
    expect(count).toBeCloseTo(3280, 6);
  });

  test("gives each part a seed of its own: other parts change nothing in it, nor does its place", () => {
    const instants = (parts: readonly MixPart[], name: string, seed = 1) =>
      takeAll(mixOf(parts, seed))
        .filter(({ className }) => className === name)
        .map(({ at, instance }) => [at, instance]);
    const alone = instants([BATCH], "batch");
    expect(alone.length).toBeGreaterThan(700);
    expect(instants([TICK, INTERACTIVE, BATCH], "batch")).toEqual(alone);
    expect(instants([BATCH], "batch", 2)).not.toEqual(alone);
    // The same load under another name is another draw.
    expect(instants([{ ...BATCH, name: "other" }], "other")).not.toEqual(alone);
  });

  test("at equal instants the part that is listed first goes first", () => {
    const both = takeAll(mixOf([TICK, { ...TICK, name: "tock" }])).slice(0, 4);
    expect(both.map(({ className }) => className)).toEqual(["tick", "tock", "tick", "tock"]);
  });
});

describe("a closed loop in a mix", () => {
  test("learns of its own responses only, and asks again as the same slot", () => {
    const mix = mixOf([TICK, LOOP]);
    expect(mix.expectedCount(ns(0), ns(SECOND))).toBeNull();
    const first = Array.from({ length: 9 }, () => mix.take());
    // At 0: one tick, and two slots on each of the four instances of "b" and "c".
    expect(first.map(({ at }) => at)).toEqual(first.map(() => ns(0)));
    expect(first[0]?.className).toBe("tick");
    const slots = first.slice(1).map(({ instance, user }) => [instance, user]);
    // The tick's one user is 0, so the slots are users 1 and 2.
    expect(slots).toEqual([
      [2, 1],
      [3, 1],
      [4, 1],
      [5, 1],
      [2, 2],
      [3, 2],
      [4, 2],
      [5, 2],
    ]);
    expect(mix.nextAt()).toBe(ns(1e8));
    const [tick, , slot] = first;
    if (tick === undefined || slot === undefined) throw new Error("nothing was taken");
    mix.onEnded(ns(1e6), tick);
    expect(mix.nextAt()).toBe(ns(1e8));
    mix.onEnded(ns(2e6), slot);
    expect(mix.nextAt()).toBe(ns(2e6));
    expect(mix.take()).toEqual({ ...slot, at: ns(2e6) });
    expect(mix.nextAt()).toBe(ns(1e8));
  });
});
