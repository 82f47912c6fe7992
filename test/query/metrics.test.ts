/** Metrics of the fixture against numbers worked out by hand. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { METRIC_NAMES } from "#experiment/language.ts";
import { METRIC_UNITS } from "#experiment/metric-units.ts";
import { analyse } from "#query/analyse.ts";
import type { Analysis, RunAnalysis } from "#query/analysis.ts";
import { METRICS } from "#query/metric-definitions.ts";
import { openResults } from "#query/results-folder.ts";
import { writeResultsFixture } from "../support/results-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "metrics-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const analyseFixture = async (
  name: string,
  dialect: "documented" | "original",
): Promise<Analysis> => {
  const folder = join(scratch, name);
  writeResultsFixture(folder, { dialect });
  const source = openResults(folder);
  if (!source.ok) throw new Error(source.error);
  return analyse({ source: source.value, dataFolder: join(folder, "derived", "data") });
};

let documented: Analysis;
let original: Analysis;
beforeAll(async () => {
  documented = await analyseFixture("documented", "documented");
  original = await analyseFixture("original", "original");
});

const runOf = (analysis: Analysis, index: number): RunAnalysis =>
  analysis.runs[index] as RunAnalysis;

// The window is 2 s; 10 requests are scheduled in it: 7 ok (10, 20, 30, 40, 50, 60, 120 ms), 1 fail, 1 unknown, 1 dropped.
const SHARED: Readonly<Record<string, readonly [value: number, samples: number]>> = {
  offered_load: [10 / 2, 10],
  throughput: [7 / 2, 10],
  // Nearest ranks of 7 values: ceil(7 × 0.5) = 4th, ceil(7 × 0.99) = 7th.
  latency_p50: [40e6, 7],
  latency_p99: [120e6, 7],
  latency_p999: [120e6, 7],
  latency_max: [120e6, 7],
  // Sent 1 ms late, the first 3 ms late: 7, 19, 29, 39, 49, 59, 119 ms.
  service_time_p50: [39e6, 7],
  service_time_p99: [119e6, 7],
  // Eight requests sent 1 ms late and one 3 ms; the dropped one was not sent.
  send_lateness_p50: [1e6, 9],
  send_lateness_p99: [3e6, 9],
  send_lateness_p999: [3e6, 9],
  send_lateness_max: [3e6, 9],
  // Every answer, the failed one too, is read 0.1 ms after the controller sent it.
  receive_lateness_p50: [0.1e6, 8],
  receive_lateness_p99: [0.1e6, 8],
  receive_lateness_p999: [0.1e6, 8],
  receive_lateness_max: [0.1e6, 8],
  // Service time less 0.1 ms each way: the 4th of 7 is 38.8 ms.
  controller_latency_p50: [38.8e6, 7],
  controller_latency_p99: [118.8e6, 7],
  // One of the 8 requests that the controller answered in the window arrived cold.
  cold_start_share: [1 / 8, 8],
  // Batches of 2, 4 and 1 succeeded; the failed one of 1 does not count.
  batch_size_mean: [7 / 3, 3],
  // 4 + 6 + 0.5 ms of 2,000 ms on one GPU: the last execution starts 0.5 ms before the window ends.
  gpu_utilisation: [10.5 / 2000, 3],
  load_utilisation: [8 / 2000, 1],
  dropped_share: [0.1, 10],
  failed_share: [0.1, 10],
  unknown_share: [0.1, 10],
};

// Within 25 ms: 10 and 20 ms (6.8 and 18.8 ms at the controller); within 100 ms: all but 120 ms (118.8 ms).
const BY_RUN: readonly Readonly<Record<string, readonly [value: number, samples: number]>>[] = [
  { goodput: [2 / 2, 10], slo_attainment: [0.2, 10], controller_goodput: [2 / 2, 8] },
  { goodput: [6 / 2, 10], slo_attainment: [0.6, 10], controller_goodput: [6 / 2, 8] },
];

describe("metrics of the fixture", () => {
  for (const [index, own] of BY_RUN.entries()) {
    for (const [name, [value, samples]] of Object.entries({ ...SHARED, ...own })) {
      test(`run ${index}: ${name}`, () => {
        const metric = runOf(documented, index).metrics[name];
        expect(metric?.value).toBeCloseTo(value, 9);
        expect(metric?.samples).toBe(samples);
      });
    }
  }

  test("every metric that an experiment may name is defined, computed and documented, in the unit of its bounds", () => {
    const docs = readFileSync(join(import.meta.dir, "../../docs/metrics.md"), "utf8");
    const units = { rate: "per_s", duration: "ns", share: "share", count: "count" } as const;
    for (const name of METRIC_NAMES) {
      const definition = METRICS.find((metric) => metric.name === name);
      expect(definition?.unit).toBe(units[METRIC_UNITS[name]]);
      expect(runOf(documented, 0).metrics[name]).toBeDefined();
    }
    for (const { name, file } of METRICS) {
      expect(docs).toMatch(new RegExp(`^\\| \`${name}\` \\|.*\`${file}\` \\|$`, "m"));
      expect(runOf(documented, 0).metrics[name]).toBeDefined();
    }
  });

  test("outcomes add up to the scheduled requests", () => {
    expect(runOf(documented, 0).outcomes).toEqual([
      { outcome: "dropped", result: null, count: 1 },
      { outcome: "fail", result: 4, count: 1 },
      { outcome: "ok", result: 0, count: 7 },
      { outcome: "unknown", result: null, count: 1 },
    ]);
  });

  test("the whole run counts warm-up and cool-down too", () => {
    // 12 scheduled, 1 dropped; the unanswered one has no row at the controller: 10.
    expect(runOf(documented, 0).whole).toEqual({
      scheduled: 12,
      sent: 11,
      dropped: 1,
      unknown: 1,
      beforeWindow: 1,
      afterWindow: 1,
      controllerRequests: 10,
    });
  });

  test("prediction errors by direction; exact ones in neither", () => {
    const rows = runOf(documented, 0).predictionErrors.map((row) => [
      row.action,
      row.quantity,
      row.direction,
      row.count,
      row.maxNs,
    ]);
    expect(rows).toEqual([
      ["infer", "execution", "late", 1, 200_000],
      ["infer", "execution", "early", 1, 100_000],
      ["infer", "completion", "late", 1, 500_000],
      ["infer", "completion", "early", 1, 250_000],
      ["load", "execution", "late", 0, null],
      ["load", "execution", "early", 0, null],
      ["load", "completion", "late", 1, 500_000],
      ["load", "completion", "early", 0, null],
    ]);
    expect(runOf(documented, 0).actionCounts).toEqual([
      { action: "infer", succeeded: 3, failed: 1 },
      { action: "load", succeeded: 1, failed: 0 },
    ]);
  });

  test("batch sizes", () => {
    expect(runOf(documented, 1).batchSizes).toEqual([
      { batchSize: 1, actions: 1, requests: 1 },
      { batchSize: 2, actions: 1, requests: 2 },
      { batchSize: 4, actions: 1, requests: 4 },
    ]);
  });

  test("intervals cover the whole run and lose no request", () => {
    const { intervals } = runOf(documented, 1);
    expect(intervals.reduce((sum, row) => sum + row.scheduled, 0)).toBe(12);
    // The warm-up and the cool-down request are good too: 8.
    expect(intervals.reduce((sum, row) => sum + row.good, 0)).toBe(8);
    expect(intervals.reduce((sum, row) => sum + row.lengthNs, 0)).toBe(3.5e9);
  });

  test("the distribution starts at the minimum and ends at the maximum", () => {
    const { latencyTail } = runOf(documented, 0);
    expect(latencyTail[0]).toEqual({ tail: 1, latencyNs: 10e6 });
    expect(latencyTail.at(-1)).toEqual({ tail: 1 / 7, latencyNs: 120e6 });
  });

  test("both dialects give the same metrics", () => {
    for (const index of [0, 1]) {
      const { metrics, predictionErrors, batchSizes } = runOf(original, index);
      expect(runOf(original, index).dialect?.dialect).toBe("original");
      expect(metrics).toEqual(runOf(documented, index).metrics);
      expect(predictionErrors).toEqual(runOf(documented, index).predictionErrors);
      expect(batchSizes).toEqual(runOf(documented, index).batchSizes);
    }
  });

  test("a run without logs has no metrics, and does not stop the others", async () => {
    const folder = join(scratch, "failed");
    writeResultsFixture(folder, { states: ["failed", "done"] });
    const source = openResults(folder);
    if (!source.ok) throw new Error(source.error);
    const analysis = await analyse({ source: source.value, dataFolder: join(folder, "data") });
    expect(runOf(analysis, 0).metrics).toEqual({});
    expect(runOf(analysis, 0).view).toBeNull();
    expect(runOf(analysis, 1).metrics["goodput"]?.value).toBe(3);
  });
});
