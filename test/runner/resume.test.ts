/** Which runs `--resume` keeps: only those that journal, run.json and files agree about. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runFolders } from "#runner/results-folder.ts";
import { decideRun, differences } from "#runner/resume.ts";
import type { RunState } from "#telemetry/results.ts";
import { plannedRun } from "../support/planned-runs.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "escapement-resume-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = plannedRun(0);

const write = (path: string, text: string): void => {
  const target = join(runFolders(folder, run.name).run, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
};

const decide = (state: RunState | null) =>
  decideRun(
    run,
    folder,
    state === null ? undefined : { runIndex: 0, attempt: 3, state, atNs: "0", reason: "" },
  );

const STORED = { state: "done", files: [{ path: "telemetry/a.tsv", bytes: 5 }] };

describe("a run that the journal calls done", () => {
  test.each([
    ["12345", true, "it is done"],
    ["1234", false, "telemetry/a.tsv has 4 bytes instead of 5"],
    ["123456", false, "telemetry/a.tsv has 6 bytes instead of 5"],
    [null, false, "telemetry/a.tsv is missing"],
  ])("with a log of %j", async (text, kept, reason) => {
    write("run.json", JSON.stringify(STORED));
    if (text !== null) write("telemetry/a.tsv", text);
    expect(await decide("done")).toMatchObject({ kept, reason, attempt: kept ? 3 : 4 });
  });

  test.each([
    ["absent", null],
    ["broken", "{"],
    ["of another state", JSON.stringify({ ...STORED, state: "failed" })],
  ])("with a run.json that is %s is done again", async (_what, text) => {
    if (text !== null) write("run.json", text);
    expect(await decide("done")).toMatchObject({ kept: false, attempt: 4 });
  });
});

test.each([
  [null, "it was not started", 1],
  ["planned", "it was not started", 4],
  ["failed", "it failed", 4],
  ["interrupted", "it was interrupted", 4],
  ["collecting", "its runner ended while it was collecting", 4],
] as const)("a run that the journal leaves as %s is done again", async (state, reason, attempt) => {
  expect(await decide(state)).toMatchObject({ kept: false, reason, attempt });
});

test("differences name the path and both values", () => {
  const before = { a: 1, b: { c: [1, 2], d: null }, gone: "x" };
  const now = { a: 1, b: { c: [1, 3], d: {} }, new: true };
  expect(differences(before, now)).toEqual([
    "b.c.1: was 2, is 3",
    "b.d: was null, is {}",
    'gone: was "x", is nothing',
    "new: was nothing, is true",
  ]);
});

test("a long value is cut, so that one line shows one difference", () => {
  const [difference] = differences({ runs: [{ name: "x".repeat(500) }] }, { runs: [] });
  expect(difference).toBe(`runs.0: was {"name":"${"x".repeat(50)}…, is nothing`);
});
