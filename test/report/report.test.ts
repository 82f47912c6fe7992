/** Whole reports against golden texts; `UPDATE_GOLDEN=1 bun test test/report` writes them anew. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuiltReport, buildReport } from "#cli/build-report.ts";
import {
  FIXTURE_REQUESTS,
  type FixtureOptions,
  SOUND_REQUESTS,
  writeResultsFixture,
} from "../support/results-fixture.ts";

const GOLDEN = join(import.meta.dir, "../golden/report");
const RECORDED = join(import.meta.dir, "../golden/telemetry");

const scratch = mkdtempSync(join(tmpdir(), "report-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const expectGolden = (name: string, text: string): void => {
  const path = join(GOLDEN, name);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, "utf8"));
};

const buildFixture = async (
  name: string,
  options: FixtureOptions,
): Promise<{ readonly folder: string; readonly built: BuiltReport }> => {
  const folder = join(scratch, name);
  writeResultsFixture(folder, { requests: () => SOUND_REQUESTS, ...options });
  return { folder, built: await buildReport({ folder }) };
};

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

/** Every image that a report shows must lie where its link leads. */
const expectLinksToLead = (folder: string, markdown: string): void => {
  const links = [...markdown.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, link]) => link as string);
  expect(links.length).toBeGreaterThan(0);
  for (const link of links) expect(existsSync(join(folder, link))).toBe(true);
};

