/** The suite's result: a line per kind, totals per set, and the false alarms of clean runs. */
import { left, right, table } from "#report/markdown.ts";
import type { TrialRecord } from "./records.ts";

/** The share of trials that the verdict must notice, in each set. */
export const DETECTED_SHARE_MIN = 0.95;
/** The share of clean runs that may be called anything but VALID. */
export const FALSE_ALARM_SHARE_MAX = 0.01;

export const isInjected = (record: TrialRecord): boolean => record.not_injected === "";
export const isDetected = (record: TrialRecord): boolean =>
  record.verdict === "SUSPECT" || record.verdict === "INVALID";

/** Trials of one set, or of one kind. */
export interface Tally {
  /** Those whose fault was injected; only they count. */
  readonly injected: number;
  readonly notInjected: number;
  readonly detected: number;
  /** Detected, and by a finding that names the fault. */
  readonly expected: number;
  readonly suspect: number;
  readonly invalid: number;
}

const count = (
  records: readonly TrialRecord[],
  isCounted: (record: TrialRecord) => boolean,
): number => records.filter(isCounted).length;

export const tallyOf = (records: readonly TrialRecord[]): Tally => {
  const injected = records.filter(isInjected);
  return {
    injected: injected.length,
    notInjected: records.length - injected.length,
    detected: count(injected, isDetected),
    expected: count(injected, (record) => isDetected(record) && record.is_expected),
    suspect: count(injected, ({ verdict }) => verdict === "SUSPECT"),
    invalid: count(injected, ({ verdict }) => verdict === "INVALID"),
  };
};

/** Groups in the order of their first member. */
const groupBy = <T>(values: readonly T[], key: (value: T) => string): ReadonlyMap<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const name = key(value);
    groups.set(name, [...(groups.get(name) ?? []), value]);
  }
  return groups;
};

/** In how many of the trials each kind of finding turned up, most frequent first. */
export const findingCounts = (
  records: readonly TrialRecord[],
): readonly (readonly [kind: string, trials: number])[] => {
  const kinds = records.flatMap(({ findings }) => [...new Set(findings.map(({ kind }) => kind))]);
  return [...groupBy(kinds, (kind) => kind)]
    .map(([kind, trials]) => [kind, trials.length] as const)
    .toSorted(([, a], [, b]) => b - a);
};

/** The evidence of the trial in the middle, by its number, for the finding that turned up most often; "" without any. */
export const medianEvidence = (records: readonly TrialRecord[]): string => {
  const most = findingCounts(records)[0]?.[0];
  const found = records
    .flatMap(({ findings }) => findings.filter(({ kind }) => kind === most).slice(0, 1))
    .toSorted((a, b) => (a.observed ?? 0) - (b.observed ?? 0));
  return found[Math.floor((found.length - 1) / 2)]?.evidence ?? "";
};

const EVIDENCE_CHARS_MAX = 110;

const shortened = (text: string): string =>
  text.length <= EVIDENCE_CHARS_MAX ? text : `${text.slice(0, EVIDENCE_CHARS_MAX - 1)}…`;

const foundText = (records: readonly TrialRecord[]): string =>
  findingCounts(records)
    .slice(0, 4)
    .map(([kind, trials]) => `${kind} ${trials}`)
    .join(", ");

const kindRow = (kind: string, records: readonly TrialRecord[]): readonly string[] => {
  const tally = tallyOf(records);
  return [
    kind,
    records[0]?.set ?? "",
    `${tally.injected}`,
    `${tally.detected}`,
    `${tally.expected}`,
    `${tally.suspect}`,
    `${tally.invalid}`,
    foundText(records),
    shortened(medianEvidence(records)),
  ];
};

const KIND_COLUMNS = [
  left("kind"),
  left("set"),
  right("trials"),
  right("detected"),
  right("by what was expected"),
  right("SUSPECT"),
  right("INVALID"),
  left("findings (trials)"),
  left("evidence of the median trial"),
];

const percent = (part: number, whole: number): string =>
  whole === 0 ? "–" : `${((100 * part) / whole).toFixed(1)} %`;

const setLine = (set: string, records: readonly TrialRecord[]): string => {
  const { injected, detected, expected, notInjected } = tallyOf(records);
  const kinds = new Set(records.map(({ kind }) => kind)).size;
  const failed = notInjected === 0 ? "" : `; ${notInjected} not injected, which count for nothing`;
  return `set ${set}: ${kinds} kinds, ${detected} of ${injected} trials detected (${percent(detected, injected)}), ${expected} by a finding that names the fault${failed}`;
};

const missLines = (records: readonly TrialRecord[]): readonly string[] =>
  records
    .filter((record) => isInjected(record) && !isDetected(record))
    .map(({ kind, trial, seed, detail }) => `missed: ${kind} ${trial} (seed ${seed}): ${detail}`);

const notInjectedLines = (records: readonly TrialRecord[]): readonly string[] =>
  records
    .filter((record) => !isInjected(record))
    .map((record) => `not injected: ${record.kind} ${record.trial}: ${record.not_injected}`);

/** The table of faults and the totals of each set. */
export const formatFaults = (records: readonly TrialRecord[]): string => {
  const rows = [...groupBy(records, ({ kind }) => kind)].map(([kind, own]) => kindRow(kind, own));
  const sets = [...groupBy(records, ({ set }) => set)].map(([set, own]) => setLine(set, own));
  return [
    table(KIND_COLUMNS, rows),
    "",
    ...missLines(records),
    ...notInjectedLines(records),
    ...sets,
  ].join("\n");
};

/** Clean runs and the false alarms among them; those that the rule rejects are counted apart. */
export const formatClean = (records: readonly TrialRecord[]): string => {
  const clean = records.filter(({ unclean }) => unclean.length === 0);
  const alarms = clean.filter(isDetected);
  const rejected = records.length - clean.length;
  const lines = alarms.map(
    ({ trial, verdict, findings }) =>
      `false alarm: run ${trial} is ${verdict}: ${findings.map(({ kind, evidence }) => `${kind} (${evidence})`).join("; ")}`,
  );
  const kinds = foundText(alarms);
  return [
    ...lines,
    `clean runs: ${clean.length}, ${rejected} rejected by the rule, ${alarms.length} false alarms (${percent(alarms.length, clean.length)})${kinds === "" ? "" : `: ${kinds}`}`,
  ].join("\n");
};

/** Whether each set was noticed often enough, with every fault injected. */
export const isGoodEnough = (records: readonly TrialRecord[]): boolean =>
  [...groupBy(records, ({ set }) => set)].every(([, own]) => {
    const { injected, notInjected, detected } = tallyOf(own);
    return notInjected === 0 && detected >= injected * DETECTED_SHARE_MIN;
  });

/** Whether at most so many clean runs were doubted. */
export const isQuietEnough = (records: readonly TrialRecord[]): boolean => {
  const clean = records.filter(({ unclean }) => unclean.length === 0);
  return count(clean, isDetected) <= clean.length * FALSE_ALARM_SHARE_MAX;
};
