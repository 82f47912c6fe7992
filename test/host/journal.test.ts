/** The journal: order, durability across openings, and one runner at a time. */

import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Journal, type Transition } from "#host/journal.ts";

let folder = "";
let path = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "escapement-journal-"));
  path = join(folder, "journal.sqlite");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const change = (runIndex: number, attempt: number, state: Transition["state"]): Transition => ({
  runIndex,
  attempt,
  state,
  // Beyond what a double holds exactly.
  atNs: "1795458846513707503",
  reason: state === "failed" ? 'it\'s "over"' : "",
});

const RUNNER = { pid: 41, startTicks: 7, startedNs: "1", revision: "abc" };

test("keeps every change in order, and knows the last one of each run", () => {
  const changes = [
    change(0, 1, "planned"),
    change(1, 1, "planned"),
    change(0, 1, "launching"),
    change(0, 1, "failed"),
    change(0, 2, "planned"),
  ];
  const journal = Journal.open(path);
  journal.recordAll(changes.slice(0, 2));
  for (const each of changes.slice(2)) journal.record(each);
  journal.close();
  const again = Journal.open(path);
  expect(again.transitions()).toEqual(changes);
  expect(again.latest()).toEqual(
    new Map([
      [0, change(0, 2, "planned")],
      [1, change(1, 1, "planned")],
    ]),
  );
  again.close();
});

test("a change is visible to others as soon as it is recorded, before the journal is closed", () => {
  const journal = Journal.open(path);
  journal.record(change(0, 1, "measuring"));
  const reader = Journal.open(path);
  expect(reader.latest().get(0)?.state).toBe("measuring");
  reader.close();
  journal.close();
});

test("admits one running runner, and the next one once that is gone", () => {
  const first = Journal.open(path);
  const second = Journal.open(path);
  expect(first.enterRunner(RUNNER, () => true)).toBeNull();
  expect(second.enterRunner({ ...RUNNER, pid: 42 }, () => true)).toEqual({
    ...RUNNER,
    endedNs: null,
  });
  // The first one was killed: nobody with its pid and start time runs.
  expect(second.enterRunner({ ...RUNNER, pid: 42 }, () => false)).toBeNull();
  second.leaveRunner("9");
  expect(second.runners().map(({ pid, endedNs }) => [pid, endedNs])).toEqual([
    [41, null],
    [42, "9"],
  ]);
  first.leaveRunner("10");
  expect(second.enterRunner({ ...RUNNER, pid: 43 }, () => true)).toBeNull();
  first.close();
  second.close();
});

test("leaves one file behind", () => {
  const journal = Journal.open(path);
  journal.record(change(0, 1, "planned"));
  journal.close();
  expect([...new Bun.Glob("*").scanSync(folder)]).toEqual(["journal.sqlite"]);
});

test("refuses what is no journal, and journals of a newer version", () => {
  writeFileSync(path, "no database, but long enough to be taken for a header of one".repeat(20));
  expect(() => Journal.open(path)).toThrow("not a database");
  rmSync(path);
  Journal.open(path).close();
  const database = new Database(path);
  database.run("UPDATE meta SET value = '99'");
  database.close();
  expect(() => Journal.open(path)).toThrow("newer version");
});
