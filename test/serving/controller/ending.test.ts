/** What a controller refuses because too much is open, and how it ends: everything open is answered and recorded. */
import { describe, expect, test } from "bun:test";
import { createController } from "#serving/controller/controller-types.ts";
import type { ControllerEffect } from "#serving/controller/events.ts";
import { DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import type { ClientRequest } from "#serving/messages.ts";
import { ns } from "#stdx/nanos.ts";
import { World } from "./world.ts";

const LOAD = {
  kind: "load_model",
  userId: 0,
  userRequestId: 0,
  path: "/zoo/m/model",
  copies: 1,
} as const;
const LS = { kind: "ls", userId: 0, userRequestId: 0 } as const;
const EVICT = { kind: "evict", userId: 0, userRequestId: 0, modelId: 0 } as const;
const LONG = 1e6;

const statusOf = (world: World, messageId: number): number | undefined =>
  world.responses.find((each) => each.messageId === messageId)?.response.status;

/** Every message has one response, and every inference one record. */
const expectWhole = (world: World, messages: number, inferences: number): void => {
  const ids = world.responses.map(({ messageId }) => messageId).toSorted((a, b) => a - b);
  expect(ids).toEqual(Array.from({ length: messages }, (_, id) => id));
  const records = world.requests.map(({ requestId }) => requestId).toSorted((a, b) => a - b);
  expect(records).toEqual(Array.from({ length: inferences }, (_, id) => id));
};

describe("too much outstanding", () => {
  const limited = (requestsPerConnectionMax: number): World => {
    const requestLimits = { ...DEFAULT_OPTIONS.requestLimits, requestsPerConnectionMax };
    return new World({ controller: { strategy: "INFER4", requestLimits } });
  };

  test("is refused at once with status 9 and a row; what is open is served", () => {
    const world = limited(3);
    world.startUp([{ path: "/zoo/m/model", copies: 1 }]);
    const sent = [0, 1, 2, 3, 4].map(() => world.infer(0, { sloFactor: LONG }));
    // Refused in the same step, and known not to be the controller's fault.
    expect(sent.map((id) => statusOf(world, id))).toEqual([undefined, undefined, undefined, 9, 9]);
    expect(world.request(EVICT)).toBe(6);
    expect(statusOf(world, 6)).toBe(9);
    world.run(world.now + 1e9);
    expect(sent.map((id) => statusOf(world, id))).toEqual([0, 0, 0, 9, 9]);
    expect(statusOf(world, world.infer(7))).toBe(1);
    expectWhole(world, 8, 6);
    const refused = world.requests.filter(({ result }) => result === 9);
    expect(refused.map(({ requestId }) => requestId)).toEqual([3, 4]);
    expect(refused.every(({ arrival, departure }) => arrival === departure)).toBe(true);
    expect(refused.map(({ modelExists, arrivalGpus }) => [modelExists, arrivalGpus])).toEqual([
      [true, 0],
      [true, 0],
    ]);
    // Refusals count the copies that there are by now.
    for (let i = 0; i < 4; i++) world.infer(0, { sloFactor: LONG });
    expect(world.requests.at(-1)).toMatchObject({ result: 9, arrivalGpus: 1, departureWorkers: 1 });
  });

  test("during start-up counts what waits there: loads, listings and inferences", () => {
    const world = limited(3);
    world.request(LOAD);
    world.request(LS);
    world.infer(0);
    expect([world.infer(0), world.request(LS)].map((id) => statusOf(world, id))).toEqual([9, 9]);
    world.run(20e9);
    expect([1, 2].map((id) => statusOf(world, id))).toEqual([5, 5]);
    expect(statusOf(world, world.request(LS))).toBeUndefined();
  });

  test("instances of models beyond the limit are refused, failed loads give theirs back", () => {
    const world = new World({
      controller: { modelsMax: 10 },
      profile: (path) => (path === "/bad" ? null : PROFILE),
    });
    world.connectWorkers();
    world.run(1e6);
    const load = (path: string, copies: number): number | undefined => {
      const id = world.request({ ...LOAD, path, copies });
      world.run(world.now + 1e6);
      return statusOf(world, id);
    };
    expect([load("/m", 11), load("/bad", 10), load("/m", 6), load("/m", 5), load("/m", 4)]).toEqual(
      [6, 1, 0, 6, 0],
    );
    expect(world.responses[3]?.response.message).toBe(
      "no_of_copies must be from 1 to 4 (of 10 model instances, 6 are loaded), got 5",
    );
  });
});

const PROFILE = {
  inputBytes: 1,
  outputBytes: 1,
  weightsPages: 1,
  weightsNs: 1e6,
  batchSizes: [1],
  execNs: [1e6],
} as const;

describe("the end", () => {
  test.each(["INFER4", "INFER5"])(
    "of %s answers what waits and what is in actions, with rows",
    (strategy) => {
      const world = new World({ controller: { strategy } });
      world.startUp([{ path: "/zoo/m/model", copies: 2 }]);
      // 8.31 ms for the weights, 17.33 ms for a batch of 16: after 12 ms some are executed, others wait.
      for (let i = 0; i < 60; i++) world.infer(i % 2, { sloFactor: LONG });
      world.run(world.now + 12e6);
      const open = world.sent.length - world.actions.length;
      expect(open).toBeGreaterThan(0);
      expect(world.requests.length).toBeLessThan(60);
      const answered = world.requests.length;
      const sent = world.sent.length;
      world.step({ kind: "stop" });
      // 1 load, then 60 inferences.
      expectWhole(world, 61, 60);
      expect(world.requests.slice(answered).every(({ result }) => result === 3)).toBe(true);
      expect(world.responses.at(-1)?.response.message).toBe("the controller is shutting down");
      const logged = world.actions.map(({ actionId }) => actionId).toSorted((a, b) => a - b);
      expect(logged).toEqual(Array.from({ length: logged.length }, (_, id) => id));
      expect(world.actions.filter(({ status }) => status === 3).length).toBeGreaterThanOrEqual(
        open,
      );
      // Nothing follows: no action is sent, no timer runs, and who still comes is told.
      expect(world.controller.nextTimeout()).toBeNull();
      expect(statusOf(world, world.infer(0))).toBe(3);
      expect(statusOf(world, world.request(LS))).toBe(3);
      world.run(world.now + 60e9);
      world.step({ kind: "stop" });
      expectWhole(world, 63, 61);
      expect(world.sent.length).toBe(sent);
    },
  );

  test("during start-up answers loads, listings and inferences, and records queries", () => {
    const early = new World();
    const asked = [early.request(LOAD), early.request(LS), early.infer(0), early.request(EVICT)];
    early.step({ kind: "stop" });
    expect(asked.map((id) => statusOf(early, id))).toEqual([3, 3, 3, 6]);
    expect(early.requests.map(({ result }) => result)).toEqual([3]);

    const querying = new World({ workers: 2, networkNs: 1e6 });
    querying.connectWorkers();
    querying.step({ kind: "stop" });
    expect(querying.actions.map(({ action, status }) => [action, status])).toEqual([
      ["get_worker_state", 3],
      ["get_worker_state", 3],
    ]);
  });

  test("during the load stage answers loads under way and loads that wait, and sends no more", () => {
    const world = new World({ workers: 2, networkNs: 1e6 });
    world.connectWorkers();
    world.run(5e6);
    // Each worker takes 4 at a time, and 2 wait.
    const loads = Array.from({ length: 6 }, () => world.request(LOAD));
    const sent = world.sent.length;
    world.step({ kind: "stop" });
    expect(loads.map((id) => statusOf(world, id))).toEqual([3, 3, 3, 3, 3, 3]);
    const rows = world.actions.filter(({ action }) => action === "load_model");
    expect(rows.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 3));
    expect(world.sent.length).toBe(sent);
    expectWhole(world, 6, 0);
  });

  test("of DIRECT answers the calls that are open", () => {
    const controller = createController({ ...DEFAULT_OPTIONS, strategy: "DIRECT", workerCount: 1 });
    const effects: ControllerEffect[] = [];
    const ask = (request: ClientRequest, messageId: number): void => {
      const event = {
        kind: "request",
        connectionId: 0,
        messageId,
        arrival: ns(0),
        request,
      } as const;
      effects.push(...controller.step(ns(0), event));
    };
    effects.push(...controller.step(ns(0), { kind: "worker_up", worker: 0 }));
    ask(LOAD, 0);
    const infer = { kind: "infer", userId: 0, userRequestId: 1, modelId: 0, batchSize: 1 } as const;
    ask({ ...infer, sloFactor: 0, input: { sizeBytes: 0 } }, 1);
    effects.push(...controller.step(ns(1), { kind: "stop" }));
    ask(LOAD, 2);
    const responses = effects.flatMap((each) => (each.kind === "respond" ? [each] : []));
    expect(responses.map(({ messageId, response }) => [messageId, response.status])).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
  });
});

