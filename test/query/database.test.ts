/** Closing never hangs, and errors carry their query. */
import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database, sqlText } from "#query/database.ts";

const open = (): Promise<Database> => Database.open({ spillFolder: join(tmpdir(), "never-used") });

test("closing under a running query interrupts it", async () => {
  const db = await open();
  // Minutes of work if nothing stopped it.
  const endless = db.run("select sum(a.i * b.i) from range(1000000) a(i), range(1000000) b(i)");
  const ended = endless.then(
    () => "finished",
    (error: unknown) => String(error),
  );
  await db.close();
  expect(await ended).toContain("Interrupted");
});

test("an error names its query", async () => {
  await using db = await open();
  expect(db.rows("select nothing from nowhere")).rejects.toThrow(
    /nowhere[^]*in the query:\nselect nothing/,
  );
});

test("text literals hold quotes", async () => {
  await using db = await open();
  expect(await db.rows(`select ${sqlText("it's; drop")} as t`)).toEqual([{ t: "it's; drop" }]);
});

test("64-bit integers are exact", async () => {
  await using db = await open();
  expect(await db.rows("select 1795450300812148811::BIGINT as t")).toEqual([
    { t: 1_795_450_300_812_148_811n },
  ]);
  const { rows } = await db.printable("select 1795450300812148811::BIGINT as t, 1.5 as d");
  expect(rows).toEqual([["1795450300812148811", "1.5"]]);
});
