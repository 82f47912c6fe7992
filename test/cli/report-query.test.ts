/** The `report` and `query` commands as a user runs them: output, exit codes, messages. */
import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  FIXTURE_EPOCH_NS,
  SOUND_REQUESTS,
  writeResultsFixture,
} from "../support/results-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "report-query-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const MAIN = resolve(import.meta.dir, "../../src/cli/main.ts");

const run = async (...args: string[]) => {
  await using child = Bun.spawn([process.execPath, MAIN, ...args], {
    stdout: "pipe",
    stderr: "pipe",
    cwd: scratch,
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode: await child.exited, stdout, stderr };
};

const HOLDING = { checks: { fine: { metric: "goodput", atLeast: "1/s" } } };
const requests = () => SOUND_REQUESTS;

const sound = join(scratch, "sound");
writeResultsFixture(sound, { spec: HOLDING, requests });

describe("report", () => {
  test("all checks hold: 0, and the report's path comes last", async () => {
    const { exitCode, stdout } = await run("report", "sound");
    expect(exitCode).toBe(0);
    expect(stdout.trimEnd()).toEndWith(`report: ${join(sound, "report.md")}`);
    expect(stdout).toContain("The check holds.");
  });

  test("a check that does not hold: 3", async () => {
    writeResultsFixture(join(scratch, "claims"), { requests });
    const { exitCode, stdout } = await run("report", "claims");
    expect(exitCode).toBe(3);
    expect(stdout).toContain("check fast at the median on 00-slo=25ms-rep=1: observed 40.0 ms");
  });

  test("a failed run: 4", async () => {
    writeResultsFixture(join(scratch, "broken"), { spec: HOLDING, states: ["done", "failed"] });
    expect((await run("report", "broken")).exitCode).toBe(4);
  });

  test("an INVALID run: 6, and its evidence", async () => {
    writeResultsFixture(join(scratch, "untrusted"), { spec: HOLDING });
    const { exitCode, stdout } = await run("report", "untrusted");
    expect(exitCode).toBe(6);
    expect(stdout).toContain("There is no headline: all 2 finished runs are INVALID.");
    expect(stdout).toContain("verdict: INVALID");
    expect(stdout).toContain("INVALID: 00-slo=25ms-rep=1: 1 request (10 %) was due but never sent");
  });

  test("no such folder, and a folder without logs: 5 and what is missing, no stack", async () => {
    mkdirSync(join(scratch, "empty"));
    for (const [folder, words] of [
      ["nowhere", "does not exist"],
      ["empty", "no manifest.json"],
    ] as const) {
      const { exitCode, stderr } = await run("report", folder);
      expect(exitCode).toBe(5);
      expect(stderr).toContain(words);
      expect(stderr).not.toContain("    at ");
    }
  });

  test("one unusable folder does not take the other report with it", async () => {
    const { exitCode, stdout, stderr } = await run("report", "empty-too", "sound");
    expect(exitCode).toBe(5);
    expect(stderr).toContain("does not exist");
    expect(stdout).toContain("report: ");
  });

  test("foreign logs are not written to, even when asked", async () => {
    const logs = resolve(import.meta.dir, "../golden/telemetry");
    const { exitCode, stderr } = await run("report", logs, "--out", join(logs, "here"));
    expect(exitCode).toBe(2);
    expect(stderr).toContain("not ours to write to");
  });

  test("a place that cannot be written", async () => {
    writeFileSync(join(scratch, "occupied"), "");
    const { exitCode, stderr } = await run("report", "sound", "--out", "occupied/report");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("the report cannot be written to");
    expect(stderr).toContain("--out DIR");
  });
});

describe("query", () => {
  const SQL =
    "select run, count(*) as n, min(scheduled_ns) as first from client group by run order by run";
  // The first request is scheduled 0.5 s after the epoch; a double would round it.
  const first = String(FIXTURE_EPOCH_NS + 500_000_000n);

  test("a table", async () => {
    const { exitCode, stdout } = await run("query", "sound", SQL);
    expect(exitCode).toBe(0);
    expect(stdout.split("\n")[2]).toBe(`  0  12  ${first}`);
    expect(stdout).toContain("(2 rows)");
  });

  test("--dialect overrules the logs, and is in the report's own command", async () => {
    const logs = join(scratch, "recorded");
    cpSync(resolve(import.meta.dir, "../golden/telemetry/simple-infer4-1gpu"), logs, {
      recursive: true,
    });
    const sql = "select dialect, (select min(arrival_ns) from requests) as first from runs";
    const firstRow = async (...more: string[]): Promise<readonly string[]> => {
      const { stdout } = await run("query", "recorded", sql, "--format", "csv", ...more);
      return stdout.split("\n")[1]?.split(",") ?? [];
    };
    const original = await firstRow();
    const told = await firstRow("--dialect", "documented");
    expect([original[0], told[0]]).toEqual(["original", "documented"]);
    // What is taken for an arrival is a departure, so it is later.
    expect(BigInt(told[1] ?? 0)).toBeGreaterThan(BigInt(original[1] ?? 0));
    const out = join(scratch, "told");
    const built = await run("report", "recorded", "--dialect", "documented", "--out", out);
    expect(built.stdout).toContain("report: ");
    const report = readFileSync(join(out, "report.md"), "utf8");
    expect(report).toContain("documented: as told by --dialect");
    expect(report).toContain(`./run report ${logs} --dialect documented`);
  });

  test("CSV", async () => {
    const { stdout } = await run("query", "sound", SQL, "--format", "csv");
    expect(stdout).toBe(`run,n,first\n0,12,${first}\n1,12,${first}\n`);
  });

  test("CSV quotes what needs it", async () => {
    const { stdout } = await run("query", "sound", `select 'a,"b' as "x,y"`, "--format", "csv");
    expect(stdout).toBe('"x,y"\n"a,""b"\n');
  });

  test("JSON keeps 64-bit integers exact", async () => {
    const { stdout } = await run("query", "sound", SQL, "--format", "json");
    expect(JSON.parse(stdout)[0]).toEqual({ run: 0, n: "12", first });
  });

  test("every view is there, with rows", async () => {
    const views = ["runs", "requests", "actions", "client", "batches"];
    const sql = views.map(
      (view) => `select '${view}' as view, count(*) > 0 as filled from ${view}`,
    );
    const { stdout } = await run(
      "query",
      "sound",
      `${sql.join(" union all ")} order by view`,
      "--format",
      "csv",
    );
    expect(stdout).toBe(
      `view,filled\n${[...views]
        .sort()
        .map((view) => `${view},true`)
        .join("\n")}\n`,
    );
  });

  test("anything but one statement: 2, and nothing is printed", async () => {
    for (const sql of ["", "select 1; select 2"]) {
      const { exitCode, stdout, stderr } = await run("query", "sound", sql);
      expect(exitCode).toBe(2);
      expect(stdout).toBe("");
      expect(stderr).toContain("one statement is due");
    }
  });

  test("a reader that has seen enough is no failure", async () => {
    const sql = "select repeat('x', 1000) as x from range(20000)";
    await using child = Bun.spawn(
      ["sh", "-c", `"$0" "$1" query sound "$2" | head -1; exit $?`, process.execPath, MAIN, sql],
      { stdout: "pipe", stderr: "pipe", cwd: scratch },
    );
    expect(await new Response(child.stderr).text()).toBe("");
    expect((await new Response(child.stdout).text()).trim()).toBe("x");
    expect(await child.exited).toBe(0);
  });

  test("a mistake in SQL: 2, the reason and the views' names, no stack", async () => {
    const { exitCode, stderr } = await run("query", "sound", "select nothing from nowhere");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("nowhere");
    expect(stderr).toContain("views: runs, requests");
    expect(stderr).not.toContain("    at ");
  });
});
