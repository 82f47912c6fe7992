/** A client with a workload, step by step: loading, sending, and every way to end. */
import { describe, expect, test } from "bun:test";
import type { ClientEffect, ClientEvent } from "#serving/client/events.ts";
import { ClosedLoop } from "#serving/client/workloads/closed-loops.ts";
import { FixedRate } from "#serving/client/workloads/open-loops.ts";
import {
  WorkloadClient,
  type WorkloadClientOptions,
} from "#serving/client/workloads/workload-client.ts";
import type { WorkloadPlan } from "#serving/client/workloads/workload-kind.ts";
import type { ClientResponse } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import { MILLISECOND, ns, SECOND } from "#stdx/nanos.ts";

const at = (ms: number) => ns(ms * MILLISECOND);

const PLAN: WorkloadPlan = {
  demands: [
    { model: "resnet50_v2", instances: 2 },
    { model: "vgg11", instances: 1 },
  ],
  workloads: [
    new FixedRate({ id: 7, instance: 2, ratePerS: 10, draws: null }),
    new ClosedLoop({ id: 0, instances: [0], concurrency: 1, isOriginal: true }),
  ],
  lines: ["Found 2 models in /zoo"],
};

class Bench {
  readonly client: WorkloadClient;
  readonly effects: ClientEffect[] = [];

  constructor(changes: Partial<WorkloadClientOptions> = {}) {
    this.client = new WorkloadClient({
      plan: PLAN,
      clientId: 0,
      modelDir: "/zoo",
      usersAreShared: true,
      warmUp: at(0),
      duration: null,
      slo: at(100),
      connectLimit: SECOND,
      readyLimit: ns(60 * SECOND),
      drainLimit: ns(5 * SECOND),
      outstandingMax: 100,
      makeInput: (inputBytes) => ({ sizeBytes: inputBytes }),
      ...changes,
    });
  }

  step(ms: number, event: ClientEvent): readonly ClientEffect[] {
    const effects = this.client.step(at(ms), event);
    this.effects.push(...effects);
    return effects;
  }

  respond(ms: number, messageId: number, changes: Partial<ClientResponse>) {
    const response = {
      kind: "infer",
      status: 0,
      message: "",
      userRequestId: messageId,
      modelId: 0,
      batchSize: 1,
      output: null,
      ...changes,
    } as ClientResponse;
    const [received, responseSent] = [at(ms), at(ms - 1)];
    return this.step(ms, { kind: "response", messageId, received, responseSent, response });
  }

  /** Loads all three instances, as ids 10, 11 and 12; message 2 asks for the list. */
  load(): void {
    const loaded = { kind: "load_model", inputBytes: 100, outputBytes: 1 } as const;
    this.step(0, { kind: "link_up" });
    this.respond(1, 0, { ...loaded, modelId: 10, copies: 2 });
    this.respond(2, 1, { ...loaded, modelId: 12, copies: 1 });
  }

  /** Sending begins at 3 ms. */
  begin(): void {
    const models = [10, 11, 12].map((modelId) => ({
      modelId,
      path: "",
      inputBytes: 100,
      outputBytes: 1,
    }));
    this.load();
    this.respond(3, 2, { kind: "ls", models });
  }

  of<K extends ClientEffect["kind"]>(kind: K) {
    return this.effects.filter((effect) => effect.kind === kind) as Extract<
      ClientEffect,
      { readonly kind: K }
    >[];
  }

  get lines(): readonly string[] {
    return this.of("print").map(({ line }) => line);
  }

  get requests() {
    return this.of("send").map(({ messageId, request }) => ({ messageId, ...request }));
  }

  get outcomes(): readonly string[] {
    return this.of("request_done").map(
      ({ record }) => `${record.userRequestId} ${record.outcome} ${record.result ?? "-"}`,
    );
  }
}

