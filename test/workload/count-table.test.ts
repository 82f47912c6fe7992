/** Tables of counts: every cell comes back, day follows day, functions are known again, and mistakes are named. */
import { describe, expect, test } from "bun:test";
import { Rng } from "#stdx/rng.ts";
import { AzureTraceReader } from "#workload/azure-trace.ts";
import { type CountTable, CountTableBuilder, memoryStore } from "#workload/count-table.ts";
import { formatTraceProblems } from "#workload/trace-problems.ts";

type Rows = Readonly<Record<string, readonly number[]>>;

const fileOf = (rows: Rows, firstMinute = 1): string => {
  const minutes = (Object.values(rows)[0] ?? []).map((_, i) => firstMinute + i);
  const lines = Object.entries(rows).map(
    ([name, counts]) => `o,a,${name},http,${counts.join(",")}`,
  );
  return `HashOwner,HashApp,HashFunction,Trigger,${minutes.join(",")}\n${lines.join("\n")}\n`;
};

const tableOf = (...files: readonly string[]): CountTable => {
  const builder = new CountTableBuilder(memoryStore());
  for (const text of files) {
    const reader = new AzureTraceReader(builder);
    reader.push(text);
    const read = reader.finish();
    if (!read.ok) throw new Error(formatTraceProblems("t.csv", read.error));
  }
  return builder.finish();
};

const cellsOf = (table: CountTable, minute: number): readonly (readonly [number, number])[] => {
  const { size, functions, counts } = table.cellsOf(minute);
  const cells = Array.from(
    { length: size },
    (_, i) => [functions[i] ?? 0, counts[i] ?? 0] as const,
  );
  return cells.toSorted(([a], [b]) => a - b);
};

/** A day's counts with one function's in the last minute. */
const day = (counts: Readonly<Record<number, number>>): readonly number[] =>
  Array.from({ length: 1440 }, (_, i) => counts[i + 1] ?? 0);

describe("a table", () => {
  test("gives back every count, however large, minute by minute", () => {
    const table = tableOf(fileOf({ f: [0, 1, 1e9], g: [127, 128, 0], h: [16_383, 16_384, 0] }));
    expect([0, 1, 2].map((minute) => cellsOf(table, minute))).toEqual([
      [
        [1, 127],
        [2, 16_383],
      ],
      [
        [0, 1],
        [1, 128],
        [2, 16_384],
      ],
      [[0, 1e9]],
    ]);
    expect([0, 1, 2].map((minute) => table.totalOf(minute))).toEqual([16_510, 16_513, 1e9]);
    expect([table.firstMinute, table.minuteCount, table.functionCount]).toEqual([1, 3, 3]);
  });

  test("is the same however many blocks it takes", () => {
    const rng = Rng.of(1, "counts");
    // 1,100 functions with 1,000 counts each: more than a block holds.
    const rows = Array.from({ length: 1100 }, () =>
      Array.from({ length: 1000 }, () => 1 + rng.below(300)),
    );
    const table = tableOf(fileOf(Object.fromEntries(rows.map((row, i) => [`f${i}`, row]))));
    for (const minute of [0, 1, 499, 999]) {
      expect(cellsOf(table, minute)).toEqual(rows.map((row, i) => [i, row[minute] ?? 0]));
    }
  });
});

describe("days", () => {
  test("follow one another, and know the functions again in any order", () => {
    const table = tableOf(
      fileOf({ f: day({ 1: 5 }), g: day({ 1440: 6 }) }),
      fileOf({ new: day({ 1: 7 }), g: day({ 1: 8 }), f: day({ 1440: 9 }) }),
    );
    expect([table.minuteCount, table.functionCount]).toEqual([2880, 3]);
    expect([0, 1439, 1440, 2879].map((minute) => cellsOf(table, minute))).toEqual([
      [[0, 5]],
      [[1, 6]],
      [
        [1, 8],
        [2, 7],
      ],
      [[0, 9]],
    ]);
  });

  test("may begin late on the first and end early on the last", () => {
    const evening = fileOf({ f: [1, 2] }, 1439);
    const table = tableOf(evening, fileOf({ f: [3, 4] }));
    expect([table.firstMinute, table.minuteCount]).toEqual([1439, 4]);
    expect(cellsOf(table, 2)).toEqual([[0, 3]]);
  });

  test("with a gap between them are refused", () => {
    expect(() => tableOf(fileOf({ f: [1, 2] }, 1430), fileOf({ f: [3] }))).toThrow(
      "t.csv:1: the file before ends with minute 1431 of its day, and this one begins with minute 1; name the files of consecutive days, whole and in order",
    );
  });

  test("beyond the fourteenth are refused", () => {
    const files = Array.from({ length: 15 }, () => fileOf({ f: day({ 1: 1 }) }));
    expect(() => tableOf(...files)).toThrow("more than the 20160 minutes of 14 days");
  });
});

test("a function that has two lines in a file is refused", () => {
  const twice = `${fileOf({ f: [1], g: [2] })}o,a,f,http,3\n`;
  expect(() => tableOf(twice)).toThrow(
    't.csv:4, column HashFunction: the function has a line already ("f"); one line for each function',
  );
});
