/** The console, held against what the original printed: start-up line by line, and summaries computed from its own logs. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import { parameterText } from "#serving/controller/state-text.ts";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import { Summary } from "#serving/controller/summary.ts";
import { ns } from "#stdx/nanos.ts";
import { actionRecord, requestRecord } from "../../telemetry/records.ts";
import { RESNET50, World } from "./world.ts";

const GOLDEN = join(import.meta.dir, "../../golden/console");
const SECOND = 1_000_000_000;

const goldenLines = (name: string): readonly string[] =>
  readFileSync(join(GOLDEN, `${name}.txt`), "utf8").split(/[\r\n]/);

/** From `first` up to `last`, both included. */
const between = (lines: readonly string[], first: string, last: string): readonly string[] =>
  lines.slice(lines.indexOf(first), lines.indexOf(last) + 1);

/** Threads are the original's own, and so is the way in which it shows a window without an end. */
const comparable = (lines: readonly string[]): readonly string[] =>
  lines
    .filter((line) => !/thread (\[\d\] started|running)$/.test(line))
    .filter((line) => line !== "[ready]")
    .map((line) =>
      line.replace(/ \[0\.0, [\d.]+\]/, "").replace(/ duration=[\d.]+$/, " duration=…"),
    );

describe.each([
  { name: "simple-infer4-1gpu", strategy: "INFER4", copies: 2, gpus: 1, pages: 1376 },
  { name: "evict-infer4-small-gpu", strategy: "INFER4", copies: 6, gpus: 1, pages: 21 },
  { name: "slo-infer5-2gpu", strategy: "INFER5", copies: 3, gpus: 2, pages: 1376 },
])("as in $name", ({ name, strategy, copies, gpus, pages }) => {
  const maxBatchSize = STRATEGIES.get(strategy)?.maxBatchSize as number;

  test("the scheduler's parameters", () => {
    const golden = goldenLines(name);
    const start = golden.indexOf("ConcurrentInferAndLoadScheduler using:");
    const text = parameterText({ ...DEFAULT_OPTIONS, maxBatchSize });
    expect(text).toEqual(golden.slice(start, start + text.length));
    expect(golden[start + text.length]).toStartWith("IO service thread listening for clients on");
  });

  test("start-up, line by line, up to the admission of requests", () => {
    const world = new World({
      controller: { strategy, maxBatchSize },
      gpusPerWorker: gpus,
      pagesPerGpu: pages,
    });
    world.connectWorkers();
    const path = "/zoo/resnet50_v2/model";
    world.request({ kind: "load_model", path, copies, userId: 0, userRequestId: 0 });
    world.run(SECOND / 10);
    world.request({ kind: "ls", userId: 0, userRequestId: 1 });
    world.run(3 * SECOND);
    const [first, last] = [
      "(Startup) Running ControllerStartup",
      " * Admitting inference requests",
    ];
    const golden = comparable(between(goldenLines(name), first, last));
    expect(golden.length).toBeGreaterThan(25);
    expect(comparable(between(world.lines, first, last))).toEqual(golden);
  });
});

test("a batch size that takes too long is named, without a blank as by the original", () => {
  const profile = () => ({
    ...RESNET50,
    batchSizes: [1, 2, 4],
    execNs: [300_000_000, 250_000_000, 250_000_001],
  });
  const world = new World({ profile });
  const path = "/zoo/resnet50_v2/model";
  world.startUp([{ path, copies: 1 }]);
  // 250 ms is the longest allowed, and a batch of one is always used.
  expect(world.lines.filter((line) => line.startsWith("Excluding"))).toEqual([
    `Excluding b4 with estimate 250000001model=${path}`,
  ]);
});

test("late successes count as throughput, not as goodput", () => {
  const summary = new Summary(ns(0));
  // Three of 10, 50 and 150 ms with an SLO of 100 ms, and a time-out, in 10 s.
  for (const ms of [10, 50, 150]) {
    summary.onRequest(requestRecord({ departure: ns(ms * 1_000_000), slo: ns(100_000_000) }));
  }
  summary.onRequest(requestRecord({ result: 4, departure: ns(95_000_000) }));
  const [line = ""] = summary.takeLines(ns(10 * SECOND));
  expect(line).toStartWith("Client throughput=0.3 success=75.00% (1/4 violations) min=10.0");
  expect(line).toEndWith(" goodput=0.2");
});

