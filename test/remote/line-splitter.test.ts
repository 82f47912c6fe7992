/** Lines out of bytes, however they are cut. */
import { expect, test } from "bun:test";
import { LineSplitter } from "#remote/line-splitter.ts";

const split = (chunks: readonly Uint8Array[], lengthMax?: number): readonly string[] => {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), lengthMax);
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
};

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("every cut gives the same lines, characters of several bytes included", () => {
  const text = "one\n\ntwö €\nlast";
  const whole = bytes(text);
  for (let at = 0; at <= whole.length; at++) {
    expect(split([whole.slice(0, at), whole.slice(at)])).toEqual(["one", "", "twö €", "last"]);
  }
});

test("a final newline begins no further line", () => {
  expect(split([bytes("a\n")])).toEqual(["a"]);
  expect(split([])).toEqual([]);
});

test("long lines come in pieces, with and without their newline", () => {
  expect(split([bytes("abcdefgh\nxy\n")], 3)).toEqual(["abc", "def", "gh", "xy"]);
  expect(split([bytes("abcd"), bytes("efg")], 3)).toEqual(["abc", "def", "g"]);
});
