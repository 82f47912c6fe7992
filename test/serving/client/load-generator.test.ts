/** The load generator step by step: loading, sending, responses. */
import { describe, expect, test } from "bun:test";
import { STATUS } from "#serving/status.ts";
import { addNs, ns, SECOND, subNs } from "#stdx/nanos.ts";
import { arrivalsOf, Bench, LISTED, ms, started } from "./generator.ts";

describe("until it is ready", () => {
  test("loads one model after the other, then asks for the list", () => {
    const bench = new Bench();
    bench.becomeReady();
    expect(bench.sends().map(({ messageId, request }) => ({ messageId, ...request }))).toEqual([
      {
        messageId: 0,
        kind: "load_model",
        path: "/zoo/resnet50_v2/model",
        copies: 2,
        userId: 0,
        userRequestId: 0,
      },
      {
        messageId: 1,
        kind: "load_model",
        path: "/zoo/vgg11/model",
        copies: 1,
        userId: 0,
        userRequestId: 1,
      },
      { messageId: 2, kind: "ls", userId: 0, userRequestId: 2 },
    ]);
  });

  test("tells the instances' ids in order, and what it will send in the measurement window", () => {
    const [ready] = new Bench().becomeReady();
    expect(ready).toEqual({
      kind: "ready",
      models: [
        { model: "resnet50_v2", modelId: 10, inputBytes: 100 },
        { model: "resnet50_v2", modelId: 11, inputBytes: 100 },
        { model: "vgg11", modelId: 12, inputBytes: 100 },
      ],
      // 100/s for 0.8 s.
      expectedRequests: 80,
    });
  });

  test("asks again, soon and not at once, while the controller is starting up", () => {
    const bench = new Bench();
    bench.step({ kind: "link_up" });
    bench.respond(0, { kind: "load_model", modelId: 10, copies: 2 });
    bench.respond(1, { kind: "load_model", modelId: 12, copies: 1 });
    expect(bench.respond(2, { kind: "ls", status: STATUS.INITIALIZING }, ms(5))).toEqual([]);
    const at = bench.generator.nextTimeout();
    expect(at).toBeGreaterThan(ms(5));
    expect(at).toBeLessThanOrEqual(ms(1005));
    expect(bench.fire()).toMatchObject([{ kind: "send", messageId: 3, request: { kind: "ls" } }]);
    expect(bench.respond(3, LISTED)).toMatchObject([{ kind: "ready" }]);
  });

  test("gives up at its limit, with the state it got stuck in", () => {
    const bench = new Bench({ readyLimit: ms(250) });
    bench.step({ kind: "link_up" }, ms(10));
    bench.respond(0, { kind: "load_model", modelId: 10, copies: 2 });
    expect(bench.fire()).toEqual([
      { kind: "failed", message: "not ready within 0.25 s: model 2 of 2 (vgg11) was not loaded" },
    ]);
    expect(bench.now).toBe(ms(260));
    expect(bench.generator.nextTimeout()).toBeNull();
  });

  test("gives up at its limit while the list is refused again and again", () => {
    const bench = new Bench({ readyLimit: ms(250) });
    bench.step({ kind: "link_up" });
    bench.respond(0, { kind: "load_model", modelId: 10, copies: 2 });
    bench.respond(1, { kind: "load_model", modelId: 12, copies: 1 });
    for (let id = 2; bench.of("failed").length === 0 && id < 100; id++) {
      bench.respond(id, { kind: "ls", status: STATUS.INITIALIZING });
      bench.fire();
    }
    expect(bench.now).toBe(ms(250));
    expect(bench.of("failed")[0]?.message).toContain("still says that it is starting up");
  });

  test.each([
    [
      "an unknown model",
      { kind: "load_model", status: 41, message: "no such model" },
      "did not load resnet50_v2: status 41 no such model",
    ],
    ["a controller that serves already", { kind: "load_model", status: 6 }, "so start a fresh one"],
    [
      "fewer instances than asked for",
      { kind: "load_model", copies: 1 },
      "asked for 2 instances of resnet50_v2, the controller made 1",
    ],
    ["an answer to another question", { kind: "evict" }, "unexpected evict response"],
    ["a list in place of a load", { kind: "ls", models: [] }, "unexpected ls response"],
  ] as const)("fails on %s", (_, response, message) => {
    const bench = new Bench();
    bench.step({ kind: "link_up" });
    bench.respond(0, response);
    expect(bench.of("failed")[0]?.message).toContain(message);
    expect(bench.generator.nextTimeout()).toBeNull();
  });

  test("fails when a loaded model is not listed", () => {
    const bench = new Bench();
    bench.step({ kind: "link_up" });
    bench.respond(0, { kind: "load_model", modelId: 10, copies: 2 });
    bench.respond(1, { kind: "load_model", modelId: 12, copies: 1 });
    bench.respond(2, {
      kind: "ls",
      models: LISTED.kind === "ls" ? (LISTED.models?.slice(0, 2) ?? []) : [],
    });
    expect(bench.of("failed")[0]?.message).toContain("model 12 (vgg11) was loaded but");
  });

  test("fails when the connection goes", () => {
    const bench = new Bench();
    bench.step({ kind: "link_up" });
    bench.step({ kind: "link_down", reason: "reset by peer" });
    expect(bench.effects.at(-1)).toEqual({
      kind: "failed",
      message: "the connection to the controller was lost: reset by peer",
    });
  });

  test("remembers a start that came too early", () => {
    const bench = new Bench();
    bench.step({ kind: "start" });
    expect(bench.of("started")).toEqual([]);
    bench.becomeReady();
    expect(bench.of("started")).toHaveLength(1);
  });
});

