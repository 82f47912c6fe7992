/** The arrivals of recorded runs of the original, replayed against workers that keep to their profiles. */
import { describe, expect, test } from "bun:test";
import { type Counts, count, isAbsent, type Recording, readRecording } from "./recording.ts";
import { type Replayed, type ReplayOptions, replay as replayWithWorker } from "./replay.ts";
import { World } from "./world.ts";

/** 150 us each way is about what the recordings show between sending an action and its reception. */
const NETWORK_NS = 150_000;
/** The original's threads sleep 10 us between looks; Linux adds up to 50 us to a sleep of ordinary threads. */
const LOOK_EVERY_NS = 60_000;

const replay = (recording: Recording, copies: number): World => {
  const world = new World({ networkNs: NETWORK_NS });
  const start = world.startUp([{ path: "/zoo/resnet50_v2/model", copies }]) + 1_000_000;
  for (const { at, modelId } of recording.arrivals)
    world.at(start + at, () => world.infer(modelId));
  world.run(start + (recording.arrivals.at(-1)?.at ?? 0) + 1_000_000_000);
  return world;
};

describe.skipIf(isAbsent)("recorded arrivals", () => {
  test("poisson-infer5-1gpu: all succeed, nearly always alone", () => {
    const recording = readRecording("poisson-infer5-1gpu");
    const world = replay(recording, 10);
    const results = count(world.requests.map(({ result }) => result));
    const infers = world.actions.filter(({ action, status }) => action === "infer" && status === 0);
    const batches = count(infers.map(({ batchSize }) => batchSize));
    // Recorded: 2639 of 2647 succeed (8 fail with 81: a worker process that was not scheduled); here none is late.
    expect(recording.results).toEqual({ "0": 2639, "81": 8 });
    expect(results).toEqual({ "0": 2647 });
    // Recorded: 2658 batches of 1 and 24 of 2 (in the log's last seconds more actions than requests were written).
    expect(recording.batches).toEqual({ "1": 2658, "2": 24 });
    // Within 2 % for batches of 1. Batches of 2 form when a worker lags: at most as many as recorded.
    expect(Math.abs((batches["1"] ?? 0) / 2658 - 1)).toBeLessThan(0.02);
    expect(batches["2"] ?? 0).toBeLessThanOrEqual(24);
    expect(Object.keys(batches).every((size) => Number(size) <= 2)).toBe(true);
    expect(world.actions.filter(({ action }) => action === "load_weights").length).toBe(10);
  });

  test("closedloop-infer5-1gpu: the same share succeeds, in batches of 8", () => {
    const recording = readRecording("closedloop-infer5-1gpu");
    const world = replay(recording, 15);
    const results = count(world.requests.map(({ result }) => result));
    // Recorded: 10584 succeed, 25996 time out, 8 fail. A perfect worker serves a little more: within 4 %.
    expect(recording.results).toEqual({ "0": 10_584, "4": 25_996, "81": 8 });
    expect(Math.abs((results["0"] ?? 0) / 10_584 - 1)).toBeLessThan(0.04);
    expect(Math.abs((results["4"] ?? 0) / 25_996 - 1)).toBeLessThan(0.02);
    expect((results["0"] ?? 0) + (results["4"] ?? 0)).toBe(recording.arrivals.length);
    const infers = world.actions.filter(({ action, status }) => action === "infer" && status === 0);
    const batches = count(infers.map(({ batchSize }) => batchSize));
    // Recorded: 1301 of 8 and 4 of 4.
    expect(recording.batches).toEqual({ "4": 4, "8": 1301 });
    expect(Math.abs((batches["8"] ?? 0) / 1301 - 1)).toBeLessThan(0.05);
    expect(infers.length - (batches["8"] ?? 0)).toBeLessThan(0.01 * infers.length);
    expect(world.actions.filter(({ action }) => action === "load_weights").length).toBe(15);
  });
});

const countsOf = ({ requests, actions }: Replayed): Counts => {
  const done = (kind: string) =>
    actions.filter(({ action, status }) => action === kind && status === 0);
  return {
    results: count(requests.map(({ result }) => result)),
    loads: done("load_weights").length,
    evicts: done("evict_weights").length,
    batches: count(done("infer").map(({ batchSize }) => batchSize)),
  };
};

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, value) => sum + value, 0);

