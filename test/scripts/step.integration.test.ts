/** A step's failure, output and deadline must reach the summary, or `check` would pass without having checked. */
import { expect, test } from "bun:test";
import { formatOutcome, runStep, runSteps } from "../../scripts/step.ts";

const bun = (code: string, timeoutMs = 20_000) => ({
  name: "probe",
  command: ["bun", "-e", code],
  timeoutMs,
});

test("a step that ends well, with its output and arguments as they are", async () => {
  const outcome = await runStep(bun("console.log('a  $HOME `b`'); console.error('c')"));
  expect(outcome.isOk).toBe(true);
  expect(outcome.output).toContain("a  $HOME `b`\n");
  expect(outcome.output).toContain("c\n");
});

test("a step that fails", async () => {
  const outcome = await runStep(bun("process.exit(3)"));
  expect(outcome.isOk).toBe(false);
  expect(formatOutcome({ ...outcome, seconds: 1.25 })).toBe("FAILED  probe           1.3 s");
});

test("a step that dies of a signal has failed", async () => {
  expect((await runStep(bun("process.kill(process.pid, 'SIGKILL')"))).isOk).toBe(false);
});

test("a program that is not there has failed", async () => {
  expect(
    (await runStep({ name: "gone", command: ["no-such-linter"], timeoutMs: 20_000 })).isOk,
  ).toBe(false);
});

test("a step that does not end is ended, and says so", async () => {
  const outcome = await runStep(bun("await new Promise(() => setInterval(() => {}, 1000))", 500));
  expect(outcome.isOk).toBe(false);
  expect(outcome.output).toContain("probe: took longer than 0.5 s and was ended");
});

test("outcomes keep the order of the steps, however they end", async () => {
  const steps = ["1", "0", "0"].map((code, index) => ({
    ...bun(`process.exit(${code})`),
    name: `step ${index}`,
  }));
  const printed: string[] = [];
  const outcomes = await runSteps(steps, 2, (text) => printed.push(text));
  expect(outcomes.map(({ name, isOk }) => [name, isOk])).toEqual([
    ["step 0", false],
    ["step 1", true],
    ["step 2", true],
  ]);
  expect(printed.filter((text) => text.startsWith("FAILED  step 0"))).toHaveLength(1);
  expect(printed.filter((text) => text.startsWith("ok      step"))).toHaveLength(2);
});

test("a step does not inherit the folder that the launcher was called from", async () => {
  process.env["ESCAPEMENT_CWD"] = "/nowhere";
  const outcome = await runStep(bun("console.log(`<${process.env.ESCAPEMENT_CWD}>`)"));
  delete process.env["ESCAPEMENT_CWD"];
  expect(outcome.output).toContain("<undefined>");
});
