/** Plants a violation of each lint rule that we chose, and sees the linter name it: a rule that is silently ignored is no rule. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dir, "../..");

/** File, its source, and the rules that must object to it, each with how often. */
const PLANTED: readonly (readonly [
  path: string,
  source: string,
  rules: Readonly<Record<string, number>>,
])[] = [
  [
    "src/host/promises.ts",
    `const one = (): Promise<number> => Promise.resolve(1);
export const floating = (): void => {
  one();
  Bun.write("x", "y");
  [one(), one()];
  one().then(() => 1);
  void 0;
};
export const misused = (): number => {
  [1].forEach(async () => {
    await one();
  });
  return one() ? 1 : 2;
};
`,
    { "typescript(no-floating-promises)": 4, "typescript(no-misused-promises)": 2 },
  ],
  [
    "src/serving/switches.ts",
    `type Event = { readonly kind: "x" } | { readonly kind: "y" };
export const step = (event: Event): number => {
  switch (event.kind) {
    case "x":
      return 1;
  }
  return 2;
};
`,
    { "typescript(switch-exhaustiveness-check)": 1 },
  ],
  [
    "src/host/throws.ts",
    `export const fail = (): never => {
  throw "text";
};
export const swallow = (f: () => void): void => {
  try {
    f();
  } catch {}
};
export const loose = (x: any): unknown => x;
`,
    { "typescript(only-throw-error)": 1, "eslint(no-empty)": 1, "typescript(no-explicit-any)": 1 },
  ],
  [
    "src/host/cycle-a.ts",
    'import { b } from "#host/cycle-b.ts";\nexport const a = (): number => b();\n',
    { "import(no-cycle)": 1 },
  ],
  [
    "src/host/cycle-b.ts",
    'import { a } from "./cycle-a.ts";\nexport const b = (): number => a();\n',
    { "import(no-cycle)": 1 },
  ],
  [
    "src/host/barrel.ts",
    'export * from "#host/cycle-a.ts";\nexport * from "#host/throws.ts";\n',
    { "oxc(no-barrel-file)": 1 },
  ],
  [
    "src/host/values.ts",
    'import { a } from "#host/cycle-a.ts";\nexport type A = typeof a;\nexport const sum = (p: number, q: number, r: number, s: number): number => p + q + r + s;\n',
    { "typescript(consistent-type-imports)": 1, "eslint(max-params)": 1 },
  ],
  [
    "src/host/long.ts",
    `export const long = (x: number): number => {\n${"  x += 1;\n".repeat(70)}  return x;\n};\n${"export {};\n".repeat(330)}`,
    { "eslint(max-lines-per-function)": 1, "eslint(max-lines)": 1 },
  ],
  [
    "src/serving/ambient.ts",
    `export const clocks = (): unknown[] => [Date.now(), new Date(), performance.now()];
export const timers = (f: () => void): unknown[] => [setTimeout(f), setInterval(f), setImmediate(f), queueMicrotask(f)];
export const outside = (): unknown[] => [Bun.version, process.pid, crypto.randomUUID(), Math.random()];
console.log(clocks, timers, outside);
`,
    {
      "eslint(no-restricted-globals)": 10,
      "eslint(no-restricted-properties)": 1,
      "eslint(no-console)": 1,
    },
  ],
  [
    "experiments/ambient.ts",
    "export default Date.now();\n",
    { "eslint(no-restricted-globals)": 1 },
  ],
  // The same in a folder that acts: no objection.
  [
    "src/host/acts.ts",
    "export const now = (): unknown[] => [Date.now(), Math.random(), process.pid, setTimeout(() => {}, 1)];\n",
    {},
  ],
];

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "escapement-lint-"));
  for (const name of [".oxlintrc.json", "tsconfig.json", "package.json"])
    cpSync(join(root, name), join(folder, name));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  for (const [path, source] of PLANTED) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `/** Planted. */\n${source}`);
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

test("every planted violation is named, and nothing else of our rules", () => {
  const command = [
    process.execPath,
    "--bun",
    "node_modules/.bin/oxlint",
    "--format=json",
    "src",
    "experiments",
  ];
  // Into a file: the linter ends without waiting for a pipe to be read, and on a busy machine loses what is in it.
  const output = join(folder, "diagnostics.json");
  const { exitCode } = Bun.spawnSync(command, {
    cwd: folder,
    stdout: Bun.file(output),
    stderr: "inherit",
  });
  expect(exitCode).not.toBe(0);
  const { diagnostics } = JSON.parse(readFileSync(output, "utf8")) as {
    readonly diagnostics: readonly Diagnostic[];
  };
  const ours = new Set(PLANTED.flatMap(([, , rules]) => Object.keys(rules)));
  const found: Record<string, Record<string, number>> = {};
  for (const { code, filename } of diagnostics) {
    if (!ours.has(code)) continue;
    const path = filename.replace(`${folder}/`, "");
    const counts = (found[path] ??= {});
    counts[code] = (counts[code] ?? 0) + 1;
  }
  const expected = Object.fromEntries(
    PLANTED.filter(([, , rules]) => Object.keys(rules).length > 0).map(([path, , rules]) => [
      path,
      rules,
    ]),
  );
  expect(found).toEqual(expected);
});
