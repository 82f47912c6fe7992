/** The noise of simulated GPUs: what it is asked for comes out, it repeats by its seed, and timelines stay exact. */
import { describe, expect, test } from "bun:test";
import type { DeviceOperation } from "#serving/worker/events.ts";
import { Episodes, noisyDuration } from "#serving/worker/noise.ts";
import { isNoisy, NO_NOISE, type NoiseOptions, parseNoise } from "#serving/worker/noise-options.ts";
import {
  type DurationModel,
  profileDuration,
  SimulatedDevice,
} from "#serving/worker/simulated-device.ts";
import { ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { replay } from "../controller/replay.ts";
import { infer, loadModel, loadWeights, WorkerHarness } from "./worker-harness.ts";

const MS = 1_000_000;
const SECOND = 1_000_000_000;

const model = {
  modelId: 0,
  path: "good",
  inputBytes: 8,
  outputBytes: 8,
  batchSizes: [1],
  weightsBytes: 1,
  weightsPages: 1,
  weightsLoadNs: ns(8 * MS),
  execNs: [ns(3 * MS)],
};

const exec = (gpuId = 0): DeviceOperation => ({
  operationId: 0,
  gpuId,
  model,
  kind: "infer",
  batchSize: 1,
  count: 1,
  inputs: [],
  inputSizes: [0],
});
const load = (gpuId = 0): DeviceOperation => ({
  operationId: 0,
  gpuId,
  model,
  kind: "load_weights",
});

const noisy = (options: Partial<NoiseOptions>, seed = 1, worker = 0): DurationModel =>
  noisyDuration({ ...NO_NOISE, ...options }, { seed, worker });

/** Durations of operations one after the other, each starting when the one before ended. */
const chain = (draw: DurationModel, operation: DeviceOperation, count: number): number[] => {
  const durations: number[] = [];
  let now = 0;
  for (let i = 0; i < count; i++) {
    const { duration } = draw(operation, ns(now));
    durations.push(duration);
    now += duration;
  }
  return durations;
};

const mean = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) / values.length;
const cvOf = (values: readonly number[]): number => {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2))) / centre;
};

const COUNT = 40_000;

describe("jitter", () => {
  for (const cv of [0.01, 0.05, 0.3]) {
    for (const [name, operation, profiled] of [
      ["executions", exec(), 3 * MS],
      ["loads", load(), 8 * MS],
    ] as const) {
      test(`of ${cv}: ${name} keep their mean and have that variation`, () => {
        const durations = chain(noisy({ jitterCv: cv }), operation, COUNT);
        // Standard errors: cv / √n of the mean, about cv / √(2n) of the cv (0.35 %; more for the heavier tail of 0.3).
        expect(Math.abs(mean(durations) / profiled - 1)).toBeLessThan((5 * cv) / Math.sqrt(COUNT));
        expect(Math.abs(cvOf(durations) / cv - 1)).toBeLessThan(0.03);
        // Log-normal: skewed, so that the median lies below the mean by √(1 + cv²).
        const median = durations.toSorted((a, b) => a - b)[COUNT / 2] ?? 0;
        expect(Math.abs((median / profiled) * Math.sqrt(1 + cv * cv) - 1)).toBeLessThan(
          (7 * cv) / Math.sqrt(COUNT),
        );
        expect(durations.every((each) => Number.isInteger(each) && each > 0)).toBe(true);
      });
    }
  }
});

describe("slow transfers", () => {
  test("are the asked share of loads, by the asked factor; executions are not touched", () => {
    const draw = noisy({ slowTransferShare: 0.1, slowTransferFactor: 4 });
    const durations = chain(draw, load(), COUNT);
    const slow = durations.filter((each) => each === 32 * MS).length;
    expect(slow + durations.filter((each) => each === 8 * MS).length).toBe(COUNT);
    // Standard error √(0.1 × 0.9 / 40000) = 0.0015.
    expect(Math.abs(slow / COUNT - 0.1)).toBeLessThan(0.0075);
    expect(new Set(chain(draw, exec(), 100))).toEqual(new Set([3 * MS]));
  });
});

