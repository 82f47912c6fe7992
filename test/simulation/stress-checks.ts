/** What must hold of every world, whatever was drawn and whatever happened to its workers. */
import type { ActionRecord } from "#serving/controller/events.ts";
import { MS, type StressWorld } from "./stress-world.ts";

const SECOND = 1000 * MS;
/** Asked for at once of every model in turn, when nothing else is going on. */
const BURST = 5;
/** As a factor: gives the smallest model an SLO of 0.2 s, and the largest one of 9 s. */
const AMPLE = 1000;

/** Collects what does not hold, up to a few. */
export class Problems {
  readonly found: string[] = [];

  unless(holds: boolean, what: () => string): void {
    if (!holds && this.found.length < 5) this.found.push(what());
  }
}

export const checkRequests = (world: StressWorld, problems: Problems): void => {
  for (const [id, statuses] of world.responses) {
    problems.unless(
      statuses.length === 1,
      () => `message ${id} got responses ${statuses.join(", ")}`,
    );
  }
  const ids = world.requests.map(({ requestId }) => requestId).sort((a, b) => a - b);
  const isWhole = ids.length === world.inferences && ids.every((id, index) => id === index);
  problems.unless(isWhole, () => `${ids.length} records of ${world.inferences} requests`);
  for (const r of world.requests) {
    problems.unless(r.arrival <= r.departure, () => `request ${r.requestId} left too early`);
    const counts = [r.arrivalGpus - r.arrivalWorkers, r.departureGpus - r.departureWorkers];
    const areSane = [...counts, r.arrivalWorkers, r.departureWorkers].every((count) => count >= 0);
    problems.unless(areSane, () => `request ${r.requestId} counts impossible copies`);
  }
};

/**
 * Nobody waits much longer than the SLO, whatever happens. An action is made in time for the deadline that scheduling
 * aims at, which may be a look ahead and 5 ms from arrival at the soonest; it starts a look ahead later at the latest, has as long to
 * start, and takes as long as the slowest batch was seen to take; then it is overdue in 100 ms, and timers may be late.
 */
export const checkDeadlines = (world: StressWorld, problems: Problems): void => {
  const { options, noise, lateMax } = world.drawn;
  const ahead = options.scheduleAhead ?? 0;
  const slowest = 90 * MS * noise;
  const margin = 5 * MS + 3 * ahead + slowest + 100 * MS + 3 * lateMax + 20 * MS;
  for (const { requestId, arrival, departure, slo, result } of world.requests) {
    const late = departure - arrival - (slo ?? 0);
    problems.unless(
      late <= margin,
      () => `request ${requestId} ended with ${result} ${late / MS} ms late`,
    );
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

export const checkActions = (world: StressWorld, problems: Problems): void => {
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
export const checkBatches = (world: StressWorld, problems: Problems): void => {
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
        // Hidden behind a request with a longer SLO, it was taken along after it had been answered; or the batch's
        // GPU had stopped.
        const isLate = departure - arrival >= (record.slo ?? 0);
        const isSound = departure <= a.built || isLate;
        problems.unless(isSound, () => `request ${requestId} timed out in a batch`);
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
export const checkWindows = (world: StressWorld, problems: Problems): void => {
  for (const [index, { devices }] of world.hosts.entries()) {
    const open = new Set(
      world.sent.flatMap(({ worker, action }) =>
        worker === index && (action.kind === "infer" || action.kind === "load_weights")
          ? [action]
          : [],
      ),
    );
    for (const { at, operation } of devices.flatMap(({ begun }) => begun)) {
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
export const checkWhenQuiet = (world: StressWorld, problems: Problems, isCalm: boolean): void => {
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
    if (!isCalm) continue;
    // Late behind an execution that took longer than predicted, perhaps, but none was left to wait until its deadline.
    const waited = records.filter(({ result }) => result === 4).length;
    problems.unless(waited === 0, () => `model ${model}: ${waited} waited in vain`);
  }
};
