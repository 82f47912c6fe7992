/** What a report says of runs that a stop rule ended. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildReport } from "#cli/build-report.ts";
import type { StoredRun } from "#telemetry/results.ts";
import { SOUND_REQUESTS, writeResultsFixture } from "../support/results-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "early-ends-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const EVIDENCE = "54 % of the 500 requests that ended within 5s failed";

/** The sweep of two runs, of which those at these positions were ended by a rule. */
const reportOf = async (name: string, stopped: readonly number[]) => {
  const folder = join(scratch, name);
  writeResultsFixture(folder, { requests: () => SOUND_REQUESTS });
  const runs = readdirSync(join(folder, "runs")).toSorted();
  for (const position of stopped) {
    const path = join(folder, "runs", runs[position] ?? "", "run.json");
    const stored = JSON.parse(readFileSync(path, "utf8")) as StoredRun;
    const at_ns = stored.window?.measure_end_ns ?? "0";
    const stop = { at_ns, rule: "errorBudget", evidence: EVIDENCE };
    writeFileSync(path, JSON.stringify({ ...stored, stopped: stop }));
  }
  const built = await buildReport({ folder });
  const report = readFileSync(built.reportPath, "utf8");
  return { runs, report, summary: built.summaryLines.join("\n") };
};

test("a run that was ended is named with its rule and evidence, in the report and on the terminal", async () => {
  const { runs, report, summary } = await reportOf("one", [1]);
  expect(runs.length).toBe(2);
  expect(report).toContain("1 of 2 runs ended early by a stop rule:");
  expect(report).toMatch(/- \*\*.+\*\*: `stop\.errorBudget` after [\d.]+ m?s of measurement: 54 %/);
  expect(summary).toContain(`ended early: ${runs[1]}: stop.errorBudget after `);
  expect(summary).not.toContain(`ended early: ${runs[0]}`);
  // Before the tables: numbers of a shorter window are to be read as such.
  expect(report.indexOf("ended early")).toBeLessThan(report.indexOf("| Latency p50"));
});

test("runs that went on to their end are not spoken of", async () => {
  const { report, summary } = await reportOf("none", []);
  expect(`${report}${summary}`).not.toContain("ended early");
});