/** Both counts of one recording; "as late" repeats the lateness of its network, worker and threads. */
const compare = (
  name: string,
  options: Omit<ReplayOptions, "networkNs" | "lags">,
  replayed: "on time" | "as late" = "on time",
): { readonly theirs: Counts; readonly ours: Counts } => {
  const { arrivals, within, lags } = readRecording(name);
  const late = replayed === "as late" ? { lags, lookEveryNs: LOOK_EVERY_NS } : {};
  const ours = countsOf(replayWithWorker({ networkNs: NETWORK_NS, ...late, ...options }, arrivals));
  // Every request has one result, whatever it is.
  expect(total(ours.results)).toBe(arrivals.length);
  return { theirs: within, ours };
};

const ZOO = [
  "cifar_resnet56_v2",
  "densenet121",
  "densenet169",
  "googlenet",
  "inceptionv3",
  "mobile_pose_resnet50_v1b",
  "resnet101_v2",
  "resnet152_v2",
  "resnet18_v2",
  "resnet34_v2",
  "resnet50_v2",
];

/** Six models, room for three. */
const SMALL_GPU = {
  strategy: "INFER4",
  models: [{ name: "resnet50_v2", copies: 6 }],
  gpus: 1,
  pagesPerGpu: 21,
} as const;

/** value / of, as a distance from 1. */
const offBy = (value: number, of: number): number => Math.abs(value / of - 1);

/*
 * The tolerances below were written down before the first comparison, from the recordings alone. Reasons that they
 * share: the recorded worker and network share two cores with everything else, so that recorded results lag by 0.1 to
 * 1 ms at random, and now and then by several; the replayed worker never lags. Arrivals of a closed loop answer the
 * recorded responses, not ours.
 */
