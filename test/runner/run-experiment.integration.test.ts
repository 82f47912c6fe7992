/** The runner with a real supervisor and fake roles: results folders, faults of every kind, interruption, resume. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Journal } from "#host/journal.ts";
import { openResultsFolder, type ResultsFolder } from "#runner/results-folder.ts";
import { decideRun, resumeRefusals } from "#runner/resume.ts";
import type { Manifest, RunState, StoredRun } from "#telemetry/results.ts";
import {
  createFakeResults,
  experimentOf,
  type FakeOptions,
  newFakeRoot,
  runFake,
} from "../support/fake-experiment.ts";
import type { Fake } from "../support/fake-role.ts";
import { markedProcesses } from "../support/marked-processes.ts";
import { plannedRun } from "../support/planned-runs.ts";

let root = "";
let remove = (): void => undefined;

beforeEach(() => {
  ({ root, remove } = newFakeRoot());
});
afterEach(() => remove());

const readStored = (results: ResultsFolder, runName = "00-rep=1"): StoredRun =>
  JSON.parse(readFileSync(join(results.folder, "runs", runName, "run.json"), "utf8")) as StoredRun;

const journalled = (results: ResultsFolder): readonly string[] => {
  const journal = Journal.open(join(results.folder, "journal.sqlite"));
  try {
    return journal
      .transitions()
      .map(({ runIndex, attempt, state }) => `${runIndex}.${attempt} ${state}`);
  } finally {
    journal.close();
  }
};

const statesOf = (stored: StoredRun): readonly RunState[] =>
  stored.states.map(({ state }) => state);

const IN_ORDER = [
  "launching",
  "ready",
  "measuring",
  "draining",
  "collecting",
  "tearing-down",
  "done",
];

describe("a run that goes well", () => {
  test("leaves a results folder with everything in it, read-only and counted", async () => {
    const { outcome, results, notices } = await runFake(root);
    expect(outcome).toMatchObject({ kind: "ran", interrupted: false, problems: [] });
    expect(readdirSync(results.folder).sort()).toEqual([
      "journal.sqlite",
      "manifest.json",
      "plan.json",
      "runs",
    ]);
    const stored = readStored(results);
    expect(stored).toMatchObject({
      state: "done",
      problems: [],
      expected_requests: 3,
      models: [{ model: "m", model_id: 0 }],
    });
    expect(statesOf(stored)).toEqual(IN_ORDER as RunState[]);
    expect(journalled(results)).toEqual(["planned", ...IN_ORDER].map((state) => `0.1 ${state}`));
    expect(stored.processes.map(({ name, exit_code }) => `${name} ${exit_code}`)).toEqual([
      "worker0 0",
      "controller 0",
      "client0 0",
    ]);
    expect(stored.files.map(({ path }) => path)).toEqual([
      "telemetry/batch_log.tsv",
      "telemetry/client_log.tsv",
      "telemetry/clockwork_action_log.tsv",
      "telemetry/clockwork_request_log.tsv",
      "telemetry/host_log.tsv",
      "telemetry/loop_log.tsv",
      "telemetry/process_log.tsv",
      "telemetry/window_log.tsv",
      "logs/client0.log",
      "logs/controller.log",
      "logs/worker0.log",
    ]);
    // A header and three rows of "1\t2\n": 4 + 3 × 4 = 16 bytes.
    expect(stored.files[0]).toMatchObject({ bytes: 16, lines: 4, rows_written: 3 });
    const path = join(results.folder, "runs/00-rep=1", stored.files[0]?.path ?? "");
    const sha256 = new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
    expect(stored.files[0]?.sha256).toBe(sha256);
    for (const { path: file } of stored.files) {
      expect(statSync(join(results.folder, "runs/00-rep=1", file)).mode & 0o222).toBe(0);
    }
    expect(notices.filter(({ kind }) => kind === "progress")).toHaveLength(1);
    expect(markedProcesses(results.id)).toEqual([]);
    const manifest = JSON.parse(
      readFileSync(join(results.folder, "manifest.json"), "utf8"),
    ) as Manifest;
    expect(BigInt(manifest.ended_ns ?? "0")).toBeGreaterThan(BigInt(manifest.created_ns));
  });

  test("starts every worker before the controller, with the addresses they listen on", async () => {
    const run = plannedRun(0);
    const runs = [{ ...run, system: { ...run.system, workers: 3 } }];
    const { results } = await runFake(root, { runs });
    const { processes } = readStored(results);
    expect(processes.map(({ name }) => name)).toEqual([
      "worker0",
      "worker1",
      "worker2",
      "controller",
      "client0",
    ]);
    const addresses = processes
      .find(({ name }) => name === "controller")
      ?.command.find((part) => part.includes(","));
    expect(addresses).toMatch(/^127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/);
    expect(new Set(addresses?.split(",")).size).toBe(3);
  });
});

interface FaultCase {
  readonly faults: Readonly<Record<string, Fake>>;
  /** Parts of the first problem, which says why the run failed. */
  readonly says: readonly string[];
  /** The last state before the end was prepared. */
  readonly during: RunState;
  readonly options?: FakeOptions;
}

