/** How 32-bit floats are written: shortest decimal, and six digits as C++ streams do. */
import { describe, expect, test } from "bun:test";
import { Rng } from "#stdx/rng.ts";
import { formatFloat32, formatFloatGeneral } from "#telemetry/float-format.ts";

describe("formatFloatGeneral", () => {
  const cases: readonly [number, string][] = [
    [0, "0"],
    [-0, "-0"],
    [1, "1"],
    [2.5, "2.5"],
    [-2.5, "-2.5"],
    [0.00001, "1e-05"],
    [0.0001, "0.0001"],
    [0.012345, "0.012345"],
    [100_000, "100000"],
    [999_999, "999999"],
    [1_000_000, "1e+06"],
    [1_234_567, "1.23457e+06"],
    [1_234_565, "1.23456e+06"], // exact tie, even digit stays
    [1_234_575, "1.23458e+06"], // exact tie, odd digit rounds up
    [999_999.5, "1e+06"], // exact tie, carries through
    [0.1, "0.1"], // the float 0.100000001490116… has six digits 0.100000
    [3.4028234663852886e38, "3.40282e+38"],
    [1e-45, "1.4013e-45"],
    [Number.NaN, "nan"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NEGATIVE_INFINITY, "-inf"],
  ];
  for (const [value, text] of cases) {
    test(`${value} is ${text}`, () => expect(formatFloatGeneral(value)).toBe(text));
  }
});

describe("formatFloat32", () => {
  const cases: readonly [number, string][] = [
    [0, "0"],
    [1, "1"],
    [2.3, "2.3"],
    [1 / 3, "0.33333334"],
    [16_777_217, "16777216"],
    [1.0000001, "1.0000001"],
    [1e-7, "1e-7"],
  ];
  for (const [value, text] of cases) {
    test(`${value} is ${text}`, () => expect(formatFloat32(value)).toBe(text));
  }

  test("reads back as the same float, and no shorter decimal does", () => {
    const rng = Rng.of(1, "floats");
    const bits = new DataView(new ArrayBuffer(4));
    for (let i = 0; i < 5_000; i++) {
      bits.setUint32(0, rng.uint32());
      const float = bits.getFloat32(0);
      if (!Number.isFinite(float)) continue;
      const text = formatFloat32(float);
      expect(Math.fround(Number(text))).toBe(float);
      const digits = text
        .replace(/e.*$/, "")
        .replaceAll(/[-.]/g, "")
        .replace(/^0+/, "")
        .replace(/0+$/, "").length;
      if (digits > 1) expect(Math.fround(Number(float.toPrecision(digits - 1)))).not.toBe(float);
    }
  });
});