describe("start-up meets every client", () => {
  test("a client that comes before the workers are connected is answered", () => {
    const world = new World({ workers: 2 });
    const asked = [LOAD, LS, EVICT, { ...EVICT, kind: "upload" } as const].map((request) =>
      world.request(request),
    );
    asked.push(world.infer(0), world.infer(99));
    world.run(1e6);
    world.connectWorkers();
    world.run(30e9);
    // The load is done; the listing and the inferences wait for the end of start-up and are then turned away.
    expect(asked.map((id) => statusOf(world, id))).toEqual([0, 5, 6, 6, 5, 5]);
    expectWhole(world, 6, 2);
  });

  test("a load at the very end of the load stage is answered, whichever side of it", () => {
    // The stage ends just after 1 s of silence: loads at that instant, a nanosecond before and after it.
    for (const [offset, status] of [
      [-1, 0],
      [0, 0],
      [1, 6],
    ] as const) {
      const world = new World();
      world.connectWorkers();
      world.run(0);
      world.request(LOAD);
      world.run(0);
      let late = -1;
      // A timer that is due at the same instant comes after the event, unless it is made to come first.
      if (offset === 1) world.at(1e9 + 1, () => world.step({ kind: "timer" }));
      world.at(1e9 + offset, () => {
        late = world.request(LOAD);
      });
      world.run(5e9);
      expect(world.responses.filter(({ messageId }) => messageId === late)).toHaveLength(1);
      expect([offset, statusOf(world, late)]).toEqual([offset, status]);
    }
  });
});
