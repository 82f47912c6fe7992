/** Charts come out whole for hard data too, and the same bytes every time. */
import { describe, expect, test } from "bun:test";
import type { IntervalRow, RunWindow } from "#query/analysis.ts";
import { batchSharesChart, batchSizesChart } from "#report/batch-chart.ts";
import { type HeadlineChart, headlineChart } from "#report/headline-chart.ts";
import { latencyCdfChart } from "#report/latency-chart.ts";
import { overTimeChart } from "#report/over-time-chart.ts";
import { renderSvg } from "#report/svg.ts";
import { DARK_OF } from "#report/theme.ts";

const window: RunWindow = {
  epochNs: 0n,
  measureStartNs: 1e9,
  measureEndNs: 3e9,
  sendEndNs: 4e9,
  source: "run",
};

const interval = (second: number, scheduled: number, good: number): IntervalRow => ({
  startNs: second * 1e9,
  lengthNs: 1e9,
  scheduled,
  ok: good,
  good,
});

const placesOf = ({ points, missing }: Partial<HeadlineChart>): HeadlineChart["positions"] => [
  ...(points ?? [{ x: 25e6, xLabel: "25 ms" }]),
  ...(missing ?? []),
];

const headline = (change: Partial<HeadlineChart> = {}): HeadlineChart => ({
  title: "Goodput against SLO",
  subtitle: [],
  unit: "per_s",
  metricTitle: "Goodput",
  xTitle: "SLO",
  points: [{ x: 25e6, xLabel: "25 ms", value: 10, series: "" }],
  medians: [{ x: 25e6, xLabel: "25 ms", value: 10, series: "" }],
  positions: placesOf(change),
  missing: [],
  reference: [],
  bounds: [],
  ...change,
});

const valley = [90, 20, 80].map((value, x) => ({ x, xLabel: String(x), value, series: "" }));

/** Marks must not be placed at NaN, nor the text say undefined. */
const expectSound = (svg: string): void => {
  expect(svg).toStartWith("<svg");
  expect(svg).not.toMatch(/NaN|undefined|Infinity|null/);
};

const named = (x: string, value: number, series = "") => ({ x, xLabel: x, value, series });

const CASES = {
  "one point": headlineChart(headline()),
  "zero goodput": headlineChart(
    headline({
      points: [{ x: 25e6, xLabel: "25 ms", value: 0, series: "" }],
      medians: [{ x: 25e6, xLabel: "25 ms", value: 0, series: "" }],
    }),
  ),
  "a point without a result": headlineChart(
    headline({
      missing: [{ x: 100e6, xLabel: "100 ms", reason: "no result" }],
      bounds: [{ value: 8, label: "at least 8/s" }],
    }),
  ),
  "a parameter that is no quantity, two series": headlineChart(
    headline({
      points: [named("INFER4", 1, "a"), named("INFER5", 2, "b")],
      medians: [named("INFER4", 1, "a"), named("INFER5", 2, "b")],
      reference: [{ x: "INFER4", value: 3 }],
    }),
  ),
  "latencies on a wide scale": headlineChart(
    headline({
      unit: "ns",
      points: [1, 50, 1000].map((x) => ({
        x: x * 1e6,
        xLabel: `${x} ms`,
        value: x * 1e6,
        series: "",
      })),
      medians: [],
    }),
  ),
  "a distribution of one response": latencyCdfChart({
    title: "Latency",
    subtitle: [],
    series: [{ label: "a", points: [{ tail: 1, latencyNs: 5e6 }], sloNs: 25e6 }],
  }),
  "a distribution of many runs with SLOs of their own": latencyCdfChart({
    title: "Latency",
    subtitle: [],
    series: Array.from({ length: 8 }, (_, run) => ({
      label: `run ${run}`,
      points: [1, 0.1, 0.01].map((tail) => ({ tail, latencyNs: (1e6 * (run + 1)) / tail })),
      sloNs: 1e7 * (run + 1),
    })),
  }),
  "a course without any goodput": overTimeChart({
    title: "Over time",
    subtitle: [],
    intervals: [interval(0, 0, 0), interval(1, 0, 0)],
    window,
  }),
  "a course": overTimeChart({
    title: "Over time",
    subtitle: ["a", "b"],
    intervals: [interval(0, 100, 90), interval(1, 120, 0), interval(2, 90, 90), interval(3, 10, 5)],
    window,
  }),
  "a curve with a valley": headlineChart(headline({ points: valley, medians: valley })),
  "batch sizes of which one is rare": batchSizesChart({
    title: "Batch sizes",
    subtitle: "",
    runs: [
      {
        label: "a",
        sizes: [
          { batchSize: 1, actions: 99_999, requests: 99_999 },
          { batchSize: 2, actions: 1, requests: 2 },
        ],
      },
    ],
  }),
  "one batch size": batchSizesChart({
    title: "Batch sizes",
    subtitle: "",
    runs: [{ label: "a", sizes: [{ batchSize: 1, actions: 3, requests: 3 }] }],
  }),
  "batch sizes of two runs": batchSharesChart({
    title: "Batch sizes",
    subtitle: "",
    runs: [
      { label: "a", sizes: [{ batchSize: 1, actions: 3, requests: 3 }] },
      { label: "b", sizes: [{ batchSize: 8, actions: 1, requests: 8 }] },
    ],
  }),
};

