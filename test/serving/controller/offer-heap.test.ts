/** One entry per request gives the order that one heap of all candidates would give. */
import { expect, test } from "bun:test";
import {
  type Candidate,
  CandidateQueue,
  type Waiting,
} from "#serving/controller/candidate-queue.ts";
import { OfferHeap } from "#serving/controller/offer-heap.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { makeModel, makeRequest } from "./requests.ts";

const ms = (value: number): Nanos => ns(Math.round(value * 1e6));

const PROFILE = [
  { batchSize: 1, execNs: ms(2) },
  { batchSize: 2, execNs: ms(3) },
  { batchSize: 4, execNs: ms(5) },
];

/** Requests of two models, many of them with equal deadlines, in an order unlike that of their ids. */
const someWaiting = (rng: Rng): readonly Waiting[] => {
  const models = [makeModel(PROFILE), makeModel(PROFILE.slice(0, 2))];
  const queues = models.map((model) => new CandidateQueue(model));
  const made = Array.from({ length: 40 }, (_, requestId) => {
    const which = rng.below(2);
    const model = models[which] as (typeof models)[0];
    const execSlo = ms(20 + rng.below(8));
    const request = makeRequest(model, requestId, { slo: ms(100), execSlo });
    return (queues[which] as CandidateQueue).push(request);
  });
  return made.toSorted(() => rng.below(3) - 1);
};

test("candidates come by latest start, then by request, then the larger batch first", () => {
  for (let seed = 0; seed < 50; seed++) {
    const rng = Rng.of(seed, "offers");
    const waiting = someWaiting(rng);
    const heap = new OfferHeap();
    for (const each of waiting) heap.push(each);
    const expected = waiting
      .flatMap(({ candidates }) => candidates)
      .sort(
        (a, b) =>
          a.latestStart - b.latestStart ||
          a.request.requestId - b.request.requestId ||
          a.rank - b.rank,
      );
    const dropped = new Set<number>();
    for (const candidate of expected) {
      const { requestId } = candidate.request;
      if (dropped.has(requestId)) continue;
      expect(heap.peek()).toBe(candidate);
      if (rng.below(4) === 0) {
        dropped.add(requestId);
        heap.drop();
      } else {
        heap.pass(Number.NEGATIVE_INFINITY, 1380);
      }
    }
    expect(heap.peek()).toBeUndefined();
    expect(heap.size).toBe(0);
  }
});

test("cleared, it takes requests anew", () => {
  const rng = Rng.of(1, "clear");
  const heap = new OfferHeap();
  // More than fit the first time, and slots that were in use.
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3; i++) for (const each of someWaiting(rng)) heap.push(each);
    expect(heap.size).toBe(120);
    heap.clear();
    expect(heap.size).toBe(0);
    expect(heap.peek()).toBeUndefined();
  }
  const [only] = someWaiting(rng);
  heap.push(only as Waiting);
  expect(heap.peek()).toBe(only?.candidates[0] as Candidate);
});

test("what has no chance on the GPU goes with what was tried", () => {
  // Of a deadline of 20 ms: batches of 4 by 15 ms, of 2 by 17 ms, alone by 18 ms.
  const model = makeModel(PROFILE);
  const request = makeRequest(model, 0, { slo: ms(100), execSlo: ms(20) });
  const offersAt = (freeAt: number): number | undefined => {
    const heap = new OfferHeap();
    heap.push(new CandidateQueue(model).push(request));
    heap.pass(ms(freeAt), 1380);
    return heap.peek()?.batchSize;
  };
  expect(offersAt(16)).toBe(2);
  expect(offersAt(17)).toBe(1);
  expect(offersAt(18)).toBeUndefined();
  // Alone it was learnt to take 1 ms since: it may still start by 19 ms.
  model.exec.measured(1, { duration: ms(1), clockMhz: 1380 });
  const known = makeRequest(model, 1, { slo: ms(100), execSlo: ms(20) });
  expect(known.deadline).toBe(request.deadline);
  expect(offersAt(18)).toBe(1);
});
