/** A real run, recorded and replayed: the replay's schedule is that of the run, to the byte, and so is a replay's recording. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ExperimentCommand, smallExperiment } from "../support/experiment-command.ts";
import { ExperimentFolder, ROOT } from "../support/experiment-folder.ts";

let folder: ExperimentFolder;

beforeEach(() => {
  folder = new ExperimentFolder();
});
afterEach(() => folder[Symbol.dispose]());

const workload = (...args: readonly string[]) => {
  const main = join(ROOT, "src/cli/main.ts");
  const child = Bun.spawnSync([process.execPath, main, "workload", ...args], {
    cwd: folder.path,
    env: { ...process.env, ESCAPEMENT_CWD: folder.path },
  });
  const [stdout, stderr] = [child.stdout.toString(), child.stderr.toString()];
  return { exitCode: child.exitCode, stdout, stderr, hash: /SHA-256 +(\w{64})/.exec(stdout)?.[1] };
};

const runToEnd = async (file: string, workloadText: string): Promise<string> => {
  const text = smallExperiment().replace(
    /workload: \{[^}]*\},/,
    () => `workload: ${workloadText},`,
  );
  await folder.write(file, text.replace("{ resnet50_v2: 2 }", "{ resnet50_v2: 2, googlenet: 3 }"));
  await using command = new ExperimentCommand(folder, [file, "--results", "out", "--no-report"]);
  expect(await command.ended).toBe(0);
  return command.results;
};

const TIMES = `warmUp: "100ms", duration: "600ms", coolDown: "100ms"`;

/** Its parts fall on the same instants again and again, which puts the order of equal instants to the test. */
const MIX = `{
  arrivals: "mix", ${TIMES}, parts: {
    web: { arrivals: "gamma", rate: perSecond(80), cv: 3, users: 7, models: ["googlenet"] },
    tick: { arrivals: "constant", rate: perSecond(100) },
    tock: { arrivals: "constant", rate: perSecond(50), models: ["resnet50_v2"] },
  },
} as never`;

test.each([1, 2])(
  "a run's schedule is recorded and replayed to the byte (%d generators)",
  async (n) => {
    const results = await runToEnd("mix.ts", MIX.replace("parts:", `generators: ${n}, parts:`));
    const planned = workload("mix.ts", "--hash");
    const recorded = workload("record", results, "00-rep=1", "--out", "recorded.csv");
    expect(recorded).toMatchObject({ exitCode: 0, stderr: "", hash: planned.hash ?? "" });
    const text = readFileSync(join(folder.path, "recorded.csv"), "utf8");
    expect(text.split("\n")).toHaveLength(
      Number(/: (\d+) requests/.exec(recorded.stdout)?.[1]) + 2,
    );
    expect(new Bun.CryptoHasher("sha256").update(text).digest("hex")).toBe(planned.hash ?? "");

    // The line that the command suggests.
    const suggested = /workload: (\{.*\})$/m.exec(recorded.stdout)?.[1] ?? "";
    expect(suggested).toContain(TIMES);
    const shared = suggested.replace("arrivals", `generators: ${n}, arrivals`);
    const replayResults = await runToEnd("replay.ts", `${shared} as never`);
    const replay = workload("replay.ts", "--hash");
    expect(replay.hash).toBe(planned.hash);
    expect(replay.stdout).toMatch(/measured +(\d+) in 600ms: [\d.,]+\/s; announced \1\n/);
    const again = workload("record", replayResults, "00-rep=1", "--out", "again.csv");
    expect(again).toMatchObject({ exitCode: 0, hash: planned.hash ?? "" });
  },
  60_000,
);

test("a closed loop is recorded as it went", async () => {
  const loop = `{ arrivals: "closed-loop", concurrency: 2, thinkTime: "20ms", ${TIMES} } as never`;
  const results = await runToEnd("loop.ts", loop);
  const recorded = workload("record", results, "00-rep=1", "--out", "loop.csv");
  expect(recorded).toMatchObject({ exitCode: 0, stderr: "" });
  const replay = `{ arrivals: "recorded", trace: "loop.csv", ${TIMES} } as never`;
  const text = smallExperiment().replace(/workload: \{[^}]*\},/, `workload: ${replay},`);
  await folder.write("replay.ts", text.replace("resnet50_v2: 2", "resnet50_v2: 5"));
  expect(workload("replay.ts", "--hash").hash).toBe(recorded.hash);
  // Fewer instances than were recorded.
  await folder.write("few.ts", text);
  expect(workload("few.ts")).toMatchObject({ exitCode: 2 });
  expect(workload("few.ts").stderr).toContain(
    "the recorded schedule asks for model instance 4, and the system has 2",
  );
}, 60_000);

test("a run that a stop rule ended is recorded as far as it came, and that is said", async () => {
  const loop = `{ arrivals: "closed-loop", concurrency: 4, warmUp: "100ms", duration: "5s", coolDown: "100ms" } as never`;
  const results = await runToEnd(
    "early.ts",
    `${loop}, stop: { outstanding: { atMost: 1, over: seconds(1) } }`,
  );
  const recorded = workload("record", results, "00-rep=1", "--out", "early.csv");
  expect(recorded).toMatchObject({ exitCode: 0, stderr: "" });
  expect(recorded.stdout).toContain("The stop rule outstanding ended the run early");
  expect(recorded.stdout).not.toContain('duration: "5s"');
}, 60_000);

test("what cannot be recorded is refused", async () => {
  const results = await runToEnd("mix.ts", MIX);
  const wrongRun = workload("record", results, "07-rep=1", "--out", "x.csv");
  expect(wrongRun).toMatchObject({ exitCode: 2 });
  expect(wrongRun.stderr).toContain('no run is named "07-rep=1"; there are 00-rep=1');
  const wrongPlace = workload("record", results, "00-rep=1", "--out", "none/x.csv");
  expect(wrongPlace.stderr).toContain("there is no folder");
  const isFolder = workload("record", results, "00-rep=1", "--out", ".");
  expect(isFolder).toMatchObject({ exitCode: 5 });
  expect(isFolder.stderr).toContain("it is a folder");
  const raw = join(results, "runs/00-rep=1/telemetry/client_log.tsv");
  const before = readFileSync(raw, "utf8");
  const isRaw = workload("record", results, "00-rep=1", "--out", raw);
  expect(isRaw).toMatchObject({ exitCode: 5 });
  expect(isRaw.stderr).toContain("what runs left behind is never changed");
  expect(readFileSync(raw, "utf8")).toBe(before);
  const notResults = workload("record", folder.path, "00-rep=1", "--out", "x.csv");
  expect(notResults.exitCode).not.toBe(0);
  expect(workload("record", basename(results), "--out", "x.csv").stderr).toContain(
    "missing required argument 'run'",
  );
}, 60_000);
