/** What was judged, put into words: checks and doubts. Many alike become one line, and all of them are folded below it. */
import type { CheckResult } from "#judge/checks.ts";
import type { Doubt } from "#judge/doubts.ts";
import { grouped, plural, quantity } from "#report/format.ts";
import { runLabel } from "#report/labels.ts";
import { details, left, list, paragraphs, right, table } from "#report/markdown.ts";
import type { ReportInput } from "#report/model.ts";
import { spreadOf } from "#stats/spread.ts";

/** Up to this many alike each have a line of their own. */
const FEW = 3;

const groupsOf = <T>(items: readonly T[], key: (item: T) => string): readonly (readonly T[])[] => [
  ...Map.groupBy(items, key).values(),
];

const checkKey = (result: CheckResult): string => JSON.stringify([result.check, result.status]);

const claim = (result: CheckResult): string => {
  const show = (value: number): string => quantity(value, result.unit);
  const bounds = [
    result.atLeast === null ? "" : `at least ${show(result.atLeast)}`,
    result.atMost === null ? "" : `at most ${show(result.atMost)}`,
  ];
  return bounds.filter((bound) => bound !== "").join(" and ");
};

const VERDICTS = { pass: "holds", fail: "**does not hold**", "not-evaluated": "**not evaluated**" };

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

const labelOf = (
  input: ReportInput,
  run: { readonly index: number } | null,
): string | undefined => {
  const found = input.runs.find(({ analysis }) => analysis.index === run?.index);
  return found === undefined ? undefined : runLabel(input, found);
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
    VERDICTS[first.status],
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

const runsIn = (doubts: readonly Doubt[]): number =>
  new Set(doubts.map((doubt) => doubt.run.index)).size;

const doubtText = (input: ReportInput, doubt: Doubt): string =>
  `**${labelOf(input, doubt.run) ?? doubt.run.name}**: ${doubt.evidence}. Remedy: ${doubt.remedy}.`;

const alikeText = (input: ReportInput, doubts: readonly Doubt[]): readonly string[] => {
  const [first] = doubts;
  return first === undefined || doubts.length <= FEW
    ? doubts.map((doubt) => doubtText(input, doubt))
    : [`**${plural(runsIn(doubts), "run")}** alike, first ${doubtText(input, first)}`];
};

/** What speaks against trusting a run, with what would help; also which runs are not done and why. */
export const doubtsSection = (input: ReportInput): string => {
  if (input.doubts.length === 0) {
    return paragraphs([
      "## Doubts",
      "None: every run finished, every scheduled request was sent and answered, and bytes, lines and rows of every log agree.",
    ]);
  }
  const groups = groupsOf(input.doubts, ({ kind }) => kind);
  const isShort = groups.every((group) => group.length <= FEW);
  const all = input.doubts.map((doubt) => doubtText(input, doubt));
  return paragraphs([
    "## Doubts",
    list(isShort ? all : groups.flatMap((group) => alikeText(input, group))),
    isShort ? "" : details(`All ${all.length} doubts`, list(all)),
  ]);
};

/** For the first paragraph: whether any finished run is in doubt; "" when none is. */
export const doubtSentence = (input: ReportInput): string => {
  const done = new Set(input.runs.filter((run) => run.isDone).map((run) => run.analysis.index));
  const count = runsIn(input.doubts.filter((doubt) => done.has(doubt.run.index)));
  if (count === 0) return "";
  const which =
    input.runs.length === 1 ? "the run" : `${count} of ${plural(input.runs.length, "run")}`;
  return `**There are doubts about ${which}**, listed below.`;
};

const checkLine = (results: readonly CheckResult[]): string => {
  const [first] = results;
  const name = first?.run?.name;
  const many = results.length > 1 ? `${results.length} runs, first ` : "";
  const where = name === undefined ? "" : ` on ${many}${name}`;
  const observed = first?.observed === null ? "" : "observed ";
  return `check ${first?.check}${where}: ${observed}${observedText(results)}`;
};

/** The same for a terminal: checks that do not hold and doubts, one line for many alike. */
export const judgementLines = (input: ReportInput): readonly string[] => {
  const bad = input.checks.filter((result) => result.status !== "pass");
  const checks = groupsOf(bad, checkKey).flatMap((group) =>
    group.length > FEW ? [checkLine(group)] : group.map((result) => checkLine([result])),
  );
  const doubts = groupsOf(input.doubts, ({ kind }) => kind).flatMap((group) => {
    const [first] = group;
    return first === undefined || group.length <= FEW
      ? group.map((doubt) => `doubt: ${doubt.run.name}: ${doubt.evidence}`)
      : [
          `doubt: ${plural(runsIn(group), "run")} alike, first ${first.run.name}: ${first.evidence}`,
        ];
  });
  return [...checks, ...doubts];
};
