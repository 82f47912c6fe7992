/** A search with the real roles and tiny runs: which runs it takes, its report, its exit code, and resuming it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ExperimentCommand } from "../support/experiment-command.ts";
import { ExperimentFolder } from "../support/experiment-folder.ts";

let folder: ExperimentFolder;

beforeEach(() => {
  folder = new ExperimentFolder();
});
afterEach(() => folder[Symbol.dispose]());

/** Throughput as the goal: any machine answers 20 requests per second, and more than 130 when it is offered thousands. */
const SEARCH = `
import { experiment, ms, perSecond } from "escapement";

export default experiment({
  name: "tiny-search",
  system: { scheduler: "INFER5", slo: ms(400), maxBatch: 1, profiles: "v100-table1", models: { resnet50_v2: 2 } },
  workload: { arrivals: "constant", rate: perSecond(20), warmUp: ms(200), duration: ms(600), coolDown: ms(0) },
  search: {
    over: "workload.rate",
    from: perSecond(20),
    to: perSecond(3000),
    resolution: 1,
    goal: { throughput: { atMost: perSecond(130) } },
    repetitionsMax: 4,
  },
});
`;

const start = async (...args: readonly string[]): Promise<ExperimentCommand> => {
  await folder.write("search.ts", SEARCH);
  return new ExperimentCommand(folder, ["search.ts", "--results", "out", ...args]);
};

const runsOf = (results: string): readonly string[] => readdirSync(join(results, "runs")).sort();

test("runs only what it needs, says what it found, and resumes to the same end", async () => {
  await using command = await start();
  expect(await command.ended).toBe(0);
  const executed = runsOf(command.results);
  expect(executed.length).toBeGreaterThanOrEqual(6);
  // Nine loads, four runs each, are planned.
  const plan = JSON.parse(readFileSync(join(command.results, "plan.json"), "utf8")) as {
    readonly plan: { readonly runs: readonly unknown[] };
  };
  expect(executed.length).toBeLessThan(plan.plan.runs.length);
  expect(command.stdout).toContain("[1] 00-rate=20-per-s-rep=1 launching");
  expect(command.stdout).toContain("search: 20/s: Throughput ");
  const answer = /^The highest load that meets Throughput of at most 130\.0\/s is between .*$/m;
  const found = answer.exec(command.stdout)?.[0];
  expect(found).toBeDefined();
  const report = readFileSync(join(command.results, "report.md"), "utf8");
  expect(report).toContain("## Capacity");
  expect(report).toContain("derived/charts/capacity-1.svg");
  expect(report.match(/\| `\d\d-rate=/g)).toHaveLength(executed.length);
  expect(existsSync(join(command.results, "derived/charts/capacity-1.svg"))).toBe(true);

  // A run that is lost is done again, and nothing else.
  rmSync(join(command.results, "runs", executed[0] ?? ""), { recursive: true });
  await using resumed = await start("--resume", command.id);
  expect(await resumed.ended).toBe(0);
  expect(resumed.stdout).toContain(`${executed[1]} kept: it is done`);
  expect(resumed.stdout.match(/ launching/g)?.length ?? 0).toBeLessThanOrEqual(3);
  expect(answer.test(resumed.stdout)).toBe(true);
}, 180_000);

test("an interrupted search keeps what it measured and says how to go on", async () => {
  await using command = await start();
  await command.saw("[2] ");
  command.process.kill("SIGINT");
  expect(await command.ended).toBe(130);
  expect(command.stdout).toContain("--resume");
  expect(runsOf(command.results)).toContain("00-rate=20-per-s-rep=1");
}, 60_000);
