/** Verdicts put into words: whether each run can be trusted, what speaks against it, and what would help. */
import type { Finding } from "#judge/finding.ts";
import type { Verdict } from "#judge/verdict.ts";
import { plural } from "#report/format.ts";
import { FEW, groupsOf } from "#report/grouping.ts";
import { runLabel } from "#report/labels.ts";
import { details, list, paragraphs } from "#report/markdown.ts";
import type { ReportedRun, ReportInput } from "#report/model.ts";
import { isSimulated } from "#report/simulation.ts";

interface RunFinding {
  readonly run: ReportedRun;
  readonly finding: Finding;
}

const VERDICTS: readonly Verdict[] = ["VALID", "SUSPECT", "INVALID"];

const found = (input: ReportInput): readonly RunFinding[] =>
  input.runs.flatMap((run) => run.findings.map((finding) => ({ run, finding })));

const countsText = (runs: readonly ReportedRun[]): string =>
  VERDICTS.map((verdict) => ({
    verdict,
    count: runs.filter((run) => run.verdict === verdict).length,
  }))
    .filter(({ count }) => count > 0)
    .map(({ verdict, count }) => `${count} ${verdict}`)
    .join(", ");

/** "VALID", or how many of several runs are what. */
export const verdictText = (runs: readonly ReportedRun[]): string => {
  const [first] = runs;
  if (first === undefined) return "–";
  return runs.every((run) => run.verdict === first.verdict) ? first.verdict : countsText(runs);
};

const severityWord = ({ severity }: Finding): Verdict =>
  severity === "invalid" ? "INVALID" : "SUSPECT";

/** Below the answer: may these numbers be trusted? */
export const verdictLine = (input: ReportInput): string => {
  const [only] = input.runs;
  if (input.runs.length === 1 && only !== undefined) {
    const [first] = only.findings;
    const why =
      first === undefined
        ? "nothing speaks against the measurement"
        : `${first.evidence}${only.findings.length > 1 ? "; more below" : ""}`;
    return `Verdict: **${only.verdict}**: ${why}.`;
  }
  const what = input.runs.every(({ verdict }) => verdict === "VALID")
    ? "nothing speaks against any measurement"
    : "evidence and remedies are below";
  return `Verdicts: **${countsText(input.runs)}** of ${plural(input.runs.length, "run")}; ${what}.`;
};

const findingText = (input: ReportInput, { run, finding }: RunFinding): string =>
  `${severityWord(finding)}: **${runLabel(input, run)}**: ${finding.evidence}. Remedy: ${finding.remedy}.`;

const runsIn = (findings: readonly RunFinding[]): number =>
  new Set(findings.map(({ run }) => run.analysis.index)).size;

const alikeText = (input: ReportInput, group: readonly RunFinding[]): readonly string[] => {
  const [first] = group;
  if (first === undefined || group.length <= FEW) {
    return group.map((item) => findingText(input, item));
  }
  return [
    `${severityWord(first.finding)}: **${plural(runsIn(group), "run")}** alike, first **${runLabel(input, first.run)}**: ${first.finding.evidence}. Remedy: ${first.finding.remedy}.`,
  ];
};

const kindKey = ({ finding }: RunFinding): string => `${finding.severity} ${finding.kind}`;

const isInvalid = ({ finding }: RunFinding): boolean => finding.severity === "invalid";

const worstFirst = (input: ReportInput): readonly RunFinding[] => {
  const all = found(input);
  return [...all.filter(isInvalid), ...all.filter((item) => !isInvalid(item))];
};

const MEANING =
  "SUSPECT: numbers may be slightly off. INVALID: the headline number cannot be trusted, so none is printed, and no check is evaluated on the run. `docs/verdicts.md` has every bound with its reason.";

/** What speaks against trusting the runs, with what would help; also which are not done and why. */
export const verdictSection = (input: ReportInput): string => {
  const all = found(input);
  if (all.length === 0) {
    return paragraphs([
      "## Verdict",
      `VALID: every run finished, requests left and responses were read on time, every scheduled request was sent and answered, ${isSimulated(input) ? "" : "the machine had time for it, "}and bytes, lines and rows of every log agree.`,
    ]);
  }
  const groups = groupsOf(worstFirst(input), kindKey);
  const isShort = groups.every((group) => group.length <= FEW);
  const each = all.map((item) => findingText(input, item));
  return paragraphs([
    "## Verdict",
    MEANING,
    list(isShort ? each : groups.flatMap((group) => alikeText(input, group))),
    isShort ? "" : details(`All ${each.length} findings`, list(each)),
  ]);
};

/** The same for a terminal. */
export const verdictLines = (input: ReportInput): readonly string[] => {
  const lines = groupsOf(worstFirst(input), kindKey).flatMap((group) => {
    const [first] = group;
    return first === undefined || group.length <= FEW
      ? group.map(
          ({ run, finding }) =>
            `${severityWord(finding)}: ${run.analysis.name}: ${finding.evidence}`,
        )
      : [
          `${severityWord(first.finding)}: ${plural(runsIn(group), "run")} alike, first ${first.run.analysis.name}: ${first.finding.evidence}`,
        ];
  });
  return [`verdict: ${verdictText(input.runs)}`, ...lines];
};
