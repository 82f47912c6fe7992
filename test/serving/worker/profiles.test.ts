/** Profile sets: the format, every mistake with its line, and the sets that are shipped. */

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ProfileCatalogue, parseProfiles } from "#serving/worker/profiles.ts";
import { ns } from "#stdx/nanos.ts";

const HEADER = "model,input_bytes,output_bytes,weights_bytes,weights_load_ns,exec_b1_ns,exec_b2_ns";

const problemsOf = (text: string): readonly string[] => {
  const parsed = parseProfiles(text);
  return parsed.ok ? [] : parsed.error;
};

describe("parsing", () => {
  test("comments, Windows line ends, any order of columns, missing batch sizes", () => {
    const text =
      "# where from\r\nexec_b4_ns,exec_b1_ns,model,weights_load_ns,weights_bytes,output_bytes,input_bytes\r\n400,100,a,9,50,4,8\r\n,100,b,9,50,4,8\r\n";
    const parsed = parseProfiles(text);
    expect(parsed.ok && [...parsed.value]).toEqual([
      [
        "a",
        {
          inputBytes: 8,
          outputBytes: 4,
          weightsBytes: 50,
          weightsLoadNs: ns(9),
          batchSizes: [1, 4],
          execNs: [ns(100), ns(400)],
        },
      ],
      [
        "b",
        {
          inputBytes: 8,
          outputBytes: 4,
          weightsBytes: 50,
          weightsLoadNs: ns(9),
          batchSizes: [1],
          execNs: [ns(100)],
        },
      ],
    ]);
  });

  const cases: readonly [string, string, readonly string[]][] = [
    ["empty", "", ["the file is empty"]],
    ["comments only", "# nothing\n", ["the file is empty"]],
    ["no models", `${HEADER}\n`, ["there are no models in it"]],
    [
      "columns missing",
      "# x\nmodel,input_bytes\n",
      ["line 2: the header lacks output_bytes, weights_bytes, weights_load_ns, exec_b1_ns"],
    ],
    ["unknown column", `${HEADER},colour\n`, ["line 1: the header has unknown columns: colour"]],
    ["column twice", `${HEADER},exec_b1_ns\n`, ["line 1: the header names a column twice"]],
    ["too few cells", `${HEADER}\na,1,2,3,4,5\n`, ["line 2: has 6 cells, the header 7"]],
    [
      "no number",
      `${HEADER}\na,1,2,3,4ms,5,6\n`,
      ['line 2: weights_load_ns is "4ms", not a whole number'],
    ],
    [
      "a fraction",
      `${HEADER}\na,1,2,3,4,5.5,6\n`,
      ['line 2: exec_b1_ns is "5.5", not a whole number'],
    ],
    [
      "negative",
      `${HEADER}\na,-1,2,3,4,5,6\n`,
      ['line 2: input_bytes is "-1", not a whole number'],
    ],
    ["no batch 1", `${HEADER}\na,1,2,3,4,,6\n`, ["line 2: exec_b1_ns is missing"]],
    ["no name", `${HEADER}\n,1,2,3,4,5,6\n`, ["line 2: model is missing"]],
    ["name twice", `${HEADER}\na,1,2,3,4,5,6\na,1,2,3,4,5,6\n`, ["line 3: a is there twice"]],
    [
      "all mistakes at once",
      `${HEADER}\na,x,2,3,4,5,6\nb,1,y,3,4,5,6\n`,
      [
        'line 2: input_bytes is "x", not a whole number',
        'line 3: output_bytes is "y", not a whole number',
      ],
    ],
  ];
  for (const [name, text, problems] of cases) {
    test(name, () => expect(problemsOf(text)).toEqual(problems));
  }
});

describe("catalogue", () => {
  const parsed = parseProfiles(`${HEADER}\na,1,2,3,4,5,6\n`);
  const catalogue = new ProfileCatalogue(parsed.ok ? parsed.value : new Map());
  test("goes by the last but one part of the path", () => {
    expect(catalogue.find("/zoo/a/model").ok).toBe(true);
    expect(catalogue.find("a/model").ok).toBe(true);
  });
  for (const path of ["/zoo/b/model", "a", "", "/"]) {
    test(`"${path}" is status 41`, () => {
      expect(catalogue.find(path)).toEqual({
        ok: false,
        status: 41,
        message: `No valid batch sizes found for ${path}`,
      });
    });
  }
});

describe("the shipped sets", () => {
  const folder = fileURLToPath(new URL("../../../experiments/profiles/", import.meta.url));
  const read = (name: string) => {
    const text = readFileSync(`${folder}${name}.csv`, "utf8");
    const parsed = parseProfiles(text);
    if (!parsed.ok) throw new Error(parsed.error.join("\n"));
    return { text, profiles: parsed.value };
  };

  for (const file of readdirSync(folder).filter((name) => name.endsWith(".csv"))) {
    test(`${file} says where it comes from and reads without a mistake`, () => {
      const { text, profiles } = read(file.replace(/\.csv$/, ""));
      expect(text).toStartWith("# Origin: ");
      for (const profile of profiles.values()) expect(profile.batchSizes).toEqual([1, 2, 4, 8, 16]);
    });
  }

  test("the published table is whole and exact", () => {
    const { profiles } = read("v100-table1");
    expect(profiles.size).toBe(64);
    // Printed: 602 kB, 4 kB, 102.2 MB, 8.32 ms; 2.73 4.05 5.87 9.93 17.3 ms.
    expect(profiles.get("resnet50_v2")).toEqual({
      inputBytes: 602_112, // 224 × 224 × 3 floats
      outputBytes: 4_000,
      weightsBytes: 102_200_000,
      weightsLoadNs: ns(8_320_000),
      batchSizes: [1, 2, 4, 8, 16],
      execNs: [ns(2_730_000), ns(4_050_000), ns(5_870_000), ns(9_930_000), ns(17_300_000)],
    });
  });

  test("the recordings' resnet50_v2 takes seven pages", () => {
    expect(read("recording").profiles.get("resnet50_v2")?.weightsBytes).toBe(7 * 16_777_216);
  });
});
