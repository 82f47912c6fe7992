/** Traces of counts from files: names that stand for several days, what is missing, and what is no text. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readCountTrace } from "#cli/count-trace.ts";
import { expandTraceName } from "#cli/trace-name.ts";
import { ExperimentFolder } from "../support/experiment-folder.ts";

let folder: ExperimentFolder;

beforeEach(() => {
  folder = new ExperimentFolder();
});
afterEach(() => folder[Symbol.dispose]());

test.each([
  ["day.csv", ["day.csv"]],
  ["x/d{01..03}.csv", ["x/d01.csv", "x/d02.csv", "x/d03.csv"]],
  ["d{9..11}", ["d9", "d10", "d11"]],
  ["d{03..01}.csv", ["d{03..01}.csv"]],
  ["d{0..99999}.csv", ["d{0..99999}.csv"]],
] as const)("%s", (name, files) => {
  expect(expandTraceName(name)).toEqual([...files]);
});

const DAY = `HashOwner,HashApp,HashFunction,Trigger,${Array.from({ length: 1440 }, (_, i) => i + 1).join(",")}\n`;
const line = (name: string, count: number): string =>
  `o,a,${name},http,${Array.from({ length: 1440 }, () => count).join(",")}\n`;

describe("files", () => {
  test("of several days are one trace", async () => {
    await folder.write("d01.csv", DAY + line("f", 1));
    await folder.write("d02.csv", DAY + line("g", 3) + line("f", 2));
    const read = readCountTrace(join(folder.path, "d{01..02}.csv"));
    if (!read.ok) throw new Error(read.error);
    const table = read.value;
    expect([table.minuteCount, table.functionCount]).toEqual([2880, 2]);
    expect([table.totalOf(0), table.totalOf(2879)]).toEqual([1, 5]);
    const { size, functions, counts } = table.cellsOf(2000);
    expect([functions.slice(0, size), counts.slice(0, size)].map(String)).toEqual(["1,0", "3,2"]);
  });

  test.each([
    ["no text", new Uint8Array([0x48, 0xff, 0xfe, 0x0a]), "the file is not UTF-8"],
    ["empty", "", ":1: the file is empty"],
    ["a line without end", "x".repeat(2_000_000), "the line has more than 1048576 characters"],
    [
      "a hundred thousand columns",
      `HashOwner,HashApp,HashFunction,Trigger,${Array.from({ length: 100_000 }, (_, i) => i + 1).join(",")}\n`,
      "the header names 100000 minutes, more than the 20160 of 14 days",
    ],
  ])("%s", async (_, content, message) => {
    const path = join(folder.path, "bad.csv");
    await Bun.write(path, content);
    const read = readCountTrace(path);
    expect(read.ok ? "accepted" : read.error).toContain(message);
  });
});