describe("report", () => {
  test("a sweep of two runs", async () => {
    const { folder, built } = await buildFixture("sweep", {});
    expect(built).toMatchObject({
      reportPath: join(folder, "report.md"),
      checksPassed: 1,
      checksFailed: 1,
      runsFailed: 0,
    });
    const top = readFileSync(built.reportPath, "utf8");
    expectGolden("sweep.md", top);
    expectLinksToLead(folder, top);
    const inside = readFileSync(join(folder, "derived", "report.md"), "utf8");
    expectLinksToLead(join(folder, "derived"), inside);
    expect(inside).toBe(top.replaceAll("derived/charts/", "charts/"));
  });

  test("one run without a sweep", async () => {
    const spec = { sweep: undefined, checks: undefined, report: undefined };
    const { built } = await buildFixture("single", { spec });
    expectGolden("single.md", readFileSync(built.reportPath, "utf8"));
  });

  test("repetitions, failed runs and runs that never started", async () => {
    const { built } = await buildFixture("failed", {
      spec: { repetitions: 2 },
      states: ["done", "failed", "done", "no run.json"],
    });
    expect(built).toMatchObject({ checksPassed: 0, checksFailed: 2, runsFailed: 2 });
    const text = readFileSync(built.reportPath, "utf8");
    expectGolden("failed.md", text);
    expect(text).toContain("no such profile");
  });

  test("an INVALID run among others, and verdicts for programs", async () => {
    const { folder, built } = await buildFixture("invalid", {
      requests: (run) => (run === 0 ? FIXTURE_REQUESTS : SOUND_REQUESTS),
    });
    expect(built).toMatchObject({
      checksPassed: 1,
      checksFailed: 1,
      runsFailed: 0,
      runsInvalid: 1,
    });
    const text = readFileSync(built.reportPath, "utf8");
    expectGolden("invalid.md", text);
    const chart = readFileSync(join(folder, "derived/charts/headline.svg"), "utf8");
    expect(chart).toContain("INVALID");
    const verdicts = JSON.parse(readFileSync(join(folder, "derived/verdicts.json"), "utf8"));
    expect(verdicts).toMatchObject([
      { run: 0, name: "00-slo=25ms-rep=1", verdict: "INVALID" },
      { run: 1, name: "01-slo=100ms-rep=1", verdict: "SUSPECT" },
    ]);
    expect(verdicts[0].findings[0]).toEqual({
      kind: "dropped",
      severity: "invalid",
      evidence: "1 request (10 %) was due but never sent",
      remedy: "offer less, give the client a processor of its own, or use more generators",
      observed: 0.1,
      bound: 0.001,
      unit: "share",
    });
  });

  test("every run INVALID: no headline, neither in words nor in a figure", async () => {
    const checks = { fast: { metric: "latency_p50", atMost: "30ms" } };
    const spec = { sweep: undefined, report: undefined, checks };
    const { folder, built } = await buildFixture("all-invalid", {
      spec,
      requests: () => FIXTURE_REQUESTS,
    });
    const text = readFileSync(built.reportPath, "utf8");
    expectGolden("all-invalid.md", text);
    expect(existsSync(join(folder, "derived/charts/headline.svg"))).toBe(false);
    expect(existsSync(join(folder, "derived/charts/latency-cdf.svg"))).toBe(false);
  });

  test("no run finished", async () => {
    const { built } = await buildFixture("none", { states: ["failed", "interrupted"] });
    const text = readFileSync(built.reportPath, "utf8");
    expect(text).toContain("No run finished, so there is no answer.");
    expect(text).toContain("No log was found.");
    expect(built.runsFailed).toBe(2);
  });

  test("recorded logs of the original", async () => {
    const outDir = join(scratch, "recorded");
    const copy = join(scratch, "logs");
    cpSync(RECORDED, copy, { recursive: true });
    const built = await buildReport({ folder: copy, outDir });
    const text = readFileSync(built.reportPath, "utf8").replaceAll(copy, "LOGS");
    expectGolden("recorded.md", text);
    expectLinksToLead(outDir, text);
    // Logs that are not ours are never written to.
    expect(filesBelow(copy).map((path) => path.slice(copy.length))).toEqual(
      filesBelow(RECORDED).map((path) => path.slice(RECORDED.length)),
    );
  });

  test("is the same bytes again, charts and data included, also from scratch", async () => {
    const { folder } = await buildFixture("again", {});
    const read = (): Record<string, string> =>
      Object.fromEntries(
        [...filesBelow(join(folder, "derived")), join(folder, "report.md")].map((path) => [
          path,
          readFileSync(path, "base64"),
        ]),
      );
    const first = read();
    await buildReport({ folder });
    expect(read()).toEqual(first);
    rmSync(join(folder, "derived"), { recursive: true });
    await buildReport({ folder });
    expect(read()).toEqual(first);
  });

  test("is the same bytes wherever its folder lies, and shows no path of the machine", async () => {
    const root = join(scratch, "a clone");
    const first = await buildFixture("home", { root });
    const there = join(scratch, "far", "away");
    cpSync(first.folder, there, { recursive: true });
    rmSync(join(there, "derived"), { recursive: true });
    await buildReport({ folder: there });
    for (const file of ["report.md", "derived/report.md", "derived/data/inputs.json"]) {
      expect(readFileSync(join(there, file), "utf8")).toBe(
        readFileSync(join(first.folder, file), "utf8"),
      );
    }
    const text = readFileSync(join(there, "report.md"), "utf8");
    expect(text).not.toContain(scratch);
    expect(text).toContain("./run experiment experiments/fixture.ts");
  });

  test("a large sweep: like things in one line, long tables folded, few lines in a chart", async () => {
    const slos = ["10ms", "20ms", "30ms", "40ms", "50ms", "60ms", "70ms"];
    const { built } = await buildFixture("large", {
      spec: {
        repetitions: 2,
        sweep: { "system.slo": slos },
        checks: { fast: { metric: "latency_p50", atMost: "30ms" } },
      },
    });
    expect(built.summaryLines.length).toBeLessThan(8);
    expect(built.summaryLines.join("\n")).toContain(
      "check fast on 14 runs, first 00-slo=10ms-rep=1",
    );
    const text = readFileSync(built.reportPath, "utf8");
    const open = text.replaceAll(/<details>[^]*?<\/details>/g, "");
    expect(open).toContain("| fast  | 14 runs |");
    for (const [rows] of open.matchAll(/(\|.*\n)+/g))
      expect(rows.split("\n").length).toBeLessThan(15);
    const cdf = readFileSync(join(built.reportPath, "../derived/charts/latency-cdf.svg"), "utf8");
    expect(cdf).toContain("one repetition of each, 6 of 7 shown");
  });

  test("what is run again does not depend on the folder that the user was in", async () => {
    const { built } = await buildFixture("elsewhere", {
      root: "/clone",
      overrides: [
        { path: "workload.trace", value: "mine.csv" },
        { path: "seed", value: "7" },
      ],
      inputs: [{ role: "trace", path: "/lab/mine.csv", bytes: 1, sha256: "2".repeat(64) }],
    });
    expect(readFileSync(built.reportPath, "utf8")).toContain(
      "./run experiment experiments/fixture.ts --set workload.trace=/lab/mine.csv --seed 7 --on local",
    );
  });

  test("runs in virtual time are called so at the top, and no machine is named for them", async () => {
    const { built } = await buildFixture("simulated", {
      isSimulated: true,
      requests: () => SOUND_REQUESTS,
    });
    const text = readFileSync(built.reportPath, "utf8");
    const paragraphs = text.split("\n\n");
    expect(paragraphs[2]).toStartWith(
      "**Simulated** (target `sim`): These runs were made in virtual",
    );
    expect(paragraphs[2]).toEndWith("No machine was measured.");
    expect(text).toContain("sim (simulated on bench1)");
    expect(text).toContain(
      "one way 50.0 µs and an exponential time of 10.0 µs on average; 10 Gb/s",
    );
    for (const index of [0, 1]) expect(text).toContain(`\`${String(index).repeat(64)}\``);
    expect(text).toContain("--on sim   # run it again");
    expect(text).not.toContain("how hosts and processes fared");
    expect(text).not.toContain("## Machine");
  });

  test("charts of an earlier build do not linger", async () => {
    const { folder } = await buildFixture("linger", {});
    const stale = join(folder, "derived", "charts", "stale.svg");
    writeFileSync(stale, "");
    await buildReport({ folder });
    expect(existsSync(stale)).toBe(false);
  });
});
