/** Plots in a terminal: heights, labels, marks that do not overlap. */
import { expect, test } from "bun:test";
import { bar, plotColumns, plotMarks } from "#cli/terminal-plot.ts";

test("columns are as high as their values, to an eighth of a line", () => {
  // Four lines for 8: a line is 2, and 5 fills two and a half of them.
  expect(plotColumns({ values: [0, 8, 5, 0.01], height: 4, label: String })).toEqual([
    "8 ┤ █",
    "4 ┤ █▄",
    "  ┤ ██",
    "  ┤ ██▁",
    "0 └────",
  ]);
});

test("nothing at all is an empty plot", () => {
  expect(plotColumns({ values: [0, 0], height: 2, label: String })).toEqual([
    "0 ┤",
    "  ┤",
    "0 └──",
  ]);
});

test("marks stand at their columns, and give way to those before them", () => {
  expect(
    plotMarks(
      [
        [0, "0"],
        [5, "│1s"],
        [6, "│2s"],
        [10, "end"],
      ],
      2,
    ),
  ).toBe("  0    │1s  end");
});

test("a bar is as long as its share", () => {
  expect([0, 0.5, 1, 2].map((share) => bar(share, 4))).toEqual(["", "██", "████", "████"]);
  // A sixteenth of two columns is an eighth of one.
  expect(bar(1 / 16, 2)).toBe("▏");
});
