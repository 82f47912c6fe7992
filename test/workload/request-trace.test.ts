/** Traces with a row per request: every format, exact instants, every mistake with its line, long and broken texts. */
import { describe, expect, test } from "bun:test";
import { RequestTraceReader, scanTrace, type TraceLayout } from "#workload/request-trace.ts";
import { parseDateTime, parseInstant, startOfDay, wholeUnits } from "#workload/trace-instants.ts";
import { LINE_LENGTH_MAX, TraceLines } from "#workload/trace-lines.ts";
import { piecesOf } from "./workloads.ts";

const layout = (
  format: TraceLayout["format"],
  column: string | null = null,
  unit: TraceLayout["unit"] = "s",
): TraceLayout => ({ format, column, unit });

const read = (of: TraceLayout, text: string, length = 7) => {
  const reader = new RequestTraceReader(of, piecesOf(text, length)());
  const rows = [];
  for (let row = reader.next(); row !== null; row = reader.next()) rows.push(row);
  return { rows, problems: reader.problems };
};

describe("instants", () => {
  test.each([
    ["12.5", "s", 12_500_000_000],
    ["0.1", "s", 100_000_000],
    ["27482", "ms", 27_482_000_000],
    ["3.", "s", 3_000_000_000],
    ["9.5e-07", "s", 950],
    ["1.25E+3", "ms", 1_250_000_000],
    ["12e-1", "s", 1_200_000_000],
    ["5e-401", "s", 0],
    ["7", "ns", 7],
    // A nanosecond beyond nine digits is rounded to the nearest one.
    ["1.0000000016", "s", 1_000_000_002],
  ] as const)("%s %s", (text, unit, ns) => {
    expect(parseInstant(text, unit, 0n)).toBe(ns);
  });

  test.each(["", "-1", "x", "1,5", "0x10", "NaN", "Infinity", "1 2"])("%j is none", (text) => {
    expect(parseInstant(text, "s", 0n)).toBeNull();
  });

  test("are exact when they count from long ago", () => {
    // Three nanoseconds apart, 1.7e18 ns after 1970, where doubles are 256 ns apart.
    const base = 1_700_000_000_000_000_000n;
    expect(parseInstant("1700000000000000001", "ns", base)).toBe(1);
    expect(parseInstant("1700000000000000004", "ns", base)).toBe(4);
    expect(parseInstant("1700000001.000000003", "s", 1_700_000_000n)).toBe(1_000_000_003);
    expect(parseInstant("1.700000001000000003e+09", "s", 1_700_000_000n)).toBe(1_000_000_003);
    expect(wholeUnits("1.700000001000000003e+09")).toBe(1_700_000_001n);
  });

  test("are dates as well", () => {
    // 2023-11-16 is day 19,677 of the epoch: 53 years of 365 days, 13 leap days, and 319 days of 2023.
    expect(startOfDay("2023-11-16 18:17:03.9799600")).toBe(19_677 * 86_400);
    const at = parseDateTime("2023-11-16 18:17:03.9799600", 19_677 * 86_400);
    expect(at).toBe((18 * 3600 + 17 * 60 + 3) * 1e9 + 979_960_000);
    for (const [text, days] of [
      ["1970-01-01 00:00:00", 0],
      ["2000-02-29 00:00:00", 11_016],
      ["2000-03-01 00:00:00", 11_017],
      ["2100-03-01 00:00:00", 47_541],
    ] as const) {
      expect(parseDateTime(text, 0)).toBe(days * 86_400e9);
    }
    for (const text of ["2023-11-16", "2023-13-01 00:00:00", "16.11.2023 18:17:03", ""]) {
      expect(parseDateTime(text, 0)).toBeNull();
    }
  });
});

