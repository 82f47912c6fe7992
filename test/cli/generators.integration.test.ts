/** Several load generators as processes: their logs are together the schedule, each request once; and runs that a rule ends early. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parsePlannedRun } from "#cli/planned-run.ts";
import { CLIENT_LOG } from "#telemetry/client-log.ts";
import type { StoredRun } from "#telemetry/results.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { ExperimentCommand, smallExperiment } from "../support/experiment-command.ts";
import { ExperimentFolder } from "../support/experiment-folder.ts";
import { markedProcesses } from "../support/marked-processes.ts";

let folder: ExperimentFolder;

beforeEach(() => {
  folder = new ExperimentFolder();
});
afterEach(() => folder[Symbol.dispose]());

const start = async (...sets: readonly string[]): Promise<ExperimentCommand> => {
  await folder.write("small.ts", smallExperiment());
  const args = sets.flatMap((set) => ["--set", set]);
  return new ExperimentCommand(folder, ["small.ts", "--results", "out", "--no-report", ...args]);
};

const RUN = "00-rep=1";

const readRun = (results: string): StoredRun =>
  JSON.parse(readFileSync(join(results, "runs", RUN, "run.json"), "utf8")) as StoredRun;

interface Row {
  readonly client: number;
  readonly atNs: number;
  readonly modelId: number;
  readonly user: number;
}

/** Rows of all client logs of the run, with instants since the start of sending. */
const readLogs = (results: string, stored: StoredRun): readonly Row[] => {
  const telemetry = join(results, "runs", RUN, "telemetry");
  const begun = BigInt(stored.window?.send_start_ns ?? 0);
  const column = (name: string): number =>
    CLIENT_LOG.columns.findIndex((each) => each.name === name);
  return readdirSync(telemetry)
    .filter((name) => name.startsWith("client_log"))
    .flatMap((name) => readFileSync(join(telemetry, name), "utf8").trimEnd().split("\n").slice(1))
    .map((line) => line.split("\t"))
    .map((cells) => ({
      client: Number(cells[column("client_id")]),
      atNs: Number(BigInt(cells[column("scheduled_ns")] ?? "0") - begun),
      modelId: Number(cells[column("model_id")]),
      user: Number(cells[column("user_id")]),
    }));
};

interface Planned {
  readonly atNs: number;
  readonly instance: number;
  readonly user: number;
}

/** The schedule of the run by its stored plan, made anew. */
const schedule = (results: string): readonly Planned[] => {
  const parsed = parsePlannedRun(readFileSync(join(results, "plan.json"), "utf8"), RUN);
  if (!parsed.ok) throw new Error(parsed.error);
  const { workload, seed, system } = parsed.value;
  const made = createArrivalProcess({ workload, seed, models: system.models });
  if (!made.ok) throw new Error("no schedule");
  const planned: Planned[] = [];
  while (made.value.nextAt() !== null) {
    const { at, instance, user } = made.value.take();
    planned.push({ atNs: at, instance, user });
  }
  return planned;
};

/** One hash for a set of requests, whatever their order; an instant may be shared. */
const hashOf = (lines: readonly string[]): string =>
  createHash("sha256").update(lines.toSorted().join("\n")).digest("hex");

