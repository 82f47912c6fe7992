/** The first paragraph tells what the figure shows, the awkward parts included. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildReport } from "#cli/build-report.ts";
import { answerOf } from "#report/answer.ts";
import type { HeadlineChart } from "#report/headline-chart.ts";
import type { ReportedRun, ReportInput } from "#report/model.ts";
import { writeResultsFixture } from "../support/results-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "answer-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const done = { isDone: true, analysis: { index: 0, outcomes: [] } } as unknown as ReportedRun;
const input = {
  runs: [done, done],
  checksPassed: [],
  checksFailed: [],
  doubts: [],
} as unknown as ReportInput;

const chartOf = (curves: Readonly<Record<string, readonly number[]>>): HeadlineChart => ({
  title: "",
  subtitle: "",
  unit: "per_s",
  metricTitle: "Goodput",
  xTitle: "SLO",
  points: [],
  medians: Object.entries(curves).flatMap(([series, values]) =>
    values.map((value, x) => ({ x, xLabel: `${x + 1} ms`, value, series })),
  ),
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

  test("says that runs are in doubt, and where to read why", async () => {
    const folder = join(scratch, "doubtful");
    writeResultsFixture(folder);
    const { reportPath } = await buildReport({ folder });
    const [, , , , answer] = readFileSync(reportPath, "utf8").split("\n");
    expect(answer).toEndWith("**There are doubts about 2 of 2 runs**, listed below.");
  });
});
