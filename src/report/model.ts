/** What a report is made from: typed rows, judgements, and facts already put into words. */
import type { Capacity } from "#judge/capacity.ts";
import type { CheckResult } from "#judge/checks.ts";
import type { Finding } from "#judge/finding.ts";
import type { Verdict } from "#judge/verdict.ts";
import type { Analysis, RunAnalysis } from "#query/analysis.ts";

/** A named fact of a run's plan; runs that differ in it are shown side by side. */
export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** One swept parameter of a run, as written in the experiment. */
export interface SweptValue {
  readonly path: string;
  readonly value: string | number | boolean;
  /** The value on a number line (ns, 1/s, bytes or the number itself); null where it is no quantity. */
  readonly position: number | null;
}

export interface ReportedRun {
  readonly analysis: RunAnalysis;
  readonly point: readonly SweptValue[];
  /** 1-based. */
  readonly repetition: number;
  readonly isDone: boolean;
  /** Whether its numbers can be trusted; a run that is not done is INVALID. */
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  /** The system's default SLO; null where no plan says. */
  readonly sloNs: number | null;
  readonly system: readonly Fact[];
  readonly workload: readonly Fact[];
}

export interface ReportInput {
  readonly analysis: Analysis;
  readonly title: string;
  readonly question: string;
  readonly runs: readonly ReportedRun[];
  readonly repetitions: number;
  readonly checks: readonly CheckResult[];
  readonly checksPassed: readonly string[];
  readonly checksFailed: readonly string[];
  /** What a search found, one for each point of the sweep; empty where nothing is searched for. */
  readonly capacities: readonly Capacity[];
  /** The figure at the top; null when the experiment names none. */
  readonly headline: { readonly metric: string; readonly against: string } | null;
  /** Shell command that runs the same again; null for foreign logs. */
  readonly reproduce: string | null;
  /** Shell command that rebuilds this report. */
  readonly rebuild: string;
  /** How a path of an input is shown. */
  readonly shownPath: (path: string) => string;
}

/** Whether a run's numbers may stand in a headline: those of an INVALID run never do. */
export const isUsable = (run: ReportedRun): boolean => run.isDone && run.verdict !== "INVALID";
