/** Runs that a stop rule of the experiment ended early: their numbers are those of a shorter window. */
import { duration, plural } from "#report/format.ts";
import { FEW } from "#report/grouping.ts";
import { runLabel } from "#report/labels.ts";
import { details, list, paragraphs } from "#report/markdown.ts";
import type { ReportedRun, ReportInput } from "#report/model.ts";

const stopOf = ({ analysis }: ReportedRun) => analysis.stored?.stopped ?? null;

/** "`stop.goodput` after 3.2 s of measurement: …"; null for a run that went on to its planned end. */
const endText = (run: ReportedRun): string | null => {
  const stop = stopOf(run);
  const { window } = run.analysis;
  if (stop === null || window === null) return null;
  const measured = duration(Math.max(0, window.measureEndNs - window.measureStartNs));
  return `\`stop.${stop.rule}\` after ${measured} of measurement: ${stop.evidence}`;
};

interface EarlyEnd {
  readonly run: ReportedRun;
  readonly text: string;
}

const earlyEnds = (input: ReportInput): readonly EarlyEnd[] =>
  input.runs.flatMap((run) => {
    const text = endText(run);
    return text === null ? [] : [{ run, text }];
  });

/** Below the verdict; empty when every run went on to its planned end. */
export const earlyEndText = (input: ReportInput): string => {
  const ends = earlyEnds(input);
  const [first] = ends;
  if (first === undefined) return "";
  if (input.runs.length === 1) return `Ended early by ${first.text}.`;
  const each = list(ends.map(({ run, text }) => `**${runLabel(input, run)}**: ${text}.`));
  const heading = `${ends.length} of ${plural(input.runs.length, "run")} ended early by a stop rule`;
  return ends.length > FEW
    ? paragraphs([`${heading}.`, details("Which, and why", each)])
    : paragraphs([`${heading}:`, each]);
};

/** The same for a terminal. */
export const earlyEndLines = (input: ReportInput): readonly string[] => {
  const ends = earlyEnds(input);
  const shown = ends
    .slice(0, FEW)
    .map(({ run, text }) => `ended early: ${run.analysis.name}: ${text}`);
  const rest = ends.length - shown.length;
  return rest > 0 ? [...shown, `ended early: ${plural(rest, "more run")}`] : shown;
};