const shortLaunch = plannedRun(0, { launchLimitNs: plannedRun(0).drainLimitNs });

const FAULTS: Readonly<Record<string, FaultCase>> = {
  "a worker that dies at start": {
    faults: { worker0: "dies-at-start" },
    says: [
      "worker0",
      "being launched",
      "exit code 3",
      "host: local",
      "fake-role.ts",
      " worker --bind",
      "cannot read the profiles",
    ],
    during: "launching",
  },
  "a worker that is killed at start": {
    faults: { worker0: "killed-at-start" },
    says: ["worker0", "killed by SIGKILL"],
    during: "launching",
  },
  "a controller that dies at start": {
    faults: { controller: "dies-at-start" },
    says: ["controller", "being launched", "exit code 3", "cannot read the profiles"],
    during: "launching",
  },
  "a client that dies at start": {
    faults: { client0: "dies-at-start" },
    says: ["client0", "being launched", "exit code 3"],
    during: "launching",
  },
  "a port that is in use": {
    faults: { worker0: "port-in-use" },
    says: ["worker0", "exit code 1", "EADDRINUSE"],
    during: "launching",
  },
  "a controller that never becomes ready": {
    faults: { controller: "never-ready" },
    says: ["controller not ready within 1 s", "limits.launch"],
    during: "launching",
    options: { runs: [shortLaunch] },
  },
  "a status line that is no JSON": {
    faults: { worker0: "garbled-status" },
    says: ["worker0", "status line that is no JSON", "{broken"],
    during: "launching",
  },
  "a worker that dies while measuring": {
    faults: { worker0: "dies-measuring" },
    says: ["worker0 ended while measuring", "killed by SIGKILL", "worker0 hit a bug"],
    during: "measuring",
  },
  "a controller that dies while measuring": {
    faults: { controller: "dies-measuring" },
    says: ["controller ended while measuring", "killed by SIGKILL"],
    during: "measuring",
  },
  "a worker that dies while draining": {
    faults: { worker0: "dies-draining" },
    says: ["worker0 ended while draining", "killed by SIGKILL"],
    during: "draining",
  },
  "a worker that takes its controller along": {
    faults: { controller: "dies-measuring", worker0: "dies-measuring" },
    says: ["worker0 ended while measuring"],
    during: "measuring",
  },
  "a controller that cannot write its logs": {
    faults: { controller: "unwritable-logs" },
    says: ["controller writes no", "Permission denied"],
    during: "launching",
  },
};

describe("a run fails at once, with one clear message and nothing left running, after", () => {
  for (const [title, { faults, says, during, options }] of Object.entries(FAULTS)) {
    test(title, async () => {
      const { outcome, results } = await runFake(root, { ...options, faults });
      expect(outcome).toMatchObject({ kind: "ran", states: new Map([[0, "failed"]]) });
      const stored = readStored(results);
      expect(stored.state).toBe("failed");
      for (const part of says) expect(stored.problems[0]).toContain(part);
      const states = statesOf(stored);
      expect(states.slice(0, states.indexOf("collecting")).at(-1)).toBe(during);
      expect(states.slice(-2)).toEqual(["tearing-down", "failed"]);
      // What was collected is kept: the output of every role that was started.
      expect(stored.files.map(({ path }) => path)).toContain("logs/worker0.log");
      expect(markedProcesses(results.id)).toEqual([]);
    }, 30_000);
  }
});