describe.each([
  ["constant", ["workload.rate=400/s"]],
  ["poisson", ["workload.rate=400/s", "workload.arrivals=poisson", "workload.users=5"]],
])("four generators, %s", (_name, sets) => {
  test("send the schedule of one, no request twice and none left out", async () => {
    await using command = await start("workload.generators=4", ...sets);
    expect(await command.ended).toBe(0);
    const stored = readRun(command.results);
    expect(stored).toMatchObject({ state: "done", problems: [], stopped: null });
    const rows = readLogs(command.results, stored);
    const planned = schedule(command.results);
    expect(planned.length).toBeGreaterThan(200);
    const ids = stored.models.map(({ model_id }) => model_id);
    expect(hashOf(rows.map(({ atNs, modelId, user }) => `${atNs} ${modelId} ${user}`))).toBe(
      hashOf(planned.map(({ atNs, instance, user }) => `${atNs} ${ids[instance]} ${user}`)),
    );
    // Request k is generator k modulo 4's.
    for (let client = 0; client < 4; client++) {
      const own = rows.filter((row) => row.client === client).map(({ atNs }) => atNs);
      const share = planned.filter((_, k) => k % 4 === client).map(({ atNs }) => atNs);
      expect(own.toSorted((a, b) => a - b)).toEqual(share);
    }
    // Nobody loads a model a second time.
    expect(ids).toEqual([0, 1]);
    const logs = stored.files.filter(({ path }) => path.includes("client_log"));
    expect(logs.map(({ path }) => path)).toEqual(
      ["client_log.1.tsv", "client_log.2.tsv", "client_log.3.tsv", "client_log.tsv"].map(
        (file) => `telemetry/${file}`,
      ),
    );
    const written = logs.reduce((sum, { rows_written }) => sum + (rows_written ?? 0), 0);
    expect(written).toBe(planned.length);
  });
});

test("a generator that is killed ends the run, and the others leave whole logs", async () => {
  await using command = await start("workload.generators=3", "workload.duration=30s");
  await command.saw(`${RUN} measuring`);
  const isThird = (line: string): boolean => line.endsWith(" --client-id 2 --control");
  const third = markedProcesses(command.id).find(isThird) ?? "";
  process.kill(Number.parseInt(third, 10), "SIGKILL");
  expect(await command.ended).toBe(4);
  const stored = readRun(command.results);
  expect(stored.state).toBe("failed");
  expect(stored.problems[0]).toContain("client2 ended while measuring: killed by SIGKILL");
  for (const client of ["client_log.tsv", "client_log.1.tsv"]) {
    const file = stored.files.find(({ path }) => path === `telemetry/${client}`);
    expect(file?.rows_written).toBe((file?.lines ?? 0) - 1);
  }
});

describe("a rule that ends a run early", () => {
  test("keeps what was measured, and resuming keeps the run", async () => {
    // One GPU answers far fewer: latencies grow beyond the SLO.
    await using command = await start(
      "workload.generators=2",
      "workload.rate=4000/s",
      "workload.warmUp=1s",
      "workload.duration=60s",
      "stop.goodput.atLeast=0.9",
      "stop.goodput.over=1s",
    );
    expect(await command.ended).toBe(0);
    const stored = readRun(command.results);
    expect(stored.state).toBe("done");
    expect(stored.stopped).toMatchObject({ rule: "goodput" });
    expect(stored.stopped?.evidence).toContain("90 % are due");
    const at = BigInt(stored.stopped?.at_ns ?? 0);
    expect(stored.window).toMatchObject({ measure_end_ns: String(at), send_end_ns: String(at) });
    const sentFor = Number(at - BigInt(stored.window?.send_start_ns ?? 0));
    expect(sentFor).toBeLessThan(30e9);
    // The rows are the schedule up to the end; on a busy machine a generator may hear of it after that.
    const rows = readLogs(command.results, stored).filter(({ atNs }) => atNs < sentFor);
    const planned = schedule(command.results).filter(({ atNs }) => atNs < sentFor);
    expect(rows.length).toBe(planned.length);
    const measured = planned.filter(({ atNs }) => atNs >= 1e9);
    expect(stored.expected_requests).toBe(measured.length);
    expect(command.stdout).toContain("ends early, stop.goodput: ");
    const journal = new Database(join(command.results, "journal.sqlite"), { readonly: true });
    const reasons = journal.query("select * from transitions").all();
    journal.close();
    expect(JSON.stringify(reasons)).toContain("90 % are due");
    await using again = new ExperimentCommand(folder, [
      "small.ts",
      "--resume",
      command.results,
      "--no-report",
    ]);
    expect(await again.ended).toBe(0);
    expect(again.stdout).toContain("kept: it is done");
  });
});
