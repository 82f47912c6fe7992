/** The times that a request must keep, and how it ends: once, by its deadline or with its batch. */
import { describe, expect, test } from "bun:test";
import type { ControllerEffect, RequestRecord } from "#serving/controller/events.ts";
import { LoadEstimator } from "#serving/controller/exec-estimator.ts";
import { RequestBook, requestTimes } from "#serving/controller/request-book.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { makeModel, makeRequest } from "./requests.ts";

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

  test("an SLO that the work just fills leaves no time to ask for weights, but never less than 15 ms", () => {
    // 8.31 + 2.73 + 5 + 10 = 26.04; 26.04 − 26.04 = 0. A nanosecond less wraps: min(25, 26.039999) = 25.
    const weightsOf = (defaultSlo: Nanos): Nanos =>
      requestTimes(model, 0, { ...options, defaultSlo }).weightsSlo;
    expect(weightsOf(ms(26.04))).toBe(ms(15));
    expect(weightsOf(ns(26_039_999))).toBe(ms(25));
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

describe("RequestBook", () => {
  const SUCCESS = { result: 0, message: "", output: null };

  const make = () => {
    const effects: ControllerEffect[] = [];
    const book = new RequestBook((effect) => effects.push(effect));
    const records = (): readonly RequestRecord[] =>
      effects.flatMap((effect) => (effect.kind === "request_done" ? [effect.record] : []));
    return { book, effects, records };
  };

  test("times out what is due and in no action, earliest first, then by id", () => {
    const { book } = make();
    const model = makeModel();
    const requests = [0, 1, 2, 3].map((id) =>
      makeRequest(model, id, { execSlo: id === 3 ? 90 : 95 }),
    );
    for (const request of requests.toReversed()) book.admit(request);
    for (const request of requests) request.locked = request.requestId === 1;
    expect(book.nextTimeout() as number).toBe(90);
    expect(book.takeTimedOut(ns(89))).toBeNull();
    // 1 is in an action: whatever becomes of that is its answer.
    const taken = [1, 2, 3, 4].map(() => book.takeTimedOut(ns(95))?.requestId);
    expect(taken).toEqual([3, 0, 2, undefined]);
    expect(requests[1]?.result).toBeNull();
    expect(book.nextTimeout()).toBeNull();
  });

  test("answers and records a request once, however often it is told of its end", () => {
    const { book, effects } = make();
    const request = makeRequest(makeModel(), 0);
    book.end(ns(10), request, SUCCESS);
    book.end(ns(20), request, { result: 4, message: "late", output: null });
    expect(effects.map(({ kind }) => kind)).toEqual(["respond", "request_done"]);
    expect([request.result, request.departure as number | null]).toEqual([0, 10]);
  });

  test("a success at the SLO to the nanosecond meets it, a later one or a failure does not", () => {
    const metWhen = (departure: number, result: number): boolean => {
      const request = makeRequest(makeModel(), 0, { arrival: 5, slo: 100 });
      make().book.end(ns(departure), request, { ...SUCCESS, result });
      return request.met;
    };
    expect([metWhen(105, 0), metWhen(106, 0), metWhen(50, 84)]).toEqual([true, false, false]);
  });

  test("counts GPUs and workers apart, at arrival and at departure", () => {
    const { book, records } = make();
    const model = makeModel();
    for (const worker of [0, 0, 1]) model.gained(worker);
    const request = makeRequest(model, 0);
    for (const worker of [0, 1]) model.lost(worker);
    model.gained(0);
    model.gained(0);
    book.end(ns(1), request, SUCCESS);
    expect(records()).toMatchObject([
      { arrivalGpus: 3, arrivalWorkers: 2, departureGpus: 3, departureWorkers: 1 },
    ]);
  });

  test("keeps few of the requests that ended long before their deadline, and no input of any", async () => {
    const book = new RequestBook(() => {});
    const model = makeModel();
    // Deadlines are days away: time alone would keep all of them.
    const kept = Array.from({ length: 20_000 }, (_, id) => {
      const request = makeRequest(model, id, { execSlo: 1e15 - id });
      request.input = { sizeBytes: 602_112 };
      book.admit(request);
      if (id % 100 > 0) book.end(ns(1), request, SUCCESS);
      expect(request.input.sizeBytes).toBe(id % 100 > 0 ? 0 : 602_112);
      return new WeakRef(request);
    });
    // What a weak reference refers to stays until the turn in which it was made has ended.
    await new Promise((resolve) => setImmediate(resolve));
    Bun.gc(true);
    const alive = kept.filter((reference) => reference.deref() !== undefined).length;
    // The 200 that are open, and 200 + 1024 at most that wait for the next sweep; a few that the collector takes for used.
    expect(alive).toBeGreaterThanOrEqual(200);
    expect(alive).toBeLessThan(1500);
    expect(book.nextTimeout() as number).toBe(1e15 - 19_900);
  });
});
