/** Requests that were not sent, not answered, or not there. */
import { type ExaminedRun, exceeding, type Finding, isDoneRun } from "#judge/finding.ts";
import { counted, countOf, scheduledIn, showShare } from "#judge/numbers.ts";

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
  const { analysis, isExpectedExact } = run;
  const expected = analysis.stored?.expected_requests ?? null;
  if (expected === null || analysis.view !== "client" || !isDoneRun(run)) return [];
  const scheduled = scheduledIn(analysis);
  const off = Math.abs(scheduled - expected);
  const words = () => ({
    evidence: `${expected} requests were expected in the measurement window, ${scheduled} are in the log`,
    remedy: "look for missing rows in the client's log",
  });
  // An announced number may be a fraction: a rate times a duration.
  if (isExpectedExact) {
    const share = off < 1 ? 0 : off / Math.max(1, expected);
    return exceeding({ kind: "expected-share", observed: share }, words);
  }
  const sigmas = off / Math.sqrt(Math.max(1, expected));
  return exceeding({ kind: "expected-sigmas", observed: sigmas }, words);
};

export const outcomeFindings = (run: ExaminedRun): readonly Finding[] => [
  ...unsent(run),
  ...unanswered(run),
  ...unexpected(run),
];
