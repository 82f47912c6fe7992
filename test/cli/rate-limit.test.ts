/** Rates beyond the generator: measured only when there is reason to, refused with key, value, limit and remedy. */
import { describe, expect, test } from "bun:test";
import { findRateProblems, type RateLimitOptions } from "#cli/rate-limit.ts";
import { ExperimentFolder } from "../support/experiment-folder.ts";
import { VALID } from "./broken-experiments.ts";

/** A machine with two cores whose generator, doing nothing else, sends 40,000 requests per second. */
const machine = (measured: number | null = 40_000) => {
  let measurements = 0;
  const options: RateLimitOptions = {
    measure: async () => {
      measurements++;
      return measured;
    },
    cores: 2,
  };
  return { options, measurements: () => measurements };
};

const problemsOf = async (set: readonly string[], options: RateLimitOptions) => {
  using folder = new ExperimentFolder();
  const loaded = await folder.load(await folder.write("mine.ts", VALID), { set });
  return await findRateProblems(loaded, options);
};

describe("a rate", () => {
  test("that any machine can do is not worth a measurement", async () => {
    const { options, measurements } = machine();
    expect(await problemsOf(["workload.rate=5000/s"], options)).toEqual([]);
    expect(measurements()).toBe(0);
  });

  test("is fine up to half of what the generator can do", async () => {
    const { options, measurements } = machine();
    expect(await problemsOf(["workload.rate=20000/s"], options)).toEqual([]);
    expect(measurements()).toBe(1);
  });

  test("beyond that is refused, with what would do", async () => {
    expect(await problemsOf(["workload.rate=20001/s"], machine().options)).toEqual([
      {
        path: "workload.rate",
        value: '"20001/s"',
        message:
          "up to 20,001 requests per second, but one load generator on this machine keeps up with 20,000",
        remedy: "at most 20,000 per second, or workload.generators: 2",
      },
    ]);
  });

  test("is refused with one that is let pass", async () => {
    // Half of it is 14,700, which no rate between that and 15,000 may be told as 15,000.
    const { options } = machine(29_400);
    expect(await problemsOf(["workload.rate=14900/s"], options)).toMatchObject([
      {
        message:
          "up to 14,900 requests per second, but one load generator on this machine keeps up with 14,000",
        remedy: "at most 14,000 per second, or workload.generators: 2",
      },
    ]);
    expect(await problemsOf(["workload.rate=14000/s"], options)).toEqual([]);
  });

  test("beyond what all cores can do has no remedy but a lower one", async () => {
    const set = ["workload.rate=90000/s", "workload.generators=2"];
    expect(await problemsOf(set, machine().options)).toMatchObject([
      {
        message:
          "up to 90,000 requests per second among 2 generators, but one load generator on this machine keeps up with 20,000",
        remedy: "at most 40,000 per second; its 2 cores have room for 2 generators",
      },
    ]);
  });

  test("that several generators share counts for each by its share", async () => {
    const set = ["workload.rate=30000/s", "workload.generators=2"];
    expect(await problemsOf(set, machine().options)).toEqual([]);
  });

  test("of a sweep is named by its place", async () => {
    const problems = await problemsOf(["workload.rate=1000/s,30000/s"], machine().options);
    expect(problems.map(({ path, value }) => [path, value])).toEqual([
      ['sweep["workload.rate"][1]', '"30000/s"'],
    ]);
  });

  test("of bursts, of a mix and of states is named by the key that makes it", async () => {
    const fast = 'arrivals: "poisson", rate: perSecond(30_000)';
    const loads = [
      'arrivals: "poisson", rate: perSecond(1), shape: { kind: "bursts", peak: perSecond(30_000), every: seconds(1), length: ms(100) }',
      `arrivals: "mix", parts: { a: { ${fast} }, b: { ${fast} } }`,
      'arrivals: "markov-modulated", states: [{ rate: perSecond(0), mean: seconds(1) }, { rate: perSecond(30_000), mean: seconds(1) }]',
    ];
    const found: unknown[] = [];
    for (const load of loads) {
      using folder = new ExperimentFolder();
      const text = VALID.replace('arrivals: "poisson", rate: perSecond(100)', load);
      const loaded = await folder.load(await folder.write("mine.ts", text));
      for (const { path, value } of await findRateProblems(loaded, machine().options))
        found.push([path, value]);
    }
    expect(found).toEqual([
      ["workload.shape", '"bursts"'],
      ["workload.parts", "a, b"],
      ["workload.states", "2 states"],
    ]);
  });

  test("is let pass where nothing could be measured", async () => {
    expect(await problemsOf(["workload.rate=90000/s"], machine(null).options)).toEqual([]);
  });
});
