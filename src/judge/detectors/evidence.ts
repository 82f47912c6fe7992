/** What should have been measured and was not: nothing is VALID for want of evidence. */
import { type ExaminedRun, type Finding, finding } from "#judge/finding.ts";

const missingIn = ({ analysis: run }: ExaminedRun): readonly string[] => {
  const missing: string[] = [];
  if (run.view === "controller") missing.push("when requests were due and sent (no client log)");
  if (run.health === null) missing.push("how the hosts and processes fared");
  return missing;
};

export const evidenceFindings = (run: ExaminedRun): readonly Finding[] => {
  // A run that left no rows has worse findings than this one.
  if (run.analysis.view === null) return [];
  const missing = missingIn(run);
  if (missing.length === 0) return [];
  return [
    finding("evidence", "suspect", {
      evidence: `not enough evidence: nothing says ${missing.join(", nor ")}`,
      remedy: "run it again with this version, which measures these",
    }),
  ];
};