describe("throttling", () => {
  const draw = noisy({
    throttleRatePerS: 2,
    throttleLengthNs: ns(0.5 * SECOND),
    throttleFactor: 1.5,
  });
  const seen: { at: number; duration: number; clock: number }[] = [];
  for (let now = 0; now < 2000 * SECOND; now += 10 * MS) {
    const { duration, gpuClockMhz } = draw(exec(), ns(now));
    seen.push({ at: now, duration, clock: gpuClockMhz });
  }

  test("slows executions down, and the clock says so", () => {
    // 3 ms × 1.5, 1380 MHz / 1.5; the controller multiplies the two, and finds the work unchanged.
    const kinds = new Set(seen.map(({ duration, clock }) => `${duration} at ${clock}`));
    expect(kinds).toEqual(new Set(["3000000 at 1380", "4500000 at 920"]));
  });

  test("comes as often and lasts as long as asked", () => {
    const isSlow = seen.map(({ clock }) => clock < 1380);
    const share = isSlow.filter(Boolean).length / isSlow.length;
    const entries = isSlow.filter((slow, i) => slow && isSlow[i - 1] !== true).length;
    // Gaps and lengths of 0.5 s on average: slow half of the time, 1 entry per second. 2000 cycles: 5 standard errors
    // are 5 × √2 / √2000 / 4 = 4 % of the time; sampling every 10 ms misses a few short ones.
    expect(Math.abs(share - 0.5)).toBeLessThan(0.04);
    expect(Math.abs(entries / 2000 - 1)).toBeLessThan(0.1);
  });

  test("leaves transfers alone", () => {
    const other = noisy({
      throttleRatePerS: 1000,
      throttleLengthNs: ns(3600 * SECOND),
      throttleFactor: 2,
    });
    expect(new Set(chain(other, load(), 100))).toEqual(new Set([8 * MS]));
    expect(chain(other, exec(), 100).at(-1)).toBe(6 * MS);
  });
});

describe("stalls", () => {
  test("lengthen what runs into them, in all by their rate and length", () => {
    const durations = chain(noisy({ stallRatePerS: 5, stallLengthNs: ns(20 * MS) }), exec(), COUNT);
    // 120 s of work, 5 stalls in each of them, 20 ms each: 10 % more. 600 stalls: 5 standard errors are 5 × √2 / √600 = 29 %.
    const extra = mean(durations) / (3 * MS) - 1;
    expect(Math.abs(extra / 0.1 - 1)).toBeLessThan(0.29);
    // Most run into none, and are exact.
    expect(durations.filter((each) => each === 3 * MS).length / COUNT).toBeGreaterThan(0.97);
  });

  test("hold up executions and loads of a GPU together", () => {
    const draw = noisy({ stallRatePerS: 5, stallLengthNs: ns(20 * MS) });
    for (let now = 0; now < 20 * SECOND; now += 10 * MS) {
      const [short, long] = [draw(exec(), ns(now)).duration, draw(load(), ns(now)).duration];
      // What stalled the execution of 3 ms stalls the load of 8 ms, which started with it.
      expect(long - 8 * MS).toBeGreaterThanOrEqual(short - 3 * MS);
    }
  });

  test("an episode counts for what lies in it only", () => {
    const episodes = () => new Episodes(Rng.of(1, "episodes"), 10, ns(50 * MS));
    const starts: number[] = [];
    const probe = episodes();
    for (let now = 0; now < SECOND; now += 100_000) if (probe.isOn(ns(now))) starts.push(now);
    const [begin = 0] = starts;
    const next = starts.findIndex((at, i) => i > 0 && at - (starts[i - 1] ?? 0) > 100_000);
    const end = (starts[next - 1] ?? 0) + 100_000;
    // To a tenth of a millisecond: 1 ms of work before the episode, the rest of 3 ms after it.
    const finished = episodes().endOf(ns(begin - MS), ns(3 * MS));
    expect(Math.abs(finished - (end + 2 * MS))).toBeLessThanOrEqual(200_000);
    expect(episodes().endOf(ns(begin - 2 * MS), ns(MS))).toBe(ns(begin - MS));
  });
});