describe("charts", () => {
  for (const [name, spec] of Object.entries(CASES)) {
    test(name, async () => {
      const svg = await renderSvg(spec);
      expectSound(svg);
      expect(await renderSvg(spec)).toBe(svg);
    });
  }

  test("the tail axis has a tick per nine", async () => {
    const svg = await renderSvg(CASES["a distribution of many runs with SLOs of their own"]);
    for (const label of ["0 %", "50 %", "90 %", "99 %"]) expect(svg).toContain(`>${label}<`);
  });

  test("swept values stand on the axis as they were written, and a missing result is marked", async () => {
    const svg = await renderSvg(CASES["a point without a result"]);
    for (const label of ["25 ms", "100 ms", "no result", "at least 8/s"]) {
      expect(svg).toContain(`>${label}<`);
    }
  });

  test("a curve is broken where a value is missing, and not drawn across", async () => {
    const at = (x: number) => ({ x, xLabel: String(x), value: 10, series: "" });
    const points = [1, 2, 4, 5].map(at);
    const lines = async (missing: HeadlineChart["missing"]): Promise<readonly string[]> => {
      const positions = missing.length === 0 ? points : [1, 2, 3, 4, 5].map(at);
      const change = { points, medians: points, positions, missing };
      const svg = await renderSvg(headlineChart(headline(change)));
      return [...svg.matchAll(/d="(M[^"]*)"[^>]*stroke-width="2\.2"/g)].map(([, d]) => d as string);
    };
    const moves = (path: string | undefined): number => path?.split("M").length ?? 0;
    expect(moves((await lines([]))[0])).toBe(1 + 1);
    const gap = await lines([{ x: 3, xLabel: "3", reason: "INVALID" }]);
    expect(moves(gap[0])).toBe(1 + 2);
  });

  test("the value of a valley stands below its point, those of the others above", async () => {
    const svg = await renderSvg(CASES["a curve with a valley"]);
    const labelled = [...svg.matchAll(/translate\(([\d.]+),([\d.]+)\)"[^>]*>([^<]+\/s)</g)];
    const yOf = (text: string): number =>
      Number(labelled.find(([, , , label]) => label === text)?.[2]);
    // The axis is 300 px high and ends at 90 × 1.14; text is placed by its baseline.
    const pointY = (value: number): number => 300 * (1 - value / (90 * 1.14));
    expect(yOf("90.0/s")).toBeLessThan(pointY(90));
    expect(yOf("20.0/s")).toBeGreaterThan(pointY(20));
    expect(yOf("80.0/s")).toBeLessThan(pointY(80));
  });

  test("a bar claims neither all nor nothing when that is not so", async () => {
    const svg = await renderSvg(CASES["batch sizes of which one is rare"]);
    expect(svg).toContain(">99.999 %<");
    expect(svg).toContain(">0.001 %<");
  });

  test("every colour has one for dark pages", async () => {
    for (const spec of Object.values(CASES)) {
      const svg = (await renderSvg(spec)).replace(/<style>.*<\/style>/, "");
      for (const [, colour] of svg.matchAll(/(?:fill|stroke)="(#[0-9a-f]{6})"/g)) {
        expect(Object.keys(DARK_OF)).toContain(colour as string);
      }
    }
  });
});
