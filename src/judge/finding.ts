/** What speaks against trusting one run: a kind, how badly, the evidence in words and numbers, and what would help. */
import {
  type FactKind,
  type FindingKind,
  type MeasuredKind,
  type Threshold,
  thresholdOf,
} from "#judge/thresholds.ts";
import type { RunAnalysis } from "#query/analysis.ts";

/** `suspect`: numbers may be slightly off; `invalid`: the headline number cannot be trusted. */
export type Severity = "suspect" | "invalid";

export interface Finding {
  readonly kind: FindingKind;
  readonly severity: Severity;
  /** A sentence without its full stop. */
  readonly evidence: string;
  readonly remedy: string;
  /** What was seen and the bound of its severity that this exceeds, in `unit`; null where the evidence is no single number. */
  readonly observed: number | null;
  readonly bound: number | null;
  readonly unit: Threshold["unit"] | null;
}

/** A run and what its plan says of it, as far as judging needs it. */
export interface ExaminedRun {
  readonly analysis: RunAnalysis;
  /** Logs that no run of ours left: there is no `run.json` to miss. */
  readonly isForeign: boolean;
  /** The system's default SLO in ns; null where no plan says. */
  readonly sloNs: number | null;
  /** Whether the announced number of requests is exact, or the mean of a random process. */
  readonly isExpectedExact: boolean;
  /** Where it is a mean, the variance of that number ÷ its mean: 1 for Poisson arrivals; null where nobody can say. */
  readonly countDispersion: number | null;
  /** Whether the rate is meant to stay the same, so that a trend within the window is not the workload's own. */
  readonly isSteady: boolean;
}

interface Words {
  readonly evidence: string;
  readonly remedy: string;
}

interface Seen {
  readonly kind: MeasuredKind;
  /** Null or undefined: not measured, which is no finding of its own. */
  readonly observed: number | null | undefined;
  /** For bounds that depend on it. */
  readonly sloNs?: number | null;
}

/** One finding when what was seen lies above its bound, none otherwise. */
export const exceeding = (
  { kind, observed, sloNs = null }: Seen,
  words: (observed: number, bound: number) => Words,
): readonly Finding[] => {
  const { unit, suspect, invalid } = thresholdOf(kind, sloNs);
  if (observed === null || observed === undefined || !(observed > suspect)) return [];
  const isInvalid = invalid !== null && observed > invalid;
  const severity = isInvalid ? "invalid" : "suspect";
  const bound = isInvalid ? invalid : suspect;
  return [{ kind, severity, ...words(observed, bound), observed, bound, unit }];
};

/** A finding that rests on a fact instead of a number. */
export const finding = (kind: FactKind, severity: Severity, words: Words): Finding => ({
  kind,
  severity,
  ...words,
  observed: null,
  bound: null,
  unit: null,
});

/** A run in virtual time: there is no host that could have disturbed it. */
export const isSimulated = ({ analysis }: ExaminedRun): boolean =>
  analysis.stored?.simulation !== undefined;

/** A run of ours that came to its end: only there can rows and evidence be expected to be whole. */
export const isDoneRun = ({ analysis }: ExaminedRun): boolean => analysis.stored?.state === "done";
