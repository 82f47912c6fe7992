/** The first paragraph tells what the figure shows, the awkward parts included. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildReport, exitCodeOf } from "#cli/build-report.ts";
import { EXIT } from "#cli/exit-codes.ts";
import { answerOf } from "#report/answer.ts";
import type { HeadlineChart } from "#report/headline-chart.ts";
import type { ReportedRun, ReportInput } from "#report/model.ts";
import {
  FIXTURE_REQUESTS,
  SOUND_REQUESTS,
  writeResultsFixture,
} from "../support/results-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "answer-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const done = {
  isDone: true,
  verdict: "VALID",
  analysis: { index: 0, outcomes: [] },
} as unknown as ReportedRun;
const input = {
  runs: [done, done],
  capacities: [],
  checks: [],
  checksPassed: [],
  checksFailed: [],
} as unknown as ReportInput;

const chartOf = (curves: Readonly<Record<string, readonly number[]>>): HeadlineChart => ({
  title: "",
  subtitle: [],
  unit: "per_s",
  metricTitle: "Goodput",
  xTitle: "SLO",
  points: [],
  medians: Object.entries(curves).flatMap(([series, values]) =>
    values.map((value, x) => ({ x, xLabel: `${x + 1} ms`, value, series })),
  ),
  positions: [],
  missing: [],
  reference: [],
  bounds: [],
});

describe("answer", () => {
  test.each([
    [[10, 20, 30], "Goodput rises from **10.0/s** at SLO 1 ms to **30.0/s** at 3 ms."],
    [
      [30, 5, 50, 40],
      "Goodput rises from **30.0/s** at SLO 1 ms to **40.0/s** at 4 ms, with its highest value of **50.0/s** at 3 ms and its lowest of **5.00/s** at 2 ms.",
    ],
    [
      [30, 0, 30],
      "Goodput stays the same from **30.0/s** at SLO 1 ms to **30.0/s** at 3 ms, with its lowest of **0/s** at 2 ms.",
    ],
  ])("a curve through %p", (values, text) => {
    expect(answerOf(input, chartOf({ "": values }))).toBe(text);
  });

  test("more than three curves are told by their extremes", () => {
    const chart = chartOf({ a: [1, 2], b: [3, 4], c: [5, 6], d: [7, 0] });
    expect(answerOf(input, chart)).toBe(
      "Goodput lies between **0/s** (SLO 2 ms, d) and **7.00/s** (SLO 1 ms, d).",
    );
  });

  test("says why there is no headline, and prints no number of the run", async () => {
    const folder = join(scratch, "invalid");
    writeResultsFixture(folder, {
      spec: { sweep: undefined, checks: undefined, report: undefined },
    });
    const { reportPath } = await buildReport({ folder });
    const [, , , , answer] = readFileSync(reportPath, "utf8").split("\n");
    expect(answer).toBe(
      "**There is no headline: the run is INVALID.** Why: 1 request (10 %) was due but never sent. Remedy: offer less, give the client a processor of its own, or use more generators.",
    );
  });

  test("tells of the runs that can be trusted, and how many cannot", async () => {
    const folder = join(scratch, "mixed");
    writeResultsFixture(folder, {
      spec: { sweep: { "system.slo": ["25ms", "50ms", "100ms"] }, checks: undefined },
      requests: (run) => (run === 1 ? FIXTURE_REQUESTS : SOUND_REQUESTS),
    });
    const built = await buildReport({ folder });
    expect(built).toMatchObject({ runsInvalid: 1, runsFailed: 0 });
    expect(exitCodeOf(built)).toBe(EXIT.RUN_INVALID);
    const [, , , , answer] = readFileSync(built.reportPath, "utf8").split("\n");
    expect(answer).toBe(
      "Goodput rises from **1.00/s** at SLO 25 ms to **3.00/s** at 100 ms. **1 of 3 runs is INVALID and left out of this.**",
    );
  });
});
