/** What a worker that comes back may tell of itself, and what of it is used. */
import { describe, expect, test } from "bun:test";
import type { WorkerState } from "#serving/messages.ts";
import { ns } from "#stdx/nanos.ts";
import { model, SECOND, start, state } from "./warm-controller.ts";

const MS = 1_000_000;
const both = [model(0), model(3)];
const UP = 2 * SECOND;
/** Asked 0.2 s after it is back. */
const ASKED = UP + 200 * MS;

/** One worker with models 0 and 3 is lost, comes back, and tells this of itself. */
const comeBack = (holds: WorkerState) => {
  const controller = start([state(both, [])], { startsWarm: true });
  const { step, tell } = controller;
  step(SECOND + 2, { kind: "timer" });
  step(UP - 1, { kind: "worker_down", worker: 0, reason: "reset" });
  step(UP, { kind: "worker_up", worker: 0 });
  step(ASKED, { kind: "timer" });
  tell(ASKED + 1, 0, holds);
  return controller;
};

const close = (effects: readonly { readonly kind: string }[]) =>
  effects.find(({ kind }) => kind === "close_worker");

describe("a worker that comes back", () => {
  test("with what it had is used at once, with the weights that it has", () => {
    const { infer, actions, lines } = comeBack(state(both, [3]));
    expect(lines()).toContain(
      "Worker 0 is in use: 1 GPUs, 2 models, of which 1 have weights on a GPU",
    );
    infer(ASKED + 2, 3);
    expect(actions()).toEqual(["W0 infer"]);
  });

  test("with an id that cannot travel back to it loses its connection", () => {
    const [gpu] = state(both, []).gpus;
    const { effects } = comeBack({
      ...state(both, []),
      gpus: [{ ...(gpu as object), id: -1 } as never],
    });
    expect(close(effects)).toMatchObject({ worker: 0, reason: "it reports the id -1" });
  });

  test("with pages of another size is not used", () => {
    const { infer, actions, lines, effects, step } = comeBack({
      ...state(both, [3]),
      pageSizeBytes: 4096,
    });
    expect(lines().at(-1)).toStartWith("Worker 0 is not used: its pages have 4096 bytes");
    infer(ASKED + 2, 3);
    step(ASKED + 100 * MS, { kind: "timer" });
    expect(actions()).toEqual([]);
    // Status 4, at its deadline.
    const answer = effects.find(({ kind }) => kind === "respond");
    expect(answer).toMatchObject({ response: { status: 4 } });
  });

  test("with more weights than fit has a GPU that is not used", () => {
    const three = [...both, model(5)];
    const { infer, actions, lines } = comeBack(state(three, [0, 3, 5]));
    expect(lines()).toContain("Worker 0 GPU 0 is not used: it reports more weights than fit");
    infer(ASKED + 2, 3);
    expect(actions()).toEqual([]);
  });

  test("without its GPU is in use without it", () => {
    const { infer, actions, lines } = comeBack({ ...state(both, []), gpus: [] });
    expect(lines()).toContain("Worker 0 GPU 0 is not used: it is not there");
    infer(ASKED + 2, 3);
    expect(actions()).toEqual([]);
  });

  test("with weights of a stranger's model has fewer pages left", () => {
    // 14 pages, of which 7 are a stranger's: room for one of two models.
    const { infer, actions, step } = comeBack(state([...both, model(9)], [9]));
    infer(ASKED + 2, 0);
    const result = { actionId: 1, actionReceived: null, resultSent: null } as const;
    const timing = { begin: ns(ASKED), end: ns(ASKED + 8 * MS), duration: ns(8 * MS) };
    step(ASKED + 9 * MS, {
      kind: "result",
      worker: 0,
      received: ns(ASKED + 9 * MS),
      result: { ...result, kind: "load_weights", timing },
    });
    infer(ASKED + 10 * MS, 3);
    expect(actions()).toEqual([
      "W0 load_weights",
      "W0 infer",
      "W0 evict_weights",
      "W0 load_weights",
    ]);
  });

  test("with another model of an id goes without that one", () => {
    const { infer, actions, lines } = comeBack(
      state([model(0), model(3, { path: "/zoo/other/model" })], [3]),
    );
    expect(lines()).toContain("Worker 0 goes without model 3: there it is /zoo/other/model");
    infer(ASKED + 2, 3);
    infer(ASKED + 3, 0);
    expect(actions()).toEqual(["W0 load_weights"]);
  });

  test("and does not answer loses its connection", () => {
    const { step, effects } = start([state(both, [])], { startsWarm: true });
    step(SECOND + 2, { kind: "timer" });
    step(UP - 1, { kind: "worker_down", worker: 0, reason: "reset" });
    step(UP, { kind: "worker_up", worker: 0 });
    step(ASKED, { kind: "timer" });
    step(ASKED + 10 * SECOND - 1, { kind: "timer" });
    expect(close(effects)).toBeUndefined();
    step(ASKED + 10 * SECOND, { kind: "timer" });
    expect(close(effects)).toMatchObject({ reason: "it does not answer" });
    // What was asked is in the log, without an answer.
    step(ASKED + 11 * SECOND, { kind: "worker_down", worker: 0, reason: "closed" });
    expect(effects.findLast(({ kind }) => kind === "action_done")).toMatchObject({
      record: { action: "get_worker_state", status: 3 },
    });
  });
});

test("a worker whose books are wrong, and that does not end what is on it, loses its connection", () => {
  const { step, infer, actions, effects } = start([state(both, [])], { startsWarm: true });
  step(SECOND + 2, { kind: "timer" });
  infer(UP, 0);
  infer(UP + 1, 3);
  expect(actions()).toEqual(["W0 load_weights", "W0 load_weights"]);
  const bare = { actionReceived: null, resultSent: null };
  const fail = (at: number, actionId: number): void => {
    const error = { kind: "error", action: "load_weights", status: 53, message: "" } as const;
    const result = { ...bare, ...error, actionId };
    step(at, { kind: "result", worker: 0, received: ns(at), result });
  };
  fail(UP + MS, 0);
  // It is not silent, but the other load never ends.
  for (let second = 1; second < 10; second++) fail(UP + second * SECOND, 77);
  expect(close(effects)).toBeUndefined();
  step(UP + 10 * SECOND + MS, { kind: "timer" });
  expect(close(effects)).toMatchObject({ reason: "what is on it does not end" });
  const asked = effects.filter(
    (effect) => effect.kind === "send_action" && effect.action.kind === "get_worker_state",
  );
  // At the start, and never again: until the other load ends the answer would be worth nothing.
  expect(asked).toHaveLength(1);
});
