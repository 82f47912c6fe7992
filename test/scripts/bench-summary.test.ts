/** The arithmetic of the benchmarks' tables. */
import { expect, test } from "bun:test";
import { formatSummary, median } from "../../scripts/bench/summary.ts";

test("the median of an odd and of an even number of values", () => {
  expect(median([3, 1, 2])).toBe(2);
  // (2 + 3) / 2
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(() => median([])).toThrow("no values");
});

test("a table shows four significant digits, the range and the goal", () => {
  const table = formatSummary([
    { name: "wall", unit: "s", values: [61.239, 58.1, 60], goal: 90 },
    { name: "late", unit: "ms", values: [0.012_345, 0, 1000] },
  ]);
  expect(table.split("\n").slice(2)).toEqual([
    "| wall | 60.00 s | 58.10 to 61.24 s | 3 | ≤ 90 s |",
    "| late | 0.01235 ms | 0 to 1000 ms | 3 |  |",
  ]);
});
