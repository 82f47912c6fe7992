/** Requests that were not sent, not answered, not there, or answered with an error. */
import { type ExaminedRun, exceeding, type Finding, isDoneRun } from "#judge/finding.ts";
import { counted, countOf, scheduledIn, showShare, sum } from "#judge/numbers.ts";

const unsent = ({ analysis: run }: ExaminedRun): readonly Finding[] => {
  const dropped = countOf(run, "dropped");
  return exceeding({ kind: "dropped", observed: dropped / scheduledIn(run) }, (share) => ({
    evidence: `${counted(dropped, "request")} (${showShare(share)}) ${dropped === 1 ? "was" : "were"} due but never sent`,
    remedy: "offer less, give the client a processor of its own, or use more generators",
  }));
};

const unanswered = ({ analysis: run }: ExaminedRun): readonly Finding[] => {
  const unknown = countOf(run, "unknown");
  return exceeding({ kind: "unknown", observed: unknown / scheduledIn(run) }, (share) => ({
    evidence: `${counted(unknown, "request")} (${showShare(share)}) had no answer when the run ended`,
    remedy: "raise `limits.drain`, or look into the controller's log",
  }));
};

const unexpected = (run: ExaminedRun): readonly Finding[] => {
  const { analysis, isExpectedExact, countDispersion: dispersion } = run;
  const expected = analysis.stored?.expected_requests ?? null;
  if (expected === null || analysis.view !== "client" || !isDoneRun(run)) return [];
  const scheduled = scheduledIn(analysis);
  const off = Math.abs(scheduled - expected);
  const words = () => ({
    evidence: `${Math.round(expected)} requests were expected in the measurement window, ${scheduled} are in the log`,
    remedy: "look for missing rows in the client's log",
  });
  // An announced number may be a fraction: a rate times a duration.
  if (isExpectedExact) {
    const share = off < 1 ? 0 : off / Math.max(1, expected);
    return exceeding({ kind: "expected-share", observed: share }, words);
  }
  if (dispersion === null) return [];
  const sigmas = off / Math.sqrt(Math.max(1, expected * dispersion));
  return exceeding({ kind: "expected-sigmas", observed: sigmas }, words);
};

/** Late, early or overtaken by another action: the workers keep to the windows that the controller sets. */
const MISSED_ACTIONS: ReadonlySet<number> = new Set([
  0, 45, 50, 51, 53, 54, 60, 61, 63, 80, 81, 82, 84,
]);

/**
 * A system that is too slow, not one that is broken: timed out, skipped or late by the controller's reckoning, or the
 * status of the last action that it was tried with.
 */
const REFUSALS: ReadonlySet<number> = new Set([4, 7, 8, ...MISSED_ACTIONS]);

const codesText = (rows: readonly { readonly code: number | null; readonly count: number }[]) =>
  rows.map(({ code, count }) => `${count} × ${code ?? "no status"}`).join(", ");

const requestErrors = ({ analysis: run }: ExaminedRun): readonly Finding[] => {
  const rows = run.outcomes
    .filter(({ outcome, result }) => outcome === "fail" && !REFUSALS.has(result ?? -1))
    .map(({ result, count }) => ({ code: result, count }));
  const errors = sum(rows.map(({ count }) => count));
  return exceeding({ kind: "server-errors", observed: errors / scheduledIn(run) }, (share) => ({
    evidence: `${counted(errors, "request")} (${showShare(share)}) ended in an error of the system (status: ${codesText(rows)})`,
    remedy: "look into the logs of controller and workers",
  }));
};

const actionErrors = ({ analysis: { evidence } }: ExaminedRun): readonly Finding[] => {
  const all = sum(evidence.actionStatuses.map(({ count }) => count));
  const rows = evidence.actionStatuses
    .filter(({ status }) => !MISSED_ACTIONS.has(status))
    .map(({ status, count }) => ({ code: status, count }));
  const errors = sum(rows.map(({ count }) => count));
  return exceeding({ kind: "server-errors", observed: errors / all }, (share) => ({
    evidence: `${counted(errors, "action")} (${showShare(share)}) ended in an error (status: ${codesText(rows)})`,
    remedy: "look into the logs of controller and workers",
  }));
};

export const outcomeFindings = (run: ExaminedRun): readonly Finding[] => [
  ...unsent(run),
  ...unanswered(run),
  ...unexpected(run),
  ...requestErrors(run),
  ...actionErrors(run),
];