const shared = process.env["ESCAPEMENT_SHARED"] ?? resolve(import.meta.dir, "../../../../shared");
const folder = join(shared, "data/clockwork-telemetry");
const isAbsent = !existsSync(folder);
if (isAbsent) console.warn(`console.test.ts: summaries skipped, no recorded logs in ${folder}`);

/** Whole rows as cells. */
const readRows = (path: string): readonly (readonly string[])[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .slice(1, -1)
    .map((line) => line.split("\t"));

/** The original prints at its first row, and again at the first row that comes ten seconds later: the rows in between. */
const secondWindow = (rows: readonly (readonly string[])[]) => {
  const instantOf = (cells: readonly string[] | undefined): bigint => BigInt(cells?.[0] ?? 0);
  const start = instantOf(rows[0]);
  const end = rows.findIndex((cells) => instantOf(cells) >= start + 10_000_000_000n);
  expect(end).toBeGreaterThan(0);
  return { rows: rows.slice(1, end + 1), length: Number(instantOf(rows[end]) - start) };
};

/** Numbers of a line by their names. */
const figures = (line: string): Readonly<Record<string, string>> =>
  Object.fromEntries([...line.matchAll(/(\w+)=([^ ]+)/g)].map(([, name, value]) => [name, value]));

const expectNear = (own: number, recorded: number, digit: number): void =>
  expect(Math.abs(own - recorded)).toBeLessThanOrEqual(Math.max(digit, recorded / 200));

/** Ours adds some at the end; the recorded ones come first and in the same order. */
const expectSame = (ours: string, recorded: string): void => {
  const [own, theirs] = [figures(ours), figures(recorded)];
  const names = Object.keys(theirs);
  expect(Object.keys(own).slice(0, names.length)).toEqual(names);
  expect(ours.split(" ")[0]).toBe(recorded.split(" ")[0] as string);
  for (const name of names) {
    // Rates depend on the instant of the print, which no log has: a digit more or less, or half a percent.
    const [rate, recordedRate] = [Number(own[name]), Number(theirs[name])];
    if (name === "throughput") expectNear(rate, recordedRate, 0.101);
    else if (name === "utilization") expectNear(rate, recordedRate, 0.0101);
    else expect([name, own[name]]).toEqual([name, theirs[name]]);
  }
};

const recordedLines = (name: string, start: RegExp): readonly string[] =>
  readFileSync(join(folder, name, "controller.stdout.txt"), "utf8")
    .split("\n")
    .filter((line) => start.test(line));

describe.skipIf(isAbsent)("summaries of recorded rows", () => {
  const names = [
    "azure-infer4-1gpu",
    "closedloop-infer5-1gpu",
    "poisson-infer5-1gpu",
    "simple-infer4-1gpu",
    "slo-infer5-2gpu",
  ];

  test.each(names)("%s: requests", (name) => {
    const window = secondWindow(readRows(join(folder, name, "clockwork_request_log.tsv")));
    const summary = new Summary(ns(0));
    for (const cells of window.rows) {
      const [latency, slo] = [Number(cells[6]), Number(cells[7])];
      const result = Number(cells[2]);
      summary.onRequest(requestRecord({ result, departure: ns(latency), slo: ns(slo) }));
    }
    const [line = ""] = summary.takeLines(ns(window.length));
    expectSame(line, recordedLines(name, /^Client throughput/)[1] ?? "");
  });

  test.each(names)("%s: actions", (name) => {
    const window = secondWindow(readRows(join(folder, name, "clockwork_action_log.tsv")));
    const summary = new Summary(ns(0));
    for (const cells of window.rows) {
      const at = (column: number): number => Number(cells[column]);
      summary.onAction(
        actionRecord({
          action: at(2) === 1 ? "load_weights" : "infer",
          status: at(3),
          worker: at(4),
          gpuId: at(5),
          workerDuration: ns(at(9)),
          gpuClockMhz: at(14),
          received: ns(at(18)),
        }),
      );
    }
    const [, ...lines] = summary.takeLines(ns(window.length));
    // The first print had the first row only, which was a load on the first GPU.
    const recorded = recordedLines(name, /^W\d/).slice(1);
    expect(lines).toHaveLength(recorded.length);
    for (const [index, line] of lines.entries()) expectSame(line, recorded[index] as string);
  });
});
