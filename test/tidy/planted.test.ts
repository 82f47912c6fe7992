/** Plants one violation after another and expects the tidy checker to name each of them, and nothing in clean sources. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { checkSources } from "./check-sources.ts";
import { parseLayerTable } from "./layer-table.ts";

const architecture = readFileSync(resolve(import.meta.dir, "../../ARCHITECTURE.md"), "utf8");
const table = parseLayerTable(architecture);

const check = (path: string, body: string): readonly string[] =>
  checkSources(table, [{ path, text: `/** Planted. */\n${body}\n` }]).violations;

/** What is planted, where, the source, and words that the one message must hold. */
const PLANTED: readonly (readonly [what: string, path: string, source: string, message: string])[] =
  [
    ["a forbidden folder", "src/serving/a.ts", 'import { x } from "#wire/x.ts";', "imports wire"],
    [
      "a type-only import",
      "src/stats/a.ts",
      'import type { X } from "#query/x.ts";',
      "imports query",
    ],
    [
      "inline type specifiers",
      "src/stats/a.ts",
      'import { type X } from "#query/x.ts";',
      "imports query",
    ],
    [
      "a multi-line import",
      "src/serving/a.ts",
      'import {\n  x,\n  y,\n} from\n  "#host/x.ts";',
      "imports host",
    ],
    ["a named re-export", "src/serving/a.ts", 'export { x } from "#host/x.ts";', "imports host"],
    ["a star re-export", "src/serving/a.ts", 'export * from "#host/x.ts";', "imports host"],
    [
      "a type re-export",
      "src/serving/a.ts",
      'export type { X } from "#host/x.ts";',
      "imports host",
    ],
    ["a side-effect import", "src/serving/a.ts", 'import "#host/x.ts";', "imports host"],
    [
      "a dynamic import",
      "src/report/a.ts",
      'export const x = () => import("#query/x.ts");',
      "types only",
    ],
    [
      "a dynamic import in a template",
      "src/report/a.ts",
      "export const x = () => import(`#host/x.ts`);",
      "imports host",
    ],
    [
      "a computed import",
      "src/report/a.ts",
      "export const x = (p: string) => import(p);",
      "computed at run time",
    ],
    [
      "an import inside a type",
      "src/stats/a.ts",
      'export type X = import("#host/x.ts").X;',
      "imports host",
    ],
    ["a require", "src/stats/a.ts", 'export const x = require("#host/x.ts");', "imports host"],
    [
      "a require.resolve",
      "src/stats/a.ts",
      'export const x = require.resolve("zod");',
      'imports "zod"',
    ],
    [
      "an import assignment",
      "src/stats/a.ts",
      'import x = require("node:fs");\nexport { x };',
      "node:fs",
    ],
    ["a reference directive", "src/stats/a.ts", '/// <reference types="zod" />', 'imports "zod"'],
    [
      "values where types are allowed",
      "src/judge/a.ts",
      'import { x } from "#query/x.ts";',
      "types only",
    ],
    [
      "values beside types",
      "src/judge/a.ts",
      'import { type X, y } from "#query/x.ts";',
      "types only",
    ],
    [
      "a relative cross-folder import",
      "src/host/a.ts",
      'import { x } from "../serving/x.ts";',
      'write "#serving/',
    ],
    [
      "a relative import from a test",
      "test/a.ts",
      'import { x } from "../src/serving/x.ts";',
      'write "#serving/',
    ],
    [
      "a relative import out of src",
      "src/cli/a.ts",
      'import x from "../../experiments/x.ts";',
      "imports experiments",
    ],
    [
      "an import of results",
      "src/cli/a.ts",
      'import x from "../../results/x.json";',
      "outside the layered folders",
    ],
    [
      "an absolute import",
      "src/cli/a.ts",
      'import x from "/etc/x.ts";',
      "outside the layered folders",
    ],
    [
      "an import of scripts",
      "src/cli/a.ts",
      'import { x } from "../../scripts/x.ts";',
      "imports scripts",
    ],
    ["an import of test", "scripts/a.ts", 'import { x } from "../test/x.ts";', "imports test"],
    ["a builtin", "src/serving/a.ts", 'import { readFileSync } from "node:fs";', "belongs to"],
    [
      "a builtin without its prefix",
      "src/runner/a.ts",
      'import { readFileSync } from "fs";',
      "belongs to",
    ],
    [
      "a builtin beside the allowed one",
      "src/runner/a.ts",
      'import { readFile } from "node:fs/promises";',
      "belongs to",
    ],
    ["a Bun module", "src/query/a.ts", 'import { Database } from "bun:sqlite";', "belongs to host"],
    [
      "a library of another folder",
      "src/runner/a.ts",
      'import { z } from "zod";',
      "belongs to experiment",
    ],
    [
      "a library's subpath",
      "src/cli/a.ts",
      'import { x } from "@bufbuild/protobuf/wire";',
      "belongs to wire",
    ],
    ["an unowned library", "src/runner/a.ts", 'import x from "lodash";', "which no folder owns"],
    [
      "a folder without a row",
      "src/extras/a.ts",
      "export const x = 1;",
      '"extras", which is no row',
    ],
    [
      "an import of a folder without a row",
      "src/cli/a.ts",
      'import { x } from "#extras/x.ts";',
      "no row",
    ],
    ["a file directly in src", "src/a.ts", "export const x = 1;", "lies in no folder"],
    ["an unfit file name", "src/stats/meanOf.ts", "export const x = 1;", "kebab-case"],
    ["a kitchen sink", "src/stats/utils.ts", "export const x = 1;", "says nothing"],
    ["a barrel", "src/stats/index.ts", "export const x = 1;", "says nothing"],
    ["a default export", "src/stats/a.ts", "export default 1;", "default export"],
    ["Date.now", "src/serving/a.ts", "export const x = () => Date.now();", "uses Date.now"],
    ["new Date", "src/serving/a.ts", "export const x = () => new Date();", "uses Date"],
    [
      "a Date by another name",
      "src/serving/a.ts",
      "const D = Date;\nexport const x = () => D.now();",
      "uses Date",
    ],
    [
      "performance.now",
      "src/serving/a.ts",
      "export const x = () => performance.now();",
      "uses performance.now",
    ],
    [
      "a computed member",
      "src/serving/a.ts",
      'export const x = () => performance["now"]();',
      "uses performance.now",
    ],
    [
      "Math.random",
      "src/workload/a.ts",
      "export const x = () => Math.random();",
      "uses Math.random",
    ],
    [
      "Math.random by index",
      "src/workload/a.ts",
      'export const x = () => Math["random"]();',
      "uses Math.random",
    ],
    [
      "Math.random taken apart",
      "src/workload/a.ts",
      "const { random } = Math;\nexport const x = random;",
      "uses Math.random",
    ],
    ["setTimeout", "src/serving/a.ts", "setTimeout(() => {}, 1);", "uses setTimeout"],
    [
      "setInterval handed on",
      "src/serving/a.ts",
      "export const x = [setInterval];",
      "uses setInterval",
    ],
    ["setImmediate", "src/serving/a.ts", "setImmediate(() => {});", "uses setImmediate"],
    ["queueMicrotask", "src/serving/a.ts", "queueMicrotask(() => {});", "uses queueMicrotask"],
    [
      "crypto",
      "src/stdx/a.ts",
      "export const x = () => crypto.randomUUID();",
      "uses crypto.randomUUID",
    ],
    ["Bun in a pure folder", "src/wire/a.ts", 'export const x = Bun.file("x");', "uses Bun.file"],
    [
      "Bun in a folder that awaits",
      "src/report/a.ts",
      'export const x = Bun.file("x");',
      "uses Bun.file",
    ],
    ["Bun in the runner", "src/runner/a.ts", 'export const x = Bun.file("x");', "uses Bun.file"],
    [
      "globalThis",
      "src/serving/a.ts",
      "export const x = () => globalThis.Date.now();",
      "uses globalThis",
    ],
    ["console", "src/serving/a.ts", 'console.log("x");', "uses console.log"],
    ["fetch", "src/judge/a.ts", 'export const x = fetch("x");', "uses fetch"],
    ["import.meta", "src/telemetry/a.ts", "export const x = import.meta.dir;", "uses import.meta"],
    [
      "the environment in a pure folder",
      "src/serving/a.ts",
      'export const x = process.env["X"];',
      "process.env",
    ],
    [
      "the environment in host",
      "src/host/a.ts",
      'export const x = process.env["X"];',
      "reads process.env",
    ],
    ["the environment by Bun", "src/remote/a.ts", "export const x = Bun.env;", "reads Bun.env"],
    [
      "the arguments in query",
      "src/query/a.ts",
      "export const x = process.argv;",
      "reads process.argv",
    ],
    [
      "the environment under its module's name",
      "src/host/a.ts",
      'import process from "node:process";\nexport const x = process.env;',
      "reads process.env",
    ],
    [
      "the environment imported by name",
      "src/host/a.ts",
      'import { env } from "node:process";\nexport const x = env;',
      "reads process.env",
    ],
    [
      "the process module under another name",
      "src/host/a.ts",
      'import * as proc from "node:process";\nexport const x = proc.env;',
      "reads process",
    ],
    ["Bun's environment by name", "src/host/a.ts", 'export { env } from "bun";', "reads Bun.env"],
    ["all of process", "src/host/a.ts", 'export * from "node:process";', "reads process"],
    [
      "the environment taken apart",
      "src/host/a.ts",
      "const { env } = process;\nexport const x = env;",
      "reads process",
    ],
    [
      "the environment by import.meta",
      "src/host/a.ts",
      "export const x = import.meta.env;",
      "reads import.meta.env",
    ],
    [
      "the environment by way of globalThis",
      "src/host/a.ts",
      "export const x = globalThis.process.env;",
      "reads globalThis.process",
    ],
    [
      "process where Node is not owned",
      "src/runner/a.ts",
      "export const x = process.cwd();",
      "uses process.cwd",
    ],
    [
      "a shell string",
      "src/host/a.ts",
      'import { $ } from "bun";\nexport const x = () => $`ls`;',
      "only remote",
    ],
    [
      "a child process outside remote",
      "src/query/a.ts",
      'import { exec } from "node:child_process";\nexec("ls");',
      "only remote",
    ],
    [
      "a name that is bound elsewhere in the file",
      "src/serving/a.ts",
      "export const f = (Date: number) => Date;\nexport const x = Date.now();",
      "uses Date.now",
    ],
    [
      "a name that an inner block binds",
      "src/serving/a.ts",
      "{\n  const setTimeout = 1;\n}\nsetTimeout(() => {}, 1);",
      "uses setTimeout",
    ],
    [
      "an alias of require",
      "src/serving/a.ts",
      'const load = require;\nexport const x = load("x");',
      "uses require",
    ],
    [
      "import.meta.require",
      "src/host/a.ts",
      'export const x = import.meta.require("zod");',
      "belongs to experiment",
    ],
    [
      "a path that leaves its folder",
      "src/serving/a.ts",
      'import "#serving/../wire/x.ts";',
      "imports wire",
    ],
    [
      "a comment between import and path",
      "src/report/a.ts",
      'export const x = () => import(/* "#report/x.ts" */ "#host/x.ts");',
      "imports host",
    ],
    [
      "the machine's locale",
      "src/report/a.ts",
      "export const x = new Intl.NumberFormat();",
      "uses Intl.NumberFormat",
    ],
    [
      "a default export by another way",
      "src/stats/a.ts",
      "const x = 1;\nexport { x as default };",
      "default export",
    ],
    ["await in a pure folder", "src/serving/a.ts", "export const x = await y;", "asynchronous"],
    ["an async function", "src/serving/a.ts", "export const x = async () => 1;", "asynchronous"],
    ["an async method", "src/serving/a.ts", "export class X { async x() {} }", "asynchronous"],
    ["for await", "experiments/a.ts", "for await (const x of y) x();", "asynchronous"],
    ["await using", "src/stats/a.ts", "await using x = y;", "asynchronous"],
    ["a Promise", "src/sim/a.ts", "export const x = Promise.resolve(1);", "uses Promise.resolve"],
    ["an impure experiment", "experiments/a.ts", "export default Date.now();", "uses Date.now"],
    [
      "the package's own name past the table",
      "src/wire/a.ts",
      'import { ms } from "escapement";',
      "imports experiment",
    ],
    ["broken syntax", "src/stats/a.ts", "export const = ;", "does not parse"],
  ];