describe("formats", () => {
  test("Azure Functions 2021: starts are ends less durations", () => {
    const text = "app,func,end_timestamp,duration\na1,f1,79.215,0.5\na1,f2,80,7.9e-05\n";
    expect(read(layout("azure-functions-2021"), text).rows).toEqual([
      { atNs: 78_715_000_000, source: "a1/f1", className: "azure-functions-2021" },
      { atNs: 79_999_921_000, source: "a1/f2", className: "azure-functions-2021" },
    ]);
  });

  test("Azure LLM 2023, past midnight", () => {
    const text =
      "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 23:59:59.9000000,1,2\r\n2023-11-17 00:00:00.1000000,3,4";
    const { rows } = read(layout("azure-llm-2023"), text);
    expect(rows.map(({ atNs }) => atNs)).toEqual([86_399_900_000_000, 86_400_100_000_000]);
  });

  test("BurstGPT, with and without sessions", () => {
    const old = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n";
    const sessions = `Timestamp,Session ID,Elapsed time,${old.slice(10)}`;
    const rows = [
      { atNs: 0, source: "", className: "ChatGPT" },
      { atNs: 40_500_000_000, source: "", className: "GPT-4" },
    ];
    const log = "Conversation log";
    const plain = `${old}5,ChatGPT,472,18,490,${log}\n45.5,GPT-4,1087,230,1317,${log}\n`;
    expect(read(layout("burstgpt"), plain).rows).toEqual(rows);
    const more = `${sessions}5,s,1,ChatGPT,472,18,490,${log}\n45.5,,2,GPT-4,1087,230,1317,${log}\n`;
    expect(read(layout("burstgpt"), more).rows).toEqual(rows);
  });

  test("Mooncake: milliseconds, a JSON object a line", () => {
    const text =
      '{"timestamp": 0, "input_length": 6755, "hash_ids": [0, 1]}\n{"timestamp": 3052, "input_length": 1}\n';
    expect(read(layout("mooncake"), text).rows.map(({ atNs }) => atNs)).toEqual([0, 3_052_000_000]);
  });

  test("CSV: instants with exponents, as numerical libraries write them", () => {
    const text = "at\n1.700000000000000000e+09\n1.700000000500000000e+09\n";
    expect(read(layout("csv", "at"), text).rows.map(({ atNs }) => atNs)).toEqual([0, 5e8]);
  });

  test("a recorded schedule of more than eleven days", () => {
    const text = "at_ns,instance,user,class\n0,0,0,a\n2000000000000000,1,0,a\n";
    const { rows } = read(layout("recorded", null, "ns"), text);
    expect(rows.map(({ atNs }) => atNs)).toEqual([0, 2e15]);
  });

  test("CSV: a column by its name, equal instants, quotes, a byte order mark, blank lines at the end", () => {
    const text = '\uFEFFname,"at"\n"x,y",1.5\n"x",1.5\n,2\n\n\n';
    const { rows, problems } = read(layout("csv", "at", "ms"), text);
    // The first instant's whole units are the base.
    expect(rows.map(({ atNs }) => atNs)).toEqual([500_000, 500_000, 1_000_000]);
    expect(problems.problems).toEqual([]);
  });
});