const EVERYTHING: NoiseOptions = {
  jitterCv: 0.1,
  throttleRatePerS: 1,
  throttleLengthNs: ns(100 * MS),
  throttleFactor: 1.4,
  slowTransferShare: 0.05,
  slowTransferFactor: 3,
  stallRatePerS: 1,
  stallLengthNs: ns(5 * MS),
};

describe("seeds", () => {
  const of = (seed: number, worker = 0, gpu = 0) =>
    chain(noisy(EVERYTHING, seed, worker), exec(gpu), 500);

  test("the same seed repeats to the bit; another seed, worker or GPU does not", () => {
    expect(of(7)).toEqual(of(7));
    for (const other of [of(8), of(7, 1), of(7, 0, 1)]) {
      expect(other.filter((each, i) => each === of(7)[i]).length).toBeLessThan(5);
    }
  });

  test("a GPU's noise does not depend on what other GPUs do, nor on its loads", () => {
    const draw = noisy(EVERYTHING, 7);
    const durations: number[] = [];
    let now = 0;
    for (let i = 0; i < 500; i++) {
      draw(exec(1), ns(now));
      draw(load(0), ns(now));
      const { duration } = draw(exec(0), ns(now));
      durations.push(duration);
      now += duration;
    }
    expect(durations).toEqual(of(7));
  });

  test("without noise durations are the profile's", () => {
    expect(noisy({})(exec(), ns(5))).toEqual(profileDuration(exec(), ns(5)));
    expect(isNoisy(NO_NOISE)).toBe(false);
  });
});

describe("a worker with noise", () => {
  const run = (seed: number, isLate: boolean): readonly string[] => {
    const device = new SimulatedDevice(
      noisy({ ...EVERYTHING, stallRatePerS: 1000, stallLengthNs: ns(1000) }, seed),
    );
    const harness = new WorkerHarness({}, device).act(10, loadModel(1)).act(20, loadWeights(2));
    harness.advance(1 * MS);
    for (let id = 3; id < 203; id++) harness.act(2 * MS, infer(id));
    if (isLate) harness.wake(900 * MS);
    else harness.advance(900 * MS);
    return harness.sent.map(({ result }) =>
      result.kind === "infer"
        ? `${result.exec.begin} ${result.exec.end} ${result.exec.duration}`
        : result.kind,
    );
  };

  test("executes back to back, whenever it is woken", () => {
    const results = run(3, false);
    expect(results).toHaveLength(202);
    expect(run(3, true)).toEqual(results);
    const execs = results.slice(2).map((line) => line.split(" ").map(Number));
    for (const [i, [begin = 0, end, duration]] of execs.entries()) {
      expect(begin).toBe(execs[i - 1]?.[1] ?? 2 * MS);
      expect(end).toBe(begin + (duration ?? 0));
    }
  });
});

describe("how it is written", () => {
  test("keys with their units; what is left out is as without noise", () => {
    const text =
      "jitter-cv=0.05, throttle-rate=6/min,throttle-length=2s,throttle-factor=1.3,slow-transfer-share=0.01,slow-transfer-factor=4,stall-rate=0.02/s,stall-length=200ms";
    expect(parseNoise(text)).toEqual({
      ok: true,
      value: {
        jitterCv: 0.05,
        throttleRatePerS: 0.1,
        throttleLengthNs: ns(2 * SECOND),
        throttleFactor: 1.3,
        slowTransferShare: 0.01,
        slowTransferFactor: 4,
        stallRatePerS: 0.02,
        stallLengthNs: ns(200 * MS),
      },
    });
    expect(parseNoise("stall-rate=1/s")).toEqual({
      ok: true,
      value: { ...NO_NOISE, stallRatePerS: 1 },
    });
  });

  const cases: readonly [string, string][] = [
    ["", '"" is not KEY=VALUE, such as jitter-cv=0.05'],
    ["jitter-cv", '"jitter-cv" is not KEY=VALUE, such as jitter-cv=0.05'],
    ["jitter-cv=1=2", '"jitter-cv=1=2" is not KEY=VALUE, such as jitter-cv=0.05'],
    ["jitter-cv=0.1,jitter-cv=0.1", "jitter-cv is there twice"],
    ["jitter-cv=", 'jitter-cv is ""; due is a number from 0 to 2, such as 0.05'],
    ["stall-rate=5", 'stall-rate is "5"; due is a rate from 0/s to 1000/s, such as 0.1/s'],
    [
      "stall-rate=2000/s",
      'stall-rate is "2000/s"; due is a rate from 0/s to 1000/s, such as 0.1/s',
    ],
    ["stall-length=0s", 'stall-length is "0s"; due is a duration from 1ns to 1h, such as 200ms'],
    [
      "throttle-factor=0.5",
      'throttle-factor is "0.5"; due is a number from 1 to 1000, such as 1.5',
    ],
    [
      "slow-transfer-share=2",
      'slow-transfer-share is "2"; due is a number from 0 to 1, such as 0.01',
    ],
  ];
  for (const [text, problem] of cases) {
    test(`"${text}" is refused`, () =>
      expect(parseNoise(text)).toEqual({ ok: false, error: problem }));
  }
});

