/** docs/telemetry.md has the reference that follows from the schemas; `UPDATE_DOCS=1 bun test` writes it. */

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { STATUS } from "#serving/status.ts";
import { LOGS } from "#telemetry/logs.ts";
import { telemetryReference } from "#telemetry/reference.ts";

const path = fileURLToPath(new URL("../../docs/telemetry.md", import.meta.url));
const HEADING = "## Columns\n\n";

test("the reference in docs/telemetry.md is up to date (else: UPDATE_DOCS=1 bun test test/telemetry)", () => {
  const text = readFileSync(path, "utf8");
  const start = text.indexOf(HEADING) + HEADING.length;
  expect(start).toBeGreaterThan(HEADING.length);
  const reference = `${telemetryReference()}\n`;
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, text.slice(0, start) + reference);
  expect(readFileSync(path, "utf8").slice(start)).toBe(reference);
});

test("the reference has a row for every column", () => {
  const reference = telemetryReference();
  for (const log of LOGS) {
    for (const column of log.columns) expect(reference).toContain(`| \`${column.name}\` | `);
  }
});

test("every status code is explained", () => {
  const table = /## Status codes\n([\s\S]*?)\n## /.exec(readFileSync(path, "utf8"))?.[1] ?? "";
  const explained = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap((row) =>
    (row[1] ?? "").split(", ").map(Number),
  );
  const codes = Object.values(STATUS);
  expect(explained.toSorted((a, b) => a - b)).toEqual(codes.toSorted((a, b) => a - b));
});