describe("sending", () => {
  test("happens at the scheduled instants, instances in rotation, with fresh ids", () => {
    const { bench, start } = started();
    // Constant 100/s: at 0, 10 and 20 ms.
    bench.runUntil(addNs(start, ms(25)));
    expect(
      bench.inferences().map(({ messageId, request }) => ({ messageId, ...request })),
    ).toMatchObject([
      { messageId: 3, userRequestId: 3, modelId: 10, batchSize: 1, sloFactor: 0 },
      { messageId: 4, userRequestId: 4, modelId: 11 },
      { messageId: 5, userRequestId: 5, modelId: 12 },
    ]);
  });

  test("does not wait for responses", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ns(SECOND)));
    expect(bench.inferences()).toHaveLength(100);
  });

  test("that is held up is made up for, and every request keeps its own scheduled instant", () => {
    const { bench, start } = started();
    // The process was stopped for 45 ms: the requests of 0, 10, 20, 30 and 40 ms are late.
    bench.step({ kind: "timer" }, addNs(start, ms(45)));
    expect(bench.inferences()).toHaveLength(5);
    for (const { messageId } of bench.inferences())
      bench.respond(messageId, {}, addNs(start, ms(50)));
    const lateness = bench.records().map(({ scheduled, sent }) => subNs(sent ?? ns(0), scheduled));
    expect(lateness).toEqual([ms(45), ms(35), ms(25), ms(15), ms(5)]);
  });

  test("of a large backlog gives responses a turn in between", () => {
    const { bench, start } = started({ arrivals: arrivalsOf({ ratePerS: 100_000 }) });
    const first = bench.step({ kind: "timer" }, addNs(start, ms(50)));
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBeLessThan(5000);
    expect(bench.generator.nextTimeout()).toBeLessThanOrEqual(bench.now);
    while ((bench.generator.nextTimeout() ?? 0) <= bench.now) bench.fire();
    // 100,000/s for 50 ms, both ends included.
    expect(bench.inferences().length + bench.records().length).toBe(5001);
  });

  test("beyond the limit of outstanding requests drops them, and books them", () => {
    const { bench, start } = started({ outstandingMax: 3 });
    bench.runUntil(addNs(start, ms(45)));
    expect(bench.inferences()).toHaveLength(3);
    expect(bench.records()).toMatchObject([
      {
        userRequestId: 6,
        scheduled: addNs(start, ms(30)),
        sent: null,
        received: null,
        outcome: "dropped",
        result: null,
      },
      { userRequestId: 7, scheduled: addNs(start, ms(40)), outcome: "dropped" },
    ]);
  });

  test("gives dropped requests ids that no other request has", () => {
    const { bench, start } = started({ outstandingMax: 3 });
    bench.runUntil(addNs(start, ms(45)));
    bench.respond(3);
    bench.runUntil(addNs(start, ms(55)));
    // 6 and 7 were dropped; message ids go on without a gap.
    expect(bench.inferences().at(-1)).toMatchObject({
      messageId: 6,
      request: { userRequestId: 8 },
    });
  });
});

