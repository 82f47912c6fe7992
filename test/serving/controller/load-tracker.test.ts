/** Which weights to load and to give up; capacity 100 ms = 10^8 as by default. */
import { describe, expect, test } from "bun:test";
import { DemandAccumulator } from "#serving/controller/demand-accumulator.ts";
import { LoadTracker } from "#serving/controller/load-tracker.ts";

const CAPACITY = 100_000_000;
const make = (models: number, gpus: number): LoadTracker =>
  new LoadTracker({ models, gpus, capacity: CAPACITY });

describe("LoadTracker", () => {
  test("demand is size × capacity / time, in whole numbers", () => {
    const tracker = make(1, 1);
    // 2,730,000 × 10^8 / 95,000,000 = 2,873,684.2; / 25,000,000 = 10,920,000.
    expect(tracker.demandOf(2_730_000, 95_000_000)).toBe(2_873_684);
    expect(tracker.demandOf(2_730_000, 25_000_000)).toBe(10_920_000);
  });

  test("loads what has most demand, and nothing without demand", () => {
    const tracker = make(3, 1);
    expect(tracker.loadModel(0)).toBe(-1);
    tracker.change(1, { newExec: 100, newLoad: 500 });
    tracker.change(2, { newExec: 100, newLoad: 700 });
    expect(tracker.hasCandidate(0)).toBe(true);
    expect([tracker.loadModel(0), tracker.loadModel(0), tracker.loadModel(0)]).toEqual([2, 1, -1]);
  });

  test("breaks ties for the model used last", () => {
    const tracker = make(3, 1);
    for (const model of [0, 1, 2]) tracker.change(model, { newExec: 10, newLoad: 500 });
    tracker.change(1, { usedBy: [0] });
    // 1 was used; then 2 (initial order, model by model: 0, 1, 2), then 0.
    expect([0, 0, 0].map((gpu) => tracker.loadModel(gpu))).toEqual([1, 2, 0]);
  });

  test("spreads work by weight and remembers it per GPU", () => {
    const tracker = make(1, 2);
    tracker.change(0, { newExec: 3_000_000, newLoad: 1 });
    tracker.loadModel(0);
    // All on GPU 0: 1,000,000 + 3,000,000; weight 10^8 / 4×10^6 = 25.
    expect(tracker.inspectGpu(0)).toEqual({ outstanding: 4_000_000, weight: 25 });
    tracker.loadModel(1);
    // Weights 25 and 0.01 of 25.01: trunc(3×10^6 × 25 / 25.01) = trunc(2,998,800.48) = 2,998,800 on GPU 0,
    // trunc(3×10^6 × 0.01 / 25.01) = trunc(1,199.52) = 1,199 on GPU 1.
    expect(tracker.inspectGpu(0).outstanding).toBe(3_998_800);
    expect(tracker.inspectGpu(1).outstanding).toBe(1_001_199);
    expect(tracker.inspectGpu(1).weight).toBe(CAPACITY / 1_001_199);
  });

  test("the end of a load spreads the work anew, by the weights that it has led to", () => {
    const tracker = make(1, 2);
    tracker.change(0, { newExec: 3_000_000, newLoad: 1 });
    tracker.loadModel(0);
    tracker.loadModel(1);
    // As above: weights 10^8 / 3,998,800 = 25.0075 and 10^8 / 1,001,199 = 99.8802, so GPU 0 now gets
    // trunc(3×10^6 × 25.0075 / 124.8877) = 600,719.
    tracker.change(0, { loads: [{ gpu: 0, ok: true }] });
    const [a, b] = [CAPACITY / 3_998_800, CAPACITY / 1_001_199];
    expect(Math.trunc(3_000_000 * (a / (a + b)))).toBe(600_719);
    expect(tracker.inspectGpu(0).outstanding).toBe(1_600_719);
    expect(tracker.inspectGpu(1).outstanding).toBe(1_000_000 + 2_399_280);
  });

  test("priority is the demand that its GPUs cannot serve; replication goes on below zero", () => {
    const tracker = make(1, 3);
    tracker.change(0, { newExec: 0, newLoad: 10_920_000 });
    expect(tracker.inspect(0).loadPriority).toBe(10_920_000);
    tracker.loadModel(0);
    // required = 10,920,000; served = 10^8 × 10,920,000 / 10^6 = 1,092,000,000 (GPU 0 is idle: 10^6 outstanding).
    expect(tracker.inspect(0).loadPriority).toBe(10_920_000 - 1_092_000_000);
    // The original compares the wrong thing and goes on loading further copies; so do we.
    expect(tracker.hasCandidate(1)).toBe(true);
    expect([tracker.loadModel(1), tracker.loadModel(2), tracker.loadModel(2)]).toEqual([0, 0, -1]);
  });

  test("the product is a wrapping int64: 10^8 × 10^11 comes out negative", () => {
    const tracker = make(1, 2);
    tracker.change(0, { newLoad: 100_000_000_000 });
    tracker.loadModel(0);
    // 10^19 − 2^64 = −8,446,744,073,709,551,616; / 10^6 = −8,446,744,073,709 (truncated toward zero), subtracted.
    expect(tracker.inspect(0).loadPriority).toBe(100_000_000_000 + 8_446_744_073_709);
  });

  test("a request that was served and expired counts once", () => {
    const tracker = make(1, 1);
    tracker.change(0, { newLoad: 900 });
    tracker.change(0, { completedLoad: 300 });
    expect(tracker.inspect(0).outstandingLoad).toBe(600);
    // The same 300 expire later: the larger of (0 completed, −300 + 300 = 0 expired) is 0.
    tracker.change(0, { timedOutLoad: 300 });
    expect(tracker.inspect(0).outstandingLoad).toBe(600);
    tracker.change(0, { timedOutLoad: 200 });
    expect(tracker.inspect(0).outstandingLoad).toBe(400);
  });

  test("gives up models without demand first, least recently used first", () => {
    const tracker = make(4, 1);
    for (const model of [0, 1, 2, 3]) {
      tracker.change(model, { newExec: 10, newLoad: 10 });
      expect(tracker.loadModel(0)).toBe(model);
      tracker.change(model, { loads: [{ gpu: 0, ok: true }] });
    }
    // 1 and 3 have no demand any more; 3 was used before 1.
    tracker.change(3, { completedExec: 10, completedLoad: 10, usedBy: [0] });
    tracker.change(1, { completedExec: 10, completedLoad: 10, usedBy: [0] });
    expect([0, 0, 0, 0, 0].map((gpu) => tracker.evictModel(gpu))).toEqual([3, 1, 0, 2, -1]);
  });

  test("a GPU whose model was given up is as idle as before", () => {
    const tracker = make(1, 2);
    tracker.change(0, { newExec: 3_000_000, newLoad: 1 });
    for (const gpu of [0, 1]) {
      tracker.loadModel(gpu);
      tracker.change(0, { loads: [{ gpu: gpu, ok: true }] });
    }
    expect(tracker.evictModel(1)).toBe(0);
    expect(tracker.inspectGpu(1).outstanding).toBe(1_000_000);
    // What GPU 1 had is GPU 0's again: 1,000,000 + 3,000,000.
    expect(tracker.inspectGpu(0).outstanding).toBe(4_000_000);
  });

  test("a model that is still loading is not given up, a failed load is tried again", () => {
    const tracker = make(1, 1);
    tracker.change(0, { newExec: 10, newLoad: 10 });
    tracker.loadModel(0);
    expect(tracker.evictModel(0)).toBe(-1);
    expect(tracker.hasCandidate(0)).toBe(false);
    tracker.change(0, { loads: [{ gpu: 0, ok: false }] });
    expect(tracker.loadModel(0)).toBe(0);
  });

  test("a model that cannot fit, and a GPU that is gone, are left alone", () => {
    const tracker = make(1, 2);
    tracker.bar(0, 0);
    tracker.change(0, { newExec: 10, newLoad: 10 });
    expect(tracker.hasCandidate(0)).toBe(false);
    expect(tracker.hasCandidate(1)).toBe(true);
    tracker.removeGpu(1);
    tracker.change(0, { newExec: 10, newLoad: 10 });
    expect(tracker.hasCandidate(1)).toBe(false);
  });
});