describe("planted violations", () => {
  test.each(PLANTED)("%s", (_what, path, source, message) => {
    const violations = check(path, source);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toStartWith(`${path}:`);
    expect(violations[0]).toContain(message);
  });

  test("a missing doc comment", () => {
    const { violations } = checkSources(table, [
      { path: "src/stats/a.ts", text: "// A comment.\nexport const x = 1;\n" },
    ]);
    expect(violations).toEqual([
      "src/stats/a.ts:1: must open with a doc comment that says what the file is for",
    ]);
  });

  test("names the line", () => {
    expect(check("src/serving/a.ts", "\n\nexport const x = Date.now();")[0]).toStartWith(
      "src/serving/a.ts:4: ",
    );
  });
});

/** Sources that look like violations and are none. */
const CLEAN: readonly (readonly [what: string, path: string, source: string])[] = [
  ["stdx from anywhere", "src/judge/a.ts", 'import { ns } from "#stdx/nanos.ts";'],
  [
    "one's own folder",
    "src/judge/a.ts",
    'import { x } from "#judge/b.ts";\nimport { y } from "./c.ts";',
  ],
  ["types where types are allowed", "src/judge/a.ts", 'import type { X } from "#query/x.ts";'],
  ["all-type specifiers", "src/judge/a.ts", 'import { type X, type Y } from "#query/x.ts";'],
  ["an owned library", "src/experiment/a.ts", 'import { z } from "zod";'],
  [
    "an owned library's subpath",
    "src/wire/a.ts",
    'import { x } from "@bufbuild/protobuf/codegenv2";',
  ],
  ["the one allowed builtin", "src/runner/a.ts", 'import { join } from "node:path";'],
  ["any builtin of an owner", "src/query/a.ts", 'import { readFileSync } from "node:fs";'],
  [
    "words in strings",
    "src/serving/a.ts",
    'export const x = "Date.now() await import(\\"#host/x.ts\\")";',
  ],
  [
    "words in comments",
    "src/serving/a.ts",
    '// import "#host/x.ts"; Date.now(); await 1;\nexport const x = 1;',
  ],
  ["words in regular expressions", "src/serving/a.ts", "export const x = /Date.now() import/;"],
  [
    "property names",
    "src/serving/a.ts",
    "export const x = (y: { Date: number }) => ({ process: y.Date, self: 1 });",
  ],
  [
    "a parameter's own name",
    "src/workload/a.ts",
    "export const x = (process: { env: number }) => process.env;",
  ],
  [
    "the rest of Math",
    "src/workload/a.ts",
    "export const x = Math.floor(Math.log1p(1)) + Math.PI;",
  ],
  [
    "promises where one may await",
    "src/report/a.ts",
    "export const x = async () => await Promise.all([]);",
  ],
  ["the package by its own name", "experiments/a.ts", 'import { experiment } from "escapement";'],
  [
    "a default export of an experiment",
    "experiments/a.ts",
    'import { experiment } from "#experiment/language.ts";\nexport default experiment({});',
  ],
  [
    "all of src from cli",
    "src/cli/a.ts",
    'import { x } from "#query/x.ts";\nimport { y } from "#sim/y.ts";',
  ],
  ["the package's own version", "src/cli/a.ts", 'import manifest from "../../package.json";'],
  ["the environment in cli", "src/cli/a.ts", 'export const x = process.env["X"];'],
  [
    "a member of process where Node is owned",
    "src/remote/a.ts",
    'import process from "node:process";\nexport const x = [process.pid, process.execPath];',
  ],
  [
    "a name bound below its use",
    "src/serving/a.ts",
    "export const x = () => self();\nconst self = () => 1;",
  ],
  [
    "the types of Bun where it is owned",
    "src/remote/a.ts",
    'export type X = Bun.Subprocess<"pipe">;',
  ],
  ["a test of a script", "test/scripts/a.ts", 'import { x } from "../../scripts/x.ts";'],
];