describe.skipIf(isAbsent)("recorded arrivals with our worker", () => {
  test("simple-infer4-1gpu: two models, one request each at a time", () => {
    const { theirs, ours } = compare("simple-infer4-1gpu", {
      strategy: "INFER4",
      models: [{ name: "resnet50_v2", copies: 2 }],
      gpus: 1,
      pagesPerGpu: 1376,
    });
    expect(theirs.results).toEqual({ "0": 4602 });
    // Two requests at a time on a GPU that serves 366 per second: nothing may fail, both models are loaded once.
    expect(ours.results).toEqual({ "0": 4602 });
    expect([ours.loads, ours.evicts]).toEqual([theirs.loads, theirs.evicts]);
    // A batch of 2 needs two requests of one model, which a closed loop of one per model does not have: at most 1 %,
    // for those that arrive while our answer to the one before is still on its way.
    expect(offBy(total(ours.batches), total(theirs.batches))).toBeLessThan(0.01);
    expect(ours.batches["1"] ?? 0).toBeGreaterThan(0.99 * total(ours.batches));
  });

  test("azure-infer4-1gpu: 31 models of all sizes, each loaded once", () => {
    const { theirs, ours } = compare("azure-infer4-1gpu", {
      strategy: "INFER4",
      models: ZOO.map((name) => ({ name, copies: 3 })),
      gpus: 1,
      pagesPerGpu: 1376,
    });
    expect(theirs.results).toEqual({ "0": 841 });
    // Light load, SLO 100 ms, room for everything: all succeed, and every model that is asked for is loaded once.
    expect(ours.results).toEqual({ "0": 841 });
    expect([ours.loads, ours.evicts]).toEqual([theirs.loads, theirs.evicts]);
    // Batches form where requests wait for weights or a worker lags: 1 in 883 recorded, at most 2 % here.
    expect(offBy(total(ours.batches), total(theirs.batches))).toBeLessThan(0.015);
    expect(ours.batches["1"] ?? 0).toBeGreaterThan(0.98 * total(ours.batches));
  });

  test("slo-infer5-2gpu: three models with tight SLOs, each on both GPUs", () => {
    const { theirs, ours } = compare("slo-infer5-2gpu", {
      strategy: "INFER5",
      models: [{ name: "resnet50_v2", copies: 3 }],
      gpus: 2,
      pagesPerGpu: 1376,
    });
    expect(theirs.results).toEqual({ "0": 7202, "4": 1 });
    // The three cold starts race for two PCIe links in the first ms with 15 to 22 ms to go, against 8.31 ms per load:
    // which of them time out (1 recorded) depends on microseconds; at most all three. Later nothing may fail.
    expect(ours.results["4"] ?? 0).toBeLessThanOrEqual(3);
    expect((ours.results["0"] ?? 0) + (ours.results["4"] ?? 0)).toBe(7203);
    expect([ours.loads, ours.evicts]).toEqual([theirs.loads, theirs.evicts]);
    expect(offBy(total(ours.batches), total(theirs.batches))).toBeLessThan(0.01);
    expect(ours.batches["1"] ?? 0).toBeGreaterThan(0.99 * total(ours.batches));
  });

  test("evict-infer4-small-gpu: six models, room for three", () => {
    // Loads follow each other without a gap, so that a worker that is never late serves ahead of the recorded history:
    // it finds a free slot where the recorded one was busy, takes a model that starved, and the others' requests pile up
    // (2400 successes, 57 time-outs, 292 batches of 4). The recorded one began each load 0.43 ms late.
    const { theirs, ours } = compare("evict-infer4-small-gpu", SMALL_GPU, "as late");
    expect(theirs.results).toEqual({ "0": 2174, "4": 269, "45": 2, "82": 6, "84": 34 });
    const ended = (...results: readonly number[]): number =>
      results.reduce((sum, result) => sum + (ours.results[result] ?? 0), 0);
    const share = (counts: Counts): number => (counts.batches["2"] ?? 0) / total(counts.batches);
    const upToTwo = (ours.batches["1"] ?? 0) + (ours.batches["2"] ?? 0);
    const tolerances: Readonly<Record<string, boolean>> = {
      // Two requests per model are outstanding in the recorded loop; which model starves is decided by chance at each
      // load and changes who asks next. Ours meets the arrivals of another history: within 6 % (130 of 2174).
      successes: offBy(ended(0), 2174) < 0.06,
      // They are what the successes leave: ±130 is half of 269.
      "time-outs": offBy(ended(4), 269) < 0.5,
      // Weights that go while they are in use depend on the worker's lag: from none to twice the recorded 40.
      "82 and 84": ended(82, 84) <= 80,
      // It needs a network that stalls.
      "45": ended(45) === 0,
      // They do not occur with equal SLOs and queues of two: at most 1 %.
      "7 and 8": ended(7, 8) <= 25,
      // Loads follow each other without a gap: 771 × 8.31 ms are 96 % of the time. A worker without lag can do a few
      // more, an open loop at times needs fewer: within 10 %. An evict per load, but for the first three.
      loads: offBy(ours.loads, theirs.loads) < 0.1,
      evicts: offBy(ours.evicts, theirs.evicts) < 0.1,
      // Both requests of a model wait for its weights: two thirds of the batches are of 2 (888 of 1298).
      "share of batches of 2": Math.abs(share(ours) - share(theirs)) < 0.1,
      // More than two wait only where ours answers later than the recording.
      "batches of at most 2": upToTwo > 0.95 * total(ours.batches),
    };
    // The outcome: 2256 successes, 219 time-outs, 766 loads, 763 evicts; 438 batches of 1, 817 of 2, 46 of 4.
    expect(Object.keys(tolerances).filter((name) => tolerances[name] === false)).toEqual([]);
  });

  test("evict-infer4-small-gpu: the loads come in the recorded order until a race decides", () => {
    const { arrivals, lags, loadOrder } = readRecording("evict-infer4-small-gpu");
    const options = { ...SMALL_GPU, networkNs: NETWORK_NS, lags, lookEveryNs: LOOK_EVERY_NS };
    const loads = replayWithWorker(options, arrivals).actions.filter(
      ({ action }) => action === "load_weights",
    );
    const ours = loads.toSorted((a, b) => a.actionId - b.actionId).map(({ modelId }) => modelId);
    // Ties go to the model used last (2 before 1 before 0, all wanted equally), expired demand leaves 0 and 3 out, and
    // at the 15th a rounded estimate puts 3 before 5. Before the 16th two recorded threads, 10 us apart, told the
    // tracker of model 4's batch and of model 2's weights in an order that the log does not show.
    expect(loadOrder.slice(0, 15)).toEqual([2, 1, 5, 4, 2, 1, 5, 4, 2, 1, 5, 4, 2, 1, 3]);
    expect(ours.slice(0, 15)).toEqual(loadOrder.slice(0, 15));
  });

  test("evict-infer4-small-gpu: the same loop closed, written down after the comparison above", () => {
    const { within, lags } = readRecording("evict-infer4-small-gpu");
    const replayed = replayWithWorker(
      {
        ...SMALL_GPU,
        networkNs: NETWORK_NS,
        lags,
        lookEveryNs: LOOK_EVERY_NS,
        repeatForNs: 6_684_172_014,
      },
      Array.from({ length: 12 }, (_, i) => ({ at: i * 5000, modelId: i >> 1, sloFactor: 0 })),
    );
    const ours = countsOf(replayed);
    // Two models starve at any time, as recorded: their four requests time out every 95 ms, 4 × 6684 / 95 = 281 (269
    // recorded).
    expect(offBy(ours.results["4"] ?? 0, 281)).toBeLessThan(0.03);
    expect(offBy(ours.results["0"] ?? 0, 2174)).toBeLessThan(0.03);
    expect(offBy(ours.loads, within.loads)).toBeLessThan(0.01);
    // At most two requests of a model wait, so there are no batches above 2. The recorded client's two answers to a
    // batch of 2 come close together; here its pauses come in the recorded order, whichever model they are for.
    expect(Object.keys(ours.batches)).toEqual(["1", "2"]);
    expect(offBy(ours.batches["2"] ?? 0, 883)).toBeLessThan(0.1);
  });
});

