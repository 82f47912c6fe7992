/** Runs that are chosen one by one as others end: which are executed, and what becomes of those that are not. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ChooseRun } from "#runner/run-experiment.ts";
import { newFakeRoot, runFake } from "../support/fake-experiment.ts";
import { plannedRun } from "../support/planned-runs.ts";

let root = "";
let remove = (): void => undefined;

beforeEach(() => {
  ({ root, remove } = newFakeRoot());
});
afterEach(() => remove());

const RUNS = [0, 1, 2, 3].map((index) => plannedRun(index));

/** Run 2, then run 0, then the end; notes what it is told. */
const twoThenZero = (told: string[]): ChooseRun => {
  const order = [2, 0];
  return (states) => {
    told.push([...states].map(([index, state]) => `${index} ${state}`).join(", "));
    return Promise.resolve(RUNS[order[states.size] ?? -1] ?? null);
  };
};

test("only the chosen ones are executed, each chosen when those before it are over", async () => {
  const told: string[] = [];
  const { outcome, results } = await runFake(root, { runs: RUNS, choose: twoThenZero(told) });
  expect(told).toEqual(["", "2 done", "2 done, 0 done"]);
  expect(outcome).toMatchObject({
    kind: "ran",
    problems: [],
    states: new Map([
      [2, "done"],
      [0, "done"],
    ]),
  });
  const hasFolder = RUNS.map(({ name }) => existsSync(join(results.folder, "runs", name)));
  expect(hasFolder).toEqual([true, false, true, false]);
});

test("resuming keeps those that are done without a word of those that were never needed", async () => {
  const first = await runFake(root, { runs: RUNS, choose: twoThenZero([]) });
  const { outcome, notices } = await runFake(root, {
    runs: RUNS,
    results: first.results,
    choose: twoThenZero([]),
  });
  expect(outcome).toMatchObject({ kind: "ran", problems: [] });
  expect(
    notices.flatMap((notice) => (notice.kind === "resumed" ? [notice.run.index] : [])),
  ).toEqual([0, 2]);
  expect(notices.some(({ kind }) => kind === "state")).toBe(false);
});

test("a choice that cannot be made ends the experiment with its reason", async () => {
  const choose: ChooseRun = (states) =>
    states.size === 0 ? Promise.resolve(RUNS[1] ?? null) : Promise.reject(new Error("no analysis"));
  const { outcome } = await runFake(root, { runs: RUNS, choose });
  expect(outcome).toMatchObject({
    kind: "ran",
    problems: ["no analysis"],
    states: new Map([[1, "done"]]),
  });
});
