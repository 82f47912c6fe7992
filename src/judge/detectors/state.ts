/** How a run ended, and whether it measured anything at all. */
import { type ExaminedRun, type Finding, finding, isDoneRun } from "#judge/finding.ts";

const ending = (run: ExaminedRun): readonly Finding[] => {
  const { stored } = run.analysis;
  if (isDoneRun(run) || run.isForeign) return [];
  const problems = stored?.problems ?? [];
  const evidence =
    stored === null
      ? "the run left no run.json: it did not start, or its runner was killed"
      : `the run ended as ${stored.state}${problems.length === 0 ? "" : `: ${problems.join("; ")}`}`;
  return [finding("run-not-done", "invalid", { evidence, remedy: "`--resume` redoes it" })];
};

const emptiness = (run: ExaminedRun): readonly Finding[] => {
  const { view, outcomes } = run.analysis;
  if (outcomes.length > 0) return [];
  if (run.isForeign) {
    return [
      finding("no-requests", "invalid", {
        evidence: "the logs hold no requests over a span of time, so that no rate can be told",
        remedy: "put the log of requests beside them",
      }),
    ];
  }
  if (!isDoneRun(run) || view === null) return [];
  return [
    finding("no-requests", "invalid", {
      evidence: "no request was scheduled in the measurement window",
      remedy: "lengthen `workload.duration` or raise the rate",
    }),
  ];
};

const earlyEnd = (run: ExaminedRun): readonly Finding[] => {
  const stopped = run.analysis.stored?.stopped ?? null;
  if (!isDoneRun(run) || stopped === null) return [];
  return [
    finding("stopped-early", "suspect", {
      evidence: `the rule \`${stopped.rule}\` ended sending early: ${stopped.evidence}; the window ends there`,
      remedy: "offer less, or leave out the rule to see the whole run",
    }),
  ];
};

export const stateFindings = (run: ExaminedRun): readonly Finding[] => [
  ...ending(run),
  ...earlyEnd(run),
  ...emptiness(run),
];
