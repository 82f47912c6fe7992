/** What is printed to be pasted means the same to a shell. */
import { expect, test } from "bun:test";
import { shellWord } from "#cli/shell-word.ts";

test.each([
  ["results/azure-trace/2026-11-23T0200Z-k3f9", "results/azure-trace/2026-11-23T0200Z-k3f9"],
  ["/my lab/res.ts", "'/my lab/res.ts'"],
  ["it's", `'it'\\''s'`],
  ["$HOME;*", "'$HOME;*'"],
  ["", "''"],
])("%p", (text, word) => {
  expect(shellWord(text)).toBe(word);
});
