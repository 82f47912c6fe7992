/** How endings of processes are worded. */
import { expect, test } from "bun:test";
import type { CommandOutcome } from "#remote/remote.ts";
import { describeOutcome } from "#runner/describe-outcome.ts";

const OUTCOME: CommandOutcome = {
  name: "worker0",
  host: "local",
  command: ["bun", "main.ts", "it's here", "--n=2"],
  pid: 1,
  exitCode: 3,
  signal: null,
  timedOut: false,
  canceled: false,
  stdout: '@escapement {"event":"ready"}\nloading',
  stderr: "cannot open x",
  durationMs: 5,
  cause: null,
};

test("names ending, host, command and the last lines, without status lines", () => {
  expect(describeOutcome(OUTCOME)).toBe(
    [
      "exit code 3",
      "  host: local",
      String.raw`  command: bun main.ts 'it'\''s here' --n=2`,
      "  last lines of its output:",
      "    loading",
      "    cannot open x",
    ].join("\n"),
  );
});

test("names the signal, or why the end was not seen", () => {
  expect(describeOutcome({ ...OUTCOME, exitCode: null, signal: "SIGKILL" })).toStartWith(
    "killed by SIGKILL\n",
  );
  expect(describeOutcome({ ...OUTCOME, cause: "no such file" })).toStartWith("no such file\n");
  expect(describeOutcome({ ...OUTCOME, stdout: "", stderr: "" })).toEndWith("it printed nothing");
});

test("shows the last eight lines of much output", () => {
  const stderr = Array.from({ length: 20 }, (_, line) => `line ${line}`).join("\n");
  const shown = describeOutcome({ ...OUTCOME, stderr })
    .split("\n")
    .slice(4);
  expect(shown).toHaveLength(8);
  expect(shown.at(-1)).toBe("    line 19");
});
