/** Numbers as people read them. */
import { describe, expect, test } from "bun:test";
import {
  bytes,
  duration,
  grouped,
  keyName,
  percentage,
  perSecond,
  significant,
  writtenValue,
} from "#report/format.ts";

describe("format", () => {
  test.each([
    [0, 0, "0"],
    [999, 0, "999"],
    [1000, 0, "1,000"],
    [1234567.85, 1, "1,234,567.9"],
    [-1234, 0, "−1,234"],
    [-0.001, 1, "0.0"],
    [1234.5678, 4, "1,234.5678"],
  ])("grouped %p with %p digits", (value, digits, text) => {
    expect(grouped(value, digits)).toBe(text);
  });

  test.each([
    [0, "0"],
    [0.0123, "0.0123"],
    [1.234, "1.23"],
    [12.34, "12.3"],
    [123.4, "123"],
    [12345.6, "12,346"],
  ])("three significant digits of %p", (value, text) => {
    expect(significant(value)).toBe(text);
  });

  test.each([
    [500, "500 ns"],
    [1500, "1.50 µs"],
    [150_000, "0.150 ms"],
    [25_000_000, "25.0 ms"],
    [2_000_000_000, "2 s"],
    [2_345_678_901, "2,346 ms"],
    [12_400_000_000, "12.4 s"],
    [1_800_000_000_000, "30.0 min"],
  ])("duration of %p ns", (ns, text) => {
    expect(duration(ns)).toBe(text);
  });

  test.each([
    [0, "0 %"],
    [1, "100 %"],
    [0.5, "50.00 %"],
    // Rounded to two digits these would claim everything or nothing.
    [0.99999, "99.999 %"],
    [0.999999, "99.9999 %"],
    [0.00001, "0.001 %"],
    [1 - 1e-12, "> 99.999999 %"],
  ])("share %p", (share, text) => {
    expect(percentage(share)).toBe(text);
  });

  test("rates, sizes, keys and written values", () => {
    expect([perSecond(0), perSecond(3.5), perSecond(985.26), perSecond(103_387)]).toEqual([
      "0/s",
      "3.50/s",
      "985.3/s",
      "103,387/s",
    ]);
    expect([bytes(1023), bytes(2 ** 20), bytes(24 * 2 ** 30)]).toEqual([
      "1023 B",
      "1.00 MiB",
      "24.0 GiB",
    ]);
    expect([keyName("system.slo"), keyName("workload.timeCompression")]).toEqual([
      "SLO",
      "time compression",
    ]);
    expect(keyName("system.models.mobile_pose_mobilenet1.0")).toBe(
      "mobile_pose_mobilenet1.0 instances",
    );
    expect([writtenValue("25ms"), writtenValue("1000/s"), writtenValue(8)]).toEqual([
      "25 ms",
      "1000/s",
      "8",
    ]);
  });
});
