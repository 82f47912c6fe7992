/** Runs every script of this folder; a script's expected output is worked out by hand in its comments. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseScript, Scenario } from "./scenario.ts";

const scripts = readdirSync(import.meta.dir)
  .filter((name) => name.endsWith(".txt"))
  .sort();

describe("scenarios", () => {
  test("there are scripts to run", () => {
    expect(scripts.length).toBeGreaterThanOrEqual(5);
  });

  test.each(scripts)("%s", (name) => {
    const scenario = new Scenario();
    for (const { line, command, expected } of parseScript(
      readFileSync(join(import.meta.dir, name), "utf8"),
    )) {
      const actual = scenario.run(command);
      expect({ where: `${name}:${line} ${command}`, output: actual }).toEqual({
        where: `${name}:${line} ${command}`,
        output: expected,
      });
    }
  });
});
