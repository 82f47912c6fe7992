/** The layouts in src/wire/README.md are those of the tables. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ACTIONS,
  ClientModelInfo,
  GpuInfo,
  ModelInfo,
  REQUESTS,
  RESPONSES,
  RESULTS,
  RequestHeader,
  ResponseHeader,
  Timing,
  WorkerMemoryInfo,
} from "#wire/messages.ts";
import type { Schema } from "#wire/schema.ts";

const SUFFIXES = { required: "", optional: "?", repeated: "[]" } as const;

const layoutOf = (of: Schema): string =>
  of.ordered
    .map(({ number, jsonKey, type, presence }) => {
      const name = typeof type === "string" ? type : type.name;
      return `${number} ${jsonKey} ${name}${SUFFIXES[presence]}`;
    })
    .join(", ");

const rows = readFileSync(join(import.meta.dir, "../../src/wire/README.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| (\d+ \| )?`[A-Z]\w+` /.test(line));

test("the README shows every message and every part, field by field, and nothing else", () => {
  const parts: readonly Schema[] = [
    RequestHeader,
    ResponseHeader,
    Timing,
    ClientModelInfo,
    GpuInfo,
    ModelInfo,
    WorkerMemoryInfo,
  ];
  const messages = [REQUESTS, RESPONSES, ACTIONS, RESULTS].flatMap((set) =>
    set.types.map(
      ({ id, schema, mayHaveBody }) =>
        `| ${id} | \`${schema.name}\` | ${layoutOf(schema)} |${mayHaveBody ? " yes" : ""} |`,
    ),
  );
  expect(rows).toEqual([
    ...parts.map((part) => `| \`${part.name}\` | ${layoutOf(part)} |`),
    ...messages,
  ]);
});
