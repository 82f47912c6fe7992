/** Markdown forms. */
import { expect, test } from "bun:test";
import { image, left, list, paragraphs, right, table } from "#report/markdown.ts";

test("a table lines up as text and keeps pipes and line breaks out of its cells", () => {
  const text = table(
    [left("Name"), right("n")],
    [
      ["a|b", "1"],
      ["c\nd", "12,345"],
    ],
  );
  expect(text).toBe(
    ["| Name |      n |", "| ---- | -----: |", "| a\\|b |      1 |", "| c d  | 12,345 |"].join(
      "\n",
    ),
  );
});

test("images, lists, paragraphs", () => {
  expect(image("a [b]", "charts/x y.svg")).toBe("![a b](charts/x%20y.svg)");
  expect(list(["one\ntwo", "three"])).toBe("- one two\n- three");
  expect(paragraphs(["a", "", "b"])).toBe("a\n\nb");
});
