/** ECHO: start-up as always, then success for every inference. */
import { expect, test } from "bun:test";
import { CONTROLLER_TYPES } from "#serving/controller/controller-types.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { World } from "./world.ts";

const SECOND = 1_000_000_000;
const { maxBatchSize, maxExec, loadStageTimeout } = CONTROLLER_TYPES.get("ECHO") ?? {};
const options = {
  strategy: "ECHO",
  maxBatchSize: maxBatchSize as number,
  maxExec: maxExec as Nanos,
  loadStageTimeout: loadStageTimeout as Nanos,
};

test("the load stage ends after 10 s; then every request succeeds at once, without output or deadline", () => {
  const world = new World({ controller: options });
  const start = world.startUp([{ path: "/zoo/resnet50_v2/model", copies: 2 }]);
  expect(start).toBeGreaterThan(10 * SECOND);
  expect(start).toBeLessThan(10.1 * SECOND);
  const load = world.sent.find(({ action }) => action.kind === "load_model")?.action;
  expect(load).toMatchObject({ maxBatchSize: 32, maxExecNs: ns(SECOND) });
  const sent = world.sent.length;
  world.infer(1);
  // A model that nobody loaded is a success, too.
  world.infer(7, { sloFactor: 2 });
  world.run(start + SECOND);
  expect(world.responses.slice(-2).map(({ response }) => response)).toMatchObject([
    { kind: "infer", status: 0, modelId: 1, output: null },
    { kind: "infer", status: 0, modelId: 7, output: null },
  ]);
  expect(world.requests).toMatchObject([
    { result: 0, slo: null, modelExists: true, arrival: start, departure: start, modelId: 1 },
    { result: 0, slo: null, modelExists: false, modelId: 7 },
  ]);
  expect(world.sent.length).toBe(sent);
  world.request({ kind: "ls", userId: 0, userRequestId: 5 });
  const listing = world.responses.at(-1)?.response;
  expect(listing?.kind === "ls" && listing.models.map(({ modelId }) => modelId)).toEqual([0, 1]);
});

test("without its worker it goes on", () => {
  const world = new World({ controller: options });
  const start = world.startUp([{ path: "/zoo/resnet50_v2/model", copies: 1 }]);
  world.workerDown(0);
  world.infer(0);
  world.run(start + SECOND);
  expect(world.requests.map(({ result }) => result)).toEqual([0]);
});
