/** What runs and points are called in tables, legends and file names. */
import { keyName, writtenValue } from "#report/format.ts";
import type { ReportedRun, ReportInput, SweptValue } from "#report/model.ts";

const swept = ({ path, value }: SweptValue): string => `${keyName(path)} ${writtenValue(value)}`;

/** A run's point in words; the run's name where nothing is swept. */
export const pointLabel = (run: ReportedRun, without?: string): string => {
  const values = run.point.filter(({ path }) => path !== without);
  if (values.length > 0) return values.map(swept).join(", ");
  return run.point.length > 0 ? "" : run.analysis.name;
};

/** A run in words, unique within the report. */
export const runLabel = (input: ReportInput, run: ReportedRun): string => {
  if (input.runs.length === 1 && input.analysis.kind === "ours") return "the run";
  if (run.point.length === 0 && input.repetitions > 1) return `repetition ${run.repetition}`;
  const label = pointLabel(run);
  return input.repetitions > 1 ? `${label}, repetition ${run.repetition}` : label;
};

/** A label with the run's verdict, where its numbers cannot be taken as they stand. */
export const withVerdict = (label: string, { verdict }: Pick<ReportedRun, "verdict">): string =>
  verdict === "VALID" ? label : `${label} (${verdict})`;

/** A run in words, with its verdict where that is not VALID. */
export const markedLabel = (input: ReportInput, run: ReportedRun): string =>
  withVerdict(runLabel(input, run), run);

const labelOfGroup = (input: ReportInput, label: string, runs: readonly ReportedRun[]): string => {
  const [only] = runs;
  if (label === "all") return `all ${runs.length} repetitions`;
  return input.runs.length === 1 && only !== undefined ? runLabel(input, only) : label;
};

/** Runs of the same point, in the order of the plan. */
export const runsByPoint = (
  input: ReportInput,
): readonly { readonly label: string; readonly runs: readonly ReportedRun[] }[] => {
  const groups = new Map<string, ReportedRun[]>();
  for (const run of input.runs) {
    const key = run.point.length === 0 && input.repetitions > 1 ? "all" : pointLabel(run);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [run]);
    else group.push(run);
  }
  return [...groups].map(([label, runs]) => ({
    label: labelOfGroup(input, label, runs),
    runs,
  }));
};

/** The start of a run's chart files: "03". */
export const runNumber = (run: ReportedRun): string => String(run.analysis.index).padStart(2, "0");

/** Labels of charts keep their end, where the points of a grid differ. */
const LABEL_LENGTH = 48;

/** A label that fits beside a chart. */
export const shortLabel = (label: string): string =>
  label.length <= LABEL_LENGTH
    ? label
    : `${label.slice(0, LABEL_LENGTH / 2 - 1)}…${label.slice(-LABEL_LENGTH / 2)}`;

/** At most `most` items, the first and the last among them. */
export const evenlyChosen = <T>(items: readonly T[], most: number): readonly T[] =>
  items.length <= most
    ? items
    : Array.from(
        { length: most },
        (_, index) => items[Math.round((index * (items.length - 1)) / (most - 1))] as T,
      );
