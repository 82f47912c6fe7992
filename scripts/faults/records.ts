/** What is kept of each trial: one JSON line, so that an interrupted suite goes on where it was. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Disturbance } from "./kernel-counters.ts";
import type { TrialFinding } from "./verdict-file.ts";

export interface TrialRecord {
  /** Name of the kind; "clean" for an undisturbed run. */
  readonly kind: string;
  readonly set: "A" | "B" | "clean";
  /** From 0. */
  readonly trial: number;
  /** Of the whole suite. */
  readonly suite_seed: number;
  /** Of this trial: of its draw and of its run. */
  readonly seed: number;
  readonly detail: string;
  /** Why the fault was not injected, "" when it was. */
  readonly not_injected: string;
  readonly verdict: string;
  readonly findings: readonly TrialFinding[];
  /** One of the findings that the kind expects is among them; true for clean runs. */
  readonly is_expected: boolean;
  readonly disturbance: Disturbance | null;
  /** Why a run without a fault is not clean. */
  readonly unclean: readonly string[];
  readonly wall_ms: number;
  /** Git revision of the code. */
  readonly revision: string;
  /** Ms since the Unix epoch. */
  readonly at_ms: number;
}

/** What a resumed suite need not do again. */
export const keyOf = (record: Pick<TrialRecord, "kind" | "trial" | "suite_seed">): string =>
  `${record.kind}/${record.trial}/${record.suite_seed}`;

export const appendRecord = (path: string, record: TrialRecord): void => {
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(record)}\n`);
};

/** The records of a file; a last line that was cut off, as by a full disk, is left out. */
export const parseRecords = (text: string): readonly TrialRecord[] =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line, index) => {
      try {
        return JSON.parse(line) as TrialRecord;
      } catch (cause) {
        throw new Error(`line ${index + 1} is no record of a trial`, { cause });
      }
    });

export const readRecords = (path: string): readonly TrialRecord[] =>
  existsSync(path) ? parseRecords(readFileSync(path, "utf8")) : [];

/** The newest file of records in a folder; null without one. Their names begin with the time. */
export const newestRecords = (folder: string): string | null => {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const newest = names
    .filter((name) => name.endsWith(".jsonl"))
    .toSorted()
    .at(-1);
  return newest === undefined ? null : join(folder, newest);
};
