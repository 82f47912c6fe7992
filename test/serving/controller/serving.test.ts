/** The running scheduler in a small virtual world: one response each, honest records, and summaries. */
import { describe, expect, test } from "bun:test";
import type { ControllerEvent } from "#serving/controller/events.ts";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import type { ActionResult, ClientResponse } from "#serving/messages.ts";
import { ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { RESNET50, World } from "./world.ts";

const MS = 1_000_000;
const SECOND = 1_000_000_000;
const path = "/zoo/resnet50_v2/model";

/** Sends requests to random models at random gaps, and fails workers' results at random when asked to. */
const overload = (world: World, seed: number, count: number): { readonly ids: Set<number> } => {
  const rng = Rng.of(seed, "serving");
  const ids = new Set<number>();
  let at = world.startUp([{ path, copies: 12 }]);
  for (let i = 0; i < count; i++) {
    at += Math.floor(rng.exponential(1.2 * MS));
    const [modelId, sloFactor] = [rng.below(12), rng.below(3) * 10];
    world.at(at, () => ids.add(world.infer(modelId, { sloFactor })));
  }
  return { ids };
};

const optionsOf = (strategy: string) => ({
  strategy,
  maxBatchSize: STRATEGIES.get(strategy)?.maxBatchSize as number,
});

describe.each([...STRATEGIES.keys()])("%s under overload with evictions", (strategy) => {
  const make = () =>
    new World({
      controller: optionsOf(strategy),
      gpusPerWorker: 2,
      pagesPerGpu: 35,
      networkNs: 120_000,
    });
  const world = make();
  const { ids } = overload(world, 1, 3000);
  world.run(world.now + 10 * SECOND);
  const inferences = world.responses.filter(({ messageId }) => ids.has(messageId));

  test("every request is answered and recorded exactly once", () => {
    expect(ids.size).toBe(3000);
    expect(inferences.length).toBe(3000);
    expect(new Set(inferences.map(({ messageId }) => messageId)).size).toBe(3000);
    const recorded = world.requests.map(({ requestId }) => requestId).sort((a, b) => a - b);
    expect(recorded).toEqual(Array.from({ length: 3000 }, (_, i) => i));
  });

  test("every action that was sent has one record, and sent ≤ received ≤ processed", () => {
    // Start-up's ids come before the scheduler's and are not taken twice.
    expect(new Set(world.actions.map(({ actionId }) => actionId)).size).toBe(world.actions.length);
    const sent = world.sent.length;
    const unsent = world.actions.filter(({ status }) => status === 45).length;
    expect(world.actions.length).toBe(sent + unsent);
    for (const { built, sent: at, received, processed } of world.actions) {
      expect(built <= at && at <= received && received <= processed).toBe(true);
    }
  });

  test("a worker never lacks room for the weights it is sent", () => {
    const failed = world.actions.filter(
      ({ action, status }) => action === "load_weights" && status !== 0,
    );
    expect(failed).toEqual([]);
    expect(world.actions.filter(({ action }) => action === "evict_weights").length).toBeGreaterThan(
      10,
    );
  });

  test("counts of copies follow loads and evictions", () => {
    // Two GPUs on one worker: at most 2 GPUs, at most 1 worker.
    for (const { arrivalGpus, arrivalWorkers, departureGpus, departureWorkers } of world.requests) {
      expect([arrivalGpus, departureGpus].every((count) => count >= 0 && count <= 2)).toBe(true);
      expect([arrivalWorkers, departureWorkers]).toEqual([
        Math.min(arrivalGpus, 1),
        Math.min(departureGpus, 1),
      ]);
    }
    expect(world.requests.some(({ arrivalGpus }) => arrivalGpus === 2)).toBe(true);
  });

  test("the same events give the same decisions", () => {
    const again = make();
    overload(again, 1, 3000);
    again.run(again.now + 10 * SECOND);
    expect(again.actions).toEqual(world.actions);
    expect(again.requests).toEqual(world.requests);
  });
});

test.each([...STRATEGIES.keys()])("%s never asks to be woken in vain", (strategy) => {
  // 3 s of 100 requests/s: each request costs a few events (request, sent, result, perhaps a timer or two), not more.
  const world = new World({
    controller: optionsOf(strategy),
    gpusPerWorker: 4,
    networkNs: 100_000,
  });
  const start = world.startUp([{ path, copies: 5 }]);
  for (let i = 0; i < 300; i++) world.at(start + i * 10 * MS, () => world.infer(i % 5));
  const before = world.steps;
  world.run(start + 5 * SECOND);
  expect(world.requests.filter(({ result }) => result === 0).length).toBe(300);
  expect(world.steps - before).toBeLessThan(300 * 6);
});

test("records say what was predicted and what the worker measured", () => {
  const world = new World({ networkNs: 100_000 });
  const start = world.startUp([{ path, copies: 1 }]);
  world.infer(0);
  world.run(start + SECOND);
  const [load, infer] = world.actions.filter(({ action }) => action !== "load_model").slice(-2);
  // Nothing starts earlier than 1 ms after the decision; a load then takes 8.31 ms, a batch of one 2.73 ms.
  expect((load?.expectedComplete ?? 0) - (load?.built ?? 0)).toBe(1 * MS + 8_310_000);
  expect((infer?.expectedComplete ?? 0) - (infer?.built ?? 0)).toBe(1 * MS + 2_730_000);
  for (const record of [load, infer]) {
    // The worker is told 0.1 ms after the decision, starts at once, and its result takes 0.1 ms back.
    const begin = (record?.sent ?? 0) + 100_000;
    expect(record?.workerExecComplete as number).toBe(begin + (record?.workerDuration ?? 0));
    expect(record?.received as number).toBe((record?.workerExecComplete ?? 0) + 100_000);
  }
});

test("a result counts only from the worker that has the action, and of its kind", () => {
  const world = new World({ workers: 2 });
  const start = world.startUp([{ path, copies: 1 }]);
  world.infer(0);
  // The load is on its way to one of the two; nothing has been answered yet.
  const { worker, action } = world.sent.at(-1) ?? { worker: -1, action: null };
  expect(action?.kind).toBe("load_weights");
  const result = {
    kind: "load_weights",
    actionId: action?.actionId ?? -1,
    actionReceived: null,
    resultSent: null,
    timing: { begin: ns(start), end: ns(start), duration: ns(0) },
  } as const;
  const tell = (from: number, of: ActionResult): readonly string[] =>
    world.controller
      .step(ns(start), { kind: "result", worker: from, received: ns(start), result: of })
      .map(({ kind }) => kind);
  expect(tell(1 - worker, result)).not.toContain("action_done");
  expect(tell(worker, { ...result, kind: "evict_weights" })).not.toContain("action_done");
  expect(tell(worker, result)).toContain("action_done");
});

test("a GPU clock of 0 is taken for the last known one", () => {
  const world = new World();
  const start = world.startUp([{ path, copies: 1 }]);
  const { controller } = world;
  const step = controller.step.bind(controller);
  controller.step = (now, event) =>
    step(
      now,
      event.kind === "result" && event.result.kind === "infer"
        ? { ...event, result: { ...event.result, gpuClockBeforeMhz: 0, gpuClockMhz: 0 } }
        : event,
    );
  for (let i = 0; i < 20; i++) world.at(start + i * 20 * MS, () => world.infer(0));
  world.run(start + SECOND);
  expect(world.requests.map(({ result }) => result)).toEqual(Array.from({ length: 20 }, () => 0));
  const infers = world.actions.filter(({ action }) => action === "infer");
  // 2,730,000 × 1380 = 3,767,400,000; float32 keeps 3,767,399,936 of ten equal samples; / 1380 = 2,729,999.95.
  expect(infers.at(-1)).toMatchObject({ expectedDuration: 2_729_999, expectedGpuClockMhz: 1380 });
});

test("a model that fits no GPU leaves the others alone; its requests end as 4", () => {
  const profile = (of: string) =>
    of.includes("huge") ? { ...RESNET50, weightsPages: 50 } : RESNET50;
  const world = new World({ pagesPerGpu: 20, profile });
  const start = world.startUp([
    { path: "/zoo/huge/model", copies: 1 },
    { path, copies: 1 },
  ]);
  expect(world.lines).toContain("Model 0 needs 50 pages: no GPU is large enough");
  world.infer(0);
  world.infer(1);
  world.run(start + SECOND);
  expect(world.requests.map(({ modelId, result }) => [modelId, result])).toEqual([
    [1, 0],
    [0, 4],
  ]);
  expect(world.actions.filter(({ action }) => action === "evict_weights")).toEqual([]);
});

test.each([...STRATEGIES.keys()])("%s: GPUs with caches of unequal sizes all serve", (strategy) => {
  // Room for one model of seven pages on the first worker, for three on the second; four models in turn.
  const world = new World({
    controller: optionsOf(strategy),
    workers: 2,
    pagesOfWorker: (worker) => (worker === 0 ? 7 : 21),
  });
  const start = world.startUp([{ path, copies: 4 }]);
  expect(world.lines).toContain("Total GPU capacity 28 pages (14 per GPU).");
  // 400 requests/s are more than one GPU can serve (366/s at batches of one).
  for (let i = 0; i < 2000; i++) world.at(start + i * 2.5 * MS, () => world.infer(i % 4));
  world.run(start + 10 * SECOND);
  expect(world.requests).toHaveLength(2000);
  expect(world.requests.filter(({ result }) => result === 0).length).toBeGreaterThan(1900);
  const executed = world.actions.filter(({ action }) => action === "infer");
  expect(new Set(executed.map(({ worker }) => worker))).toEqual(new Set([0, 1]));
  const loads = world.actions.filter(({ action }) => action === "load_weights");
  expect(loads.filter(({ status }) => status !== 0)).toEqual([]);
});

test("no client of a batch gets its output when one input was the controller's own", () => {
  const make = (input: (id: number) => number): readonly unknown[] => {
    const world = new World({ controller: { inputFor: () => ({ sizeBytes: 9 }) } });
    const start = world.startUp([{ path, copies: 1 }]);
    const { controller } = world;
    const step = controller.step.bind(controller);
    controller.step = (now, ...events) =>
      step(
        now,
        ...events.map((event) =>
          event.kind === "result" && event.result.kind === "infer"
            ? { ...event, result: { ...event.result, output: { sizeBytes: 8000 } } }
            : event,
        ),
      );
    const outputs: unknown[] = [];
    world.onResponse = (_id, response) => {
      if (response.kind === "infer") outputs.push(response.output?.count ?? null);
    };
    for (let id = 0; id < 2; id++) {
      const request = { kind: "infer", modelId: 0, batchSize: 1, sloFactor: 0 } as const;
      const from = { userId: 0, userRequestId: id };
      world.request({ ...request, ...from, input: { sizeBytes: input(id) } });
    }
    world.run(start + SECOND);
    return outputs;
  };
  expect(make(() => 5)).toEqual([2, 2]);
  expect(make((id) => (id === 0 ? 0 : 5))).toEqual([null, null]);
});

test("an output is cut into one piece per request", () => {
  const world = new World();
  const start = world.startUp([{ path, copies: 1 }]);
  const { controller } = world;
  const step = controller.step.bind(controller);
  controller.step = (now, event) =>
    step(
      now,
      event.kind === "result" && event.result.kind === "infer"
        ? { ...event, result: { ...event.result, output: { sizeBytes: 8000 } } }
        : event,
    );
  const responses: ClientResponse[] = [];
  world.onResponse = (_id, response) => responses.push(response);
  world.infer(0);
  world.infer(0);
  world.run(start + SECOND);
  const slices = responses.map((response) =>
    response.kind === "infer" ? [response.output?.index, response.output?.count] : [],
  );
  expect(slices).toEqual([
    [0, 2],
    [1, 2],
  ]);
});

test("summaries come every 10 s, in silence too, and tell of each GPU", () => {
  const world = new World();
  const start = world.startUp([{ path, copies: 1 }]);
  for (let i = 0; i < 10; i++) world.at(start + i * 100 * MS, () => world.infer(0));
  // In a batch of one the worker takes 2.73 ms; the first request waits 8.31 ms for the weights.
  world.run(start + 20 * SECOND);
  const lines = world.lines.slice(world.lines.indexOf(" * Admitting inference requests") + 1);
  expect(lines.filter((line) => !line.startsWith("Network Status"))).toEqual([
    "Client throughput=1.0 success=100.00% min=2.7 max=11.0 mean=3.6 p50=2.7 p99=11.0 goodput=1.0",
    "W0-GPU0 LoadW min=8.31 max=8.31 mean=8.31 e2emean=8.31 e2emax=8.31 throughput=0.1 utilization=0.00 clock=[0-0] norm_max=0.00 norm_mean=0.00",
    "W0-GPU0 Infer min=2.73 max=2.73 mean=2.73 e2emean=2.73 e2emax=2.73 throughput=1.0 utilization=0.00 clock=[1380-1380] norm_max=2.73 norm_mean=2.73",
    "Client throughput=0 success=0% (0/0 violations)",
  ]);
});

test("what a worker cannot have measured is not believed, and its GPU serves on", () => {
  const world = new World({ workers: 2 });
  const start = world.startUp([{ path, copies: 1 }]);
  const { controller } = world;
  const step = controller.step.bind(controller);
  const far = ns(2 ** 51);
  // Worker 0 says of everything that it took 26 days, ended as late, and ran at 4 THz.
  const nonsense = { begin: ns(0), end: far, duration: far };
  controller.step = (now, ...events) => {
    const [event] = events;
    if (event?.kind !== "result" || event.worker !== 0) return step(now, ...events);
    const { result } = event;
    const clocks = { gpuClockBeforeMhz: 2 ** 32 - 1, gpuClockMhz: 2 ** 32 - 1 };
    if (result.kind === "load_weights")
      return step(now, { ...event, result: { ...result, timing: nonsense } });
    if (result.kind === "infer")
      return step(now, { ...event, result: { ...result, ...clocks, exec: nonsense } });
    return step(now, event);
  };
  for (let i = 0; i < 200; i++) world.at(start + i * 2 * MS, () => world.infer(0));
  world.run(start + SECOND);
  expect(new Set(world.requests.map(({ result }) => result))).toEqual(new Set([0]));
  const infers = world.actions.filter(({ action }) => action === "infer");
  expect(new Set(infers.map(({ worker }) => worker))).toEqual(new Set([0, 1]));
  expect(infers.slice(-50).some(({ worker }) => worker === 0)).toBe(true);
  // What worker 1 taught stands: 2.73 ms, in float32.
  expect(infers.at(-1)).toMatchObject({ expectedDuration: 2_729_999, expectedGpuClockMhz: 1380 });
});

test("a result for an action that waits to be sent is no result", () => {
  const world = new World();
  const start = world.startUp([{ path, copies: 3 }]);
  const step = (event: ControllerEvent) => world.controller.step(ns(start), event);
  const ask = (modelId: number) =>
    step({
      kind: "request",
      connectionId: 0,
      messageId: modelId,
      arrival: ns(start),
      request: {
        kind: "infer",
        userId: 0,
        userRequestId: 0,
        modelId,
        batchSize: 1,
        sloFactor: 0,
        input: { sizeBytes: 0 },
      },
    });
  // Nothing tells that the first two loads have been sent, so that the third one waits.
  const sent = [0, 1, 2].flatMap(ask).filter(({ kind }) => kind === "send_action");
  expect(sent).toHaveLength(2);
  const timing = { begin: ns(start), end: ns(start), duration: ns(0) };
  const result = { kind: "load_weights", actionId: 2, actionReceived: null, resultSent: null };
  const told = step({
    kind: "result",
    worker: 0,
    received: ns(start),
    result: { ...result, kind: "load_weights", timing },
  });
  expect(told.map(({ kind }) => kind)).not.toContain("action_done");
});
