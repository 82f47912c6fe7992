/** docs/verdicts.md lists every kind with the bounds and the reason that the code has. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FACTS, FIXED, RELATIVE, type Threshold } from "#judge/thresholds.ts";

const docs = readFileSync(join(import.meta.dir, "../../docs/verdicts.md"), "utf8");

const show = (value: number | null, unit: Threshold["unit"]): string => {
  if (value === null) return "–";
  if (unit === "share") return `${Number((value * 100).toPrecision(6))} %`;
  return unit === "ns" ? `${value / 1e6} ms` : String(value);
};

const share = (bound: { readonly shareOfSlo: number; readonly floorNs: number } | null): string =>
  bound === null
    ? "–"
    : `${show(bound.shareOfSlo, "share")} of the SLO, at least ${show(bound.floorNs, "ns")}`;

const rows: readonly string[] = [
  ...Object.entries(FIXED).map(
    ([kind, { unit, suspect, invalid, reason }]) =>
      `| \`${kind}\` | ${show(suspect, unit)} | ${show(invalid, unit)} | ${reason} |`,
  ),
  ...Object.entries(RELATIVE).map(
    ([kind, bound]) =>
      `| \`${kind}\` | ${share(bound)} | ${share(bound.invalid)} | ${bound.reason} |`,
  ),
  ...Object.entries(FACTS).map(([kind, meaning]) => `| \`${kind}\` | ${meaning} |`),
];

test.each(rows.map((row) => [row]))("%s", (row) => {
  expect(docs).toContain(`\n${row}`);
});

test("lists no other kind", () => {
  const [bounds = ""] = docs.split("## What helps");
  const listed = [...bounds.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind]) => kind);
  expect(listed).toHaveLength(rows.length);
});
