/** The times that a request must keep. */
import { describe, expect, test } from "bun:test";
import { LoadEstimator } from "#serving/controller/exec-estimator.ts";
import { requestTimes } from "#serving/controller/request-book.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";

const ms = (value: number): Nanos => ns(Math.round(value * 1e6));
const model = { singleExec: ms(2.73), load: new LoadEstimator(ms(8.31)) };
const options = { defaultSlo: ms(100), scheduleAhead: ms(10) };

describe("requestTimes", () => {
  test.each([
    // No factor: 100 ms; aims at 95; weights within min(25, 100 − (8.31 + 2.73 + 5 + 10) = 73.96) = 25 ms.
    ["default SLO", 0, 100, 95, 25],
    ["negative factor", -1, 100, 95, 25],
    // 20 × 2.73 = 54.6; 49.6; min(25, 54.6 − 26.04 = 28.56) = 25.
    ["factor 20", 20, 54.6, 49.6, 25],
    // 16 × 2.73 = 43.68; 38.68; 43.68 − 26.04 = 17.64.
    ["factor 16", 16, 43.68, 38.68, 17.64],
    // 10 × 2.73 = 27.3; 22.3; 27.3 − 26.04 = 1.26, but never below 10 + 5 = 15.
    ["factor 10", 10, 27.3, 22.3, 15],
    // 7 × 2.73 = 19.11; 14.11 → at least 15; 19.11 − 26.04 wraps to something huge: min(25, 19.11) = 19.11.
    ["factor 7", 7, 19.11, 15, 19.11],
    // 1 × 2.73: below the 5 ms that are taken off, so nothing is; at least 15 for both.
    ["factor 1", 1, 2.73, 15, 15],
  ])("%s", (_name, factor, slo, execSlo, weightsSlo) => {
    expect(requestTimes(model, factor, options)).toEqual({
      slo: ms(slo),
      execSlo: ms(execSlo),
      weightsSlo: ms(weightsSlo),
    });
  });

  test("the factor is applied in single precision: 2,730,001 × 1.1 is 3,003,001.25 there", () => {
    // fround(1.1) = 1.10000002384…; × 2,730,001 = 3,003,001.165…; float32 has steps of 0.25 there: 3,003,001.25.
    const times = requestTimes({ ...model, singleExec: ns(2_730_001) }, 1.1, options);
    expect(times.slo as number).toBe(3_003_001);
  });

  test("an absurd factor gives a long SLO, not an impossible one", () => {
    expect(requestTimes(model, Number.POSITIVE_INFINITY, options).slo as number).toBe(2 ** 50);
  });
});
