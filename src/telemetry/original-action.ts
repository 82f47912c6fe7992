/** What the original's controller computes for a row of its action log, its arithmetic included. */
import type { ActionRecord } from "#serving/controller/events.ts";
import { STATUS } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";

export type WorkerInstant = "execComplete" | "copyOutputComplete" | "actionReceived" | "resultSent";

/** The share of a batch that was answered in time; 1 or 0 for other actions. Exact to a double. */
export const goodputFraction = (r: ActionRecord): number => {
  if (r.action !== "infer") return r.status === STATUS.SUCCESS ? 1 : 0;
  if (r.batchSize === 0) return 0;
  let met = 0;
  for (const member of r.batch) if (member.met) met += 1;
  return met / r.batchSize;
};

/** Useful nanoseconds, in 32-bit floats as the original computes them: above 2^24 ns they are coarse. */
export const originalGoodput = (r: ActionRecord): number => {
  if (r.status !== STATUS.SUCCESS) return 0;
  const fraction = Math.fround(goodputFraction(r));
  return Math.trunc(Math.fround(Math.fround(r.workerDuration ?? 0) * fraction));
};

export const isOriginalExec = (r: ActionRecord): boolean =>
  r.action === "infer" && r.status === STATUS.SUCCESS;

/** Whether the original writes a row: it ends on a failed evict, and start-up actions are not logged. */
export const hasOriginalRow = (r: ActionRecord): boolean =>
  r.action === "load_weights" ||
  r.action === "infer" ||
  (r.action === "evict_weights" && r.status === STATUS.SUCCESS);

/** The original stamps infer actions when they are built, before they wait for a send slot. */
export const originalSent = (r: ActionRecord): Nanos => (r.action === "infer" ? r.built : r.sent);

/** What the original takes from a result; null where it leaves the instant 0. */
const reported = (r: ActionRecord, name: WorkerInstant): Nanos | null => {
  const isUnsent = r.status === STATUS.NOT_SENT_IN_TIME;
  switch (name) {
    case "execComplete": {
      const hasExec = r.status === STATUS.SUCCESS && r.action !== "evict_weights";
      return hasExec ? r.workerExecComplete : null;
    }
    case "copyOutputComplete":
      return isOriginalExec(r) ? r.workerCopyOutputComplete : null;
    case "actionReceived":
      return isUnsent ? r.sent : r.workerActionReceived;
    case "resultSent":
      return isUnsent ? r.sent : r.workerResultSent;
  }
};

/** A worker's instant relative to sending: shifted if the action seemed received before it was sent, then cut at 0. */
export const originalInstant = (r: ActionRecord, name: WorkerInstant): number => {
  const instant = reported(r, name);
  if (instant === null) return 0;
  const sent = originalSent(r);
  const received = reported(r, "actionReceived");
  const shift = received === null ? 0 : Math.max(0, sent - received);
  return Math.max(0, instant + shift - sent);
};
