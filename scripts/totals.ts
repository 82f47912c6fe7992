/** Reads the totals out of the closing lines of `bun test`, which count what its JUnit file leaves out (files that do not load). */

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const addTotals = (a: Totals, b: Totals): Totals => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/** Bun colours its output when asked to; the counts are read without. */
const COLOURS = new RegExp(`${String.fromCodePoint(27)}\\[[0-9;]*m`, "g");

/** Totals of the last summary in `output`; null when there is none, as after a crash. */
export const readTotals = (output: string): Totals | null => {
  const lines = output.replaceAll(COLOURS, "").split("\n");
  const end = lines.findLastIndex((line) => /^Ran \d+ tests? across \d+ files?\./.test(line));
  if (end < 0) return null;
  const counts = new Map<string, number>();
  for (let at = end - 1; at >= 0; at--) {
    const match =
      /^\s*(\d+) (pass|fail|skip|todo|errors?|expect\(\) calls|filtered out|snapshots?.*)$/.exec(
        lines[at] ?? "",
      );
    if (match?.[1] === undefined || match[2] === undefined) break;
    counts.set(match[2], Number(match[1]));
  }
  const count = (name: string): number => counts.get(name) ?? 0;
  return counts.has("pass") || counts.has("fail")
    ? { passed: count("pass"), failed: count("fail"), skipped: count("skip") + count("todo") }
    : null;
};

/** What counts in the end: a crash that no test owns is one failure, and so is a run without tests. */
export const settleTotals = (totals: Totals | null, isOk: boolean): Totals => {
  if (totals === null) return { passed: 0, failed: 1, skipped: 0 };
  const ran = totals.passed + totals.failed + totals.skipped;
  return totals.failed === 0 && (!isOk || ran === 0) ? { ...totals, failed: 1 } : totals;
};

/** "12 passed, 0 failed", and the skipped ones when there are any: the closing line of `test`. */
export const formatTotals = ({ passed, failed, skipped }: Totals): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