describe("mistakes", () => {
  const mistakes = (of: TraceLayout, text: string) =>
    read(of, text).problems.problems.map(({ line, column, message }) => [line, column, message]);
  const csv = layout("csv", "at");

  test.each([
    ["a missing column", csv, "t,x\n1,2\n", [[1, "at", "the header has no such column"]]],
    ["a column twice", csv, "at,at\n1,2\n", [[1, "at", "the column appears twice"]]],
    ["a negative instant", csv, "at\n-1\n", [[2, "at", "the instant is negative"]]],
    ["no instant", csv, "at,b\n,2\n", [[2, "at", "the instant is missing"]]],
    ["NaN", csv, "at\nNaN\n3\n", [[2, "at", "no instant"]]],
    [
      "a first instant that is none, which says nothing of those after it",
      csv,
      "at\nx\n1700000000\n1700000001\n",
      [[2, "at", "no instant"]],
    ],
    [
      "a first date that is none",
      layout("azure-llm-2023"),
      "TIMESTAMP\nx\n2023-11-16 18:17:03\n",
      [[2, "TIMESTAMP", "no instant"]],
    ],
    [
      "a row of a Parquet file, whose column has the user's name",
      layout("parquet", "when"),
      "at\n1\nnull\n",
      [[3, "when", "no instant"]],
    ],
    ["a wrong width", csv, "at,b\n1\n", [[2, "", "the line has 1 fields, the header has 2"]]],
    ["an open quote", csv, 'at\n"1\n', [[2, "", "unclosed quote"]]],
    [
      "rows out of order",
      csv,
      "at\n2\n1\n",
      [[3, "", "the request is earlier than the one before"]],
    ],
    ...["1e300", "9".repeat(400), "99999999", "1e12"].map((far) => [
      `an absurd instant (${far.slice(0, 10)})`,
      csv,
      `at\n5\n${far}\n6\n`,
      [[3, "", "the instant is more than 104 days from the first one"]],
    ]),
    [
      "an absurd date",
      layout("azure-llm-2023"),
      "TIMESTAMP\n2023-11-16 18:17:03\n9999-12-31 23:59:59\n2023-11-16 18:17:04\n",
      [[3, "", "the instant is more than 104 days from the first one"]],
    ],
    [
      "a date that is none",
      layout("azure-llm-2023"),
      "TIMESTAMP\n2023-13-45 18:17:03\n",
      [[2, "TIMESTAMP", "no instant"]],
    ],
    ["a blank line within", csv, "at\n1\n\n2\n", [[3, "", "blank line between rows"]]],
    [
      "two mistakes",
      layout("azure-functions-2021"),
      "app,func,end_timestamp,duration\na,f,x,1\na,f,1,-2\n",
      [
        [2, "end_timestamp", "no instant"],
        [3, "duration", "the instant is negative"],
      ],
    ],
    ["no date", layout("azure-llm-2023"), "TIMESTAMP\n5\n", [[2, "TIMESTAMP", "no instant"]]],
    ["no JSON", layout("mooncake"), "timestamp\n", [[1, "", "the line is no JSON"]]],
    [
      "JSON without instant",
      layout("mooncake"),
      '{"timestamp": "5"}\n[]\nnull\n',
      [1, 2, 3].map((line) => [line, "timestamp", "the line has no number of that name"]),
    ],
  ] as unknown as readonly (readonly [string, TraceLayout, string, unknown[]])[])(
    "%s",
    (_name, of, text, found) => {
      expect(mistakes(of, text) as unknown[]).toEqual(found);
    },
  );

  test("are listed up to a limit, and counted beyond", () => {
    const { problems } = read(csv, `at\n${"x\n".repeat(50)}`);
    expect(problems.problems).toHaveLength(20);
    expect(problems.omitted).toBe(30);
  });

  test("an empty file, and one without requests, are refused", () => {
    for (const text of ["", "at\n"]) {
      const scanned = scanTrace(csv, piecesOf(text, 4));
      if (scanned.ok) throw new Error("the trace was accepted");
      expect(scanned.error.problems[0]?.message).toBe("the trace has no requests");
    }
  });

  test("a hundred thousand columns are read, a line without end is not", () => {
    const wide = Array.from({ length: 100_000 }, (_, i) => `c${i}`).join(",");
    const row = Array.from({ length: 100_000 }, () => "1").join(",");
    expect(read(layout("csv", "c99999"), `${wide}\n${row}\n`, 65_536).rows).toHaveLength(1);
    const endless = read(csv, `at\n${"1".repeat(LINE_LENGTH_MAX + 200_000)}`, 65_536);
    expect(endless.problems.problems[0]?.message).toBe("the line has more than 1000000 characters");
  });
});

test("lines are the same however the text is cut", () => {
  const text = "a\r\nbb\n\nccc";
  for (const length of [1, 2, 3, 100]) {
    const lines = new TraceLines(piecesOf(text, length)());
    const found = [];
    for (let line = lines.next(); line !== null; line = lines.next()) found.push(line);
    expect(found).toEqual(["a", "bb", "", "ccc"]);
  }
});

test("a first reading finds what a replay has to know", () => {
  const text = "app,func,end_timestamp,duration\na,f,10,1\na,g,11,5\nb,f,12,0.5\na,f,20,12\n";
  const scanned = scanTrace(layout("azure-functions-2021"), piecesOf(text, 10));
  if (!scanned.ok) throw new Error("refused");
  // Starts 9, 6, 11.5 and 8 s: the second is 3 s and the last 3.5 s earlier than the latest before it.
  expect(scanned.value.facts).toEqual({
    requests: 4,
    firstNs: 6e9,
    lastNs: 11.5e9,
    disorderNs: 3.5e9,
    sources: 3,
    instances: 0,
  });
});
