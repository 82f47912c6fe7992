/** The SQL of metrics on tables small enough to work out by hand, for cases that the fixture does not have. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Database, type SqlRow } from "#query/database.ts";

const metrics = resolve(import.meta.dir, "../../src/query/metrics");

/** Runs a metric's file over `tables`: name to the query that fills it. */
const evaluate = async (
  file: string,
  tables: Readonly<Record<string, string>>,
): Promise<readonly SqlRow[]> => {
  await using db = await Database.open({ spillFolder: join(tmpdir(), "never-used") });
  for (const [name, query] of Object.entries(tables)) {
    await db.run(`create table ${name} as ${query}`);
  }
  return await db.rows(readFileSync(join(metrics, file), "utf8"));
};

const valuesOf = (rows: readonly SqlRow[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(rows.map(({ metric, value }) => [metric, value]));

// 1 to 10,000 in no order: nearest ranks are 5000, 9900, 9990 and 10,000.
const SHUFFLED = "(select (i * 7919) % 10000 + 1 as v from range(10000) t(i))";

test.each([
  ["latency.sql", "latency", "latency_ns", ["p50", "p99", "p999", "max"]],
  ["service-time.sql", "service_time", "service_time_ns", ["p50", "p99"]],
  ["send-lateness.sql", "send_lateness", "send_lateness_ns", ["p50", "p99", "p999", "max"]],
  [
    "receive-lateness.sql",
    "receive_lateness",
    "receive_lateness_ns",
    ["p50", "p99", "p999", "max"],
  ],
] as const)("%s takes nearest ranks", async (file, prefix, column, parts) => {
  const all = { p50: 5000, p99: 9900, p999: 9990, max: 10_000 };
  const rows = await evaluate(file, {
    measured: `select 0 as run, 'ok' as outcome, v::BIGINT as ${column} from ${SHUFFLED}`,
  });
  expect(valuesOf(rows)).toEqual(
    Object.fromEntries(parts.map((part) => [`${prefix}_${part}`, all[part]])),
  );
});

test("controller-latency.sql takes nearest ranks of successes", async () => {
  const rows = await evaluate("controller-latency.sql", {
    measured_requests: `select 0 as run, v::BIGINT as latency_ns, 0 as result from ${SHUFFLED}
      union all select 0, 99999, 4 from range(500)`,
  });
  expect(valuesOf(rows)).toEqual({ controller_latency_p50: 5000, controller_latency_p99: 9900 });
});

test("prediction-error.sql takes nearest ranks of late and of early actions", async () => {
  const rows = await evaluate("prediction-error.sql", {
    measured_actions: `select 0 as run, 'infer' as action, 0 as status,
        (case when late then v else -v end)::BIGINT as duration_ns, 0::BIGINT as expected_duration_ns,
        0::BIGINT as complete_after_ns, 0::BIGINT as expected_complete_after_ns
      from ${SHUFFLED}, (values (true), (false)) d (late)`,
  });
  const execution = rows.filter(({ quantity }) => quantity === "execution");
  const ranks = { count: 10_000, p50_ns: 5000, p99_ns: 9900, p999_ns: 9990, max_ns: 10_000 };
  expect(execution).toMatchObject([
    { direction: "late", ...ranks },
    { direction: "early", ...ranks },
  ]);
});

test("utilisation.sql counts what lies within the window, over all GPUs, idle ones too", async () => {
  // The window is [1000, 2000) and there are two GPUs, of which one did nothing.
  const action = (name: string, end: number, duration: number, status = 0): string =>
    `select 0 as run, '${name}' as action, ${status} as status, 0 as worker_id, 0 as gpu_id,
      0::BIGINT as sent_ns, ${end}::BIGINT as complete_after_ns, ${duration}::BIGINT as duration_ns`;
  const rows = await evaluate("utilisation.sql", {
    windows: `select 0 as run, 1000::BIGINT as length_ns, 1000::BIGINT as measure_start_ns,
      2000::BIGINT as measure_end_ns, 2 as gpus`,
    actions: [
      // 900 to 1100: 100 inside. 1200 to 1500: 300. 1900 to 2300: 100. Before and after: nothing. Failed: nothing.
      action("infer", 1100, 200),
      action("infer", 1500, 300),
      action("infer", 2300, 400),
      action("infer", 900, 100),
      action("infer", 2500, 100),
      action("infer", 1800, 100, 81),
      // 800 to 1050: 50.
      action("load", 1050, 250),
    ].join(" union all "),
  });
  expect(rows).toMatchObject([
    { metric: "gpu_utilisation", value: (100 + 300 + 100) / 1000 / 2, samples: 3n },
    { metric: "load_utilisation", value: 50 / 1000 / 2, samples: 1n },
  ]);
});

test("intervals.sql leaves no request out when the last interval is longer than the others", async () => {
  // 2300 ms in intervals of 250 ms: round(9.2) = 9, of which the last has 300 ms; one request every 23 ms.
  const rows = await evaluate("intervals.sql", {
    runs: `select 0 as run, 'client' as request_view, 5::BIGINT as send_start_ns,
      (5 + 2300000000)::BIGINT as send_end_ns`,
    load: `select 0 as run, (5 + i * 23000000)::BIGINT as scheduled_ns, 'ok' as outcome, true as good
      from range(100) t(i)`,
  });
  expect(rows).toHaveLength(9);
  expect(rows.at(-1)).toMatchObject({ start_ns: 2e9, length_ns: 300e6 });
  // The first from 2000 ms on is number 87 (2001 ms): 87 to 99.
  expect(rows.at(-1)?.["scheduled"]).toBe(13);
  expect(rows.reduce((sum, row) => sum + Number(row["scheduled"]), 0)).toBe(100);
});
