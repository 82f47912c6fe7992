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

describe("a load", () => {
  const four = [model(0), model(1), model(3), model(4)].map((each) => ({
    ...each,
    path: "/zoo/m/model",
  }));
  const warm = (startsWarm: boolean) => {
    const { step, effects, actions } = start([state([...four, model(5)], [])], { startsWarm });
    const ask = (at: number, path: string, copies: number) => {
      const request = { kind: "load_model", path, copies, userId: 0, userRequestId: 0 } as const;
      const event = { kind: "request", connectionId: 0, messageId: at, arrival: ns(at) } as const;
      step(at, { ...event, request });
      const answer = effects.findLast((effect) => effect.kind === "respond");
      return answer?.kind === "respond" && answer.messageId === at ? answer.response : null;
    };
    return { ask, actions };
  };

  test("of a path that is held is answered with what is there, each instance once", () => {
    const { ask, actions } = warm(true);
    const asked = [2, 1, 1].map((copies, index) => ask(2 + index, "/zoo/m/model", copies));
    expect(asked).toMatchObject([
      { status: 0, modelId: 0, copies: 2, inputBytes: 100, outputBytes: 4 },
      { status: 0, modelId: 3, copies: 1 },
      { status: 0, modelId: 4, copies: 1 },
    ]);
    expect(actions()).toEqual([]);
    expect(ask(9, "/zoo/m/model", 1)).toBeNull();
    expect(actions()).toEqual(["W0 load_model"]);
  });

  test("of more instances than lie together is carried out, under ids above those that are taken", () => {
    const { ask, actions } = warm(true);
    expect(ask(2, "/zoo/m/model", 3)).toBeNull();
    expect(actions()).toEqual(["W0 load_model"]);
    expect(ask(3, "/zoo/m/model", 0)).toMatchObject({ status: 6 });
    // 2 and 3 do not follow one another.
    expect(ask(4, "/zoo/m/model", 1)).toMatchObject({ status: 0, modelId: 0 });
    expect(ask(5, "/zoo/m/model", 2)).toMatchObject({ status: 0, modelId: 3 });
    expect(ask(6, "/zoo/m/model", 1)).toMatchObject({ status: 0, modelId: 1 });
  });

  test("makes new instances where the controller was not told to start warm, as the original does", () => {
    const { ask, actions } = warm(false);
    expect(ask(2, "/zoo/m/model", 1)).toBeNull();
    expect(actions()).toEqual(["W0 load_model"]);
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
