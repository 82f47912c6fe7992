/** `--plan`: what it says of runs, time, load, disk and doubts. */
import { describe, expect, test } from "bun:test";
import type { LoadOptions } from "#cli/load-experiment.ts";
import { showPlan } from "#cli/show-plan.ts";
import { ExperimentFolder, ROOT } from "../support/experiment-folder.ts";
import { VALID } from "./broken-experiments.ts";
import { VALID_SEARCH } from "./broken-searches.ts";

const shown = async (source: string, options: Partial<LoadOptions> = {}): Promise<string> => {
  using folder = new ExperimentFolder();
  await folder.write("day.csv", "HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,f,http,30,60\n");
  const loaded = await folder.load(await folder.write("trial.ts", source), options);
  return showPlan(loaded, { target: "local", cwd: folder.path });
};

describe("the plan", () => {
  test("lists every run with its parameters, seed, placement, requests and time", async () => {
    const text = await shown(VALID);
    // 100/s for 2 + 5 + 1 s are 800 requests; 8 s and 3 s allowance are 11 s, four times 44 s.
    expect(text).toContain(`
Runs, in this order
  run                system.slo  seed  placement         requests  takes
  00-slo=25ms-rep=1  25ms           7  1 worker × 1 GPU       800   11 s
  01-slo=50ms-rep=1  50ms           7  1 worker × 1 GPU       800   11 s
  02-slo=25ms-rep=2  25ms           8  1 worker × 1 GPU       800   11 s
  03-slo=50ms-rep=2  50ms           8  1 worker × 1 GPU       800   11 s
`);
    expect(text).toContain("4 runs (2 points × 2 repetitions) on local, from trial.ts\n");
    expect(text).toContain("takes about 44 s, of which 3 s per run are allowed");
    // 3,200 requests × 500 B + 4 runs × 0.3 MB = 2.8 MB.
    expect(text).toContain(
      "disk: about 2.8 MB (500 B per request and 0.3 MB per run), in results/trial/\n",
    );
    expect(text).toEndWith("\nNothing was started.");
  });

  test("says what makes durations vary", async () => {
    const noise =
      "noise: { jitterCv: 0.05, stallRate: perMinute(6), stallLength: ms(50), throttleRate: perSecond(0.5), slowTransferShare: 0.01 },";
    const text = await shown(VALID.replace("models: {", `${noise} models: {`));
    expect(text).toContain(
      "noise: jitter with a coefficient of variation of 0.05; clocks 1.5 times slower 0.5/s for 1s on average; 1 % of loads 3 times slower; stalls 0.1/s of 50ms on average",
    );
    expect(await shown(VALID.replace("models: {", "noise: {}, models: {"))).toContain(
      "noise: none",
    );
  });

  test("shows a search as its loads, each once, with what it takes at least and at most", async () => {
    const search = VALID.replace("repetitions: 2,", VALID_SEARCH).replace(
      'report: { headline: { metric: "goodput", against: "system.slo" } },',
      "",
    );
    const claimed = search.replace(
      'metric: "latency_p99", atMost: ms(40)',
      'metric: "capacity", atLeast: perSecond(300)',
    );
    expect(await shown(claimed)).toContain("fast: capacity ≥ 300/s, where system.slo = 50ms");
    const text = await shown(search);
    // 43 steps of 5 % from 100/s to 800/s. Doubling tries 100/s, 200/s, 400/s and 800/s; 15 loads lie between
    // neighbours, so 4 halvings; 4 confirmations and 2 more: 14 runs of 11 s, for either SLO.
    expect(text).toContain("2 searches, each of about 14 runs (48 if every load is hard to tell)");
    expect(text).toContain("takes about 5 min 8 s (17 min 36 s at most), of which");
    expect(text).toContain(`
Search
  the highest workload.rate with slo_attainment ≥ 0.99
  44 loads from 100/s to 800/s, the second 5.0 % above the first; up to 6 runs of each
`);
    expect(text).toContain("Loads, of which few are run\n  run ");
    expect(text.match(/-rep=1 /g)?.length).toBeGreaterThanOrEqual(88);
    expect(text).not.toContain("-rep=2 ");
  });

  test("says how many generators share the schedule, and what ends a run early", async () => {
    const text = await shown(
      VALID.replace("duration: seconds(5)", "duration: seconds(5), generators: 3").replace(
        "repetitions: 2,",
        `repetitions: 2, stop: {
          errorBudget: { share: 0.5, over: seconds(2) },
          goodput: { atLeast: 0.9, over: seconds(1) },
          outstanding: { atMost: 10_000, over: seconds(3) },
        },`,
      ),
    );
    expect(text).toContain("controller, workers and 3 clients that share the schedule: all on");
    // The whole schedule, not one generator's share: 100/s for 8 s.
    expect(text).toContain("Offers about 800 requests.");
    expect(text).toContain(`
Ends early
  if in 2s more than 50 % of the requests that ended failed, got no answer or were dropped
  if in 1s the requests answered within their SLO are fewer than 90 % of those that were scheduled
  if for 3s more than 10,000 requests are outstanding
`);
    const swept = VALID.replace(
      'sweep: { "system.slo": [ms(25), ms(50)] }',
      'sweep: { "system.slo": [ms(25), ms(50)], "workload.generators": [1, 4] }',
    );
    expect(await shown(swept)).toContain("workers and 1 to 4 clients that share the schedule");
  });

  test("names system, workload, checks and headline", async () => {
    const text = await shown(VALID);
    expect(text).toContain(
      `  INFER5, SLO 25ms, 4 instances of 1 model, profiles ${ROOT}/experiments/profiles/v100-table1.csv\n`,
    );
    expect(text).toContain("  Warm-up 2s, measurement 5s, cool-down 1s.\n");
    expect(text).toContain("  fast: latency_p99 ≤ 40ms, where system.slo = 50ms\n");
    expect(text).toContain("Headline\n  goodput against system.slo\n");
  });

  test("counts the requests of a trace, and says so where responses decide", async () => {
    const replay = VALID.replace(
      'arrivals: "poisson", rate: perSecond(100), duration: seconds(5)',
      'arrivals: "azure-functions-2019", trace: "day.csv", timeCompression: 60, warmUp: seconds(0), duration: seconds(2), coolDown: seconds(0)',
    );
    // Two traced minutes with 30 and 60 requests, one second each.
    expect(await shown(replay)).toMatch(/00-slo=25ms-rep=1 .* 90 {4}5 s\n/);
    const closed = VALID.replace(
      'arrivals: "poisson", rate: perSecond(100)',
      'arrivals: "closed-loop", concurrency: 2',
    );
    const text = await shown(closed);
    expect(text).toMatch(/00-slo=25ms-rep=1 .* by responses {3}11 s\n/);
    expect(text).toContain("disk: at least 1.2 MB, and 500 B per request of the closed loops");
  });

  test("says what the command line changed", async () => {
    const text = await shown(VALID, { set: ["system.slo=25ms"] });
    expect(text).toContain(`Changed on the command line
  --set system.slo=25ms
  check "fast" is left out: it is about system.slo = "50ms", which --set took out of the sweep
`);
  });

  test("doubts what is probably not meant", async () => {
    const set = [
      "system.gpusPerWorker=4",
      "system.maxGpus=2",
      "workload.warmUp=0s",
      "workload.duration=500ms",
    ];
    expect(await shown(VALID, { set })).toContain(`Warnings
  system.maxGpus is 2, so 2 of 4 GPUs stay idle
  no warm-up: the first requests, which wait for weights to load, are measured
  less than a second is measured: a p99.9 needs 1,000 requests and more
`);
    expect(await shown(VALID)).not.toContain("Warnings");
  });

  test("writes long times in hours and minutes", async () => {
    // 1 h 30 min and 3 s of warm-up and cool-down: 4 runs of 5,406 s with the allowance are 21,624 s.
    const text = await shown(VALID, { set: ["workload.duration=90min"] });
    expect(text).toContain("1 h 30 min\n");
    expect(text).toContain("takes about 6 h,");
  });
});

describe("the shipped experiments", () => {
  for (const name of ["azure-trace", "slo-sweep", "saturation"]) {
    test(`${name} is valid and has a question, checks and a bounded length`, async () => {
      using folder = new ExperimentFolder();
      const { plan } = await folder.load(name);
      expect(plan.name).toBe(name);
      expect(plan.question).toEndWith("?");
      expect(plan.checks.length).toBeGreaterThanOrEqual(3);
      const sending = plan.runs.reduce(
        (sum, { workload }) => sum + workload.warmUpNs + workload.durationNs + workload.coolDownNs,
        0,
      );
      expect(sending / 1e9).toBeLessThanOrEqual(name === "azure-trace" ? 45 : 90);
    });
  }
});
