/** The command that repeats one simulated run: it must lead to the very same run. */
import { expect, test } from "bun:test";
import { repeatCommand } from "#cli/repeat-command.ts";
import type { PlannedRun } from "#experiment/resolved.ts";
import { ExperimentFolder } from "../support/experiment-folder.ts";

const SWEPT = `
/** An experiment for tests. */
import { experiment, ms, perSecond, seconds } from "escapement";

export default experiment({
  name: "swept",
  question: "Does it repeat?",
  seed: 5,
  system: {
    scheduler: "INFER5",
    slo: ms(100),
    workers: 1,
    gpusPerWorker: 1,
    profiles: "v100-table1",
    models: { resnet50_v2: 2 },
  },
  workload: { arrivals: "poisson", rate: perSecond(50), duration: seconds(1) },
  sweep: { "system.slo": [ms(5), ms(50)], "workload.rate": [perSecond(10), perSecond(20)] },
  repetitions: 3,
});
`;

/** What a run is made of, whatever its place in a plan. */
const contentOf = ({ seed, system, workload, drainLimitNs, launchLimitNs }: PlannedRun) => ({
  seed,
  system,
  workload,
  drainLimitNs,
  launchLimitNs,
});

test("leads to one run, and the same one, from any place in a sweep", async () => {
  using folder = new ExperimentFolder();
  await folder.write("swept.ts", SWEPT);
  const set = ["system.maxBatch=4", "workload.rate=10/s,30/s", "seed=8"];
  const loaded = await folder.load("swept.ts", { set });
  const { plan, overrides } = loaded;
  expect(plan.runs.length).toBe(12);
  for (const run of plan.runs) {
    const command = repeatCommand(run, { file: "swept.ts", overrides, plan });
    const words = command.split(" ");
    expect(words.slice(0, 5)).toEqual(["./run", "experiment", "swept.ts", "--on", "sim"]);
    const repeated = await folder.load("swept.ts", {
      set: words.flatMap((word, index) => (words[index - 1] === "--set" ? [word] : [])),
      seed: words[words.indexOf("--seed") + 1] as string,
    });
    expect(repeated.plan.runs.map(contentOf)).toEqual([contentOf(run)]);
  }
});

test("of a search makes the whole again", async () => {
  using folder = new ExperimentFolder();
  const { plan, overrides, path } = await folder.load("find-capacity.ts", { set: ["seed=3"] });
  const [run] = plan.runs;
  const command = repeatCommand(run as PlannedRun, { file: "find-capacity.ts", overrides, plan });
  expect(path).toEndWith("experiments/find-capacity.ts");
  expect(command).toBe("./run experiment find-capacity.ts --on sim --seed 3");
});
