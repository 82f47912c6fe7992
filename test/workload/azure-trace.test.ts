/** Reading traces: what the format allows, and one clear problem for each way to break it. */
import { describe, expect, test } from "bun:test";
import { AzureTraceReader, parseAzureTrace } from "#workload/azure-trace.ts";
import {
  formatTraceProblems,
  TRACE_PROBLEM_LIMIT,
  type TraceProblem,
} from "#workload/trace-problems.ts";

const HEADER = "HashOwner,HashApp,HashFunction,Trigger,480,481,482";
const GOOD = `${HEADER}\no1,a1,f1,http,0,3,1\no2,a2,f2,timer,1,0,1\n`;

const problemsOf = (text: string): readonly TraceProblem[] => {
  const parsed = parseAzureTrace(text);
  if (parsed.ok) throw new Error("the trace was accepted");
  return parsed.error.problems;
};

const traceOf = (text: string) => {
  const parsed = parseAzureTrace(text);
  if (!parsed.ok) throw new Error(formatTraceProblems("trace.csv", parsed.error));
  return parsed.value;
};

describe("a trace in the published format", () => {
  test("keeps names, minutes and the counts that are not zero", () => {
    const trace = traceOf(GOOD);
    expect([trace.firstMinute, trace.minuteCount]).toEqual([480, 3]);
    expect(
      trace.functions.map(({ owner, app, name, trigger }) => [owner, app, name, trigger]),
    ).toEqual([
      ["o1", "a1", "f1", "http"],
      ["o2", "a2", "f2", "timer"],
    ]);
    expect(trace.functions.map(({ columns, counts }) => [[...columns], [...counts]])).toEqual([
      [
        [1, 2],
        [3, 1],
      ],
      [
        [0, 2],
        [1, 1],
      ],
    ]);
  });

  test.each([
    ["CRLF line ends", GOOD.replaceAll("\n", "\r\n")],
    ["a byte order mark", `\uFEFF${GOOD}`],
    ["no line end after the last line", GOOD.slice(0, -1)],
    ["blank lines at the end", `${GOOD}\n\r\n`],
    ["quoted fields", GOOD.replace("o1,a1,f1,http,0,3,1", '"o1",a1,"f1","http","0",3,"1"')],
  ])("may have %s", (_, text) => {
    expect(traceOf(text)).toEqual(traceOf(GOOD));
  });

  test("keeps commas and quotes inside quoted names", () => {
    const trace = traceOf(`${HEADER}\n"o,1","a""1",f1,http,0,0,7\n`);
    expect(trace.functions[0]).toMatchObject({ owner: "o,1", app: 'a"1', name: "f1" });
    expect([...(trace.functions[0]?.counts ?? [])]).toEqual([7]);
  });

  test("reads the same wherever the text is cut into pieces", () => {
    for (let cut = 0; cut <= GOOD.length; cut++) {
      const reader = new AzureTraceReader();
      reader.push(GOOD.slice(0, cut));
      reader.push(GOOD.slice(cut));
      expect(reader.finish()).toEqual(parseAzureTrace(GOOD));
    }
  });
});

