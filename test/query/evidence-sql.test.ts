/** The queries that the verdict rests on, over tables small enough to work out by hand. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Database, type SqlRow } from "#query/database.ts";

const metrics = resolve(import.meta.dir, "../../src/query/metrics");

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

const RUNS = "select 0 as run, 'client' as request_view";

describe("request-timing.sql", () => {
  // A window of 3 s from 10 s on, 100 requests/s from 9 s to 13 s; all is well unless `lateness` says otherwise.
  const timing = async (lateness: string, more = "true as good") => {
    const windows = `select 0 as run, 10000000000::BIGINT as measure_start_ns,
      13000000000::BIGINT as measure_end_ns`;
    const load = `select 0 as run, 'ok' as outcome, due as scheduled_ns, ${more},
        (due + late)::BIGINT as sent_ns, late::BIGINT as send_lateness_ns, 100000000::BIGINT as slo_ns,
        90000000::BIGINT as service_time_ns, 200000::BIGINT as receive_lateness_ns
      from (select due, ${lateness} as late from
        (select 9000000000::BIGINT + i * 10000000 as due from range(400) t(i)))`;
    const [row] = await evaluate("request-timing.sql", {
      runs: RUNS,
      windows,
      load,
      measured:
        "select load.* from load join windows using (run) where scheduled_ns >= measure_start_ns and scheduled_ns < measure_end_ns",
    });
    return row;
  };

  test("all on time", async () => {
    expect(await timing("1000")).toEqual({
      run: 0,
      due: 300,
      sent: 300,
      late_misses: 0,
      impossible: 0,
      receive_min_ns: 200_000,
      worst_second_tenth_ns: 1000,
    });
  });

  test("a stall of 300 ms in one second shows in that second's tenth, not in the others", async () => {
    // Due in [11.2 s, 11.5 s): sent at 11.5 s. Of that second's 100 requests 30 are late by 300 … 10 ms; the 10 latest by more than 200 ms.
    const stall =
      "case when due >= 11200000000 and due < 11500000000 then 11500000000 - due else 1000 end";
    expect(await timing(stall)).toMatchObject({
      due: 300,
      sent: 300,
      worst_second_tenth_ns: 200_000_000,
    });
  });

  test("what is sent after the window's end is missing in it", async () => {
    // The last 50 requests are 1 s late, and so leave the window; those before it are not.
    expect(await timing("case when due >= 12500000000 then 1000000000 else 0 end")).toMatchObject({
      due: 300,
      sent: 250,
    });
  });

  test("instants that cannot be: sent before it is due", async () => {
    // The first two requests of the window, by 0.2 ms; a third one by 0.1 ms, which is within what instants are good for.
    const early =
      "case when due < 10020000000 then -200000 when due < 10030000000 then -100000 else 0 end";
    expect(await timing(early)).toMatchObject({ impossible: 2 });
  });

  test("misses that are the generator's: late by the whole, in time from sending", async () => {
    const missed = "due >= 12900000000 and due < 12950000000";
    expect(await timing("20000000", `not (${missed}) as good`)).toMatchObject({ late_misses: 5 });
  });
});

describe("segments.sql", () => {
  test("ten parts of the window, empty ones too", async () => {
    const rows = await evaluate("segments.sql", {
      windows: "select 0 as run, 1000::BIGINT as measure_start_ns, 2000::BIGINT as measure_end_ns",
      // In the first part three requests, one of them late; in the last one, its last nanosecond.
      measured: `select 0 as run, due::BIGINT as scheduled_ns, 'ok' as outcome, good, ns::BIGINT as latency_ns
        from (values (1000, true, 5), (1050, true, 7), (1099, false, 90), (1999, true, 6)) t(due, good, ns)`,
      measured_requests: `select 0 as run, came::BIGINT as arrival_ns, cold as is_cold
        from (values (1001, true), (1051, true), (1100, false)) t(came, cold)`,
    });
    expect(rows).toHaveLength(10);
    expect(rows[0]).toEqual({
      run: 0,
      scheduled: 3,
      good: 2,
      latency_p50_ns: 7,
      arrived: 2,
      cold: 2,
    });
    expect(rows[1]).toMatchObject({ scheduled: 0, latency_p50_ns: null, arrived: 1, cold: 0 });
    expect(rows[9]).toMatchObject({ scheduled: 1, good: 1, latency_p50_ns: 6 });
  });
});

describe("reconciliation.sql", () => {
  // Two clients that number their requests alike, 0 to 9; connections 7 and 8 are theirs, the other way round.
  const CLIENT = `select 0 as run, c as client_id, i as user_request_id, (1000000 * (2 * i + c))::BIGINT as sent_ns,
      (1000000 * (2 * i + c) + 900)::BIGINT as received_ns, 'ok' as outcome
    from range(10) t(i), (values (0), (1)) clients(c)`;
  const BATCHES = `select 0 as run, 2 * user_request_id + client_id as request_id, 8 - client_id as connection_id,
      user_request_id, request_id as action_id, (sent_ns + 100)::BIGINT as arrival_ns,
      (received_ns - 300)::BIGINT as departure_ns from client`;
  const sound = {
    runs: RUNS,
    client: CLIENT,
    batches: BATCHES,
    requests: "select 0 as run, request_id from batches",
    actions: "select 0 as run, action_id from batches",
  };
  const NOTHING = {
    client_doubles: 0,
    client_gaps: 0,
    request_doubles: 0,
    request_gaps: 0,
    action_doubles: 0,
    batch_doubles: 0,
    only_batched: 0,
    only_ok: 0,
  };

  test("rows of two clients are joined, each with its own connection", async () => {
    expect(await evaluate("reconciliation.sql", sound)).toEqual([
      {
        run: 0,
        clients: 2,
        connections: 2,
        batched: 20,
        ...NOTHING,
        out_median_ns: 100,
        out_p99_ns: 100,
        back_median_ns: 300,
      },
    ]);
  });

  test.each([
    [
      "a client's row is lost",
      {
        client: `from (${CLIENT}) where not (client_id = 1 and user_request_id = 4)`,
        batches: `from (${BATCHES.replace("from client", `from (${CLIENT})`)})`,
      },
      { client_gaps: 1, only_batched: 1 },
    ],
    [
      "a row of the controller is lost",
      { requests: "select 0 as run, request_id from batches where request_id <> 5" },
      { request_gaps: 1 },
    ],
    [
      "a row of a batch is lost",
      { batches: `from (${BATCHES}) where request_id <> 5` },
      { request_gaps: 1, only_ok: 1 },
    ],
    [
      "a client's row is there twice",
      {
        client: `${CLIENT} union all from (${CLIENT}) where client_id = 0 and user_request_id = 3`,
      },
      { client_doubles: 1 },
    ],
    [
      "an action is there twice",
      { actions: "select 0 as run, action_id from batches union all select 0, 3" },
      { action_doubles: 1 },
    ],
    [
      "a request is there twice",
      { requests: "select 0 as run, request_id from batches union all select 0, 3" },
      { request_doubles: 1 },
    ],
    [
      "somebody else asks too",
      {
        batches: `${BATCHES} union all select 0, 20 + i, 9, i, 20 + i, 1000000 * i, 1000000 * i + 5 from range(3) t(i)`,
      },
      { connections: 3 },
    ],
  ] satisfies [string, Partial<typeof sound>, Record<string, number>][])(
    "%s",
    async (_, change, found) => {
      const [row] = await evaluate("reconciliation.sql", { ...sound, ...change });
      expect(row).toMatchObject(found);
    },
  );

  test("a client's clock that is ahead makes messages arrive before they are sent", async () => {
    const client = `select * replace (sent_ns + 5000 as sent_ns, received_ns + 5000 as received_ns) from (${CLIENT})`;
    const batches = BATCHES.replace("from client", `from (${CLIENT})`);
    const [row] = await evaluate("reconciliation.sql", { ...sound, client, batches });
    expect(row).toMatchObject({ out_median_ns: 100 - 5000, back_median_ns: 300 + 5000 });
  });

  test("a run without logs has nothing to reconcile", async () => {
    const empty = (query: string): string => `from (${query}) where false`;
    const [row] = await evaluate("reconciliation.sql", {
      runs: RUNS,
      client: empty(CLIENT),
      batches: empty(BATCHES),
      requests: empty(sound.requests),
      actions: empty(sound.actions),
    });
    expect(row).toMatchObject({ clients: 0, connections: null, batched: null, only_ok: null });
  });
});

test("action-statuses.sql counts actions by status", async () => {
  const rows = await evaluate("action-statuses.sql", {
    measured_actions: "select 0 as run, s as status from (values (0), (81), (0)) t(s)",
  });
  expect(rows).toEqual([
    { run: 0, status: 0, count: 2 },
    { run: 0, status: 81, count: 1 },
  ]);
});
