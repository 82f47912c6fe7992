/** Which batches INFER4 makes of a model's queue; every time in ms, batches of 1, 2, 4, 8 take 2, 3, 5, 9 ms. */
import { describe, expect, test } from "bun:test";
import { type Candidate, CandidateQueue } from "#serving/controller/candidate-queue.ts";
import type { Request } from "#serving/controller/request-book.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { makeModel, makeRequest } from "./requests.ts";

const ms = (value: number): Nanos => ns(Math.round(value * 1e6));

const PROFILE = [
  { batchSize: 1, execNs: ms(2) },
  { batchSize: 2, execNs: ms(3) },
  { batchSize: 4, execNs: ms(5) },
  { batchSize: 8, execNs: ms(9) },
];

/** A queue with one request per deadline; the candidates of each by batch size. */
const queueOf = (deadlines: readonly number[]) => {
  const model = makeModel(PROFILE);
  const queue = new CandidateQueue(model);
  const requests = deadlines.map((deadline, requestId) => {
    return makeRequest(model, requestId, { slo: ms(100), execSlo: ms(deadline) });
  });
  const candidates = requests.map((request) => queue.push(request).candidates);
  const candidate = (request: number, batchSize: number): Candidate =>
    candidates[request]?.find((each) => each.batchSize === batchSize) as Candidate;
  return { queue, requests, candidates, candidate };
};

const takeAt = (queue: CandidateQueue, candidate: Candidate, freeAt: number, clockMhz = 1380) =>
  queue.take(candidate, { freeAt: ms(freeAt), clockMhz })?.map(({ requestId }) => requestId) ??
  null;

test("a request proposes every size, largest first, by its latest start", () => {
  const { candidates } = queueOf([100]);
  // 100 − 9, 100 − 5, 100 − 3, 100 − 2.
  expect(
    candidates[0]?.map(({ batchSize, latestStart }) => [batchSize, latestStart / 1e6]),
  ).toEqual([
    [8, 91],
    [4, 95],
    [2, 97],
    [1, 98],
  ]);
});

describe("take", () => {
  test.each([
    // [what, deadlines, candidate (request, size), GPU free at, taken, given up by request]
    ["exactly what is proposed", [100, 100], [0, 2], 10, [0, 1], {}],
    // Alone until 12: 12 ≤ 12 is too late; a tenth earlier it is not.
    ["nothing that ends at the deadline", [12], [0, 1], 10, null, {}],
    ["what ends just before", [12], [0, 1], 9.9, [0], {}],
    ["nothing while too few wait", [100, 100, 100], [0, 4], 10, null, {}],
    // Four wait, but from request 1 on there are three.
    ["nothing when too few came after", [100, 100, 100, 100], [1, 4], 10, null, {}],
    // Request 0 alone: with those behind it there are four, 10 + 5 = 15 ≤ 15.
    ["more when more came, up to the deadline", [15, 100, 100, 100], [0, 1], 10, [0, 1, 2, 3], {}],
    // The largest that are there is 4; 10 + 5 > 14.9: not the two that would be in time either.
    ["nothing when the larger batch is too late", [14.9, 100, 100, 100], [0, 1], 10, null, {}],
    // Five from request 0 on: the largest size of at most five is 4.
    ["only whole sizes", [90, 90, 90, 90, 90], [0, 1], 10, [0, 1, 2, 3], {}],
    // The batch starts at the front of the queue, not at the candidate's request: 0 and 1 are in time for it.
    ["from the front on", [90, 90, 90, 90], [2, 2], 10, [0, 1], {}],
    // Free at 10: 9.9 is over before. 10 is not, and gives way to request 2 only if a batch would miss it: 12 > 10.
    ["and drops and skips what is late", [9.9, 10, 90], [2, 1], 10, [2], { 0: 8, 1: 7 }],
    // Alone until 12: a deadline of 12 is kept, and the request in front is the one that goes.
    ["not what ends with the batch", [12, 90], [1, 1], 10, [0], {}],
    // Request 0 (90) hides request 1 (5), which is late: it goes along.
    ["nor what is late behind one that is not", [90, 5, 90, 90], [2, 2], 10, [0, 1], {}],
    // Too few for four, yet the queue was looked at.
    ["drops even if there is no batch", [9, 90], [1, 4], 10, null, { 0: 8 }],
    // The candidate's own deadline is checked before the queue.
    ["drops nothing for a candidate that is late", [9, 11], [1, 1], 10, null, {}],
  ] as const)("%s", (_what, deadlines, [request, size], freeAt, taken, givenUp) => {
    const { queue, requests, candidate } = queueOf(deadlines);
    expect(takeAt(queue, candidate(request, size), freeAt)).toEqual(taken as number[] | null);
    const reasons = requests.flatMap((each) =>
      each.givenUp === null ? [] : [[each.requestId, each.givenUp]],
    );
    expect(Object.fromEntries(reasons)).toEqual(givenUp);
    expect(queue.size).toBe(deadlines.length - (taken?.length ?? 0) - reasons.length);
  });

  test("a slower clock makes batches longer", () => {
    // 2 ms at 1380 MHz are 4 ms at 690: 10 + 4 = 14 > 13.
    const { queue, candidate } = queueOf([13]);
    expect(takeAt(queue, candidate(0, 1), 10, 690)).toBeNull();
    expect(takeAt(queue, candidate(0, 1), 10)).toEqual([0]);
  });

  test("a candidate that grew keeps its size, on other GPUs too", () => {
    // Request 2 alone grows to the 2 that came from it on, but the front of the queue is taken: 0 and 1.
    const { queue, candidate } = queueOf([90, 90, 15, 90]);
    const grown = candidate(2, 1);
    expect(takeAt(queue, grown, 10)).toEqual([0, 1]);
    expect(grown.batchSize).toBe(2);
    // As one of 2 it ends at 12.5 + 3 = 15.5 > 15, where alone it would have ended at 14.5.
    expect(takeAt(queue, grown, 12.5)).toBeNull();
  });

  test("a request that is in an action, has ended or was given up proposes nothing", () => {
    const { queue, requests, candidate } = queueOf([90, 90, 90]);
    const [first, second] = requests as [Request, Request, Request];
    first.locked = true;
    second.result = 4;
    expect(takeAt(queue, candidate(0, 1), 10)).toBeNull();
    expect(takeAt(queue, candidate(1, 1), 10)).toBeNull();
    expect([...queue.waiting()].map(({ request }) => request.requestId)).toEqual([2]);
  });
});

test("what starts first is tried first, also where a larger batch was learnt to be faster", () => {
  const model = makeModel(PROFILE);
  // Batches of 4 were seen to take 1 ms: 100 − 9, 100 − 3, 100 − 2, 100 − 1.
  model.exec.measured(4, { duration: ms(1), clockMhz: 1380 });
  const request = makeRequest(model, 0, { slo: ms(100), execSlo: ms(100) });
  const { candidates } = new CandidateQueue(model).push(request);
  expect(candidates.map(({ batchSize, rank }) => [batchSize, rank])).toEqual([
    [8, 0],
    [2, 2],
    [1, 3],
    [4, 1],
  ]);
});

test("ended requests are forgotten at the front only", () => {
  const { queue, requests } = queueOf([90, 90, 90]);
  for (const index of [0, 2]) (requests[index] as Request).result = 4;
  queue.dropEnded();
  expect(queue.size).toBe(2);
});