describe("a broken trace", () => {
  const row = (line: string): string =>
    `${HEADER}\no0,a0,f0,http,0,0,0\n${line}\no2,a2,f2,http,1,1,1\n`;
  const last = (line: string): string => `${HEADER}\no0,a0,f0,http,0,0,0\n${line}`;
  test.each([
    ["is empty", "", 1, "", "the file is empty"],
    ["has no functions", `${HEADER}\n`, 1, "", "no functions"],
    ["lacks the header", "o1,a1,f1,http,0,3,1\n", 1, "", "the first line is not the header"],
    [
      "lacks a header column",
      "HashOwner,HashApp,HashFunction,480\n",
      1,
      "Trigger",
      "column 4 of the header",
    ],
    ["names no minutes", "HashOwner,HashApp,HashFunction,Trigger\n", 1, "", "no minutes"],
    ["names a minute twice", `${HEADER},481\n`, 1, "481", "minute 481 appears twice"],
    ["leaves out a minute", `${HEADER},484\n`, 1, "484", "minute 484 follows minute 482"],
    ["has minutes in falling order", `${HEADER},100\n`, 1, "100", "minute 100 follows minute 482"],
    ["names a minute that is none", `${HEADER},noon\n`, 1, "noon", "no minute"],
    ["has an unclosed quote in its header", `"${HEADER}\n`, 1, "", "unclosed quote"],
    ["has a word for a count", row("o1,a1,f1,http,0,three,1"), 3, "481", "the count is no number"],
    ["has a negative count", row("o1,a1,f1,http,0,-3,1"), 3, "481", "the count is negative"],
    ["has a fractional count", row("o1,a1,f1,http,0,3,1.5"), 3, "482", "no whole number"],
    ["has an empty count", row("o1,a1,f1,http,,3,1"), 3, "480", "the count is missing"],
    ["has an absurd count", row("o1,a1,f1,http,0,3,99999999999"), 3, "482", "above 1000000000"],
    [
      "has a count in the form 1e3",
      row("o1,a1,f1,http,1e3,0,0"),
      3,
      "480",
      "the count is no number",
    ],
    ["has a line that is too short", row("o1,a1,f1,http,0,3"), 3, "", "6 fields, the header has 7"],
    [
      "has a line that is too long",
      row("o1,a1,f1,http,0,3,1,1"),
      3,
      "",
      "8 fields, the header has 7",
    ],
    ["has a line without counts", row("o1,a1,f1,http"), 3, "", "4 fields, the header has 7"],
    ["has a blank line in the middle", row(""), 3, "", "blank line between functions"],
    ["has an unclosed quote", row('o1,a1,f1,"http,0,3,1'), 3, "", "unclosed quote"],
    [
      "ends in the middle of a line",
      last("o1,a1,f1,http,0,3"),
      3,
      "",
      "6 fields, the header has 7",
    ],
    ["ends in the middle of a name", last("o1,a"), 3, "", "2 fields, the header has 7"],
  ])("%s", (_, text, line, column, message) => {
    const problems = problemsOf(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ line, column });
    expect(problems[0]?.message).toContain(message);
    expect(problems[0]?.remedy).not.toBe("");
  });

  test("that was cut off says so instead of blaming the line", () => {
    expect(problemsOf(last("o1,a1,f1,http,0,3"))[0]?.remedy).toContain("cut off");
    expect(problemsOf(row("o1,a1,f1,http,0,3"))[0]?.remedy).not.toContain("cut off");
  });

  test("reports all mistakes at once, and counts those beyond a limit", () => {
    const lines = Array.from({ length: 30 }, (_, i) => `o${i},a,f,http,x,0,-1`);
    const parsed = parseAzureTrace(`${HEADER}\n${lines.join("\n")}\n`);
    if (parsed.ok) throw new Error("the trace was accepted");
    // 30 lines with 2 mistakes each: 60, of which the first 20 are told.
    expect(parsed.error.problems).toHaveLength(TRACE_PROBLEM_LIMIT);
    expect(parsed.error.omitted).toBe(60 - TRACE_PROBLEM_LIMIT);
    const text = formatTraceProblems("trace.csv", parsed.error);
    expect(text.split("\n")[0]).toBe(
      'trace.csv:2, column 480: the count is no number ("x"); a count is a whole number of invocations, 0 or more',
    );
    expect(text).toEndWith("trace.csv: and 40 more problems");
  });

  test("whose line never ends is given up instead of being kept in memory", () => {
    for (const [before, line] of [
      ["", 1],
      [GOOD, 4],
    ] as const) {
      const reader = new AzureTraceReader();
      reader.push(before);
      expect(reader.isHopeless).toBe(false);
      for (let mebibyte = 0; mebibyte < 4; mebibyte++) reader.push("0".repeat(1024 * 1024));
      expect(reader.isHopeless).toBe(true);
      const parsed = reader.finish();
      expect(parsed.ok ? [] : parsed.error.problems).toEqual([
        expect.objectContaining({ line, message: "the line has more than 1048576 characters" }),
      ]);
    }
  });

  test("with another header is not read on", () => {
    const reader = new AzureTraceReader();
    reader.push("a,b,c\n");
    expect(reader.isHopeless).toBe(true);
  });

  test("with very many columns is refused at its header", () => {
    const minutes = Array.from({ length: 100_000 }, (_, i) => i + 1);
    const problems = problemsOf(`HashOwner,HashApp,HashFunction,Trigger,${minutes.join(",")}\n`);
    expect(problems[0]?.message).toContain("100000 minutes");
  });
});
