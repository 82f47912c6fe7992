/** Randomised worlds of the controller with real worker state machines: whatever is drawn, these things hold. */
import { expect, test } from "bun:test";
import type { ActionRecord } from "#serving/controller/events.ts";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import { Rng } from "#stdx/rng.ts";
import { MS, StressWorld } from "./stress-world.ts";

const SECOND = 1000 * MS;
const SEEDS = 40;
const REQUESTS = 250;
/** Asked for at once of every model in turn, when nothing else is going on. */
const BURST = 5;
/** As a factor: gives the smallest model an SLO of 0.2 s, and the largest one of 9 s. */
const AMPLE = 1000;

/** Collects what does not hold, up to a few. */
class Problems {
  readonly found: string[] = [];

  unless(holds: boolean, what: () => string): void {
    if (!holds && this.found.length < 5) this.found.push(what());
  }
}

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.below(values.length)] as T;

/** Offers a load that the seed draws; a worker may be lost meanwhile. Returns which, or −1. */
const offer = (world: StressWorld, seed: number): number => {
  const rng = Rng.of(seed, "load");
  const { models, workers } = world.drawn;
  const gap = pick(rng, [0.05, 0.3, 1, 5]) * MS;
  const factors = pick(rng, [[0], [0, 0, 50], [0, 0.5, 3, 20, 200]]);
  const start = world.now;
  let at = start;
  for (let i = 0; i < REQUESTS; i++) {
    at += Math.floor(rng.exponential(gap)) + (rng.below(100) === 0 ? rng.below(400 * MS) : 0);
    const model = rng.below(50) === 0 ? models + 3 : rng.below(models);
    const factor = pick(rng, factors);
    world.at(at, () => world.infer(model, factor));
  }
  const lost = rng.below(3) === 0 ? rng.below(workers) : -1;
  const lostAt = start + Math.floor(rng.uniform() * (at - start));
  if (lost >= 0) world.at(lostAt, () => world.workerDown(lost));
  world.run(at + 20 * SECOND);
  return lost;
};

const checkRequests = (world: StressWorld, problems: Problems): void => {
  for (const [id, statuses] of world.responses) {
    problems.unless(
      statuses.length === 1,
      () => `message ${id} got responses ${statuses.join(", ")}`,
    );
  }
  const ids = world.requests.map(({ requestId }) => requestId).sort((a, b) => a - b);
  const isWhole = ids.length === REQUESTS && ids.every((id, index) => id === index);
  problems.unless(isWhole, () => `${ids.length} records of ${REQUESTS} requests`);
  for (const r of world.requests) {
    problems.unless(r.arrival <= r.departure, () => `request ${r.requestId} left too early`);
    const counts = [r.arrivalGpus - r.arrivalWorkers, r.departureGpus - r.departureWorkers];
    const areSane = [...counts, r.arrivalWorkers, r.departureWorkers].every((count) => count >= 0);
    problems.unless(areSane, () => `request ${r.requestId} counts impossible copies`);
  }
};

/** What a worker may answer; nothing about pages, versions or unknown models, which the controller keeps track of. */
const POSSIBLE: Readonly<Partial<Record<ActionRecord["action"], readonly number[]>>> = {
  load_weights: [0, 3, 51],
  evict_weights: [0, 3],
  infer: [0, 3, 45, 81, 82, 84],
};

/** Results that the controller comes to by itself: no such model, timed out, skipped or dropped by INFER4. */
const UNSERVED: readonly number[] = [1, 4, 7, 8];

const checkActions = (world: StressWorld, problems: Problems): void => {
  const { actions, sent } = world;
  problems.unless(
    new Set(actions.map(({ actionId }) => actionId)).size === actions.length,
    () => "an action has two records",
  );
  // Those that were dropped, or waited for a slot when their worker was lost, were never sent.
  const mayBeUnsent = actions.filter(({ status }) => status === 45 || status === 3).length;
  const surplus = actions.length - sent.length;
  problems.unless(
    surplus >= 0 && surplus <= mayBeUnsent,
    () => `${actions.length} records of ${sent.length} actions`,
  );
  for (const a of actions) {
    const name = `${a.action} ${a.actionId}`;
    const isOrdered = a.built <= a.sent && a.sent <= a.received && a.received <= a.processed;
    problems.unless(isOrdered, () => `${name}: instants out of order`);
    const isPossible = POSSIBLE[a.action]?.includes(a.status) ?? true;
    problems.unless(isPossible, () => `${name} ended with ${a.status}`);
  }
};

