/** docs/differences.md: what it says is better here is shown by tests that exist, and what is not done is a short list. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { bulletsBelow, hasTitle, shownRows } from "./shown-by.ts";

const root = resolve(import.meta.dir, "../..");
const page = readFileSync(join(root, "docs/differences.md"), "utf8");
const rows = shownRows(page);

/** What of the named tests is not there. */
const missing = (tests: (typeof rows)[number]["tests"]): readonly string[] =>
  tests.flatMap(({ path, titles }) => {
    if (!existsSync(join(root, path))) return [`no file ${path}`];
    const source = readFileSync(join(root, path), "utf8");
    return titles.flatMap((title) =>
      hasTitle(source, title) ? [] : [`${path} has no "${title}"`],
    );
  });

test("every row names tests, and each of them exists", () => {
  // A check that read nothing would pass as well.
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.filter(({ tests }) => tests.length === 0).map(({ says }) => says)).toEqual([]);
  expect(rows.flatMap(({ tests }) => missing(tests))).toEqual([]);
});

test("what is not done is at most ten lines, each with its reason", () => {
  const bullets = bulletsBelow(page, "## Not done");
  expect(bullets.length).toBeGreaterThan(0);
  expect(bullets.length).toBeLessThanOrEqual(10);
  for (const bullet of bullets) expect(bullet).toContain(": ");
});

test("a planted row without a test, a test that is gone and a title that is gone are seen", () => {
  const table = [
    "| the original | here | shown by |",
    "|---|---|---|",
    "| one | two | |",
    '| three | four | `test/tidy/differences.test.ts` "no such title", `test/gone.test.ts` |',
    "",
    "| no | tests |",
    "|---|---|",
    "| five | six |",
  ].join("\n");
  const planted = shownRows(table);
  expect(planted.map(({ says, tests }) => [says, tests.length])).toEqual([
    ["one", 0],
    ["three", 2],
  ]);
  // Not the title as it stands above.
  const [, three] = planted;
  expect(missing(three?.tests ?? []).slice(-1)).toEqual(["no file test/gone.test.ts"]);
  expect(missing([{ path: "test/tidy/shown-by.ts", titles: ["a title"] }])).toHaveLength(1);
});
