/** What every commit must pass, as a list of steps: `check` runs it, and `test` before its own. */
import { runSteps, type Step } from "./step.ts";
import { addTotals, readTotals, settleTotals, type Totals } from "./totals.ts";

/** Tests by this name start processes, open sockets or take long: `check` leaves them to `test`. */
export const INTEGRATION_SUFFIX = ".integration.test.ts";

const TESTS = "unit tests";
const MINUTE_MS = 60_000;

/** Longest first, so that two workers end at about the same time. */
const STEPS: readonly Step[] = [
  {
    name: TESTS,
    command: [
      "bun",
      "test",
      `--path-ignore-patterns=**/*${INTEGRATION_SUFFIX}`,
      "--parallel=2",
      // A test that hangs is found all the same, and a busy machine fails none.
      "--timeout=30000",
      "--only-failures",
    ],
    timeoutMs: 4 * MINUTE_MS,
  },
  {
    name: "lint",
    command: ["oxlint", "src", "experiments", "scripts", "test"],
    timeoutMs: 2 * MINUTE_MS,
  },
  { name: "types", command: ["tsc", "--noEmit"], timeoutMs: 2 * MINUTE_MS },
  { name: "unused code", command: ["knip"], timeoutMs: 2 * MINUTE_MS },
  { name: "format", command: ["biome", "check"], timeoutMs: MINUTE_MS },
];

/** What tests say about being skipped is shown even when all is well: nobody else would say it. */
const skipNotes = (output: string): readonly string[] =>
  output.split("\n").filter((line) => /\bskipp(?:ed|ing)\b/i.test(line));

/** Runs every step; a step that is no test counts only when it fails, as one failure. */
export const runCheck = async (): Promise<Totals> => {
  const outcomes = await runSteps(STEPS, 2);
  for (const note of outcomes.flatMap(({ output }) => skipNotes(output)))
    console.log(`note: ${note}`);
  return outcomes
    .map(({ name, isOk, output }) =>
      name === TESTS
        ? settleTotals(readTotals(output), isOk)
        : { passed: 0, failed: isOk ? 0 : 1, skipped: 0 },
    )
    .reduce(addTotals);
};
