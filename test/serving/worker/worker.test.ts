/** The worker: every status code, the rules of windows and queues, and what results say. */
import { describe, expect, test } from "bun:test";
import type { Action } from "#serving/messages.ts";
import { profileDuration, SimulatedDevice } from "#serving/worker/simulated-device.ts";
import { windowStatus } from "#serving/worker/windows.ts";
import { ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { evict, infer, loadModel, loadWeights, WorkerHarness, warm } from "./worker-harness.ts";

describe("status codes of an action that cannot run, on a worker with model 0 on GPU 0", () => {
  const cases: readonly [number, string, Action][] = [
    [2, "load model: no copies", loadModel(9, { modelId: 50, copies: 0 })],
    [2, "load model: absurdly many copies", loadModel(9, { modelId: 50, copies: 2_000_000_000 })],
    [11, "load model: after its window", loadModel(9, { modelId: 50, latest: ns(1_999) })],
    [40, "load model: its id exists", loadModel(9, { modelId: 2 })],
    [2, "load model: ids below 0", loadModel(9, { modelId: -2, copies: 1 })],
    [2, "load model: ids beyond 31 bits", loadModel(9, { modelId: 2 ** 31 - 2, copies: 3 })],
    [41, "load model: bad path", loadModel(9, { modelId: 50, path: "bad" })],
    [10, "load model: no measurements", loadModel(9, { modelId: 50, path: "unmeasured" })],
    [13, "load weights: no such GPU", loadWeights(9, { gpuId: 2 })],
    [51, "load weights: after its window", loadWeights(9, { modelId: 1, latest: ns(1_999) })],
    [52, "load weights: unknown model", loadWeights(9, { modelId: 7 })],
    [13, "evict: no such GPU", evict(9, { gpuId: 2 })],
    [61, "evict: after its window", evict(9, { latest: ns(1_999) })],
    [62, "evict: unknown model", evict(9, { modelId: 7 })],
    [63, "evict: not there", evict(9, { modelId: 1 })],
    [63, "evict: on the other GPU only", evict(9, { gpuId: 1 })],
    [13, "infer: no such GPU", infer(9, { gpuId: 2 })],
    [81, "infer: after its window", infer(9, { latest: ns(1_999) })],
    [72, "infer: unknown model", infer(9, { modelId: 7 })],
    [73, "infer: batch of none", infer(9, { batchSize: 0 })],
    [73, "infer: batch too large", infer(9, { batchSize: 5 })],
    [
      75,
      "infer: raw input of the wrong size",
      infer(9, { inputSizes: [], inputs: [{ sizeBytes: 9 }] }),
    ],
    [82, "infer: weights missing", infer(9, { modelId: 1 })],
    [82, "infer: weights on the other GPU only", infer(9, { gpuId: 1 })],
  ];
  for (const [status, name, action] of cases) {
    test(`${status} ${name}`, () => {
      const harness = warm().act(2_000, action);
      expect(harness.log).toEqual([`9:${status}@2000`]);
      const error = harness.resultOf(9, "error");
      expect(error.action).toBe(action.kind);
      expect(error.message).not.toBe("");
      expect(error.actionReceived).toBe(ns(1_995));
      expect(harness.worker.nextTimeout()).toBeNull();
    });
  }

  test("40 load model: a later copy's id exists; none of its copies is made", () => {
    const harness = warm()
      .act(2_000, loadModel(3, { modelId: 9, copies: 1 }))
      .act(2_001, loadModel(4, { modelId: 7, copies: 3 }))
      .act(2_002, loadModel(5, { modelId: 7, copies: 2 }));
    expect(harness.log).toEqual(["3:0@2000", "4:40@2001", "5:0@2002"]);
  });

  test("the order of checks: the window before the model, the model before the batch", () => {
    const late = { latest: ns(1) };
    expect(warm().act(2_000, infer(9, { ...late, modelId: 7, batchSize: 0 })).log).toEqual([
      "9:81@2000",
    ]);
    expect(warm().act(2_000, infer(9, { modelId: 7, batchSize: 0 })).log).toEqual(["9:72@2000"]);
    expect(warm().act(2_000, infer(9, { modelId: 1, batchSize: 0 })).log).toEqual(["9:73@2000"]);
  });

  test("53 too few pages: two models of two pages fill five, the third fails and takes nothing", () => {
    const harness = warm()
      .act(2_000, loadWeights(3, { modelId: 1 }))
      .act(2_001, loadWeights(4, { modelId: 2 }))
      .act(3_500, evict(5, { modelId: 1 }))
      .act(3_600, loadWeights(6, { modelId: 2 }))
      .advance(9_000);
    expect(harness.log).toEqual(["3:0@3000", "4:53@3000", "5:0@3500", "6:0@4600"]);
  });

  test("54 cache cleared during a load, and its pages are free again", () => {
    const harness = warm()
      .act(2_000, loadWeights(3, { modelId: 1 }))
      .act(2_500, { kind: "clear_cache", actionId: 4 })
      .act(3_500, { kind: "get_worker_state", actionId: 5 })
      .act(3_600, loadWeights(6, { modelId: 1 }))
      .act(3_601, loadWeights(7, { modelId: 2 }))
      .advance(9_000);
    expect(harness.log).toEqual(["4:0@2500", "3:54@3000", "5:0@3500", "6:0@4600", "7:0@5600"]);
    expect(harness.resultOf(5, "get_worker_state").state.gpus[0]?.residentModels).toEqual([]);
  });

  test("84 evicted while it executed; the next inference finds no weights", () => {
    const harness = warm()
      .act(2_000, infer(3))
      .act(2_050, evict(4))
      .act(2_060, infer(5))
      .advance(9_000);
    expect(harness.log).toEqual(["4:0@2050", "3:84@2100", "5:82@2100"]);
  });

  test("84 evicted and loaded again while it executed", () => {
    const harness = warm({ gpuCount: 1 })
      .act(2_000, infer(3, { batchSize: 4 })) // until 2250
      .act(2_010, evict(4))
      .act(2_020, loadWeights(5)) // until 3020
      .advance(9_000);
    expect(harness.log).toEqual(["4:0@2010", "3:84@2250", "5:0@3020"]);
  });

  test("84 weights loaded over themselves while it executed; no more pages are taken", () => {
    const harness = warm()
      .act(2_000, loadWeights(3, { modelId: 1 })) // two more pages, one is left
      .act(3_100, infer(4))
      .act(3_110, loadWeights(5))
      .advance(9_000);
    expect(harness.log).toEqual(["3:0@3000", "4:84@3200", "5:0@4110"]);
  });
});

describe("windows", () => {
  const kinds = [
    ["load_model", 2, 11],
    ["load_weights", 50, 51],
    ["evict_weights", 60, 61],
    ["infer", 80, 81],
  ] as const;
  for (const [kind, early, late] of kinds) {
    test(`${kind}: ${early} before, ${late} after, both ends inside, no end is open`, () => {
      const status = (now: number, earliest: number | null, latest: number | null) =>
        windowStatus(ns(now), {
          kind,
          earliest: earliest === null ? null : ns(earliest),
          latest: latest === null ? null : ns(latest),
        });
      expect(status(99, 100, 200)).toBe(early);
      expect(status(100, 100, 200)).toBeNull();
      expect(status(200, 100, 200)).toBeNull();
      expect(status(201, 100, 200)).toBe(late);
      expect(status(0, null, 200)).toBeNull();
      expect(status(1e15, 100, null)).toBeNull();
    });
  }

  test("every kind waits for its earliest and starts exactly then", () => {
    const harness = new WorkerHarness()
      .act(10, loadModel(1, { earliest: ns(100) }))
      .act(11, loadWeights(2, { earliest: ns(500) }))
      .act(12, infer(3, { earliest: ns(2_000) }))
      .act(13, evict(4, { earliest: ns(3_000) }));
    expect(harness.worker.nextTimeout()).toBe(ns(100));
    harness.advance(9_000);
    expect(harness.log).toEqual(["1:0@100", "2:0@1500", "3:0@2100", "4:0@3000"]);
    expect(harness.resultOf(3, "infer").exec.begin).toBe(ns(2_000));
  });

  test("latest is checked when the action would start, not when it came", () => {
    const harness = warm()
      .act(2_000, infer(3)) // until 2100
      .act(2_001, infer(4, { latest: ns(2_100) }))
      .act(2_002, infer(5, { latest: ns(2_199) })) // 4 runs until 2200
      .advance(9_000);
    expect(harness.log).toEqual(["3:0@2100", "4:0@2200", "5:81@2200"]);
  });
});

describe("queues", () => {
  test("earliest first, whatever the order of arrival; equal ones in order of arrival", () => {
    const harness = warm()
      .act(2_000, infer(3, { earliest: ns(5_000) }))
      .act(2_001, infer(4, { earliest: ns(4_000) }))
      .act(2_002, infer(5, { earliest: ns(4_000) }))
      .act(2_003, infer(6, { earliest: ns(4_000) }))
      .act(2_004, infer(7, { earliest: ns(3_990) }))
      .advance(9_000);
    // 7 runs 3990 to 4090; 4, 5, 6 follow in their order of arrival; 3 at 5000.
    expect(harness.log).toEqual(["7:0@4090", "4:0@4190", "5:0@4290", "6:0@4390", "3:0@5100"]);
  });

  test("one inference and one load at a time per GPU, beside each other", () => {
    const harness = warm()
      .act(2_000, infer(3, { batchSize: 4 })) // 250
      .act(2_000, infer(4)) // 100
      .act(2_000, loadWeights(5, { modelId: 1 })) // 1000
      .act(2_000, evict(6)) // waits for the load
      .advance(9_000);
    expect(harness.log).toEqual(["3:0@2250", "4:0@2350", "5:0@3000", "6:0@3000"]);
  });

  test("GPUs work in parallel, each with its own cache", () => {
    const harness = new WorkerHarness()
      .act(10, loadModel(1))
      .act(100, loadWeights(2, { gpuId: 0 }))
      .act(100, loadWeights(3, { gpuId: 1 }))
      .act(2_000, infer(4, { gpuId: 0 }))
      .act(2_000, infer(5, { gpuId: 1, batchSize: 2 }))
      .act(2_000, infer(6, { gpuId: 0 }))
      .act(2_120, evict(7, { gpuId: 0 }))
      .advance(9_000);
    expect(harness.log).toEqual([
      "1:0@10",
      "2:0@1100",
      "3:0@1100",
      "4:0@2100",
      "7:0@2120",
      "5:0@2150",
      "6:84@2200",
    ]);
    expect(harness.resultOf(5, "infer").gpuId).toBe(1);
  });
});

describe("results", () => {
  test("load model: sizes, kept variants, and whole pages of weights", () => {
    const harness = new WorkerHarness().act(10, loadModel(1, { modelId: 5, maxExecNs: ns(200) }));
    expect(harness.resultOf(1, "load_model")).toEqual({
      kind: "load_model",
      actionId: 1,
      actionReceived: ns(5),
      resultSent: null,
      timing: { begin: ns(10), end: ns(10), duration: ns(0) },
      inputBytes: 8,
      outputBytes: 3,
      batchSizes: [1, 2], // batch 4 takes 250 > 200
      execNs: [ns(100), ns(150)],
      weightsBytes: 20, // 15 bytes on two pages of 10
      weightsPages: 2,
      weightsLoadNs: ns(1_000),
      copies: 3,
    });
  });

  test("batch 1 stays even where it takes too long; larger ones go by size too", () => {
    const slow = new WorkerHarness().act(10, loadModel(1, { maxExecNs: ns(1) }));
    expect(slow.resultOf(1, "load_model").batchSizes).toEqual([1]);
    const small = new WorkerHarness().act(10, loadModel(1, { maxBatchSize: 2 }));
    expect(small.resultOf(1, "load_model").batchSizes).toEqual([1, 2]);
  });

  test("infer: exactly the profile of the next larger batch size, copies take no time", () => {
    const harness = warm().act(
      2_000,
      infer(3, { batchSize: 3, inputSizes: [4, 5, 6], inputs: [{ sizeBytes: 15 }] }),
    );
    harness.advance(9_000);
    expect(harness.resultOf(3, "infer")).toEqual({
      kind: "infer",
      actionId: 3,
      actionReceived: ns(1_995),
      resultSent: null,
      copyInput: { begin: ns(2_000), end: ns(2_000), duration: ns(0) },
      exec: { begin: ns(2_000), end: ns(2_250), duration: ns(250) },
      copyOutput: { begin: ns(2_250), end: ns(2_250), duration: ns(0) },
      gpuId: 0,
      gpuClockBeforeMhz: 1_380,
      gpuClockMhz: 1_380,
      output: { sizeBytes: 9 }, // 3 requests × 3 bytes
    });
  });

  test("infer: raw inputs of the right size are taken, and empty ones get no output", () => {
    const harness = warm()
      .act(
        2_000,
        infer(3, { batchSize: 2, inputSizes: [], inputs: [{ sizeBytes: 8 }, { sizeBytes: 8 }] }),
      )
      .act(2_500, infer(4, { batchSize: 2, inputSizes: [], inputs: [] }))
      .advance(9_000);
    expect(harness.resultOf(3, "infer").output.sizeBytes).toBe(6);
    expect(harness.resultOf(4, "infer").output.sizeBytes).toBe(0);
  });

  test("75 infer: empty inputs where they are not allowed, unless their sizes come with them", () => {
    // worker.md §4.2: "empty body accepted if allowed; raw body of wrong size and no input_sizes → 75 (… disallowed
    // empty body with input_sizes also passes)".
    const harness = warm({ allowsEmptyInputs: false })
      .act(2_000, infer(3, { inputSizes: [] }))
      .act(2_001, infer(4, { inputSizes: [0] }))
      .act(2_200, infer(5, { inputSizes: [], inputs: [{ sizeBytes: 8 }] }))
      .advance(9_000);
    expect(harness.log).toEqual(["3:75@2000", "4:0@2101", "5:0@2300"]);
  });

  test("74 infer: inputs in hand fill the host's pool until their results leave", () => {
    // 24 bytes hold three inputs of 8. The fourth is refused, whatever else is wrong with it.
    const input = { inputSizes: [], inputs: [{ sizeBytes: 8 }] };
    const harness = warm({ hostIoPoolBytes: 24 });
    for (const id of [3, 4, 5, 6]) harness.act(2_000, infer(id, input));
    expect(harness.log).toEqual(["6:74@2000"]);
    harness.advance(2_100).act(2_101, infer(7, input)).advance(3_000);
    expect(harness.log.slice(1)).toEqual(["3:0@2100", "4:0@2200", "5:0@2300", "7:0@2400"]);
  });

  test("2 infer: a device's output of the wrong size", () => {
    const harness = new WorkerHarness(
      {},
      new SimulatedDevice(profileDuration, () => ({ sizeBytes: 4 })),
    );
    harness.act(10, loadModel(1)).act(20, loadWeights(2)).advance(1_999);
    harness.act(2_000, infer(3, { inputSizes: [], inputs: [{ sizeBytes: 8 }] })).advance(3_000);
    expect(harness.resultOf(3, "error")).toMatchObject({
      status: 2,
      message: "the device gave 4 bytes of output, the model has 3",
    });
  });

  test("weights loaded over themselves stay usable meanwhile", () => {
    // worker.md §4.2: "if the model has no weights, take pages from a page counter, else nothing is taken; version++".
    const harness = warm()
      .act(2_000, loadWeights(3)) // until 3000
      .act(2_100, infer(4))
      .act(3_100, loadWeights(5, { modelId: 1 }))
      .advance(9_000);
    expect(harness.log).toEqual(["4:0@2200", "3:0@3000", "5:0@4100"]);
  });

  test("load and evict weights: begin and end", () => {
    const harness = warm()
      .act(2_000, loadWeights(3, { modelId: 1 }))
      .act(3_500, evict(4, { modelId: 1 }));
    expect(harness.resultOf(3, "load_weights").timing).toEqual({
      begin: ns(2_000),
      end: ns(3_000),
      duration: ns(1_000),
    });
    expect(harness.resultOf(4, "evict_weights").timing).toEqual({
      begin: ns(3_500),
      end: ns(3_500),
      duration: ns(0),
    });
  });

  test("state: pages, residents, models in order", () => {
    const harness = warm()
      .act(2_000, loadModel(3, { modelId: 40, copies: 1 }))
      .act(2_001, loadWeights(4, { modelId: 40, gpuId: 1 }))
      .act(5_000, { kind: "get_worker_state", actionId: 5 });
    const result = harness.resultOf(5, "get_worker_state");
    expect(result.actionReceived).toBeNull();
    const { state } = result;
    expect(state).toMatchObject({ pageSizeBytes: 10, hostIoPoolBytes: 333 });
    const pools = { ioPoolBytes: 111, workspacePoolBytes: 222 };
    // worker.md §4.5: "pool sizes straight from config, cache bytes not rounded".
    expect(state.gpus).toEqual([
      { id: 0, weightsCacheBytes: 59, totalPages: 5, residentModels: [0], ...pools },
      { id: 1, weightsCacheBytes: 59, totalPages: 5, residentModels: [40], ...pools },
    ]);
    expect(state.models.map((model) => model.modelId)).toEqual([0, 1, 2, 40]);
    expect(state.models[3]).toEqual({
      modelId: 40,
      path: "good",
      inputBytes: 8,
      outputBytes: 3,
      batchSizes: [1, 2, 4],
      weightsBytes: 15,
      weightsPages: 2,
      weightsLoadNs: ns(1_000),
      execNs: [ns(100), ns(150), ns(250)],
    });
  });

  test("the skew of an action comes back with its result; state queries have none", () => {
    const harness = warm();
    const received = ns(2_000);
    const clockDelta = ns(-42);
    for (const action of [infer(3), { kind: "get_worker_state", actionId: 4 }] as const) {
      for (const effect of harness.worker.step(ns(2_000), {
        kind: "action",
        action,
        received,
        clockDelta,
      })) {
        if (effect.kind === "send_result") expect(effect.clockDelta).toBe(ns(0));
      }
    }
    const [done] = harness.worker.step(ns(3_000), { kind: "timer" });
    expect(done).toMatchObject({ kind: "send_result", clockDelta: -42 });
  });
});

test("a timer that comes late does not move the GPUs' timeline", () => {
  const harness = warm();
  harness
    .act(2_000, infer(3))
    .act(2_000, infer(4))
    .act(2_000, infer(5, { earliest: ns(2_350) }));
  // Woken once, after all three have ended.
  const effects = harness.worker.step(ns(9_000), { kind: "timer" });
  const execs = effects.map((effect) =>
    effect.kind === "send_result" && effect.result.kind === "infer" ? effect.result.exec : null,
  );
  expect(execs).toEqual([
    { begin: ns(2_000), end: ns(2_100), duration: ns(100) },
    { begin: ns(2_100), end: ns(2_200), duration: ns(100) },
    { begin: ns(2_350), end: ns(2_450), duration: ns(100) },
  ]);
});

test("an action that comes with a late wake-up sees what happened before it", () => {
  const harness = warm();
  harness.act(2_000, infer(3));
  // The worker slept through the end at 2100; the evict of 5000 cannot fail that inference.
  const action = evict(4);
  const effects = harness.worker.step(ns(5_000), {
    kind: "action",
    action,
    received: ns(4_990),
    clockDelta: ns(0),
  });
  expect(effects.map((effect) => effect.kind === "send_result" && effect.result.kind)).toEqual([
    "infer",
    "evict_weights",
  ]);
});

test("people are told of loads and state queries, not of inferences", () => {
  const harness = warm().act(2_000, infer(3)).act(3_000, { kind: "get_worker_state", actionId: 4 });
  harness.act(
    3_001,
    loadModel(5, { modelId: 9, path: "bad", earliest: ns(3_001), latest: ns(4_003_001) }),
  );
  expect(harness.lines.map((line) => line.split("\n")[0])).toEqual([
    "Received A1:LoadModelFromDisk model=0 [open, open] good",
    "Sending R1:LoadModelFromDisk input=8 output=3 weights=0.0 MB (2 pages) xfer=0.0 b1=0.0 b2=0.0 b4=0.0",
    "Received A4:GetWorkerState",
    "Sending R4:GetWorkerState:",
    "Received A5:LoadModelFromDisk model=9 [0.0, 4.0] bad",
    "Sending R5:LoadModelFromDisk error 41: No valid batch sizes",
  ]);
});

describe("many random actions", () => {
  test("each is answered once, GPUs never overlap, and pages never run over", () => {
    for (let seed = 1; seed <= 40; seed++) runRandom(seed);
  });
});

/** Drives a worker with random actions at random times and checks what must always hold. */
const runRandom = (seed: number): void => {
  const rng = Rng.of(seed, "worker");
  const harness = new WorkerHarness({ weightsCacheBytes: 40 });
  let at = 10;
  harness.act(at, loadModel(0, { copies: 6 }));
  const count = 300;
  for (let id = 1; id < count; id++) {
    at += rng.below(120);
    const earliest = rng.below(3) === 0 ? null : ns(at + rng.below(400));
    const latest = rng.below(3) === 0 ? null : ns((earliest ?? at) + rng.below(600));
    const fields = { modelId: rng.below(6), gpuId: rng.below(2), earliest, latest };
    const kind = rng.below(10);
    if (kind === 0)
      harness.act(at, {
        kind: rng.below(4) === 0 ? "clear_cache" : "get_worker_state",
        actionId: id,
      });
    else if (kind < 4) harness.act(at, loadWeights(id, fields));
    else if (kind < 5) harness.act(at, evict(id, fields));
    else harness.act(at, infer(id, { ...fields, batchSize: 1 + rng.below(4) }));
  }
  harness.advance(1e9);
  expect(harness.worker.nextTimeout()).toBeNull();
  const ids = harness.sent.map(({ result }) => result.actionId).toSorted((a, b) => a - b);
  expect(ids).toEqual(Array.from({ length: count }, (_, id) => id));
  const ends = new Map<number, number>();
  for (const { at: sentAt, result } of harness.sent) {
    if (result.kind === "get_worker_state") {
      for (const gpu of result.state.gpus)
        expect(gpu.residentModels.length * 2).toBeLessThanOrEqual(4);
    }
    if (result.kind !== "infer") continue;
    expect(result.exec.begin).toBeGreaterThanOrEqual(ends.get(result.gpuId) ?? 0);
    expect(result.exec.end).toBe(sentAt);
    ends.set(result.gpuId, result.exec.end);
  }
};
