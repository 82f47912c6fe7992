/** Mistakes in words: values, near names and the printed list. */
import { describe, expect, test } from "bun:test";
import { formatProblems, listNames, nearest, showValue } from "#experiment/problem.ts";

describe("values as people recognise them", () => {
  const loop: { self?: unknown } = {};
  loop.self = loop;
  const cases: readonly (readonly [unknown, string])[] = [
    [undefined, ""],
    [null, "null"],
    ["25ms", '"25ms"'],
    [Number.NaN, "NaN"],
    [Infinity, "Infinity"],
    [10n, "10n"],
    [() => 1, "a function"],
    [Symbol("x"), "a symbol"],
    [new Date(0), "a Date"],
    [{ a: [1, () => 1] }, '{"a":[1,"a function"]}'],
    [loop, '{"self":"…"}'],
  ];
  for (const [value, shown] of cases)
    test(shown || "nothing", () => expect(showValue(value)).toBe(shown));

  test("are cut to 80 characters", () => {
    expect(showValue("x".repeat(200))).toBe(`"${"x".repeat(78)}…`);
  });
});

describe("near names", () => {
  const known = ["warmUp", "duration", "coolDown", "rate", "concurrency"];
  const cases: readonly (readonly [string, string | null])[] = [
    ["duraton", "duration"],
    ["warm_up", "warmUp"],
    ["WARMUP", "warmUp"],
    ["cool-down", "coolDown"],
    ["rates", "rate"],
    ["concurency", "concurrency"],
    ["placement", null],
    ["xy", null],
    ["", null],
  ];
  for (const [name, near] of cases)
    test(`${name} → ${near}`, () => expect(nearest(name, known)).toBe(near));

  test("there is none among none", () => expect(nearest("a", [])).toBeNull());

  test("a long list is cut short", () => {
    const names = Array.from({ length: 20 }, (_, i) => `m${i}`);
    expect(listNames(names)).toEndWith("m13 and 6 more");
    expect(listNames(names.slice(0, 14))).toEndWith("m13");
  });
});

test("the list has a heading and a block for every mistake", () => {
  const problems = [
    { path: "seed", value: "0.5", message: "0.5 is not a whole number", remedy: "a whole number" },
    { path: "", value: "", message: "an experiment is an object", remedy: "write one" },
  ];
  expect(formatProblems("a.ts", problems)).toBe(`a.ts: 2 mistakes, nothing was started

  seed = 0.5
    0.5 is not a whole number
    → a whole number

  (the whole file)
    an experiment is an object
    → write one`);
});
