/** Keeps docs/experiment-file.md true: every key with its default, every metric with its unit, examples that load. */
import { describe, expect, test } from "bun:test";
import { METRIC_UNITS } from "#experiment/metric-units.ts";
import { NOISE_DEFAULTS } from "#experiment/noise-schema.ts";
import type { ReaderKind } from "#experiment/reading.ts";
import { DEFAULTS } from "#experiment/run-spec.ts";
import { CHECK_KEYS, GOAL_KEYS, OTHER_PATHS, SWEEPABLE_PATHS } from "#experiment/schema.ts";
import { SEARCH_DEFAULTS } from "#experiment/search.ts";
import { WORKLOAD_DEFAULTS } from "#experiment/to-workload.ts";
import { parseBytes, parseDuration, parseRate } from "#stdx/quantity.ts";
import { ExperimentFolder, ROOT } from "../support/experiment-folder.ts";

const text = await Bun.file(`${ROOT}/docs/experiment-file.md`).text();

/** Rows of the tables of keys: path to [takes, default, meaning]. */
const rows = new Map(
  [...text.matchAll(/^\| `([\w.]+)` \| ([^|]+) \|([^|]*)\| (.+) \|$/gm)].map(
    ([, path = "", takes = "", fallback = "", meaning = ""]) => [
      path,
      { takes: takes.trim(), fallback: fallback.trim(), meaning },
    ],
  ),
);

/** How the tables say what a key takes. */
const TAKES: Readonly<Record<ReaderKind, RegExp>> = {
  duration: / takes duration$/,
  rate: / takes rate$/,
  size: / takes size$/,
  number: / takes number$/,
  count: / takes whole number$/,
  boolean: / takes true or false$/,
  choice: / takes name$/,
  text: / takes (?:text.*|path)$/,
  bound: / takes bound$/,
  scalar: / takes object$/,
};

/** Keys that hold groups or lists, which the schemas' lists of single values do not name. */
const GROUPS = [
  "system.models",
  "system.noise",
  "checks.NAME.when",
  "workload.shape",
  "workload.shape.steps",
  "workload.states",
  "workload.parts",
  "workload.parts.NAME.models",
];

describe("the tables of keys", () => {
  const known = [
    ...OTHER_PATHS.keys(),
    ...SWEEPABLE_PATHS.keys(),
    ...[...CHECK_KEYS.keys()].map((key) => `checks.NAME.${key}`),
    ...[...GOAL_KEYS.keys()].map((key) => `search.goal.METRIC.${key}`),
    ...GROUPS,
  ];

  test("have every key of the schema and no other", () => {
    expect(known.length).toBeGreaterThan(35);
    expect([...rows.keys()].toSorted()).toEqual([...known].toSorted());
  });

  test("say what each takes and means", () => {
    for (const [path, kind] of [...OTHER_PATHS, ...SWEEPABLE_PATHS]) {
      const row = rows.get(path);
      expect(row?.meaning.length).toBeGreaterThan(10);
      expect(`${path} takes ${row?.takes}`).toMatch(TAKES[kind]);
    }
  });

  const defaults: readonly (readonly [string, unknown, (shown: string) => unknown])[] = [
    ["system.scheduleAhead", DEFAULTS.scheduleAheadNs, parseDuration],
    ["system.maxExec", DEFAULTS.maxExecNs, parseDuration],
    ["system.maxBatch", DEFAULTS.maxBatch, Number],
    ["system.maxGpus", DEFAULTS.maxGpus, Number],
    ["system.workers", DEFAULTS.workers, Number],
    ["system.gpusPerWorker", DEFAULTS.gpusPerWorker, Number],
    ["system.weightsCache", DEFAULTS.weightsCacheBytes, parseBytes],
    ["system.pageSize", DEFAULTS.pageSizeBytes, parseBytes],
    ["system.noise.jitterCv", NOISE_DEFAULTS.jitterCv, Number],
    ["system.noise.throttleRate", NOISE_DEFAULTS.throttleRatePerS, parseRate],
    ["system.noise.throttleLength", NOISE_DEFAULTS.throttleLengthNs, parseDuration],
    ["system.noise.throttleFactor", NOISE_DEFAULTS.throttleFactor, Number],
    ["system.noise.slowTransferShare", NOISE_DEFAULTS.slowTransferShare, Number],
    ["system.noise.slowTransferFactor", NOISE_DEFAULTS.slowTransferFactor, Number],
    ["system.noise.stallRate", NOISE_DEFAULTS.stallRatePerS, parseRate],
    ["system.noise.stallLength", NOISE_DEFAULTS.stallLengthNs, parseDuration],
    ["system.telemetryDialect", DEFAULTS.telemetryDialect, String],
    ["workload.warmUp", WORKLOAD_DEFAULTS.warmUpNs, parseDuration],
    ["workload.coolDown", WORKLOAD_DEFAULTS.coolDownNs, parseDuration],
    ["search.resolution", SEARCH_DEFAULTS.resolution, Number],
    ["search.confidence", SEARCH_DEFAULTS.confidence, Number],
    ["search.repetitionsMax", SEARCH_DEFAULTS.repetitionsMax, Number],
    ["limits.launch", DEFAULTS.launchLimitNs, parseDuration],
    ["limits.drain", DEFAULTS.drainLimitNs, parseDuration],
  ];
  for (const [path, value, read] of defaults) {
    test(`have the default of ${path}`, () =>
      expect(read(rows.get(path)?.fallback ?? "")).toBe(value));
  }
});

test("the table of metrics has each one under its unit", () => {
  const listed = [
    ...text.matchAll(/^\| (rate|duration|share|count) \| (`\w+`(?:, `\w+`)*) \|$/gm),
  ].flatMap(([, unit = "", names = ""]) =>
    names.split(", ").map((name) => [name.replaceAll("`", ""), unit]),
  );
  expect(Object.fromEntries(listed)).toEqual({ ...METRIC_UNITS });
});

test("the first example loads", async () => {
  using folder = new ExperimentFolder();
  const example = /```ts\n(.*?)```/s.exec(text)?.[1] ?? "";
  const { plan } = await folder.load(await folder.write("my-first.ts", example));
  // Three SLOs, three repetitions.
  expect(plan.runs).toHaveLength(9);
});

test("the example of a refusal is what is printed", async () => {
  using folder = new ExperimentFolder();
  const example = (/```ts\n(.*?)```/s.exec(text)?.[1] ?? "")
    .replace("slo: ms(100),", "slo: 25,")
    .replace("rate: perSecond(300),", "rate: perSecond(300), warmup: seconds(1), concurrency: 16,");
  const { message } = await folder.refusal(await folder.write("my-first.ts", example));
  const documented = /```\n(my-first\.ts: .*?)\n```/s.exec(text)?.[1] ?? "";
  expect(message.split("\n\n").toSorted()).toEqual(documented.split("\n\n").toSorted());
});
