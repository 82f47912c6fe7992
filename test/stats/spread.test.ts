/** Median and range of a few values. */
import { expect, test } from "bun:test";
import { spreadOf } from "#stats/spread.ts";

test.each([
  [[3], { median: 3, min: 3, max: 3, count: 1 }],
  [[5, 1, 3], { median: 3, min: 1, max: 5, count: 3 }],
  // Of an even count, the mean of the middle two: (2 + 10) / 2.
  [[10, 1, 2, 30], { median: 6, min: 1, max: 30, count: 4 }],
])("spread of %p", (values, expected) => {
  expect(spreadOf(values)).toEqual(expected);
});

test("nothing has no spread, and the values stay as they are", () => {
  expect(spreadOf([])).toBeNull();
  const values = [3, 1, 2];
  spreadOf(values);
  expect(values).toEqual([3, 1, 2]);
});