/** Every request that did not time out ended with exactly one batch, and as that batch did. */
const checkBatches = (world: StressWorld, problems: Problems): void => {
  const records = new Map(world.requests.map((record) => [record.requestId, record]));
  const batched = new Set<number>();
  for (const a of world.actions) {
    if (a.action !== "infer") continue;
    problems.unless(a.batch.length === a.batchSize, () => `infer ${a.actionId}: batch size`);
    for (const { requestId, arrival, departure } of a.batch) {
      const record = records.get(requestId);
      const agrees = record?.arrival === arrival && record.departure === departure;
      problems.unless(agrees, () => `request ${requestId}: its two logs differ`);
      if (record?.result === 4) {
        // Hidden behind a request with a longer SLO, it was taken along after it had been answered.
        problems.unless(departure <= a.built, () => `request ${requestId} timed out in a batch`);
        continue;
      }
      problems.unless(record?.result === a.status, () => `request ${requestId}: not as its batch`);
      problems.unless(!batched.has(requestId), () => `request ${requestId} is in two batches`);
      batched.add(requestId);
    }
  }
  for (const { requestId, result } of world.requests) {
    const isExplained = batched.has(requestId) === !UNSERVED.includes(result);
    problems.unless(isExplained, () => `request ${requestId} ended with ${result}`);
  }
};

/** No operation of a device begins outside the window of an action that asked for it. */
const checkWindows = (world: StressWorld, problems: Problems): void => {
  for (const [index, { device }] of world.hosts.entries()) {
    const open = new Set(
      world.sent.flatMap(({ worker, action }) =>
        worker === index && (action.kind === "infer" || action.kind === "load_weights")
          ? [action]
          : [],
      ),
    );
    for (const { at, operation } of device.begun) {
      const asked = [...open].find(
        (action) =>
          action.kind === operation.kind &&
          action.gpuId === operation.gpuId &&
          action.modelId === operation.model.modelId &&
          (action.earliest ?? 0) <= at &&
          at <= (action.latest ?? Number.POSITIVE_INFINITY),
      );
      problems.unless(asked !== undefined, () => `${operation.kind} at ${at} is in no window`);
      if (asked !== undefined) open.delete(asked);
    }
  }
};

/** When all is quiet, what the controller believes to be resident is, and requests are answered in time. */
const checkWhenQuiet = (world: StressWorld, lost: number, problems: Problems): void => {
  for (let model = 0; model < world.drawn.models; model++) {
    const held = world.hosts.flatMap((host, index) =>
      host.isUp ? world.residentOn(index).filter((gpu) => gpu.includes(model)) : [],
    ).length;
    const before = world.requests.length;
    for (let i = 0; i < BURST; i++) world.infer(model, AMPLE);
    world.run(world.now + 10 * SECOND);
    const records = world.requests.slice(before);
    const believed = Math.max(...records.map(({ arrivalGpus }) => arrivalGpus));
    problems.unless(believed === held, () => `model ${model}: on ${held} GPUs, not ${believed}`);
    if (lost >= 0 || !world.drawn.isCalm) continue;
    // Late behind an execution that took longer than predicted, perhaps, but none was left to wait until its deadline.
    const waited = records.filter(({ result }) => result === 4).length;
    problems.unless(waited === 0, () => `model ${model}: ${waited} waited in vain`);
  }
};

const what = `${SEEDS} worlds of %s: one response each, pages and windows kept, nothing forgotten`;

test.each([...STRATEGIES.keys()])(what, (strategy) => {
  const totals = { ok: 0, evictions: 0, calm: 0 };
  for (let seed = 0; seed < SEEDS; seed++) {
    const world = new StressWorld(seed, strategy);
    const problems = new Problems();
    world.startUp();
    const lost = offer(world, seed);
    checkRequests(world, problems);
    checkActions(world, problems);
    checkBatches(world, problems);
    checkWindows(world, problems);
    checkWhenQuiet(world, lost, problems);
    expect({ seed, found: [...world.surprises, ...problems.found] }).toEqual({ seed, found: [] });
    totals.ok += world.requests.filter(({ result }) => result === 0).length;
    totals.evictions += world.actions.filter(({ action }) => action === "evict_weights").length;
    totals.calm += world.drawn.isCalm && lost < 0 ? 1 : 0;
  }
  // The worlds are hard, but not so hard that nothing happens in them.
  expect(totals.ok).toBeGreaterThan(1000);
  expect(totals.evictions).toBeGreaterThan(500);
  expect(totals.calm).toBeGreaterThan(5);
});