describe("clean sources", () => {
  test.each(CLEAN)("%s", (_what, path, source) => {
    expect(check(path, source)).toEqual([]);
  });
});

describe("the counts", () => {
  test("count edges of every kind", () => {
    const text =
      '/** Planted. */\nimport "#stdx/a.ts";\nimport type { X } from "zod";\nexport * from "#experiment/b.ts";\n';
    const report = checkSources(table, [{ path: "src/experiment/a.ts", text }]);
    expect(report).toEqual({ violations: [], fileCount: 1, edgeCount: 3, crossFolderEdgeCount: 1 });
  });
});

describe("the layer table", () => {
  test("is refused without its header", () => {
    expect(() => parseLayerTable("# Nothing\n")).toThrow("has no line");
  });
  test("is refused when a row names no folder of the table", () => {
    expect(() =>
      parseLayerTable(architecture.replace("| wire | — |", "| wire | nowhere |")),
    ).toThrow('"nowhere"');
  });
  test("is refused when a folder has two rows", () => {
    expect(() => parseLayerTable(architecture.replace("| wire | — |", "| stats | — |"))).toThrow(
      "twice",
    );
  });
  test("decides: the same source passes once its row allows it", () => {
    const source = 'import { x } from "#wire/x.ts";';
    expect(check("src/stats/a.ts", source)).toHaveLength(1);
    const loosened = parseLayerTable(architecture.replace("| stats | — |", "| stats | wire |"));
    expect(
      checkSources(loosened, [{ path: "src/stats/a.ts", text: `/** Planted. */\n${source}\n` }])
        .violations,
    ).toEqual([]);
  });
});