describe("DemandAccumulator", () => {
  test("applies changes in one step and counts each request's demand once", () => {
    const tracker = make(1, 1);
    const accumulator = new DemandAccumulator(tracker, 1);
    const demands = [
      { exec: 100, load: 1000 },
      { exec: 100, load: 1000 },
      { exec: 100, load: 1000 },
    ] as const;
    for (const demand of demands) accumulator.added(0, demand);
    expect(tracker.inspect(0).outstandingLoad).toBe(0);
    accumulator.drain();
    expect(tracker.inspect(0)).toMatchObject({ outstandingExec: 300, outstandingLoad: 3000 });
    // Two go into a batch: they ask for weights no longer, but their work is still ahead.
    const batch = demands.slice(0, 2);
    accumulator.executing(0, 0, batch);
    accumulator.drain();
    expect(tracker.inspect(0)).toMatchObject({ outstandingExec: 300, outstandingLoad: 1000 });
    accumulator.completed(0, 0, batch);
    accumulator.cancelled(0, demands[2]);
    accumulator.drain();
    expect(tracker.inspect(0)).toMatchObject({ outstandingExec: 0, outstandingLoad: 0 });
    // Cancelling again takes nothing more off.
    accumulator.cancelled(0, demands[2]);
    accumulator.drain();
    expect(tracker.inspect(0)).toMatchObject({ outstandingExec: 0, outstandingLoad: 0 });
  });
});
