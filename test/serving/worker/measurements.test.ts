/** `.measurements` profiles (worker.md §5). */
import { describe, expect, test } from "bun:test";
import { parseMeasurements } from "#serving/worker/measurements.ts";
import { ns } from "#stdx/nanos.ts";

test("the template's values; a batch size that is left out is not known", () => {
  // "Example values in upstream's template: weights 10 000 000, b1 1 000 000, …" (worker.md §5).
  const text =
    'weights = 10000000L; // transfer\nb1 = 1000000L;\nb4 : 4000000\nnote = "other settings";\n';
  const parsed = parseMeasurements(text);
  expect(parsed.ok && parsed.value.weightsLoadNs).toBe(ns(10_000_000));
  expect(parsed.ok && [...parsed.value.execNs]).toEqual([
    [1, ns(1_000_000)],
    [4, ns(4_000_000)],
  ]);
});

describe("refused", () => {
  const due = "due is a whole number of nanoseconds, such as 8310000L";
  const cases: readonly [string, readonly string[]][] = [
    ["b1 = 5L;", ["the setting weights is missing: weights = 8310000L;"]],
    [
      "weights = 5;\nb1 = 2.5;\nb2 = -1;",
      [`line 2: b1 is 2.5; ${due}`, `line 3: b2 is -1; ${due}`],
    ],
    ['weights = "8ms";', [`line 1: weights is "8ms"; ${due}`]],
    ["weights = 5;\nb1 = \n;", ["line 3: expected a value for b1, got ;"]],
  ];
  for (const [text, problems] of cases) {
    test(JSON.stringify(text), () => {
      const parsed = parseMeasurements(text);
      expect(parsed.ok ? [] : parsed.error).toEqual(problems);
    });
  }
});