describe("a run that reached its end is still failed when", () => {
  const cases: Readonly<Record<string, readonly [Record<string, Fake>, string]>> = {
    "a log holds fewer rows than were written": [
      { client0: "claims-more-rows" },
      "telemetry/client_log.tsv holds 3 rows, but its writer wrote 5",
    ],
    "a log ends within a row": [
      { client0: "torn-row" },
      "telemetry/client_log.tsv ends within a row",
    ],
    "a role fails while it closes its logs": [
      { controller: "fails-while-closing" },
      "controller failed while it closed its logs: exit code 9",
    ],
  };
  for (const [title, [faults, message]] of Object.entries(cases)) {
    test(title, async () => {
      const { results } = await runFake(root, { faults });
      const stored = readStored(results);
      expect(stored.state).toBe("failed");
      expect(stored.problems.join("\n")).toContain(message);
      expect(stored.window).not.toBeNull();
    });
  }
});

test("the other runs go on after a failed one", async () => {
  const runs = [plannedRun(0), plannedRun(1)];
  const faults: Record<string, Fake> = { worker0: "dies-at-start" };
  const { outcome, notices } = await runFake(root, { runs, faults });
  expect(outcome).toMatchObject({
    states: new Map([
      [0, "failed"],
      [1, "failed"],
    ]),
  });
  expect(notices.filter(({ kind }) => kind === "ended")).toHaveLength(2);
});

test("stubborn children of a role are gone when the run is over", async () => {
  const { outcome, results } = await runFake(root, { faults: { worker0: "stubborn-children" } });
  expect(outcome).toMatchObject({ states: new Map([[0, "done"]]) });
  expect(markedProcesses(results.id)).toEqual([]);
});

test("a role that ignores SIGTERM is killed, and the run says that its logs may be incomplete", async () => {
  const { results } = await runFake(root, { faults: { worker0: "ignores-term" } });
  const stored = readStored(results);
  expect(stored.state).toBe("failed");
  expect(stored.problems[0]).toContain("worker0 did not end within 10 s");
  expect(markedProcesses(results.id)).toEqual([]);
}, 30_000);

test("a killed supervisor fails its run and nothing else", async () => {
  const runs = [plannedRun(0), plannedRun(1)];
  const results = await createFakeResults(root, runs);
  let isKilled = false;
  const { outcome } = await runFake(root, {
    runs,
    results,
    sendMs: 300,
    onNotice: (notice) => {
      if (notice.kind !== "state" || notice.state !== "measuring" || isKilled) return;
      isKilled = true;
      const supervisor = markedProcesses(results.id).find((line) => line.includes("supervisor.ts"));
      process.kill(Number(supervisor?.split(" ")[0]), "SIGKILL");
    },
  });
  expect(outcome).toMatchObject({
    states: new Map([
      [0, "failed"],
      [1, "done"],
    ]),
  });
  expect(readStored(results).problems[0]).toContain("supervisor on local ended (SIGKILL)");
  expect(markedProcesses(results.id)).toEqual([]);
}, 30_000);

describe("interruption", () => {
  test("ends the run in order, keeps what was collected, and starts no other", async () => {
    const interrupt = new AbortController();
    const { outcome, results } = await runFake(root, {
      runs: [plannedRun(0), plannedRun(1)],
      sendMs: 60_000,
      interrupt: interrupt.signal,
      onNotice: (notice) => {
        if (notice.kind === "state" && notice.state === "measuring") interrupt.abort();
      },
    });
    expect(outcome).toMatchObject({ interrupted: true, states: new Map([[0, "interrupted"]]) });
    const stored = readStored(results);
    expect(stored).toMatchObject({
      state: "interrupted",
      problems: ["interrupted while measuring"],
    });
    // The roles ended by themselves and closed their logs.
    expect(stored.processes.map(({ exit_code }) => exit_code)).toEqual([0, 0, 0]);
    expect(stored.files.find(({ path }) => path.endsWith("client_log.tsv"))?.rows_written).toBe(3);
    expect(journalled(results).at(-1)).toBe("0.1 interrupted");
    expect(markedProcesses(results.id)).toEqual([]);
  });

  test("a second time ends it at once, whatever the roles do", async () => {
    const interrupt = new AbortController();
    const force = new AbortController();
    const started = performance.now();
    const { outcome, results } = await runFake(root, {
      faults: { worker0: "ignores-term" },
      sendMs: 60_000,
      interrupt: interrupt.signal,
      force: force.signal,
      onNotice: (notice) => {
        if (notice.kind !== "state") return;
        if (notice.state === "measuring") interrupt.abort();
        if (notice.state === "collecting") force.abort();
      },
    });
    expect(outcome).toMatchObject({ interrupted: true, states: new Map([[0, "interrupted"]]) });
    expect(markedProcesses(results.id)).toEqual([]);
    // Well below the 10 s that a role has to close its logs.
    expect(performance.now() - started).toBeLessThan(9000);
  }, 30_000);
});

