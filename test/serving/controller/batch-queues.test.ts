/** INFER5's queue of one model: which batch is most urgent, which is taken, and who is too late. Instants in ns. */
import { describe, expect, test } from "bun:test";
import { BatchQueues } from "#serving/controller/batch-queues.ts";
import type { Request } from "#serving/controller/request-book.ts";
import { ns } from "#stdx/nanos.ts";
import { makeModel, makeRequest } from "./requests.ts";

const CLOCK = 1380;

/** A queue for batches of 1, 2 and 4 that take these times, and requests 0, 1, … with these deadlines. */
const make = (
  times: readonly [one: number, two: number, four: number],
  deadlines: readonly number[],
): BatchQueues => {
  const model = makeModel(
    [1, 2, 4].map((batchSize, i) => ({ batchSize, execNs: ns(times[i] as number) })),
  );
  const queue = new BatchQueues(model.exec);
  for (const [id, execSlo] of deadlines.entries()) queue.push(makeRequest(model, id, { execSlo }));
  return queue;
};

const take = (queue: BatchQueues, freeAt: number, minBatch = 1): readonly number[] | null =>
  queue
    .take({ freeAt: ns(freeAt), clockMhz: CLOCK, minBatch })
    ?.map(({ requestId }: Request) => requestId) ?? null;

describe("the most urgent batch", () => {
  test("is the one that must start first: its deadline less its time", () => {
    // 100 − 10 = 90, 100 − 15 = 85, 100 − 30 = 70.
    const queue = make([10, 15, 30], [100]);
    expect(queue.mostUrgent(8, CLOCK)).toEqual({ latestStart: 70, batchSize: 4 });
    expect(queue.mostUrgent(3, CLOCK)).toEqual({ latestStart: 85, batchSize: 2 });
    expect(queue.mostUrgent(0, CLOCK)).toBeNull();
  });

  test("is the smaller one of two that must start at the same time", () => {
    expect(make([10, 10, 10], [100]).mostUrgent(8, CLOCK)).toEqual({
      latestStart: 90,
      batchSize: 1,
    });
  });

  test("is none when nothing waits", () => {
    expect(make([10, 10, 10], []).mostUrgent(8, CLOCK)).toBeNull();
  });
});

describe("a batch", () => {
  test("is the largest full one, oldest requests first", () => {
    const queue = make([10, 15, 30], [100, 100, 100]);
    expect(take(queue, 0)).toEqual([0, 1]);
    expect(queue.size).toBe(1);
    expect(take(queue, 0)).toEqual([2]);
    expect(take(queue, 0)).toBeNull();
  });

  test("is refused when it is smaller than asked for, and may be just as large", () => {
    const queue = make([10, 15, 30], [100, 100, 100]);
    expect(take(queue, 0, 4)).toBeNull();
    expect(take(queue, 0, 2)).toEqual([0, 1]);
  });

  test("may end at the very deadline, and not a nanosecond later", () => {
    // Free at 90: a batch of 1 ends at 100, of 2 at 105, of 4 at 120.
    expect(take(make([10, 15, 30], [100]), 90)).toEqual([0]);
    expect(take(make([10, 15, 30], [100]), 91)).toBeNull();
    // The deadlines 104 are too early for a batch of two, and late enough for one alone.
    expect(take(make([10, 15, 30], [104, 104]), 90)).toEqual([0]);
    expect(take(make([10, 15, 30], [105, 105]), 90)).toEqual([0, 1]);
  });

  test("leaves out the late ones at the front", () => {
    const queue = make([10, 15, 30], [50, 60, 200, 200]);
    expect(take(queue, 90)).toEqual([2, 3]);
    expect(queue.size).toBe(0);
  });
});

test("nobody is lost or served twice while emptied space is given back", () => {
  const ids = Array.from({ length: 1500 }, (_, id) => id);
  const queue = make(
    [10, 15, 30],
    ids.map(() => 1000),
  );
  const taken: number[] = [];
  for (let batch = take(queue, 0); batch !== null; batch = take(queue, 0)) taken.push(...batch);
  expect(taken).toEqual(ids);
  expect(queue.size).toBe(0);
});

test("requests that have ended are forgotten up to the first that has not", () => {
  const model = makeModel([{ batchSize: 1, execNs: ns(1) }]);
  const queue = new BatchQueues(model.exec);
  const requests = [0, 1, 2, 3].map((id) => makeRequest(model, id));
  for (const request of requests) queue.push(request);
  for (const id of [0, 1, 3]) (requests[id] as Request).result = 4;
  queue.dropEnded();
  expect(queue.size).toBe(2);
  expect(take(queue, 0)).toEqual([2]);
});