describe("loading", () => {
  test("one request after another, with a path in the zoo, then the list", () => {
    const bench = new Bench();
    bench.load();
    expect(bench.requests).toEqual([
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
    expect(bench.lines).toEqual(["Connection established", "Found 2 models in /zoo"]);
  });

  test("a controller that is starting is asked again after a second, as the original does", () => {
    const bench = new Bench();
    bench.load();
    const message = "Controller initializing";
    bench.respond(500, 2, { kind: "ls", status: STATUS.INITIALIZING, message, models: [] });
    expect(bench.lines.at(-1)).toBe("Clockwork initializing, retrying Controller initializing");
    expect(bench.client.nextTimeout()).toBe(at(1500));
    expect(bench.step(1500, { kind: "timer" })).toContainEqual({
      kind: "send",
      messageId: 3,
      request: { kind: "ls", userId: 0, userRequestId: 3 },
    });
  });

  test("a model that is refused ends it with the reason", () => {
    const bench = new Bench();
    bench.step(0, { kind: "link_up" });
    bench.respond(1, 0, { kind: "load_model", status: 6, message: "too late", copies: 0 });
    expect(bench.of("failed")[0]?.message).toContain(
      "status 6 too late; a controller takes models",
    );
    expect(bench.client.nextTimeout()).toBeNull();
  });

  test("a connection that is lost meanwhile ends it, too", () => {
    const bench = new Bench();
    bench.load();
    bench.step(5, { kind: "link_down", reason: "gone" });
    expect(bench.of("failed")).toHaveLength(1);
  });
});

describe("sending", () => {
  test("begins when the list is there: at once, and by the clock of the workload", () => {
    const bench = new Bench();
    bench.begin();
    expect(bench.requests.at(-1)).toMatchObject({
      messageId: 3,
      kind: "infer",
      modelId: 10,
      userId: 0,
    });
    expect(bench.client.nextTimeout()).toBe(at(103));
    // Late by 250 ms: what fell due meanwhile goes out, each under its own instant.
    bench.step(353, { kind: "timer" });
    expect(bench.requests.slice(4)).toHaveLength(3);
    expect(bench.requests.at(-1)).toMatchObject({
      modelId: 12,
      userId: 7,
      batchSize: 1,
      sloFactor: 0,
    });
    bench.step(354, { kind: "sent", upTo: 6 });
    for (const id of [4, 5, 6]) bench.respond(360, id, {});
    expect(bench.of("request_done").map(({ record }) => record.scheduled)).toEqual(
      [103, 203, 303].map(at),
    );
    expect(bench.of("request_done")[0]?.record).toMatchObject({
      sent: at(354),
      received: at(360),
      className: "fixed-rate",
      outcome: "ok",
    });
  });

  test("failures are booked with their status, and are no end", () => {
    const bench = new Bench();
    bench.begin();
    bench.respond(20, 3, { status: STATUS.TIMEOUT });
    expect(bench.outcomes).toEqual(["3 fail 4"]);
    expect(bench.requests.at(-1)).toMatchObject({ messageId: 4, modelId: 10 });
  });

  test("more outstanding requests than there is room for are dropped, and say so", () => {
    const bench = new Bench({ outstandingMax: 2 });
    bench.begin();
    bench.step(303, { kind: "timer" });
    expect(bench.outcomes).toEqual(["5 dropped -", "6 dropped -"]);
  });

  test("a summary every ten seconds, as the original's", () => {
    const bench = new Bench();
    bench.begin();
    bench.respond(13, 3, {});
    bench.respond(33, 4, {});
    bench.step(10_000, { kind: "timer" });
    // Due in 10 s: 99 at a fixed rate, 64 of them in this step; and three of the closed loop. Two answers of 10 and
    // 20 ms; 67 + 3 messages of 48 + 100 bytes at most.
    expect(bench.lines.slice(2)).toEqual([
      "total=67 throughput=0.20 min=10.00 max=20.00 mean=15.00",
      "Client->Controller: 0.0MB/s (7 msgs) snd, 0.0MB/s (0 msgs) rcv, ",
    ]);
  });
});

describe("ending", () => {
  test("after its duration, once what is out is in", () => {
    const bench = new Bench({ duration: at(250) });
    bench.begin();
    expect(bench.of("started")[0]).toMatchObject({ sendStart: at(3), sendEnd: at(253) });
    bench.step(203, { kind: "timer" });
    expect(bench.client.nextTimeout()).toBe(at(253));
    bench.step(253, { kind: "timer" });
    expect(bench.of("draining")).toEqual([{ kind: "draining", outstanding: 3 }]);
    for (const id of [3, 4, 5]) bench.respond(260, id, {});
    // The closed loop does not go on.
    expect(bench.requests).toHaveLength(6);
    expect(bench.of("drained")).toEqual([{ kind: "drained", unknown: 0 }]);
    expect(bench.lines.at(-1)).toBe(
      "Ended after 0.3 s: 3 requests, 3 ok (1 within the SLO), 0 failed, 0 unknown, 0 dropped",
    );
    expect(bench.client.nextTimeout()).toBeNull();
  });

  test("what was due just before the end is still sent, however late the client is", () => {
    const bench = new Bench({ duration: at(250) });
    bench.begin();
    bench.step(400, { kind: "timer" });
    expect(bench.requests.slice(4)).toHaveLength(2);
    expect(bench.of("draining")).toHaveLength(1);
  });

  test("warm-up is sent and logged, but not counted", () => {
    const bench = new Bench({ duration: at(100), warmUp: at(150) });
    bench.begin();
    bench.step(253, { kind: "timer" });
    for (const id of [3, 4, 5]) bench.respond(254, id, {});
    expect(bench.outcomes).toHaveLength(3);
    expect(bench.lines.at(-1)).toContain("1 requests, 1 ok (1 within the SLO)");
  });

  test("by itself, when its workloads have nothing more to do", () => {
    const workloads = [
      new ClosedLoop({ id: 0, instances: [0], concurrency: 1, requests: 1, isOriginal: true }),
    ];
    const bench = new Bench({ plan: { ...PLAN, workloads } });
    bench.begin();
    bench.respond(10, 3, {});
    bench.respond(20, 4, {});
    expect(bench.of("drained")).toHaveLength(1);
    expect(bench.of("failed")).toEqual([]);
  });

  test("when told to: waits for what is out, at most as long as the drain limit", () => {
    const bench = new Bench();
    bench.begin();
    bench.step(4, { kind: "sent", upTo: 3 });
    bench.step(50, { kind: "finish", at: at(50) });
    expect(bench.client.nextTimeout()).toBe(at(5050));
    bench.step(5050, { kind: "timer" });
    expect(bench.outcomes).toEqual(["3 unknown -"]);
    expect(bench.of("drained")).toEqual([{ kind: "drained", unknown: 1 }]);
  });

  test("before it has begun, when told to", () => {
    const bench = new Bench();
    bench.load();
    bench.step(4, { kind: "finish", at: at(4) });
    expect(bench.client.nextTimeout()).toBeNull();
    expect(bench.of("failed")).toEqual([]);
  });

  test("at once, when told to stop", () => {
    const bench = new Bench();
    bench.begin();
    bench.step(50, { kind: "stop" });
    expect(bench.outcomes).toEqual(["3 dropped -"]);
    expect(bench.of("drained")).toHaveLength(1);
  });

  test("with an error when the connection is lost", () => {
    const bench = new Bench();
    bench.begin();
    bench.step(4, { kind: "sent", upTo: 3 });
    bench.step(50, { kind: "link_down", reason: "reset" });
    expect(bench.of("failed")[0]?.message).toBe("the connection to the controller was lost: reset");
    expect(bench.outcomes).toEqual(["3 unknown -"]);
    expect(bench.of("drained")).toHaveLength(1);
  });
});
