/** Traces in Parquet: timestamps and numbers come through to the nanosecond, and what is no trace is refused. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { showPlan } from "#cli/show-plan.ts";
import { workloadInputs } from "#cli/workload-lines.ts";
import { Database, sqlText } from "#query/database.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { summariseSchedule } from "#workload/schedule-summary.ts";
import { ExperimentFolder } from "../support/experiment-folder.ts";
import { VALID } from "./broken-experiments.ts";

let folder: ExperimentFolder;

beforeEach(() => {
  folder = new ExperimentFolder();
  // What the texts leave until the process ends is to go with the test's own folder.
  process.env["TMPDIR"] = folder.path;
});
afterEach(() => {
  delete process.env["TMPDIR"];
  folder[Symbol.dispose]();
});

const writeParquet = async (select: string): Promise<void> => {
  await using db = await Database.open({ spillFolder: join(folder.path, "spill") });
  await db.run(`copy (${select}) to ${sqlText(join(folder.path, "t.parquet"))} (format parquet)`);
};

let loads = 0;

const load = async (rest: string) => {
  const workload = `arrivals: "trace", format: "parquet", trace: "t.parquet", warmUp: seconds(0), duration: seconds(5), coolDown: seconds(0), ${rest}`;
  const text = VALID.replace(
    'arrivals: "poisson", rate: perSecond(100), duration: seconds(5)',
    workload,
  );
  loads++;
  // A module is read once: another text needs another name.
  return folder.write(`mine-${loads}.ts`, text);
};

const instantsOf = async (rest: string): Promise<readonly number[]> => {
  const loaded = await folder.load(await load(rest));
  const [run] = loaded.plan.runs;
  if (run === undefined) throw new Error("no run");
  expect(showPlan(loaded, { target: "local", cwd: folder.path })).toContain(
    "format Parquet (column at",
  );
  const made = createArrivalProcess({ workload: run.workload, ...workloadInputs(run, loaded) });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  const instants: number[] = [];
  summariseSchedule(made.value, run.workload, {
    slices: 1,
    onArrival: ({ at }) => instants.push(at),
  });
  return instants;
};

describe("a Parquet file", () => {
  test("of timestamps keeps every nanosecond", async () => {
    await writeParquet(
      "select make_timestamp_ns(1700000000123456789 + d) as at, 'x' as other from (values (0), (1), (1500000007), (6000000000)) t(d)",
    );
    expect(await instantsOf('column: "at"')).toEqual([0, 1, 1_500_000_007]);
    expect(await instantsOf('column: "at", unit: "ns"')).toEqual([0, 1, 1_500_000_007]);
    expect(await instantsOf('column: "at", unit: "ms"')).toEqual([0, 1, 1_500_000_007]);
  });

  test.skipIf(!existsSync("/proc/self/fd"))("leaves no file that has a name", async () => {
    await writeParquet('select * from (values (1), (9)) t("at")');
    expect(await instantsOf('column: "at"')).toEqual([0]);
    await folder.refusal(await load('column: "no"'));
    expect(readdirSync(folder.path).filter((name) => name.startsWith("escapement-"))).toEqual([]);
  });

  test("of numbers is read in its unit", async () => {
    await writeParquet("select d as at from (values (0.5::double), (0.75), (9)) t(d)");
    expect(await instantsOf('column: "at"')).toEqual([0, 250_000_000]);
    await writeParquet("select d as at from (values (7::bigint), (8), (9000)) t(d)");
    expect(await instantsOf('column: "at", unit: "ms"')).toEqual([0, 1_000_000]);
  });

  test.each([
    [
      "without that column",
      "select 1 as x, 2 as y",
      'column: "at"',
      "there is no such column; there are x, y",
    ],
    [
      "of texts",
      "select 'a' as at",
      'column: "at"',
      "instants are numbers or timestamps, not VARCHAR",
    ],
    [
      "out of order",
      'select * from (values (2), (1)) t("at")',
      'column: "at"',
      "earlier than the one before",
    ],
    [
      "with a row that has none",
      'select * from (values (1), (null), (9)) t("at")',
      'column: "at"',
      't.parquet:3, column at: no instant ("null")',
    ],
  ])("%s is refused", async (_, select, rest, message) => {
    await writeParquet(select);
    const refused = await folder.refusal(await load(rest));
    expect(refused.exitCode).toBe(5);
    expect(refused.message).toContain(message);
  });

  test("that is none is refused", async () => {
    await folder.write("t.parquet", "at\n1\n2\n");
    const refused = await folder.refusal(await load('column: "at"'));
    expect(refused.exitCode).toBe(5);
    expect(refused.message).toContain("cannot be read as Parquet");
  });
});
