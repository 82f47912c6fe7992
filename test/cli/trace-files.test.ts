/** Experiments on traces with a row per request: what loading finds in the files, and what the plan says of them. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { showPlan } from "#cli/show-plan.ts";
import { ExperimentFolder } from "../support/experiment-folder.ts";
import { VALID } from "./broken-experiments.ts";

const LOAD = 'arrivals: "poisson", rate: perSecond(100), duration: seconds(5)';
const withTrace = (rest: string): string =>
  VALID.replace(LOAD, `arrivals: "trace", trace: "t.csv", ${rest}`);
const AT = 'format: "csv", column: "at", warmUp: seconds(0), coolDown: seconds(0)';
/** 401 requests, 50 ms apart, over 20 s. */
const EVEN = `at\n${Array.from({ length: 401 }, (_, i) => (i / 20).toFixed(2)).join("\n")}\n`;

describe("a trace with a row per request", () => {
  test("is read when the experiment is loaded; the plan counts it and states its scaling", async () => {
    using folder = new ExperimentFolder();
    await folder.write("t.csv", EVEN);
    const scaled = `${AT}, duration: seconds(8), timeCompression: 2, loadFactor: 0.5`;
    const loaded = await folder.load(await folder.write("mine.ts", withTrace(scaled)));
    const [first] = loaded.plan.runs;
    expect(first?.workload).toHaveProperty("trace", join(folder.path, "t.csv"));
    expect(first?.workload).toHaveProperty("distance.gaps");
    expect(loaded.inputs).toContainEqual({ role: "trace", path: join(folder.path, "t.csv") });
    const text = showPlan(loaded, { target: "local", cwd: folder.path });
    // 8 s at compression 2 are 16 s of the trace.
    expect(text).toContain(
      "Replays 16 s of a trace of 401 requests over 20 s, format CSV (column at, in s)",
    );
    expect(text).toContain(
      "time compressed 2-fold, so all rates are 2 times the trace's; each request kept with probability 0.5.",
    );
    expect(text).toMatch(/Kolmogorov-Smirnov distance from the trace 0\.\d{3} in the gaps/);
    // Unscaled, the first 16 s have 320 requests.
    const plain = await folder.load(
      await folder.write("plain.ts", withTrace(`${AT}, duration: seconds(16)`)),
    );
    expect(showPlan(plain, { target: "local", cwd: folder.path })).toContain(
      "Offers 320 requests.",
    );
    expect(plain.plan.runs[0]?.workload).not.toHaveProperty("distance");
  });

  test.each([
    ["too short for the run", EVEN, "seconds(30)", 2, "keep the three at 20 s or less together"],
    ["of another shape", "t\n1\n", "seconds(1)", 5, "t.csv:1, column at: the header has no such"],
    ["out of order", "at\n2\n1\n", "seconds(1)", 5, "t.csv:3: the request is earlier than"],
    ["empty", "", "seconds(1)", 5, "t.csv:1: the trace has no requests"],
  ] as const)("is refused when it is %s", async (_name, text, duration, code, message) => {
    using folder = new ExperimentFolder();
    await folder.write("t.csv", text);
    const file = await folder.write("mine.ts", withTrace(`${AT}, duration: ${duration}`));
    const refused = await folder.refusal(file);
    expect(refused.exitCode).toBe(code);
    expect(refused.message).toContain(message);
  });

  test("is refused when it is no text, or not there", async () => {
    using folder = new ExperimentFolder();
    const file = await folder.write("mine.ts", withTrace(`${AT}, duration: seconds(1)`));
    expect(await folder.refusal(file)).toMatchObject({ exitCode: 5 });
    await Bun.write(join(folder.path, "t.csv"), new Uint8Array([97, 116, 10, 0xff, 0xfe, 10]));
    const refused = await folder.refusal(file);
    expect(refused.exitCode).toBe(5);
    expect(refused.message).toContain("t.csv: the file is not UTF-8");
  });
});
