/** Results folders that were damaged, cut off or taken away: one reason each, and nothing in them is touched. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openResultsFolder, type ResultsFolder } from "#runner/results-folder.ts";
import { createFakeResults, newFakeRoot, runFake } from "../support/fake-experiment.ts";
import { markedProcesses } from "../support/marked-processes.ts";
import { plannedRun } from "../support/planned-runs.ts";

let root: string;
let remove: () => void;

beforeEach(() => {
  ({ root, remove } = newFakeRoot());
});
afterEach(() => remove());

const reopen = async ({ folder }: ResultsFolder): Promise<string> => {
  const opened = await openResultsFolder(folder);
  return opened.ok ? "opened" : opened.error.replaceAll(`${folder}/`, "").replaceAll(folder, "it");
};

describe("a folder is not opened when", () => {
  const cases: Readonly<Record<string, readonly [string, string | null, string]>> = {
    "its manifest is cut off": [
      "manifest.json",
      '{ "schema_version": 1',
      "it cannot be used: manifest.json is damaged: it is no JSON",
    ],
    "its manifest is empty": ["manifest.json", "{}", "manifest.json is damaged"],
    "its manifest is a list": ["manifest.json", "[]", "manifest.json is damaged"],
    "its manifest is newer": [
      "manifest.json",
      '{ "schema_version": 99 }',
      "it was written by a newer version (schema 99)",
    ],
    "its manifest is missing": [
      "manifest.json",
      null,
      "it is no results folder: it has no manifest.json",
    ],
    "its plan is cut off": [
      "plan.json",
      '{ "plan": {',
      "it cannot be used: plan.json is damaged: it is no JSON",
    ],
    "its plan is empty": ["plan.json", "{}", "plan.json is damaged"],
    "its plan is missing": ["plan.json", null, "it cannot be resumed: its plan.json is missing"],
  };
  for (const [title, [file, content, message]] of Object.entries(cases)) {
    test(title, async () => {
      const results = await createFakeResults(root, [plannedRun(0)]);
      expect(await reopen(results)).toBe("opened");
      const path = join(results.folder, file);
      if (content === null) rmSync(path);
      else writeFileSync(path, content);
      expect(await reopen(results)).toBe(message);
    });
  }
});

describe("finished runs are not done again because the journal", () => {
  const cases: Readonly<Record<string, readonly [(path: string) => void, string]>> = {
    "is missing": [(path) => rmSync(path), "knows nothing of the runs beside it"],
    "is empty": [(path) => truncateSync(path, 0), "knows nothing of the runs beside it"],
    "is cut off": [(path) => truncateSync(path, 5000), "cannot be used"],
    "is something else": [(path) => writeFileSync(path, "x".repeat(5000)), "cannot be used"],
  };
  for (const [title, [damage, reason]] of Object.entries(cases)) {
    test(title, async () => {
      const { results } = await runFake(root);
      const runFile = join(results.folder, "runs/00-rep=1/run.json");
      const before = readFileSync(runFile, "utf8");
      damage(join(results.folder, "journal.sqlite"));
      for (const _ of ["first", "second"]) {
        const { outcome } = await runFake(root, { results });
        expect(outcome).toMatchObject({
          kind: "unusable",
          reason: expect.stringContaining(`journal.sqlite ${reason}`),
        });
      }
      expect(readFileSync(runFile, "utf8")).toBe(before);
      expect(existsSync(join(results.folder, "superseded"))).toBe(false);
    });
  }
});

test("a run whose run.json lists no files is done again", async () => {
  const { results } = await runFake(root);
  const runFile = join(results.folder, "runs/00-rep=1/run.json");
  chmodSync(runFile, 0o644);
  writeFileSync(runFile, '{ "state": "done" }');
  const { outcome, notices } = await runFake(root, { results });
  expect(outcome).toMatchObject({ states: new Map([[0, "done"]]), problems: [] });
  expect(notices).toContainEqual(
    expect.objectContaining({
      kind: "resumed",
      reason: "its run.json does not say that it is done",
    }),
  );
});

test("a folder that is removed while a run is measured ends the experiment and stays removed", async () => {
  const runs = [plannedRun(0), plannedRun(1)];
  const results = await createFakeResults(root, runs);
  const { outcome, notices } = await runFake(root, {
    runs,
    results,
    sendMs: 200,
    onNotice: (notice) => {
      if (notice.kind === "state" && notice.state === "measuring")
        rmSync(results.folder, { recursive: true, force: true });
    },
  });
  expect(outcome).toEqual({
    kind: "unusable",
    reason: `${results.folder} was removed while the experiment ran`,
  });
  expect(existsSync(results.folder)).toBe(false);
  expect(notices.some((notice) => notice.kind === "state" && notice.run.index === 1)).toBe(false);
  expect(markedProcesses(results.id)).toEqual([]);
});
