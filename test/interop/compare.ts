/** Compares what ours sent with what the original sent in the same place; every difference is a line. */
import type { IncomingFrame, MessageSet } from "#wire/messages.ts";
import { type Form, formOf, meaningOf } from "./normal-form.ts";

type Frames = readonly IncomingFrame<MessageSet>[];

const difference = (ours: Form, recorded: Form): string | null => {
  const keys = [...new Set([...Object.keys(recorded), ...Object.keys(ours)])];
  const wrong = keys.filter((key) => ours[key] !== recorded[key]);
  if (wrong.length === 0) return null;
  const lines = wrong.map(
    (key) => `${key}: ${ours[key] ?? "absent"}, recorded ${recorded[key] ?? "absent"}`,
  );
  return `${recorded["message"]}: ${lines.join("; ")}`;
};

/** Of frames that are paired already; null where nothing is wrong. */
export const compareFrames = (
  set: MessageSet,
  ours: IncomingFrame<MessageSet>,
  recorded: IncomingFrame<MessageSet>,
): string | null => difference(formOf(set, ours), formOf(set, recorded));

export interface MeaningComparison {
  /** One line per difference. */
  readonly differences: readonly string[];
  /** Meanings that ours has and the recording lacks, and the other way round. */
  readonly unknown: readonly string[];
  readonly unseen: readonly string[];
  /** Frames of ours that were compared. */
  readonly compared: number;
}

/**
 * Each of ours with the recorded frames of the same meaning, which must all be alike: when one byte of one of them is
 * changed, it differs from its like, or has a meaning that ours never has.
 */
export const compareByMeaning = (
  set: MessageSet,
  ours: Frames,
  recorded: Frames,
): MeaningComparison => {
  const differences: string[] = [];
  const known = new Map<string, Form>();
  for (const frame of recorded) {
    const form = formOf(set, frame);
    const meaning = meaningOf(set, form);
    const first = known.get(meaning);
    if (first === undefined) known.set(meaning, form);
    else
      differences.push(
        ...[difference(form, first)]
          .filter((each) => each !== null)
          .map((each) => `the recording disagrees with itself: ${each}`),
      );
  }
  const seen = new Set<string>();
  const unknown = new Set<string>();
  let compared = 0;
  for (const frame of ours) {
    const form = formOf(set, frame);
    const meaning = meaningOf(set, form);
    const like = known.get(meaning);
    if (like === undefined) {
      unknown.add(meaning);
      continue;
    }
    compared++;
    seen.add(meaning);
    const wrong = difference(form, like);
    if (wrong !== null) differences.push(wrong);
  }
  const unseen = [...known.keys()].filter((meaning) => !seen.has(meaning));
  return { differences: [...new Set(differences)], unknown: [...unknown], unseen, compared };
};