describe.each(["INFER4", "INFER5"])("%s before noisy GPUs", (strategy) => {
  /** 30 s of 100 requests/s to four models, with the default SLO of 100 ms. */
  const rng = Rng.of(1, "noisy arrivals");
  let at = 0;
  const arrivals = Array.from({ length: 3000 }, () => ({
    at: (at += Math.round(rng.exponential(10 * MS))),
    modelId: rng.below(4),
    sloFactor: 0,
  }));
  const run = (durationOf?: DurationModel) =>
    replay(
      {
        strategy,
        models: [{ name: "resnet50_v2", copies: 4 }],
        gpus: 1,
        pagesPerGpu: 100,
        networkNs: 150_000,
        ...(durationOf === undefined ? {} : { durationOf }),
      },
      arrivals,
    );
  const okShare = ({ requests }: ReturnType<typeof run>): number =>
    requests.filter(({ result }) => result === 0).length / arrivals.length;
  /** Batches of one: what was predicted ÷ what was measured. */
  const predictions = ({ actions }: ReturnType<typeof run>): number[] =>
    actions
      .filter(
        ({ action, status, batchSize }) => action === "infer" && status === 0 && batchSize === 1,
      )
      .map(
        ({ expectedDuration, workerDuration }) => (expectedDuration ?? 0) / (workerDuration ?? 1),
      );

  test("answers as many in time with jitter, predicting on the safe side", () => {
    const clean = run();
    const noise = run(noisy({ jitterCv: 0.05 }, 5));
    expect(okShare(clean)).toBeGreaterThan(0.99);
    expect(okShare(noise)).toBeGreaterThan(0.98);
    // Exact but for the single precision of the original's percentiles.
    expect(predictions(clean).every((ratio) => Math.abs(ratio - 1) < 1e-6)).toBe(true);
    // The 99th percentile of the last ten is nearly their largest: about nine in ten executions take less.
    const safe =
      predictions(noise).filter((ratio) => ratio >= 1).length / predictions(noise).length;
    expect(safe).toBeGreaterThan(0.85);
    expect(safe).toBeLessThan(0.97);
  });

  test("follows a slower clock: it is told, and predicts with it", () => {
    const throttled = run(
      noisy({ throttleRatePerS: 0.5, throttleLengthNs: ns(SECOND), throttleFactor: 1.5 }, 5),
    );
    expect(okShare(throttled)).toBeGreaterThan(0.98);
    // Wrong only where the clock changed between the prediction and the execution.
    const right = predictions(throttled).filter((ratio) => Math.abs(ratio - 1) < 0.01).length;
    expect(right / predictions(throttled).length).toBeGreaterThan(0.9);
  });

  test("repeats itself", () => {
    const once = run(noisy(EVERYTHING, 5));
    const again = run(noisy(EVERYTHING, 5));
    expect(again.requests).toEqual(once.requests);
    expect(again.actions).toEqual(once.actions);
  });
});
