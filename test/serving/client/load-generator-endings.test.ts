/** The load generator at its ends: draining, lost connections, stops, closed loops; and its live figures. */
import { describe, expect, test } from "bun:test";
import { STATUS } from "#serving/status.ts";
import { addNs, ns, SECOND } from "#stdx/nanos.ts";
import { arrivalsOf, Bench, ms, started } from "./generator.ts";

describe("after the last request", () => {
  test("waits for what is outstanding, then is drained", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ns(SECOND)));
    expect(bench.of("draining")).toEqual([{ kind: "draining", outstanding: 100 }]);
    for (const { messageId } of bench.inferences().slice(0, 99)) bench.respond(messageId);
    expect(bench.of("drained")).toEqual([]);
    bench.respond(bench.inferences().at(-1)?.messageId ?? 0);
    expect(bench.effects.at(-1)).toEqual({ kind: "drained", unknown: 0 });
    expect(bench.records()).toHaveLength(100);
    expect(bench.generator.nextTimeout()).toBeNull();
  });

  test("is drained at once when nothing is outstanding", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ms(999)));
    for (const { messageId } of bench.inferences()) bench.respond(messageId);
    bench.runUntil(addNs(start, ns(SECOND)));
    expect(bench.effects.slice(-3).map(({ kind }) => kind)).toEqual([
      "draining",
      "progress",
      "drained",
    ]);
  });

  test("calls unknown what has no answer at the drain limit, and ignores later answers", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ns(SECOND)));
    for (const { messageId } of bench.inferences().slice(2)) bench.respond(messageId);
    bench.runUntil(addNs(start, ns(10 * SECOND)));
    // Drain limit 5 s after the end of sending.
    expect(bench.now).toBe(addNs(start, ns(6 * SECOND)));
    expect(bench.effects.at(-1)).toEqual({ kind: "drained", unknown: 2 });
    expect(bench.records().slice(-2)).toMatchObject([
      { userRequestId: 3, outcome: "unknown", received: null, result: null },
      { userRequestId: 4, outcome: "unknown" },
    ]);
    expect(bench.respond(3)).toEqual([]);
  });
});

describe("when the connection goes", () => {
  test("while sending: sent ones are unknown, the rest of the schedule is dropped, every request has one outcome", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ms(295)));
    for (const { messageId } of bench.inferences().slice(0, 20)) bench.respond(messageId);
    bench.step({ kind: "link_down", reason: "gone" }, addNs(start, ms(296)));
    bench.runUntil(addNs(start, ns(SECOND)));
    const count = (outcome: string) => bench.records().filter((r) => r.outcome === outcome).length;
    // 30 of 100 were sent, 20 of them answered.
    expect([count("ok"), count("unknown"), count("dropped")]).toEqual([20, 10, 70]);
    expect(new Set(bench.records().map(({ userRequestId }) => userRequestId)).size).toBe(100);
    expect(bench.of("failed")).toHaveLength(1);
    expect(bench.effects.at(-1)).toEqual({ kind: "drained", unknown: 10 });
  });

  test("before the network took a request, that request was never sent", () => {
    const { bench, start } = started();
    bench.generator.step(start, { kind: "timer" });
    const effects = bench.generator.step(start, { kind: "link_down", reason: "gone" });
    const first = effects.find((effect) => effect.kind === "request_done");
    expect(first?.record).toMatchObject({ userRequestId: 3, outcome: "dropped", sent: null });
  });

  test("while draining: the rest is unknown", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ns(SECOND)));
    bench.step({ kind: "link_down", reason: "gone" });
    expect(bench.effects.at(-1)).toEqual({ kind: "drained", unknown: 100 });
  });

  test("after the end it does not matter", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ns(10 * SECOND)));
    expect(bench.step({ kind: "link_down", reason: "gone" })).toEqual([]);
  });
});

describe("stop", () => {
  test("ends at once: what is out is unknown, what is not due was never scheduled", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ms(95)));
    bench.step({ kind: "stop" });
    expect(bench.records()).toHaveLength(10);
    expect(bench.effects.at(-1)).toEqual({ kind: "drained", unknown: 10 });
    expect(bench.generator.nextTimeout()).toBeNull();
    expect(bench.step({ kind: "timer" })).toEqual([]);
  });

  test("before the start says nothing of requests", () => {
    const bench = new Bench();
    bench.becomeReady();
    expect(bench.step({ kind: "stop" })).toEqual([]);
    expect(bench.step({ kind: "start" })).toEqual([]);
  });
});

