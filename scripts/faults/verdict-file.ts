/** What the report says of a trial's run, as any program would read it: from `derived/verdicts.json`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface TrialFinding {
  readonly kind: string;
  readonly severity: string;
  readonly evidence: string;
  /** The number that the evidence rests on; null where it is no single one. */
  readonly observed: number | null;
}

export interface TrialVerdict {
  readonly verdict: string;
  readonly findings: readonly TrialFinding[];
}

const isVerdict = (value: unknown): value is TrialVerdict =>
  typeof value === "object" &&
  value !== null &&
  "verdict" in value &&
  typeof value.verdict === "string" &&
  "findings" in value &&
  Array.isArray(value.findings);

/** The verdict on the only run of `folder`; throws when the file does not hold exactly one. */
export const readTrialVerdict = (folder: string): TrialVerdict => {
  const path = join(folder, "derived", "verdicts.json");
  const stored: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (!Array.isArray(stored) || stored.length !== 1 || !isVerdict(stored[0]))
    throw new Error(`${path} does not hold one run's verdict`);
  const { verdict, findings } = stored[0];
  return {
    verdict,
    findings: findings.map(({ kind, severity, evidence, observed }) => ({
      kind,
      severity,
      evidence,
      observed: observed ?? null,
    })),
  };
};

/** The verdict that a run would have without findings of these kinds; one without findings at all stays as it is. */
export const withoutArtefacts = (
  { verdict, findings }: TrialVerdict,
  artefacts: readonly string[],
): TrialVerdict => {
  const kept = findings.filter(({ kind }) => !artefacts.includes(kind));
  if (kept.length === findings.length) return { verdict, findings };
  if (kept.length === 0) return { verdict: "VALID", findings: kept };
  const isInvalid = kept.some(({ severity }) => severity === "invalid");
  return { verdict: isInvalid ? "INVALID" : "SUSPECT", findings: kept };
};
