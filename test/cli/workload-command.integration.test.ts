/** `workload FILE` as a process: what it prints and writes, what it refuses, and that equal schedules hash alike. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ExperimentFolder, ROOT } from "../support/experiment-folder.ts";
import { VALID } from "./broken-experiments.ts";
import { VALID_SEARCH } from "./broken-searches.ts";

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (folder: ExperimentFolder, ...args: readonly string[]): Promise<Ended> =>
  runWith({}, folder, args);

const runWith = async (
  env: Readonly<Record<string, string>>,
  folder: ExperimentFolder,
  args: readonly string[],
): Promise<Ended> => {
  const main = join(ROOT, "src/cli/main.ts");
  const child = Bun.spawn([process.execPath, main, "workload", "mine.ts", ...args], {
    cwd: folder.path,
    env: { ...process.env, ESCAPEMENT_CWD: folder.path, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
};

const hashesIn = (text: string): readonly string[] =>
  [...text.matchAll(/SHA-256 +([0-9a-f]{64})$/gm)].map((match) => match[1] ?? "");

describe("workload", () => {
  test("shows the lowest and the highest load of a search, and any other by its name", async () => {
    using folder = new ExperimentFolder();
    await folder.write("mine.ts", VALID.replace("repetitions: 2,", VALID_SEARCH));
    const ends = await run(folder);
    // 44 loads with 6 repetitions are 264 runs for either SLO, which share their requests.
    expect(ends.stdout.match(/^Run .*$/gm)).toEqual([
      "Run 000-slo=25ms-rate=100-per-s-rep=1 and 1 more with the same requests, seed 7",
      "Run 258-slo=25ms-rate=800-per-s-rep=1 and 1 more with the same requests, seed 7",
    ]);
    const other = await run(folder, "--run", "006-slo=25ms-rate=105-per-s-rep=1");
    expect(other.stdout).toContain("Run 006-slo=25ms-rate=105-per-s-rep=1, seed 7");
  });

  test("shows each schedule once, and its hash is that of the file it writes", async () => {
    using folder = new ExperimentFolder();
    await folder.write("mine.ts", VALID);
    const all = await run(folder, "--hash");
    expect(all).toMatchObject({ exitCode: 0, stderr: "" });
    // Two SLOs share the requests of a repetition; the second repetition has the next seed.
    expect(all.stdout.match(/^Run .*$/gm)).toEqual([
      "Run 00-slo=25ms-rep=1 and 1 more with the same requests, seed 7",
      "Run 02-slo=25ms-rep=2 and 1 more with the same requests, seed 8",
    ]);
    expect(all.stdout).toMatch(/measured {3}\d{3} in 5s: [\d.]+\/s; announced 500 on average\n/);
    const [first, second] = hashesIn(all.stdout);
    expect(first).not.toBe(second);
    const one = await run(folder, "--hash", "--run", "00-slo=25ms-rep=1", "--out", "s.csv");
    const written = await Bun.file(join(folder.path, "s.csv")).text();
    expect(hashesIn(one.stdout)).toEqual([first ?? ""]);
    expect(new Bun.CryptoHasher("sha256").update(written).digest("hex")).toBe(first ?? "");
    const again = await run(folder, "--hash", "--seed", "8");
    expect(hashesIn(again.stdout)[0]).toBe(second);
  });

  test("hashes alike where the C library computes differently", async () => {
    using folder = new ExperimentFolder();
    const parts = ["poisson", "gamma", "weibull"].map(
      (law) => `${law}: { arrivals: "${law}", rate: "500/s"${law === "poisson" ? "" : ", cv: 3"} }`,
    );
    const sine =
      'waves: { arrivals: "poisson", rate: "500/s", shape: { kind: "sine", amplitude: 1, period: "3s" } }';
    await folder.write(
      "mine.ts",
      VALID.replace(
        'arrivals: "poisson", rate: perSecond(100)',
        `arrivals: "mix", parts: { ${[...parts, sine].join(", ")} } as never`,
      ),
    );
    const args = ["--hash", "--run", "00-slo=25ms-rep=1"];
    const usual = await run(folder, ...args);
    // Where the processor has fused multiplication, this makes glibc do without; elsewhere it changes nothing.
    const tunables = { GLIBC_TUNABLES: "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2" };
    const other = await runWith(tunables, folder, args);
    expect(usual).toMatchObject({ exitCode: 0, stderr: "" });
    expect(hashesIn(usual.stdout)).toHaveLength(1);
    expect(hashesIn(other.stdout)).toEqual([...hashesIn(usual.stdout)]);
  });

  test("finds the files of several clients, and names one that is missing", async () => {
    using folder = new ExperimentFolder();
    const windows = "0,50,1,Gamma,1,1\n600,0,0,,0,0\n";
    for (const client of [0, 1, 2]) await folder.write(`chunk-${client}-trace.csv`, windows);
    const load = (last: number): string =>
      `arrivals: "servegen", trace: "chunk-{0..${last}}-trace.csv" as string`;
    await folder.write(
      "mine.ts",
      VALID.replace('arrivals: "poisson", rate: perSecond(100)', load(2)),
    );
    const found = await run(folder, "--run", "00-slo=25ms-rep=1");
    expect(found).toMatchObject({ exitCode: 0, stderr: "" });
    expect(found.stdout).toContain("Offers what 3 clients did in 8 s of 1,200 s");
    expect(found.stdout).toContain("Offers about 1,200 requests.");
    await folder.write(
      "mine.ts",
      VALID.replace('arrivals: "poisson", rate: perSecond(100)', load(3)),
    );
    const missing = await run(folder);
    expect(missing.exitCode).toBe(5);
    expect(missing.stderr).toContain("chunk-3-trace.csv");
    await folder.write(
      "mine.ts",
      VALID.replace('arrivals: "poisson", rate: perSecond(100)', load(999)),
    );
    const many = await run(folder);
    // 997 are missing, of which five are listed.
    expect(many.stderr).toContain("chunk-7-trace.csv; and 992 more files are missing");
    expect(many.stderr).not.toContain("chunk-8-trace.csv");
  });

  test("overwrites nothing that the experiment reads", async () => {
    using folder = new ExperimentFolder();
    const recorded = "at_ns,instance,user,class\n0,0,0,a\n";
    await folder.write("r.csv", recorded);
    const load = 'arrivals: "recorded", trace: "r.csv" as string';
    await folder.write("mine.ts", VALID.replace('arrivals: "poisson", rate: perSecond(100)', load));
    for (const out of ["r.csv", "mine.ts"]) {
      const refused = await run(folder, "--run", "00-slo=25ms-rep=1", "--out", out);
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toContain(`--out would overwrite ${join(folder.path, out)}`);
    }
    expect(await Bun.file(join(folder.path, "r.csv")).text()).toBe(recorded);
  });

  test("draws the rate and the gaps, and follows --set", async () => {
    using folder = new ExperimentFolder();
    await folder.write("mine.ts", VALID);
    const set = ["--set", "workload.arrivals=constant", "--set", "workload.rate=64/s"];
    const { stdout } = await run(folder, "--plot", "--set", "system.slo=25ms", ...set);
    expect(stdout).toContain("constant arrivals at 64/s spread evenly over 4 model instances");
    // 2 s + 5 s + 1 s at 64/s; a period of 15.625 ms.
    expect(stdout).toContain("requests   512\n");
    expect(stdout).toContain("mean 15.63 ms, CV 0\n");
    expect(stdout).toContain("│2s measured");
    expect(stdout).toContain("█".repeat(40));
    expect(stdout).toEndWith("Nothing was started.\n");
  });

  test("says of a closed loop what is known of it", async () => {
    using folder = new ExperimentFolder();
    const loop = 'arrivals: "closed-loop", concurrency: 3';
    await folder.write("mine.ts", VALID.replace('arrivals: "poisson", rate: perSecond(100)', loop));
    const { stdout, exitCode } = await run(folder, "--run", "00-slo=25ms-rep=1");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("What follows is due before any response");
    // Four instances with three slots each.
    expect(stdout).toContain("requests   12\n");
  });

  test.each([
    [["--run", "nope"], 'no run is named "nope"; there are 00-slo=25ms-rep=1, '],
    [["--out", "s.csv"], "--out takes one schedule, and the experiment has 2"],
    [["--set", "workload.rate=1e9/s"], "8,000,000,000 requests, too many to go through"],
    [["--set", "workload.rat=1/s"], 'write "workload.rate"'],
  ])("refuses %j", async (args, message) => {
    using folder = new ExperimentFolder();
    await folder.write("mine.ts", VALID);
    const { exitCode, stderr } = await run(folder, ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });
});
