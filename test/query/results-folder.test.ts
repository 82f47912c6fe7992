/** Opening folders: ours, foreign, and everything that is neither. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openResults } from "#query/results-folder.ts";
import { writeResultsFixture } from "../support/results-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "results-folder-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const errorOf = (folder: string): string => {
  const opened = openResults(folder);
  return opened.ok ? "opened" : opened.error;
};

describe("openResults", () => {
  test("a results folder of ours: runs as planned, with what they left", () => {
    const folder = join(scratch, "ours");
    writeResultsFixture(folder, { states: ["done", "no run.json"] });
    const opened = openResults(folder);
    if (!opened.ok) throw new Error(opened.error);
    const { kind, runs, manifest } = opened.value;
    expect(kind).toBe("ours");
    expect(manifest?.name).toBe("fixture");
    expect(runs.map((run) => run.stored?.state ?? null)).toEqual(["done", null]);
    expect(runs.map((run) => Object.keys(run.logs).length)).toEqual([4, 0]);
    expect(runs.map((run) => run.gpus)).toEqual([1, 1]);
  });

  test("of a search, the runs that were executed and no others", () => {
    const folder = join(scratch, "search");
    const plan = writeResultsFixture(folder, {
      states: ["done", "no run.json"],
      spec: {
        sweep: undefined,
        repetitions: undefined,
        checks: undefined,
        report: undefined,
        search: {
          over: "workload.rate",
          from: "5/s",
          to: "10/s",
          resolution: 1,
          goal: { slo_attainment: { atLeast: 0.9 } },
          repetitionsMax: 3,
        },
      },
    });
    expect(plan.runs).toHaveLength(6);
    for (const run of plan.runs.slice(2))
      rmSync(join(folder, "runs", run.name), { recursive: true });
    const opened = openResults(folder);
    if (!opened.ok) throw new Error(opened.error);
    // One that was begun counts, although it left nothing.
    expect(opened.value.runs.map(({ index, stored }) => [index, stored?.state ?? null])).toEqual([
      [0, "done"],
      [1, null],
    ]);
  });

  test("recorded logs: each subfolder is a run, in order of name", () => {
    const opened = openResults(join(import.meta.dir, "../golden/telemetry"));
    if (!opened.ok) throw new Error(opened.error);
    expect(opened.value.kind).toBe("foreign");
    expect(opened.value.runs.map((run) => run.index)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("no folder", () => {
    expect(errorOf(join(scratch, "nowhere"))).toEndWith("nowhere does not exist");
  });

  test("a file", () => {
    const path = join(scratch, "file.tsv");
    writeFileSync(path, "");
    expect(errorOf(path)).toContain("is a file: give the folder that holds the logs");
  });

  test("an empty folder names what it lacks", () => {
    const folder = join(scratch, "empty");
    mkdirSync(folder);
    expect(errorOf(folder)).toContain("no manifest.json");
    expect(errorOf(folder)).toContain("clockwork_request_log.tsv");
  });

  test("a torn manifest, a missing plan and a newer schema are named", () => {
    const folder = join(scratch, "broken");
    mkdirSync(folder);
    writeFileSync(join(folder, "manifest.json"), '{"schema');
    expect(errorOf(folder)).toContain("manifest.json");
    writeFileSync(join(folder, "manifest.json"), '{"schema_version": 99}');
    expect(errorOf(folder)).toContain("newer version (schema 99");
    writeFileSync(join(folder, "manifest.json"), '{"schema_version": 1}');
    expect(errorOf(folder)).toContain("plan.json");
  });
});