describe("resume", () => {
  test("keeps what is done and redoes what failed, whose first attempt it moves aside", async () => {
    const runs = [plannedRun(0), plannedRun(1)];
    const interrupt = new AbortController();
    const first = await runFake(root, {
      runs,
      interrupt: interrupt.signal,
      onNotice: (notice) => {
        if (notice.kind === "state" && notice.run.index === 1 && notice.state === "launching")
          interrupt.abort();
      },
    });
    expect(first.outcome).toMatchObject({
      states: new Map([
        [0, "done"],
        [1, "interrupted"],
      ]),
    });
    const before = readStored(first.results);
    const opened = await openResultsFolder(first.results.folder);
    if (!opened.ok) throw new Error(opened.error);
    const second = await runFake(root, { runs, results: opened.value });
    expect(second.outcome).toMatchObject({
      interrupted: false,
      states: new Map([
        [0, "done"],
        [1, "done"],
      ]),
    });
    expect(readStored(second.results)).toEqual(before);
    expect(
      second.notices.flatMap((notice) =>
        notice.kind === "resumed" ? [`${notice.run.index} ${notice.kept} ${notice.reason}`] : [],
      ),
    ).toEqual(["0 true it is done", "1 false it was interrupted"]);
    expect(readStored(second.results, "01-rep=2").state).toBe("done");
    expect(existsSync(join(first.results.folder, "superseded/01-rep=2.attempt-1/run.json"))).toBe(
      true,
    );
    expect(journalled(second.results).at(-1)).toBe("1.2 done");
  });

  test("redoes a run whose files are damaged, and says which", async () => {
    const { results } = await runFake(root);
    const journal = Journal.open(join(results.folder, "journal.sqlite"));
    const latest = journal.latest().get(0);
    journal.close();
    const decide = (): Promise<unknown> => decideRun(plannedRun(0), results.folder, latest);
    expect(await decide()).toMatchObject({ kept: true, attempt: 1 });
    const log = join(results.folder, "runs/00-rep=1/telemetry/client_log.tsv");
    chmodSync(log, 0o644);
    writeFileSync(log, "a\tb\n");
    expect(await decide()).toMatchObject({
      kept: false,
      attempt: 2,
      reason: "telemetry/client_log.tsv has 4 bytes instead of 16",
    });
  });

  test("refuses another experiment, naming every difference", async () => {
    const results = await createFakeResults(root, [plannedRun(0)]);
    const run = plannedRun(0);
    const changed = { ...run, system: { ...run.system, maxBatch: 4 }, seed: 9 };
    expect(await resumeRefusals(experimentOf([run]), results)).toEqual([]);
    expect(await resumeRefusals(experimentOf([changed]), results)).toEqual([
      "plan.runs.0.seed: was 1, is 9",
      "plan.runs.0.system.max_batch: was 8, is 4",
    ]);
    expect(await resumeRefusals(experimentOf([run, plannedRun(1)]), results)).toContainEqual(
      expect.stringContaining("plan.runs.1: was nothing"),
    );
  });

  test("refuses changed inputs", async () => {
    const trace = join(root, "trace.csv");
    writeFileSync(trace, "1");
    const results = await createFakeResults(root, [plannedRun(0)]);
    const sha256 = new Bun.CryptoHasher("sha256").update("1").digest("hex");
    const manifest: Manifest = {
      ...results.manifest,
      inputs: [{ role: "trace", path: trace, bytes: 1, sha256 }],
    };
    const experiment = experimentOf([plannedRun(0)]);
    expect(await resumeRefusals(experiment, { ...results, manifest })).toEqual([]);
    writeFileSync(trace, "2");
    expect(await resumeRefusals(experiment, { ...results, manifest })).toEqual([
      `the content of the trace ${trace} changed`,
    ]);
  });

  test("two runners never work on the same folder", async () => {
    const seconds: Promise<unknown>[] = [];
    const results = await createFakeResults(root, [plannedRun(0)]);
    const first = await runFake(root, {
      results,
      onNotice: (notice) => {
        if (notice.kind === "state" && notice.state === "ready")
          seconds.push(runFake(root, { results }).then(({ outcome }) => outcome));
      },
    });
    expect(first.outcome).toMatchObject({ states: new Map([[0, "done"]]) });
    expect(await Promise.all(seconds)).toEqual([{ kind: "busy", pid: process.pid }]);
  });
});