describe("a response", () => {
  test("of success is booked with all its instants", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ms(15)));
    bench.respond(4, {}, addNs(start, ms(18)));
    expect(bench.records()).toEqual([
      {
        clientId: 7,
        userRequestId: 4,
        modelId: 11,
        user: 0,
        className: "constant",
        scheduled: addNs(start, ms(10)),
        sent: addNs(start, ms(10)),
        received: addNs(start, ms(18)),
        responseSent: addNs(start, ms(18)),
        outcome: "ok",
        result: 0,
        slo: ms(25),
      },
    ]);
  });

  test("that is read before its write was taken whole proves what was sent, up to itself", () => {
    const { bench, start } = started();
    bench.runUntil(start);
    const confirmed = bench.generator.step(addNs(start, ms(30)), { kind: "timer" });
    const [first, second, third] = confirmed.filter((effect) => effect.kind === "send");
    bench.respond(second?.messageId ?? -1, {}, addNs(start, ms(32)));
    bench.step({ kind: "sent", upTo: third?.messageId ?? -1 }, addNs(start, ms(34)));
    for (const sent of [first, third])
      bench.respond(sent?.messageId ?? -1, {}, addNs(start, ms(35)));
    expect(bench.records().map(({ outcome, sent }) => ({ outcome, sent }))).toEqual([
      { outcome: "ok", sent: addNs(start, ms(32)) },
      { outcome: "ok", sent: addNs(start, ms(32)) },
      { outcome: "ok", sent: addNs(start, ms(34)) },
    ]);
  });

  test("of failure is booked with its status", () => {
    const { bench, start } = started();
    bench.runUntil(start);
    bench.respond(3, { status: STATUS.CONTROLLER_LATE }, addNs(start, ms(30)));
    expect(bench.records()).toMatchObject([
      { outcome: "fail", result: 8, received: addNs(start, ms(30)) },
    ]);
  });

  test("frees its slot of a closed loop when it was received, not when it was handled", () => {
    const closed = { arrivals: "closed-loop", concurrency: 1, thinkTimeNs: ms(10) } as const;
    const { bench, start } = started({ arrivals: arrivalsOf(closed) });
    bench.runUntil(start);
    const [first] = bench.inferences();
    const response = {
      kind: "infer",
      status: 0,
      message: "",
      userRequestId: 0,
      modelId: 10,
      batchSize: 1,
      output: null,
    } as const;
    bench.step(
      {
        kind: "response",
        messageId: first?.messageId ?? -1,
        received: addNs(start, ms(20)),
        responseSent: addNs(start, ms(19)),
        response,
      },
      addNs(start, ms(25)),
    );
    // 20 + 10 ms of thinking.
    expect(bench.generator.nextTimeout()).toBe(addNs(start, ms(30)));
  });

  test("may come in any order, and counts once", () => {
    const { bench, start } = started();
    bench.runUntil(addNs(start, ms(25)));
    for (const id of [5, 3, 4, 4, 99]) bench.respond(id);
    expect(bench.records().map(({ userRequestId }) => userRequestId)).toEqual([5, 3, 4]);
  });

  test("of another kind ends the run: the other side does not speak our protocol", () => {
    const { bench, start } = started();
    bench.runUntil(start);
    bench.respond(3, { kind: "ls", models: [] });
    expect(bench.of("failed")[0]?.message).toContain("answered an inference request with ls");
  });
});
