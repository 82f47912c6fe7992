/** DIRECT: calls go to worker 0 as they are, and its answers back. */
import { describe, expect, test } from "bun:test";
import { createController } from "#serving/controller/controller-types.ts";
import type { ControllerEffect, ControllerEvent } from "#serving/controller/events.ts";
import { DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import type { Action, ActionResult, ClientRequest, ClientResponse } from "#serving/messages.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";

const ms = (value: number): Nanos => ns(Math.round(value * 1e6));
const bare = { actionReceived: null, resultSent: null };
const timing = { begin: ns(0), end: ns(0), duration: ns(0) };

/** A controller whose worker is up; `take` returns what it did since the last time, prints apart. */
const start = (workerCount = 1) => {
  const controller = createController({
    ...DEFAULT_OPTIONS,
    strategy: "DIRECT",
    maxBatchSize: 32,
    maxExec: ms(1000),
    workerCount,
  });
  let effects: ControllerEffect[] = [];
  const step = (at: number, event: ControllerEvent): void => {
    effects.push(...controller.step(ms(at), event));
  };
  const take = (): { actions: Action[]; responses: ClientResponse[]; rest: ControllerEffect[] } => {
    const seen = effects;
    effects = [];
    return {
      actions: seen.flatMap((each) => (each.kind === "send_action" ? [each.action] : [])),
      responses: seen.flatMap((each) => (each.kind === "respond" ? [each.response] : [])),
      rest: seen.filter(({ kind }) => !["send_action", "respond", "print"].includes(kind)),
    };
  };
  const request = (at: number, what: ClientRequest): void =>
    step(at, { kind: "request", connectionId: 3, messageId: 9, arrival: ms(at), request: what });
  const result = (at: number, what: ActionResult, worker = 0): void =>
    step(at, { kind: "result", worker, received: ms(at), result: what });
  const prints = (): readonly string[] =>
    effects.flatMap((each) => (each.kind === "print" ? [each.line] : []));
  return { controller, step, take, prints, request, result };
};

const infer = (userRequestId: number, modelId = 0): ClientRequest => ({
  kind: "infer",
  userId: 0,
  userRequestId,
  modelId,
  batchSize: 3,
  sloFactor: 2,
  input: { sizeBytes: 30 },
});
const LOAD = {
  kind: "load_model",
  userId: 0,
  userRequestId: 4,
  path: "/zoo/m/model",
  copies: 2,
} as const;
const inferred = (actionId: number, sizeBytes: number): ActionResult => ({
  ...bare,
  actionId,
  kind: "infer",
  gpuId: 0,
  copyInput: timing,
  exec: timing,
  copyOutput: timing,
  gpuClockBeforeMhz: 1380,
  gpuClockMhz: 1380,
  output: { sizeBytes },
});
const failed = (
  actionId: number,
  action: "infer" | "load_model" | "load_weights",
): ActionResult => ({
  ...bare,
  actionId,
  kind: "error",
  action,
  status: 81,
  message: "too late",
});

describe("loading", () => {
  test("needs no load stage; the worker's answer is the client's, ids go on by copies", () => {
    const { step, take, request, result, controller } = start();
    step(0, { kind: "worker_up", worker: 0 });
    expect(take().rest).toEqual([{ kind: "ready" }]);
    request(1, LOAD);
    request(2, LOAD);
    const common = {
      kind: "load_model",
      copies: 2,
      maxBatchSize: 32,
      maxExecNs: ms(1000),
    } as const;
    expect(take().actions).toMatchObject([
      { ...common, actionId: 0, modelId: 0, earliest: null, latest: ms(10_001) },
      { ...common, actionId: 1, modelId: 2, latest: ms(10_002) },
    ]);
    const sizes = { inputBytes: 10, outputBytes: 20, copies: 2 };
    const model = { ...sizes, batchSizes: [1], weightsBytes: 1, weightsPages: 1, execNs: [ms(1)] };
    const loaded = { ...bare, ...model, kind: "load_model", timing, weightsLoadNs: ms(1) } as const;
    result(3, { ...loaded, actionId: 1 });
    expect(take().responses).toEqual([
      { kind: "load_model", userRequestId: 4, status: 0, message: "", modelId: 2, ...sizes },
    ]);
    result(4, failed(0, "load_model"));
    expect(take().responses).toMatchObject([
      { kind: "load_model", status: 1, message: "too late" },
    ]);
    expect(controller.nextTimeout()).toBeNull();
  });
});

describe("inference", () => {
  test("loads the weights first; even request ids go to GPU 1, odd ones to GPU 0", () => {
    const { step, take, request } = start();
    step(0, { kind: "worker_up", worker: 0 });
    request(1, infer(6));
    // Ready at 1 + 7 = 8 ms; every window ends 10 s after it was made.
    expect(take().actions).toMatchObject([
      { kind: "load_weights", actionId: 0, gpuId: 1, earliest: ms(1), latest: ms(10_001) },
      {
        kind: "infer",
        actionId: 1,
        gpuId: 1,
        earliest: ms(8),
        latest: ms(10_001),
        batchSize: 3,
        inputSizes: [],
        inputs: [{ sizeBytes: 30 }],
      },
    ]);
    request(2, infer(8));
    request(9, infer(10));
    expect(take().actions).toMatchObject([
      { kind: "infer", gpuId: 1, earliest: ms(8) },
      { kind: "infer", gpuId: 1, earliest: ms(9) },
    ]);
    request(10, infer(7));
    expect(
      take().actions.map(({ kind, ...rest }) => [kind, "gpuId" in rest && rest.gpuId]),
    ).toEqual([
      ["load_weights", 0],
      ["infer", 0],
    ]);
  });

  test("the output goes back whole, an error as status 1 with its text", () => {
    const { step, take, request, result } = start();
    step(0, { kind: "worker_up", worker: 0 });
    for (const id of [2, 4]) request(1, infer(id));
    take();
    result(2, inferred(1, 400));
    result(2, failed(2, "infer"));
    const common = { kind: "infer", modelId: 0, batchSize: 3 };
    expect(take().responses).toMatchObject([
      { ...common, userRequestId: 2, status: 0, output: { index: 0, count: 1 } },
      { ...common, userRequestId: 4, status: 1, message: "too late", output: null },
    ]);
    // A result that nobody waits for, or that another worker sends, answers nothing.
    request(3, infer(6));
    result(4, inferred(1, 0));
    result(4, inferred(3, 0), 1);
    expect(take().responses).toEqual([]);
  });

  test("a model id beyond 31 bits is narrowed for the worker, which knows none, and comes back as it was", () => {
    const { step, take, request, result } = start();
    step(0, { kind: "worker_up", worker: 0 });
    request(0, infer(1, 2 ** 32 - 1));
    expect(take().actions.map((action) => "modelId" in action && action.modelId)).toEqual([-1, -1]);
    result(1, inferred(1, 0));
    expect(take().responses).toMatchObject([{ kind: "infer", modelId: 2 ** 32 - 1 }]);
  });

  test("after a failed load of weights the next request loads again", () => {
    const { step, take, request, result } = start();
    step(0, { kind: "worker_up", worker: 0 });
    request(1, infer(2));
    result(2, failed(0, "load_weights"));
    expect(take().responses).toEqual([]);
    request(3, infer(4));
    expect(take().actions.map(({ kind }) => kind)).toEqual(["load_weights", "infer"]);
  });
});

describe("refused", () => {
  test("listing with 1 as by the original, evicting and uploading with 6", () => {
    const { step, take, request } = start();
    step(0, { kind: "worker_up", worker: 0 });
    const header = { userId: 0, userRequestId: 1 };
    request(1, { kind: "ls", ...header });
    request(1, { kind: "evict", ...header, modelId: 0 });
    request(1, { kind: "upload", ...header });
    const { responses, actions } = take();
    expect(responses.map(({ kind, status, message }) => [kind, status, message])).toEqual([
      ["ls", 1, "ls not supported by this controller"],
      ["evict", 6, "evict not supported by this controller"],
      ["upload", 6, "upload not supported by this controller"],
    ]);
    expect(actions).toEqual([]);
  });

  test("calls before worker 0 is there with 5, after it has gone with 1, those on it with 1", () => {
    const { step, take, request } = start(2);
    step(0, { kind: "worker_up", worker: 1 });
    request(1, infer(2));
    expect(take().responses).toMatchObject([{ kind: "infer", status: 5 }]);
    step(2, { kind: "worker_up", worker: 0 });
    request(3, infer(4));
    request(3, LOAD);
    take();
    step(4, { kind: "worker_down", worker: 1, reason: "reset" });
    expect(take().responses).toEqual([]);
    step(5, { kind: "worker_down", worker: 0, reason: "reset" });
    expect(take().responses).toMatchObject([
      { kind: "infer", userRequestId: 4, status: 1, message: "worker 0 disconnected: reset" },
      { kind: "load_model", status: 1 },
    ]);
    request(6, LOAD);
    expect(take().responses).toMatchObject([{ status: 1, message: "worker 0 is gone" }]);
  });

  test("a path prints on one line, whatever is in it", () => {
    const { step, request, prints } = start();
    step(0, { kind: "worker_up", worker: 0 });
    request(1, { ...LOAD, path: "a\n@escapement {}" });
    expect(prints()[0]).toBe("Client  --> Req4:load_model path=a?@escapement {} copies=2");
  });

  test("a load of no copies with 6", () => {
    const { step, take, request } = start();
    step(0, { kind: "worker_up", worker: 0 });
    request(1, { ...LOAD, copies: 0 });
    expect(take().responses).toMatchObject([{ kind: "load_model", status: 6 }]);
  });
});

describe("a worker", () => {
  test("that comes back is used again, and loads weights anew", () => {
    const { step, take, request, result } = start();
    step(0, { kind: "worker_up", worker: 0 });
    request(1, infer(2));
    result(2, inferred(1, 30));
    step(3, { kind: "worker_down", worker: 0, reason: "reset" });
    take();
    step(4, { kind: "worker_up", worker: 0 });
    request(5, infer(4));
    const { actions, rest } = take();
    expect(actions.map(({ kind, actionId }) => [kind, actionId])).toEqual([
      ["load_weights", 2],
      ["infer", 3],
    ]);
    // It is ready once.
    expect(rest).toEqual([]);
  });

  test("that says nothing costs its calls 12 s, once, and its connection", () => {
    const { controller, step, take, request, result } = start();
    step(0, { kind: "worker_up", worker: 0 });
    expect(controller.nextTimeout()).toBeNull();
    request(1, infer(2));
    request(1000, LOAD);
    take();
    expect(controller.nextTimeout()).toBe(ms(12_001));
    step(12_000, { kind: "timer" });
    expect(take().responses).toEqual([]);
    step(12_001, { kind: "timer" });
    const { responses, rest } = take();
    expect(responses).toMatchObject([{ kind: "infer", userRequestId: 2, status: 4 }]);
    expect(rest).toEqual([
      { kind: "close_worker", worker: 0, reason: "worker 0 has not answered for 12 s" },
    ]);
    result(12_002, inferred(1, 30));
    expect(take().responses).toEqual([]);
    // A load from disk may take longer.
    expect(controller.nextTimeout()).toBe(ms(301_000));
    step(301_000, { kind: "timer" });
    expect(take().responses).toMatchObject([{ kind: "load_model", status: 4 }]);
    expect(controller.nextTimeout()).toBeNull();
  });

  test("that answers others keeps its connection", () => {
    const { step, take, request, result } = start();
    step(0, { kind: "worker_up", worker: 0 });
    request(1, infer(2));
    request(2, infer(4));
    result(3, inferred(2, 30));
    take();
    step(12_500, { kind: "timer" });
    const { responses, rest } = take();
    expect(responses).toMatchObject([{ userRequestId: 2, status: 4 }]);
    expect(rest).toEqual([]);
  });
});
