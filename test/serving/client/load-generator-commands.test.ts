/** The load generator under command: one of several with a common start, models that another one loaded, an early end. */
import { describe, expect, test } from "bun:test";
import { addNs, ns, SECOND } from "#stdx/nanos.ts";
import { arrivalsOf, Bench, ms, started } from "./generator.ts";

const MODELS = [10, 11, 12].map((modelId) => ({ model: "m", modelId, inputBytes: 100 }));

describe("models that another generator loaded", () => {
  test("make it ready without asking the controller for anything", () => {
    const bench = new Bench({ modelsAreGiven: true });
    expect(bench.step({ kind: "link_up" })).toEqual([]);
    expect(bench.generator.nextTimeout()).toBeNull();
    bench.step({ kind: "models", models: MODELS });
    expect(bench.effects).toEqual([{ kind: "ready", models: MODELS, expectedRequests: 80 }]);
    bench.step({ kind: "start" });
    bench.runUntil(ns(SECOND));
    expect(new Set(bench.inferences().map(({ request }) => request)).size).toBeGreaterThan(3);
    expect(bench.sends()).toHaveLength(bench.inferences().length);
  });

  test("may be told before the connection stands, and so may the start", () => {
    const bench = new Bench({ modelsAreGiven: true });
    bench.step({ kind: "models", models: MODELS });
    bench.step({ kind: "start", at: ms(400) });
    expect(bench.effects).toEqual([]);
    bench.step({ kind: "link_up" }, ms(300));
    expect(bench.of("ready")).toHaveLength(1);
    expect(bench.of("started")[0]?.sendStart).toBe(ms(400));
  });

  test("that are not those of the run end it", () => {
    const bench = new Bench({ modelsAreGiven: true });
    bench.step({ kind: "link_up" });
    bench.step({ kind: "models", models: MODELS.slice(1) });
    expect(bench.of("failed")[0]?.message).toBe("was told of 2 model instances, the run has 3");
  });
});

describe("a common start", () => {
  test("is the instant itself, however long before it the command came", () => {
    const bench = new Bench();
    bench.becomeReady();
    bench.step({ kind: "start", at: ms(700) }, ms(100));
    bench.runUntil(ms(705));
    expect(bench.of("started")[0]?.sendStart).toBe(ms(700));
    // Constant arrivals, 10 ms apart, the first of them at the start.
    expect(bench.inferences()).toHaveLength(1);
    expect(bench.now).toBe(ms(700));
  });

  test("that is over is an error, not a later start", () => {
    const bench = new Bench();
    bench.becomeReady();
    bench.step({ kind: "start", at: ms(700) }, ms(712));
    expect(bench.of("started")).toEqual([]);
    expect(bench.of("failed")[0]?.message).toBe(
      "was told to start sending 12.0 ms after the instant itself",
    );
    expect(bench.generator.nextTimeout()).toBeNull();
  });
});

describe("an early end", () => {
  test("sends what is due before it, nothing after, and counts for the shortened window", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ms(300)));
    bench.step({ kind: "finish", at: addNs(start, ms(455)) }, addNs(start, ms(301)));
    bench.runUntil(addNs(start, ms(600)));
    // At 0, 10, … 450 ms.
    expect(bench.inferences()).toHaveLength(46);
    expect(bench.of("draining")).toEqual([{ kind: "draining", outstanding: 46 }]);
    expect(bench.effects.at(-1)?.kind).toBe("draining");
    for (const { messageId } of bench.inferences()) bench.respond(messageId);
    // Measured from 100 ms on.
    expect(bench.effects.at(-1)).toEqual({ kind: "drained", unknown: 0, expectedRequests: 36 });
    expect(bench.records()).toHaveLength(46);
    expect(bench.records().every(({ outcome }) => outcome === "ok")).toBe(true);
  });

  test("drains no longer than the limit allows after it", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ms(300)));
    bench.step({ kind: "finish", at: addNs(start, ms(305)) });
    bench.runUntil(addNs(start, ns(20 * SECOND)));
    expect(bench.now).toBe(addNs(start, ms(5305)));
    expect(bench.of("drained")).toMatchObject([{ unknown: 31 }]);
  });

  test("after the planned one, or before the start, changes nothing", () => {
    const { bench, start } = started();
    bench.step({ kind: "finish", at: addNs(start, ns(SECOND)) });
    bench.runUntil(addNs(start, ns(SECOND)));
    expect(bench.inferences()).toHaveLength(100);
    const early = new Bench();
    early.becomeReady();
    expect(early.step({ kind: "finish", at: ms(1) })).toEqual([]);
  });

  test("of a closed loop frees its slots and asks no more", () => {
    const load = { arrivals: "closed-loop", concurrency: 2, thinkTimeNs: ms(5) } as const;
    const { bench, start } = started({ arrivals: arrivalsOf(load) });
    bench.runUntil(start);
    bench.step({ kind: "finish", at: addNs(start, ms(50)) });
    for (let id = 3; bench.of("draining").length === 0; id++) {
      bench.respond(id);
      bench.runUntil(addNs(bench.now, ms(5)));
    }
    for (const { messageId } of bench.inferences()) bench.respond(messageId);
    expect(bench.of("drained")).toEqual([{ kind: "drained", unknown: 0, expectedRequests: null }]);
    expect(bench.records().every(({ scheduled }) => scheduled < addNs(start, ms(50)))).toBe(true);
  });

  test("and a connection that is lost then: only what was due is booked", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ms(200)));
    bench.step({ kind: "finish", at: addNs(start, ms(255)) });
    bench.step({ kind: "link_down", reason: "gone" }, addNs(start, ms(201)));
    bench.runUntil(addNs(start, ns(SECOND)));
    const count = (outcome: string) => bench.records().filter((r) => r.outcome === outcome).length;
    // Sent up to 200 ms; due from then to the early end: 210, … 250 ms.
    expect([count("unknown"), count("dropped")]).toEqual([21, 5]);
  });
});

test("a stop books what was due and could not be sent yet as dropped, and nothing that was not due", () => {
  const { bench, start } = started();
  bench.runUntil(addNs(start, ms(200)));
  // The process did not run for 95 ms.
  bench.step({ kind: "stop" }, addNs(start, ms(295)));
  const count = (outcome: string) => bench.records().filter((r) => r.outcome === outcome).length;
  expect([count("unknown"), count("dropped")]).toEqual([21, 9]);
  expect(bench.effects.at(-1)).toEqual({ kind: "drained", unknown: 21 });
});
