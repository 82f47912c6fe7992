/** The checks put into words. Many alike become one line, and all of them are folded below it. */
import type { CheckResult } from "#judge/checks.ts";
import { grouped, plural, quantity } from "#report/format.ts";
import { FEW, groupsOf } from "#report/grouping.ts";
import { runLabel } from "#report/labels.ts";
import { details, left, paragraphs, right, table } from "#report/markdown.ts";
import type { ReportInput } from "#report/model.ts";
import { spreadOf } from "#stats/spread.ts";

const checkKey = (result: CheckResult): string => JSON.stringify([result.check, result.status]);

const claim = (result: CheckResult): string => {
  const show = (value: number): string => quantity(value, result.unit);
  const bounds = [
    result.atLeast === null ? "" : `at least ${show(result.atLeast)}`,
    result.atMost === null ? "" : `at most ${show(result.atMost)}`,
  ];
  return bounds.filter((bound) => bound !== "").join(" and ");
};

const RESULTS = { pass: "holds", fail: "**does not hold**", "not-evaluated": "**not evaluated**" };

const rangeText = (values: readonly number[], show: (value: number) => string): string => {
  const spread = spreadOf(values);
  if (spread === null) return "–";
  const [low, high] = [show(spread.min), show(spread.max)];
  return low === high ? low : `${low} to ${high}`;
};

const observedText = (results: readonly CheckResult[]): string => {
  const [first] = results;
  if (first === undefined) return "–";
  const observed = results.map((result) => result.observed).filter((value) => value !== null);
  return observed.length === 0
    ? first.reason
    : rangeText(observed, (value) => quantity(value, first.unit));
};

const labelOf = (input: ReportInput, run: CheckResult["run"]): string | undefined => {
  const found = input.runs.find(({ analysis }) => analysis.index === run?.index);
  return found === undefined ? run?.name : runLabel(input, found);
};

const checkRow = (input: ReportInput, results: readonly CheckResult[]): readonly string[] => {
  const [first] = results;
  if (first === undefined) return [];
  const samples = results.map((result) => result.samples).filter((count) => count > 0);
  return [
    first.check,
    results.length > 1 ? plural(results.length, "run") : (labelOf(input, first.run) ?? "–"),
    `${input.analysis.metricTitles[first.metric] ?? first.metric} ${claim(first)}`,
    observedText(results),
    rangeText(samples, grouped),
    RESULTS[first.status],
  ];
};

/** Each check on each run, with what was observed; many runs of one ending are one row. */
export const checksSection = (input: ReportInput): string => {
  if (input.checks.length === 0) return "";
  const columns = [
    left("Check"),
    left("Run"),
    left("Claim"),
    right("Observed"),
    right("Samples"),
    left("Result"),
  ];
  const each = input.checks.map((result) => checkRow(input, [result]));
  const groups = groupsOf(input.checks, checkKey);
  if (groups.every((group) => group.length <= FEW)) {
    return paragraphs(["## Checks", table(columns, each)]);
  }
  const rows = groups.flatMap((group) =>
    group.length > FEW
      ? [checkRow(input, group)]
      : group.map((result) => checkRow(input, [result])),
  );
  return paragraphs([
    "## Checks",
    table(columns, rows),
    details(`Every check on every run (${input.checks.length})`, table(columns, each)),
  ]);
};

const checkLine = (results: readonly CheckResult[]): string => {
  const [first] = results;
  const name = first?.run?.name;
  const many = results.length > 1 ? `${results.length} runs, first ` : "";
  const where = name === undefined ? "" : ` on ${many}${name}`;
  const observed = first?.observed === null ? "" : "observed ";
  return `check ${first?.check}${where}: ${observed}${observedText(results)}`;
};

/** For a terminal: checks that do not hold, one line for many alike. */
export const checkLines = (input: ReportInput): readonly string[] => {
  const bad = input.checks.filter((result) => result.status !== "pass");
  return groupsOf(bad, checkKey).flatMap((group) =>
    group.length > FEW ? [checkLine(group)] : group.map((result) => checkLine([result])),
  );
};
