/** docs/command-line.md names every option of every command and every exit code, and no option that is not there. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { EXIT } from "#cli/exit-codes.ts";

const root = resolve(import.meta.dir, "../..");
const page = readFileSync(join(root, "docs/command-line.md"), "utf8");

/** The text from the heading `## name` or `### name` to the next heading of any level. */
const sectionOf = (name: string): string =>
  page.split(/^#+ /m).find((section) => section.startsWith(`${name}\n`)) ?? "";

const helpOf = (command: readonly string[]): string => {
  const child = Bun.spawnSync([process.execPath, "src/cli/main.ts", ...command, "--help"], {
    cwd: root,
  });
  expect(child.exitCode).toBe(0);
  return child.stdout.toString();
};

const optionsIn = (text: string): readonly string[] =>
  [...new Set(text.match(/--[a-z][a-z-]*/g))].toSorted();

const COMMANDS = [
  ["experiment"],
  ["workload"],
  ["workload", "record"],
  ["report"],
  ["query"],
  ["clockwork", "worker"],
  ["clockwork", "controller"],
  ["clockwork", "client"],
] as const;

test.each(COMMANDS.map((command) => [command.join(" "), command] as const))(
  "options of %s",
  (_name, command) => {
    const found = helpOf(command)
      .split("\n")
      .flatMap((line) => /^\s+(?:-\w, )?(--[a-z][a-z-]*)/.exec(line)?.[1] ?? [])
      .filter((option) => option !== "--help");
    // A wrapped description may begin with the name of an option that is listed already.
    const listed = [...new Set(found)].toSorted();
    expect(listed.length).toBeGreaterThan(0);
    const rows = sectionOf(command.at(-1) ?? "")
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .map((line) => line.split("|").slice(1, 3).join("|"));
    expect(optionsIn(rows.join("\n"))).toEqual(listed);
  },
);

test("exit codes", () => {
  const rows = [...sectionOf("Exit codes").matchAll(/^\| (\d+) \|/gm)].map((match) =>
    Number(match[1]),
  );
  expect(rows).toEqual(Object.values(EXIT).toSorted((a, b) => a - b));
});