describe("a closed loop", () => {
  const closed = () =>
    started({
      arrivals: arrivalsOf({ arrivals: "closed-loop", concurrency: 2, thinkTimeNs: ms(5) }),
    });

  test("keeps its slots busy, one think time after each response", () => {
    const { bench, start } = closed();
    bench.runUntil(start);
    expect(bench.inferences()).toHaveLength(6);
    bench.respond(3, {}, addNs(start, ms(20)));
    bench.runUntil(addNs(start, ms(24)));
    expect(bench.inferences()).toHaveLength(6);
    bench.runUntil(addNs(start, ms(25)));
    expect(bench.inferences()).toHaveLength(7);
    bench.respond(9, {}, addNs(start, ms(30)));
    // Scheduled 5 ms after the response at 20 ms.
    expect(bench.records().at(-1)?.scheduled).toBe(addNs(start, ms(25)));
  });

  test("asks no more after a lost connection", () => {
    const { bench, start } = closed();
    bench.runUntil(start);
    bench.step({ kind: "link_down", reason: "gone" });
    bench.runUntil(addNs(start, ns(SECOND)));
    expect(bench.records()).toHaveLength(6);
    expect(bench.of("drained")).toHaveLength(1);
  });

  test("ends with the run", () => {
    const { bench, start } = closed();
    bench.runUntil(start);
    for (let id = 3; bench.of("draining").length === 0; id++) {
      bench.respond(id);
      bench.runUntil(addNs(bench.now, ms(5)));
    }
    expect(bench.now).toBeGreaterThanOrEqual(addNs(start, ns(SECOND)));
    expect(bench.records().every(({ scheduled }) => scheduled < addNs(start, ns(SECOND)))).toBe(
      true,
    );
  });
});

describe("progress", () => {
  test("comes once a second, with totals and the figures of that second", () => {
    const times = { warmUpNs: ns(0), durationNs: ns(3 * SECOND), coolDownNs: ns(0) };
    const { bench, start } = started({
      arrivals: arrivalsOf(times),
      warmUp: ns(0),
      duration: ns(3 * SECOND),
      coolDown: ns(0),
    });
    const answer = (from: number, to: number, afterMs: number, status: number): void => {
      for (const { messageId } of bench.inferences().slice(from, to)) {
        const at = addNs(start, ms((messageId - 3) * 10 + afterMs));
        bench.respond(messageId, { status }, at > bench.now ? at : bench.now);
      }
    };
    // First second: 60 answered at once, 30 with failure; second one: the last 10 of the first, late.
    bench.runUntil(addNs(start, ms(999)));
    answer(0, 60, 1, 0);
    answer(60, 90, 1, STATUS.TIMEOUT);
    bench.runUntil(addNs(start, ns(SECOND)));
    expect(bench.of("progress")[0]?.progress).toMatchObject({
      scheduled: 101,
      sent: 100,
      ok: 60,
      failed: 30,
      unknown: 0,
      dropped: 0,
      outstanding: 11,
      // All answers came at 990 ms: only those scheduled within 25 ms of it met the SLO, and these failed.
      goodputPerS: 0,
    });
    answer(90, 101, 5, 0);
    bench.runUntil(addNs(start, ns(2 * SECOND)));
    const second = bench.of("progress")[1]?.progress;
    expect(second).toMatchObject({ ok: 71, failed: 30, sent: 200, outstanding: 100 });
    expect(bench.of("progress")).toHaveLength(2);
  });

  test("that was missed is not made up for: one report, and the next at its usual time", () => {
    const { bench, start } = started();
    // The process was stopped for 3.5 s.
    bench.step({ kind: "timer" }, addNs(start, ms(3500)));
    // What fell due in that time does not go out in one go.
    bench.step({ kind: "timer" }, addNs(start, ms(3500)));
    expect(bench.of("progress")).toHaveLength(1);
    expect(bench.generator.nextTimeout()).toBe(addNs(start, ns(4 * SECOND)));
  });
});
