/** The driver of simulated runs: the course of a run, its stop rules, and every way in which it can end. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PlannedRun } from "#experiment/resolved.ts";
import type { RunnerNotice } from "#runner/observer.ts";
import { runFolders } from "#runner/results-folder.ts";
import { type SimulateOnceOptions, simulateOnce } from "#runner/simulate-once.ts";
import { MILLISECOND, ns, SECOND } from "#stdx/nanos.ts";
import type { RunState, StoredRun } from "#telemetry/results.ts";
import { arrivalsOf, readCatalogue, simulatedPlan } from "../sim/simulated-world.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "escapement-simulate-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

interface Simulated {
  readonly stored: StoredRun;
  readonly notices: readonly RunnerNotice[];
  readonly recorded: readonly string[];
  readonly read: (path: string) => string;
}

const simulate = async (
  run: PlannedRun,
  more: Partial<SimulateOnceOptions> = {},
): Promise<Simulated> => {
  const notices: RunnerNotice[] = [];
  const recorded: string[] = [];
  const folders = runFolders(root, run.name);
  const stored = await simulateOnce({
    run,
    folders,
    openInputs: (each) => ({ catalogue: readCatalogue(), arrivals: arrivalsOf(each) }),
    record: (state, reason) => void recorded.push(reason === "" ? state : `${state}: ${reason}`),
    observe: (notice) => void notices.push(notice),
    interrupt: new AbortController().signal,
    force: new AbortController().signal,
    ...more,
  });
  return {
    stored,
    notices,
    recorded,
    read: (path) => readFileSync(join(folders.run, path), "utf8"),
  };
};

const IN_ORDER = [
  "launching",
  "ready",
  "measuring",
  "draining",
  "collecting",
  "tearing-down",
  "done",
];

test("goes through every state, in virtual time, and journals each before it is told", async () => {
  const { stored, recorded, notices } = await simulate(simulatedPlan());
  expect(recorded).toEqual(IN_ORDER);
  expect(stored.states.map(({ state }) => state)).toEqual(IN_ORDER as RunState[]);
  expect(notices.filter(({ kind }) => kind === "state").length).toBe(IN_ORDER.length);
  const instants = stored.states.map(({ at_ns: at }) => BigInt(at));
  expect(instants).toEqual(instants.toSorted((a, b) => (a < b ? -1 : 1)));
  const [first = 0n] = instants;
  expect(new Date(Number(first / 1_000_000n)).getUTCFullYear()).toBe(2000);
  // The load stage lasts a second, sending half of one.
  expect(Number((instants.at(-1) ?? 0n) - first)).toBeGreaterThan(1.5 * SECOND);
  expect(stored.processes.map(({ name, exit_code }) => `${name} ${exit_code}`)).toEqual([
    "worker0 0",
    "worker1 0",
    "controller 0",
    "client0 0",
  ]);
});

test("several load generators begin at one instant and share the schedule", async () => {
  const run = simulatedPlan({ workload: { generators: 3 } });
  const { stored, read } = await simulate(run);
  expect(stored).toMatchObject({ state: "done", problems: [] });
  const rows = [0, 1, 2].map((index) => {
    const log = read(`telemetry/client_log${index === 0 ? "" : `.${index}`}.tsv`);
    return log.trimEnd().split("\n").length - 1;
  });
  expect(Math.max(...rows) - Math.min(...rows)).toBeLessThanOrEqual(1);
  const alone = await simulate({ ...simulatedPlan(), name: "alone" });
  expect(rows.reduce((a, b) => a + b, 0)).toBe(
    alone.read("telemetry/client_log.tsv").trimEnd().split("\n").length - 1,
  );
});

test("a stop rule ends an overload early and cuts the window there", async () => {
  const run: PlannedRun = {
    ...simulatedPlan({ workload: { ratePerS: 2500, durationNs: ns(20 * SECOND) } }),
    stop: { goodput: { atLeast: 0.9, overNs: ns(2 * SECOND) } },
  };
  const { stored, notices } = await simulate(run);
  expect(stored).toMatchObject({ state: "done", problems: [], stopped: { rule: "goodput" } });
  expect(notices.some(({ kind }) => kind === "stopping")).toBe(true);
  const { measure_start_ns: start = "0", measure_end_ns: end = "0" } = stored.window ?? {};
  const measured = Number(BigInt(end) - BigInt(start));
  expect(measured).toBeGreaterThan(2 * SECOND);
  expect(measured).toBeLessThan(5 * SECOND);
});

describe("a run that goes wrong", () => {
  test("fails with the reason when a part of it breaks, and keeps its logs", async () => {
    const run = simulatedPlan();
    const { stored, read } = await simulate(run, {
      openInputs: (each) => {
        const [arrivals] = arrivalsOf(each);
        if (arrivals === undefined) throw new Error("no arrivals");
        let taken = 0;
        return {
          catalogue: readCatalogue(),
          arrivals: [
            {
              nextAt: () => arrivals.nextAt(),
              expectedCount: (from, to) => arrivals.expectedCount(from, to),
              onEnded: (now, arrival) => arrivals.onEnded(now, arrival),
              take: () => {
                if (++taken > 100) throw new Error("planted");
                return arrivals.take();
              },
            },
          ],
        };
      },
    });
    expect(stored.state).toBe("failed");
    expect(stored.problems[0]).toMatch(
      /^1\.\d+ s after the start of the simulated world: planted$/,
    );
    expect(read("telemetry/client_log.tsv").split("\n").length).toBeGreaterThan(50);
    expect(stored.files.length).toBeGreaterThan(6);
  });

  test("fails when a model is in no profile", async () => {
    const { stored } = await simulate(
      simulatedPlan({ system: { models: [{ model: "unheard-of", instances: 1 }] } }),
    );
    expect(stored.state).toBe("failed");
    expect(stored.problems[0]).toContain("the controller did not load unheard-of: status 1");
  });

  test("fails within the launch limit, which is virtual as well", async () => {
    const run = { ...simulatedPlan(), launchLimitNs: ns(200 * MILLISECOND) };
    const { stored } = await simulate(run);
    expect(stored.state).toBe("failed");
    expect(stored.problems[0]).toContain("not ready within 0.2 s");
  });

  test("ends in order when it is interrupted, at any time", async () => {
    const interrupt = new AbortController();
    const run = simulatedPlan({ workload: { durationNs: ns(3600 * SECOND) } });
    const simulated = simulate(run, { interrupt: interrupt.signal });
    setTimeout(() => interrupt.abort(), 100);
    const { stored } = await simulated;
    expect(stored.state).toBe("interrupted");
    for (const file of stored.files) {
      if (file.rows_written !== null) expect(file.rows_written).toBe((file.lines ?? 0) - 1);
    }
  });
});
