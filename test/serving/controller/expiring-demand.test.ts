/** INFER4's demand for weights: it counts for its time and no longer. */
import { expect, test } from "bun:test";
import { ExpiringDemand } from "#serving/controller/expiring-demand.ts";
import { LoadTracker } from "#serving/controller/load-tracker.ts";
import { ns } from "#stdx/nanos.ts";

const make = () => {
  const tracker = new LoadTracker({ models: 2, gpus: 1, capacity: 100_000_000 });
  return { tracker, demand: new ExpiringDemand(tracker) };
};
const place = { model: 0, gpu: 0 };

test("demand expires just after its time, its work stays", () => {
  const { tracker, demand } = make();
  demand.added(ns(10), 0, { demand: { exec: 7, load: 100 }, within: ns(25) });
  demand.expire(ns(35));
  expect(tracker.inspect(0).outstandingLoad).toBe(100);
  expect(demand.nextExpiry()).toBe(ns(36));
  demand.expire(ns(36));
  expect(tracker.inspect(0)).toMatchObject({ outstandingLoad: 0, outstandingExec: 7 });
  expect(demand.nextExpiry()).toBeNull();
});

test("in order of expiry, whatever the order of arrival", () => {
  const { tracker, demand } = make();
  demand.added(ns(0), 0, { demand: { exec: 1, load: 100 }, within: ns(50) });
  demand.added(ns(0), 1, { demand: { exec: 1, load: 200 }, within: ns(20) });
  demand.expire(ns(21));
  expect([0, 1].map((model) => tracker.inspect(model).outstandingLoad)).toEqual([100, 0]);
});

test("what was executed and then expires counts once", () => {
  const { tracker, demand } = make();
  const first = { exec: 10, load: 100 };
  demand.added(ns(0), 0, { demand: first, within: ns(20) });
  demand.added(ns(1), 0, { demand: { exec: 10, load: 300 }, within: ns(40) });
  demand.executing(ns(5), place, [first]);
  expect(first).toEqual({ exec: 10, load: 0 });
  expect(tracker.inspect(0).outstandingLoad).toBe(300);
  // The first one's 100 expire, but are gone already; the second one's follow.
  demand.expire(ns(30));
  expect(tracker.inspect(0).outstandingLoad).toBe(300);
  demand.expire(ns(42));
  expect(tracker.inspect(0).outstandingLoad).toBe(0);
  demand.completed(ns(43), place, [first]);
  expect(tracker.inspect(0).outstandingExec).toBe(10);
});

test("a time-out takes both off, after what expired before it", () => {
  const { tracker, demand } = make();
  const waiting = { exec: 10, load: 100 };
  demand.added(ns(0), 0, { demand: waiting, within: ns(20) });
  demand.cancelled(ns(95), 0, waiting);
  // 100 expired at 20: completed is owed −100, which the 100 completed at 95 bring back to 0.
  expect(tracker.inspect(0)).toMatchObject({ outstandingExec: 0, outstandingLoad: 0 });
  expect(tracker.hasCandidate(0)).toBe(false);
});

test("the version grows with what may change what is loaded, and not otherwise", () => {
  const { tracker, demand } = make();
  const versions: number[] = [demand.version];
  const asked = { exec: 10, load: 100 };
  const changes = [
    () => demand.added(ns(0), 0, { demand: asked, within: ns(20) }),
    () => demand.loadStarted(),
    () => demand.loadEnded(ns(1), place, true),
    () => demand.executing(ns(2), place, [asked]),
    () => demand.completed(ns(3), place, [asked]),
    () => demand.expire(ns(21)),
    () => demand.weightsLost(ns(22), place),
    () => demand.cancelled(ns(23), 0, asked),
    () => demand.gpuGone(ns(24), 0),
  ];
  tracker.loadModel(0);
  for (const change of changes) {
    change();
    versions.push(demand.version);
  }
  expect(new Set(versions).size).toBe(changes.length + 1);
  demand.expire(ns(30));
  expect(demand.version).toBe(versions.at(-1) as number);
});
