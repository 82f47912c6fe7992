/** A controller that starts with workers which hold models and weights of an earlier one. */
import { describe, expect, test } from "bun:test";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import type { WorkerState } from "#serving/messages.ts";
import { ns } from "#stdx/nanos.ts";
import { model, SECOND, start, state } from "./warm-controller.ts";

const SERVING = " * Admitting inference requests";
const both = [model(0), model(3)];

describe.each([...STRATEGIES.keys()])("%s with warm workers", (strategy) => {
  test("serves models that are loaded, without a load, once their stage has ended", () => {
    const { step, infer, actions, lines, effects, controller } = start(
      [state(both, [3]), state(both, [])],
      { strategy, startsWarm: true },
    );
    expect(controller.nextTimeout()).not.toBeNull();
    step(SECOND + 1, { kind: "timer" });
    expect(lines()).not.toContain(SERVING);
    step(SECOND + 2, { kind: "timer" });
    expect(lines()).toContain(SERVING);
    const request = { kind: "ls", userId: 0, userRequestId: 0 } as const;
    const asked = { connectionId: 0, messageId: 7, arrival: ns(SECOND + 3) };
    step(SECOND + 3, { kind: "request", ...asked, request });
    expect(effects.at(-1)).toMatchObject({
      response: { status: 0, models: [{ modelId: 0 }, { modelId: 3 }] },
    });
    // Model 3 is on worker 0 and nowhere else; demand for it brings it to worker 1 as well, as it always would.
    infer(SECOND + 4, 3);
    expect(actions()).toEqual(["W0 infer", "W1 load_weights"]);
  });

  test("counts the pages that are taken", () => {
    const { step, infer, actions } = start([state([...both, model(5)], [0, 3])], {
      strategy,
      startsWarm: true,
    });
    step(SECOND + 2, { kind: "timer" });
    // 14 pages are taken by models 0 and 3; one of them goes to make room for model 5.
    infer(SECOND + 3, 5);
    expect(actions()).toEqual(["W0 evict_weights", "W0 load_weights"]);
  });
});

test("without being told to, waits for the first load as the original does", () => {
  const { step, controller, lines } = start([state(both, [3])]);
  expect(controller.nextTimeout()).toBeNull();
  step(100 * SECOND, { kind: "timer" });
  expect(lines()).not.toContain(SERVING);
  expect(lines()).toContain("Worker 0 holds weights of an earlier controller; keeping them");
});

test("with nothing to start from there is nothing warm about it", () => {
  const { controller } = start([state([], [])], { startsWarm: true });
  expect(controller.nextTimeout()).toBeNull();
});

describe("weights are cleared, and the reason is told, where", () => {
  const cleared = (states: readonly WorkerState[]) => {
    const { actions, lines } = start(states, { startsWarm: true });
    expect(actions()).toEqual(["W0 clear_cache"]);
    return lines().find((line) => line.startsWith("Worker 0 holds weights"));
  };

  test("another worker lacks the model", () => {
    expect(cleared([state(both, [3]), state([model(0)], [])])).toContain("those of model 3");
  });

  test("another worker has another model of that id", () => {
    const other = [model(0), model(3, { path: "/zoo/other/model" })];
    expect(cleared([state(both, [3]), state(other, [])])).toContain("those of model 3");
  });

  test("the model is none that the worker told of", () => {
    expect(cleared([state(both, [4])])).toContain("those of model 4");
  });

  test("there would be more of them than fit", () => {
    expect(cleared([state([...both, model(5)], [0, 3, 5])])).toContain("more of them than fit");
  });
});

test("a model that not every worker has alike is left out", () => {
  const other = [model(0, { outputBytes: 8 }), model(3)];
  const { step, lines, infer, effects } = start([state(both, []), state(other, [3])], {
    startsWarm: true,
  });
  step(SECOND + 2, { kind: "timer" });
  expect(lines()).toContain("Model 0 is not the same on every worker and is left out");
  infer(SECOND + 3, 0);
  expect(effects.find(({ kind }) => kind === "respond")).toMatchObject({
    response: { status: 1, message: "Invalid model ID" },
  });
});

test("a later load gets an id above those that are taken", () => {
  const { step, effects } = start([state(both, [3])], { startsWarm: true });
  const request = {
    kind: "load_model",
    path: "/zoo/new/model",
    copies: 1,
    userId: 0,
    userRequestId: 0,
  } as const;
  step(2, { kind: "request", connectionId: 0, messageId: 0, arrival: ns(2), request });
  expect(effects.at(-1)).toMatchObject({ action: { kind: "load_model", modelId: 4 } });
});
