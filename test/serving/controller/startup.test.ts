/** Start-up: querying workers, the load stage, and who is turned away when. */
import { describe, expect, test } from "bun:test";
import { Controller } from "#serving/controller/controller.ts";
import type { ControllerEffect } from "#serving/controller/events.ts";
import { DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import type { Action, ClientRequest, WorkerState } from "#serving/messages.ts";
import { ns } from "#stdx/nanos.ts";
import { PAGE_BYTES, RESNET50, World } from "./world.ts";

const SECOND = 1_000_000_000;
const path = "/zoo/resnet50_v2/model";
const header = { userId: 0, userRequestId: 0 };
const load = (copies: number, of = path): ClientRequest => ({
  ...header,
  kind: "load_model",
  path: of,
  copies,
});
const ls: ClientRequest = { ...header, kind: "ls" };

const statusOf = (world: World, messageId: number): number | undefined =>
  world.responses.find((response) => response.messageId === messageId)?.response.status;

describe("load stage", () => {
  test("ends one second after the last load or result, and not before the first load", () => {
    const world = new World();
    world.connectWorkers();
    world.run(60 * SECOND);
    expect(world.lines).toContain("[ready]");
    expect(world.lines).not.toContain(" * Admitting inference requests");
    world.request(load(1));
    world.run(60.9 * SECOND);
    world.request(load(1));
    // A result at 60.9 s: the stage ends after 61.9 s.
    world.run(61.9 * SECOND);
    expect(world.lines).not.toContain(" * Admitting inference requests");
    world.run(61.9 * SECOND + 1);
    expect(world.lines).toContain(" * Admitting inference requests");
    const markers = world.lines.filter((line) => line.startsWith("(Startup"));
    expect(markers.map((line) => line.slice(0, line.indexOf(")") + 1))).toEqual([
      "(Startup)",
      "(Startup-1)",
      "(Startup-2)",
      "(Startup-3)",
      "(Startup-4)",
      "(Startup-5)",
      "(Startup-5)",
      "(Startup-6)",
      "(Startup-end)",
    ]);
  });

  test("gives consecutive ids, spends those of failed loads, and serves around the hole", () => {
    const profile = (of: string): typeof RESNET50 | null => (of.includes("bad") ? null : RESNET50);
    const world = new World({ profile });
    world.connectWorkers();
    const ids = [load(2), load(3, "/zoo/bad/model"), load(1)].map((request) =>
      world.request(request),
    );
    world.run(2 * SECOND);
    const loads = ids.map(
      (id) => world.responses.find(({ messageId }) => messageId === id)?.response,
    );
    expect(loads).toMatchObject([
      { status: 0, modelId: 0, copies: 2 },
      { status: 1, message: "status 41", modelId: 0, copies: 0 },
      { status: 0, modelId: 5, copies: 1 },
    ]);
    const listed = world.request(ls);
    const listing = world.responses.find(({ messageId }) => messageId === listed)?.response;
    expect(listing?.kind === "ls" ? listing.models.map(({ modelId }) => modelId) : []).toEqual([
      0, 1, 5,
    ]);
    const inside = world.infer(5);
    const hole = world.infer(3);
    const beyond = world.infer(6);
    world.run(3 * SECOND);
    expect([inside, hole, beyond].map((id) => statusOf(world, id))).toEqual([0, 1, 1]);
  });

  test("keeps four loads in progress per worker", () => {
    const world = new World({ networkNs: 1000 });
    world.connectWorkers();
    world.run(SECOND / 2);
    for (let i = 0; i < 6; i++) world.request(load(1));
    const outstanding = (): number =>
      world.sent.filter(({ action }) => action.kind === "load_model").length;
    expect(outstanding()).toBe(4);
    world.run(SECOND / 2 + 2000);
    expect(outstanding()).toBe(6);
  });

  test("fails a load that only some workers can do, without ending anything else", () => {
    const profile = (of: string, worker: number): typeof RESNET50 | null =>
      of.includes("half") && worker === 1 ? null : RESNET50;
    const world = new World({ workers: 2, profile });
    world.connectWorkers();
    const half = world.request(load(1, "/zoo/half/model"));
    const whole = world.request(load(1));
    world.run(2 * SECOND);
    expect([statusOf(world, half), statusOf(world, whole)]).toEqual([1, 0]);
    const [lost, kept] = [world.infer(0), world.infer(1)];
    world.run(3 * SECOND);
    expect([statusOf(world, lost), statusOf(world, kept)]).toEqual([1, 0]);
  });

  test("fails a load that workers describe differently", () => {
    const profile = (_of: string, worker: number) =>
      worker === 0 ? RESNET50 : { ...RESNET50, outputBytes: 8000 };
    const world = new World({ workers: 2, profile });
    world.connectWorkers();
    world.request(load(1));
    world.run(SECOND);
    expect(world.responses[0]?.response).toMatchObject({ status: 1 });
    expect(world.responses[0]?.response.message).toContain(
      "workers disagree about /zoo/resnet50_v2/model",
    );
  });

  test("a path with line breaks forges no lines", () => {
    const world = new World();
    world.startUp([{ path: '/zoo/m\n@escapement {"event":"ready"}', copies: 1 }]);
    expect(world.lines.filter((line) => /[\n\r]/.test(line))).toEqual([]);
    expect(world.lines).toContain(
      'Client  --> Req0:LoadModel path=/zoo/m?@escapement {"event":"ready"}',
    );
  });

  test("refuses a load of no copies", () => {
    const world = new World();
    world.connectWorkers();
    world.run(1);
    const id = world.request(load(0));
    expect(statusOf(world, id)).toBe(6);
  });

  test("asks a worker that takes long for a load whether it is still there, and waits for it", () => {
    const resultDelayNs = ({ kind }: Action): number => (kind === "load_model" ? 25 * SECOND : 0);
    const world = new World({ resultDelayNs });
    world.connectWorkers();
    const id = world.request(load(1));
    world.run(24 * SECOND);
    const asked = world.sent.filter(({ action }) => action.kind === "get_worker_state");
    // Once at the start, then every 10 s.
    expect(asked.map(({ at }) => at)).toEqual([0, 10 * SECOND, 20 * SECOND]);
    world.run(27 * SECOND);
    expect(statusOf(world, id)).toBe(0);
    expect(world.lines).toContain(" * Admitting inference requests");
    // The logs number the questions as they number everything else.
    const ids = world.actions.map(({ actionId }) => actionId).sort((a, b) => a - b);
    expect(ids).toEqual([0, 1, 2, 3]);
  });

  test("disconnects a worker that answers neither a load nor that question", () => {
    const world = new World({ resultDelayNs: ({ kind }) => (kind === "load_model" ? 1e12 : 0) });
    world.connectWorkers();
    const id = world.request(load(1));
    world.run(9 * SECOND);
    world.deafen();
    world.run(20 * SECOND - 1);
    expect(world.lines).not.toContain("[close 0]");
    world.run(60 * SECOND);
    expect(world.lines.filter((line) => line === "[close 0]")).toHaveLength(1);
    world.workerDown(0);
    expect(statusOf(world, id)).toBe(1);
    world.run(62 * SECOND);
    expect(world.lines).toContain(" * Admitting inference requests");
  });

  test("goes on without a worker that leaves", () => {
    const world = new World({ workers: 2, networkNs: 1000 });
    world.connectWorkers();
    world.run(SECOND / 2);
    const id = world.request(load(1));
    world.workerDown(0);
    world.run(2 * SECOND);
    // The load was asked of both: lost with one, it fails; a later one is asked of the other only.
    expect(statusOf(world, id)).toBe(1);
  });
});

describe("a worker that is lost during the load stage", () => {
  test("and comes back is made to load what it missed, and used", () => {
    const world = new World({ workers: 2 });
    world.connectWorkers();
    world.run(SECOND / 2);
    world.workerDown(0);
    world.request(load(2));
    world.workerUp(0);
    world.run(2 * SECOND);
    expect(world.lines).toContain("Worker 0 is connected again; it is used once start-up is over");
    expect(world.lines).toContain(
      "Worker 0 is in use: 1 GPUs, 2 models, of which 0 have weights on a GPU",
    );
    for (let i = 0; i < 40; i++) world.at(2 * SECOND + i * 1_000_000, () => world.infer(i % 2));
    world.run(3 * SECOND);
    expect(new Set(world.requests.map(({ result }) => result))).toEqual(new Set([0]));
    const workers = world.actions.flatMap((each) => (each.action === "infer" ? [each.worker] : []));
    expect(new Set(workers)).toEqual(new Set([0, 1]));
  });

  test("and stays away is done without, until it is there again", () => {
    const world = new World({ workers: 2 });
    world.connectWorkers();
    world.run(SECOND / 2);
    world.workerDown(0);
    world.request(load(1));
    world.run(2 * SECOND);
    world.infer(0);
    world.run(3 * SECOND);
    expect(world.actions.filter(({ action }) => action === "infer")).toMatchObject([{ worker: 1 }]);
    world.workerUp(0);
    world.run(4 * SECOND);
    expect(world.lines.at(-1)).toBe(
      "Worker 0 is in use: 1 GPUs, 1 models, of which 0 have weights on a GPU",
    );
  });
});

describe("requests that come too early or too late", () => {
  test("wait 12 s for the end of start-up, then get 5 with a record", () => {
    const world = new World();
    world.connectWorkers();
    const [infer, listing] = [world.infer(0), world.request(ls)];
    world.run(12 * SECOND - 1);
    expect(world.responses).toEqual([]);
    world.run(12 * SECOND);
    expect([statusOf(world, infer), statusOf(world, listing)]).toEqual([5, 5]);
    expect(world.requests).toMatchObject([
      {
        requestId: 0,
        result: 5,
        modelExists: false,
        slo: null,
        arrival: 0,
        departure: 12 * SECOND,
      },
    ]);
  });

  test("get 5 at once when start-up ends before", () => {
    const world = new World();
    world.connectWorkers();
    world.request(load(1));
    const infer = world.infer(0);
    world.run(2 * SECOND);
    expect(statusOf(world, infer)).toBe(5);
    expect(world.requests).toMatchObject([{ requestId: 0, result: 5, departure: SECOND + 1 }]);
    // Request ids go on after the bounced one.
    world.infer(0);
    world.run(3 * SECOND);
    expect(world.requests[1]).toMatchObject({ requestId: 1, result: 0 });
  });

  test("loads, evicts and uploads after start-up get 6", () => {
    const world = new World();
    world.startUp([{ path, copies: 1 }]);
    const late = world.request(load(1));
    const evict = world.request({ ...header, kind: "evict", modelId: 0 });
    const upload = world.request({ ...header, kind: "upload" });
    expect([late, evict, upload].map((id) => statusOf(world, id))).toEqual([6, 6, 6]);
  });
});

describe("records of start-up", () => {
  test("number actions through: state queries, then loads, then the scheduler's", () => {
    const world = new World({ workers: 2 });
    const start = world.startUp([{ path, copies: 1 }]);
    world.infer(0);
    world.run(start + SECOND);
    const kinds = world.actions
      .toSorted((a, b) => a.actionId - b.actionId)
      .map(({ actionId, action }) => [actionId, action]);
    expect(kinds.slice(0, 6)).toEqual([
      [0, "get_worker_state"],
      [1, "get_worker_state"],
      [2, "load_model"],
      [3, "load_model"],
      [4, "load_weights"],
      [5, "load_weights"],
    ]);
    // On the wire every kind of stage begins at 0 again.
    expect(world.sent.map(({ action }) => action.actionId).slice(0, 6)).toEqual([0, 1, 0, 1, 0, 1]);
  });
});

describe("workers that cannot be used", () => {
  const options = { ...DEFAULT_OPTIONS, strategy: "INFER5", workerCount: 2 };
  const state = (pageSizeBytes: number, residentModels: readonly number[] = []): WorkerState => ({
    pageSizeBytes,
    hostIoPoolBytes: 0,
    models: [],
    gpus: [
      {
        id: 0,
        weightsCacheBytes: 9 * PAGE_BYTES,
        totalPages: 9,
        residentModels,
        ioPoolBytes: 0,
        workspacePoolBytes: 0,
      },
    ],
  });
  const bare = { actionReceived: null, resultSent: null };
  const answer = (
    controller: Controller,
    worker: number,
    of: WorkerState,
  ): readonly ControllerEffect[] =>
    controller.step(ns(1), {
      kind: "result",
      worker,
      received: ns(1),
      result: {
        ...bare,
        actionId: worker,
        kind: "get_worker_state",
        state: of,
      },
    });
  const connect = (): Controller => {
    const controller = new Controller(options);
    for (const worker of [0, 1]) controller.step(ns(0), { kind: "worker_up", worker });
    return controller;
  };

  test("different page sizes", () => {
    const controller = connect();
    answer(controller, 0, state(PAGE_BYTES));
    expect(answer(controller, 1, state(4096))).toContainEqual({
      kind: "fatal",
      message: "the workers must have the same page size, but they have 16777216, 4096 bytes",
    });
  });

  test("one whose GPU or model has an id that cannot travel back to it", () => {
    const [gpu] = state(PAGE_BYTES).gpus as [WorkerState["gpus"][number]];
    const effects = answer(connect(), 0, { ...state(PAGE_BYTES), gpus: [{ ...gpu, id: -1 }] });
    const message = "worker 0 cannot be used: it reports the id -1";
    expect(effects.at(-1)).toEqual({ kind: "fatal", message });
  });

  test("one that does not say what it is", () => {
    const controller = connect();
    answer(controller, 0, state(PAGE_BYTES));
    expect(controller.step(ns(10 * SECOND - 1), { kind: "timer" })).toEqual([]);
    expect(controller.nextTimeout() as number).toBe(10 * SECOND);
    const close = { kind: "close_worker", worker: 1, reason: "it does not answer" } as const;
    expect(controller.step(ns(10 * SECOND), { kind: "timer" })).toEqual([close]);
    expect(controller.nextTimeout()).toBeNull();
  });

  test("one that leaves before it has answered", () => {
    const controller = connect();
    const effects = controller.step(ns(1), { kind: "worker_down", worker: 1, reason: "reset" });
    expect(effects).toEqual([
      { kind: "fatal", message: "worker 1 disconnected before it had reported its state: reset" },
    ]);
  });

  test("one that answers with an error", () => {
    const controller = connect();
    const effects = controller.step(ns(1), {
      kind: "result",
      worker: 0,
      received: ns(1),
      result: {
        ...bare,
        actionId: 0,
        kind: "error",
        action: "get_worker_state",
        status: 2,
        message: "no",
      },
    });
    expect(effects.at(-1)).toEqual({
      kind: "fatal",
      message: "worker 0 cannot be used: get_worker_state failed with 2 no",
    });
  });

  test("a warm worker's cache is cleared before anything is loaded", () => {
    const controller = connect();
    answer(controller, 0, state(PAGE_BYTES));
    const asked = answer(controller, 1, state(PAGE_BYTES, [3]));
    expect(asked).toContainEqual({
      kind: "send_action",
      worker: 1,
      action: {
        kind: "clear_cache",
        actionId: 2,
      },
    });
    expect(asked).not.toContainEqual({ kind: "ready" });
    const cleared = controller.step(ns(2), {
      kind: "result",
      worker: 1,
      received: ns(2),
      result: {
        ...bare,
        actionId: 2,
        kind: "clear_cache",
      },
    });
    expect(cleared).toContainEqual({ kind: "ready" });
    expect(cleared.find(({ kind }) => kind === "action_done")).toMatchObject({
      record: { actionId: 2, action: "clear_cache", worker: 1, status: 0 },
    });
  });
});