const resnets = (copies: number): ReplayOptions["models"] => [{ name: "resnet50_v2", copies }];

/*
 * Written down after the comparisons above: what is left of the differences once network, worker and result handling are
 * as late as they were. Successes, and requests that ended otherwise, as a share of all; batches as a share of theirs.
 */
describe.skipIf(isAbsent)("recorded arrivals and lateness", () => {
  const roomy = { gpus: 1, pagesPerGpu: 1376 };
  const cases: readonly [string, Omit<ReplayOptions, "networkNs">, number, number][] = [
    ["simple-infer4-1gpu", { strategy: "INFER4", models: resnets(2), ...roomy }, 0, 0],
    [
      "azure-infer4-1gpu",
      { strategy: "INFER4", models: ZOO.map((name) => ({ name, copies: 3 })), ...roomy },
      0,
      0,
    ],
    ["slo-infer5-2gpu", { strategy: "INFER5", models: resnets(3), ...roomy, gpus: 2 }, 0, 0],
    // 2642 succeed of 2647 (2639), 5 come too late to the worker (8).
    ["poisson-infer5-1gpu", { strategy: "INFER5", models: resnets(10), ...roomy }, 0.002, 0.01],
    // 10,590 succeed (10,584), 25,990 time out (25,996), 8 come too late (8); 1326 batches (1305).
    ["closedloop-infer5-1gpu", { strategy: "INFER5", models: resnets(15), ...roomy }, 0.002, 0.02],
    // Its arrivals are a closed loop's, and each race that ends otherwise changes them for a while.
    ["evict-infer4-small-gpu", SMALL_GPU, 0.04, 0.02],
  ];
  for (const [name, options, requests, batches] of cases) {
    test(`${name}: the same ends`, () => {
      const { theirs, ours } = compare(name, options, "as late");
      const statuses = Object.keys({ ...theirs.results, ...ours.results });
      for (const status of statuses) {
        const difference = Math.abs((ours.results[status] ?? 0) - (theirs.results[status] ?? 0));
        expect(difference).toBeLessThanOrEqual(requests * total(theirs.results));
      }
      expect(offBy(total(ours.batches), total(theirs.batches))).toBeLessThanOrEqual(batches);
      expect(ours.loads).toBe(theirs.loads);
      expect(Math.abs(ours.evicts - theirs.evicts)).toBeLessThanOrEqual(1);
    });
  }
});
