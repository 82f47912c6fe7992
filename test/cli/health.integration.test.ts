/** Real faults of the machine during real runs, and whether the evidence about hosts, processes and event loops shows them. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { analyse } from "#query/analyse.ts";
import type { RunHealth } from "#query/analysis.ts";
import { openResults } from "#query/results-folder.ts";
import { ExperimentCommand, smallExperiment } from "../support/experiment-command.ts";
import { ExperimentFolder } from "../support/experiment-folder.ts";
import { markedProcesses } from "../support/marked-processes.ts";

const ROLES = ["client0", "controller", "worker0"];
const isLinux = existsSync("/proc/self/schedstat");

let folder: ExperimentFolder;
beforeEach(() => {
  folder = new ExperimentFolder();
});
afterEach(() => folder[Symbol.dispose]());

/** Runs a small experiment of 3 s, disturbs it once it sends, and reads what was noted of it. */
const healthOf = async (disturb: (id: string) => Promise<void>): Promise<RunHealth> => {
  await folder.write("small.ts", smallExperiment({ durationMs: 3000 }));
  const args = ["small.ts", "--results", "out", "--no-report"];
  await using command = new ExperimentCommand(folder, args);
  await command.saw("measuring");
  await disturb(command.id);
  await command.ended;
  const source = openResults(command.results);
  if (!source.ok) throw new Error(source.error);
  const { runs } = await analyse({ source: source.value, dataFolder: join(folder.path, "data") });
  const [run] = runs;
  expect(run?.stored).toMatchObject({ state: "done", problems: [] });
  expect(run?.files.flatMap(({ mismatches }) => mismatches)).toEqual([]);
  if (run === undefined || run.health === null) throw new Error("the run has no health");
  return run.health;
};

/** So that whatever disturbs lies well within the window. */
const intoTheWindow = (): Promise<void> => Bun.sleep(1000);

test("a run that is left alone: every process and loop has samples, none was stopped", async () => {
  const health = await healthOf(async () => undefined);
  expect(health.hosts.map(({ host, cpuCount }) => ({ host, cpuCount }))).toEqual([
    { host: "local", cpuCount: cpus().length },
  ]);
  expect(health.hosts[0]?.samples).toBeGreaterThan(3);
  expect(health.loops.map((loop) => loop.process)).toEqual(ROLES);
  for (const loop of health.loops) {
    expect(loop.busyNs).toBeGreaterThan(0);
    expect(loop.busyNs).toBeLessThan(loop.intervalNs);
    // On one machine, both clocks are the same one, read at different moments.
    expect(Math.abs(loop.clockDeltaNs ?? Number.NaN)).toBeLessThanOrEqual(loop.roundTripNs ?? 0);
  }
  if (!isLinux) return;
  expect(health.processes.map((each) => each.process)).toEqual(ROLES);
  for (const each of health.processes) {
    expect(each).toMatchObject({ host: "local", stoppedSamples: 0 });
    expect(each.cpuNs).toBeGreaterThan(0);
    expect(each.rssMaxBytes).toBeGreaterThan(1024 * 1024);
  }
}, 60_000);

test.skipIf(!isLinux)(
  "a worker that is stopped for a while (skipped without /proc): it alone is seen stopped",
  async () => {
    const health = await healthOf(async (id) => {
      await intoTheWindow();
      const line = markedProcesses(id).find((each) => each.includes("clockwork worker"));
      const pid = Number(line?.split(" ")[0]);
      process.kill(pid, "SIGSTOP");
      await Bun.sleep(800);
      process.kill(pid, "SIGCONT");
    });
    const stopped = health.processes.filter(({ stoppedSamples }) => stoppedSamples > 0);
    expect(stopped.map((each) => each.process)).toEqual(["worker0"]);
  },
  60_000,
);

test.skipIf(!existsSync("/proc/pressure/cpu"))(
  "twice as many hogs as processors (skipped without /proc/pressure): tasks wait for processors, and none is idle",
  async () => {
    const count = 2 * cpus().length;
    const health = await healthOf(async () => {
      const hogs = Array.from({ length: count }, () =>
        Bun.spawn(["sh", "-c", "while :; do :; done"]),
      );
      await Bun.sleep(3500);
      for (const hog of hogs) hog.kill("SIGKILL");
      await Promise.all(hogs.map((hog) => hog.exited));
    });
    const [host] = health.hosts;
    if (host === undefined) throw new Error("the host has no samples");
    // More tasks than processors: at any instant at least one waits, whatever the machine's speed.
    expect(host.cpuPressureNs).toBeGreaterThan(host.windowNs / 2);
    expect(host.cpuBusyNs + (host.stealNs ?? 0)).toBeGreaterThan(
      (host.windowNs * host.cpuCount) / 2,
    );
    const delays = health.processes.map(({ runDelayNs }) => runDelayNs ?? 0);
    expect(delays).toHaveLength(ROLES.length);
    for (const delayNs of delays) expect(delayNs).toBeGreaterThan(1_000_000);
  },
  60_000,
);
