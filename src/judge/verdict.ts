/** Whether a run's numbers can be trusted: the worst of what was found in its own data. */
import { clockFindings } from "#judge/detectors/clocks.ts";
import { evidenceFindings } from "#judge/detectors/evidence.ts";
import { latenessFindings } from "#judge/detectors/lateness.ts";
import { logFindings } from "#judge/detectors/logs.ts";
import { machineFindings } from "#judge/detectors/machine.ts";
import { outcomeFindings } from "#judge/detectors/outcomes.ts";
import { stateFindings } from "#judge/detectors/state.ts";
import { warmUpFindings } from "#judge/detectors/warm-up.ts";
import type { ExaminedRun, Finding } from "#judge/finding.ts";

/** SUSPECT: numbers may be slightly off. INVALID: the headline number cannot be trusted. */
export type Verdict = "VALID" | "SUSPECT" | "INVALID";

export interface RunVerdict {
  readonly run: { readonly index: number; readonly name: string };
  readonly verdict: Verdict;
  /** In the order of the detectors: first what matters most. */
  readonly findings: readonly Finding[];
}

const DETECTORS: readonly ((run: ExaminedRun) => readonly Finding[])[] = [
  stateFindings,
  outcomeFindings,
  latenessFindings,
  logFindings,
  machineFindings,
  clockFindings,
  warmUpFindings,
  evidenceFindings,
];

const worstOf = (findings: readonly Finding[]): Verdict => {
  if (findings.some(({ severity }) => severity === "invalid")) return "INVALID";
  return findings.length > 0 ? "SUSPECT" : "VALID";
};

/** What makes a run INVALID comes first. */
export const judgeRun = (examined: ExaminedRun): RunVerdict => {
  const { index, name } = examined.analysis;
  const findings = DETECTORS.flatMap((detect) => detect(examined));
  const isInvalid = ({ severity }: Finding): boolean => severity === "invalid";
  return {
    run: { index, name },
    verdict: worstOf(findings),
    findings: [...findings.filter(isInvalid), ...findings.filter((item) => !isInvalid(item))],
  };
};
