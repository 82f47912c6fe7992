/** The closing line of `./run test` is only as good as the reading of Bun's summary. */
import { describe, expect, test } from "bun:test";
import { addTotals, formatTotals, readTotals, settleTotals } from "../../scripts/totals.ts";

const SUMMARY = `b.test.ts:

 2 pass
 1 skip
 1 todo
 2 fail
 1 error
 1 expect() calls
Ran 6 tests across 2 files. [10.00ms]
`;

describe("readTotals", () => {
  test("counts todo as skipped and takes failures as Bun counts them, load errors included", () => {
    expect(readTotals(SUMMARY)).toEqual({ passed: 2, failed: 2, skipped: 2 });
  });
  test("takes the last summary", () => {
    expect(
      readTotals(`${SUMMARY}\n 7 pass\n 0 fail\nRan 7 tests across 1 file. [1.00ms]\n`),
    ).toEqual({
      passed: 7,
      failed: 0,
      skipped: 0,
    });
  });
  test("reads through colours", () => {
    const esc = String.fromCodePoint(27);
    expect(
      readTotals(
        `${esc}[32m 3 pass${esc}[0m\n${esc}[0m 0 fail${esc}[0m\nRan 3 tests across 1 file. [1.00ms]`,
      ),
    ).toEqual({
      passed: 3,
      failed: 0,
      skipped: 0,
    });
  });
  test("is not fooled by what a test printed", () => {
    expect(
      readTotals(` 99 pass\nnoise\n 1 pass\n 0 fail\nRan 1 test across 1 file. [1.00ms]`),
    ).toEqual({
      passed: 1,
      failed: 0,
      skipped: 0,
    });
  });
  test("knows a run that broke off", () => {
    expect(readTotals("(pass) a\nSegmentation fault")).toBeNull();
    expect(readTotals("")).toBeNull();
  });
});

describe("settleTotals", () => {
  const passing = { passed: 3, failed: 0, skipped: 1 };
  test("leaves a good run alone", () => {
    expect(settleTotals(passing, true)).toEqual(passing);
  });
  test("counts a missing summary as a failure", () => {
    expect(settleTotals(null, true)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
  test("counts a bad exit that no test owns as a failure", () => {
    expect(settleTotals(passing, false)).toEqual({ ...passing, failed: 1 });
  });
  test("counts a run without tests as a failure", () => {
    expect(settleTotals({ passed: 0, failed: 0, skipped: 0 }, true).failed).toBe(1);
  });
  test("does not count a failure twice", () => {
    expect(settleTotals({ passed: 0, failed: 2, skipped: 0 }, false).failed).toBe(2);
  });
});

test("the closing line", () => {
  const sum = addTotals({ passed: 1, failed: 0, skipped: 0 }, { passed: 2, failed: 1, skipped: 3 });
  expect(formatTotals(sum)).toBe("3 passed, 1 failed, 3 skipped");
  expect(formatTotals({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
});
