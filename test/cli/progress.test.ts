/** What a person sees of a running experiment, on a terminal and in a pipe. */
import { expect, test } from "bun:test";
import { ProgressView, showCounters, showSpan } from "#cli/progress.ts";
import type { LiveCounters } from "#runner/live-counters.ts";
import type { StoredRun } from "#telemetry/results.ts";
import { plannedRun } from "../support/planned-runs.ts";

const RUNS = [plannedRun(0), plannedRun(1)] as const;

const COUNTERS: LiveCounters = {
  at_ns: "0",
  scheduled: 1000,
  sent: 1000,
  ok: 990,
  good: 42,
  failed: 0,
  unknown: 0,
  dropped: 0,
  outstanding: 10,
  rate_per_s: 999.6,
  goodput_per_s: 42.04,
  p99_ms: 12.34,
  generators: 1,
};

const stored = (state: "done" | "failed", problems: readonly string[]): StoredRun => ({
  schema_version: 1,
  index: 0,
  name: RUNS[0].name,
  point: [],
  repetition: 1,
  seed: 1,
  state,
  states: [],
  window: null,
  expected_requests: null,
  processes: [],
  files: [],
  problems,
  models: [],
});

/** A view whose clock and width the test sets. */
const newView = (isTerminal: boolean, columns = 200) => {
  const clock = { nowMs: 0 };
  const written: string[] = [];
  const view = new ProgressView({
    write: (text) => written.push(text),
    isTerminal,
    columns: () => columns,
    now: () => clock.nowMs,
  });
  view.observe({ kind: "opened", id: "id", folder: "/results/x/id", runs: RUNS });
  return { clock, view, take: (): string => written.splice(0).join("") };
};

test("a pipe gets a line per state and one progress line in five seconds", () => {
  const { clock, view, take } = newView(false);
  expect(take()).toBe("results: /results/x/id\n");
  view.observe({ kind: "state", run: RUNS[0], state: "launching" });
  // A run is expected to take its 0.05 s of sending and 3 s around it: two runs 6.1 s.
  expect(take()).toBe("[1/2] 00-rep=1 launching  (0 s elapsed, about 6 s left)\n");
  clock.nowMs = 2000;
  view.observe({ kind: "progress", run: RUNS[0], counters: COUNTERS });
  expect(take()).toBe(
    "[1/2] 00-rep=1 launching  (2 s elapsed, about 4 s left)  rate 1000/s  goodput 42.0/s  p99 12.3 ms  sent 1000\n",
  );
  clock.nowMs = 6900;
  view.observe({ kind: "progress", run: RUNS[0], counters: COUNTERS });
  expect(take()).toBe("");
  clock.nowMs = 7000;
  view.observe({ kind: "progress", run: RUNS[0], counters: COUNTERS });
  expect(take()).toContain("(7 s elapsed, about 3 s left)");
  view.observe({ kind: "ended", run: RUNS[0], stored: stored("done", []) });
  expect(take()).toBe("✔ [1/2] 00-rep=1 done after 7 s\n");
});

test("a terminal gets lines that are redrawn, and kept lines above it", () => {
  const { clock, view, take } = newView(true);
  take();
  view.observe({ kind: "state", run: RUNS[0], state: "measuring" });
  expect(take()).toBe("\r\u001b[2K[1/2] 00-rep=1 measuring  (0 s elapsed, about 6 s left)");
  // Nothing changed, so nothing is written.
  view.observe({ kind: "state", run: RUNS[0], state: "measuring" });
  expect(take()).toBe("");
  clock.nowMs = 1000;
  view.observe({ kind: "progress", run: RUNS[0], counters: COUNTERS });
  expect(take()).toBe(
    "\r\u001b[2K[1/2] 00-rep=1 measuring  (1 s elapsed, about 5 s left)\n  rate 1000/s  goodput 42.0/s  p99 12.3 ms  sent 1000",
  );
  view.observe({
    kind: "ended",
    run: RUNS[0],
    stored: stored("failed", ["worker0 died:\n  host: local"]),
  });
  expect(take()).toBe(
    "\r\u001b[2K\u001b[1A\u001b[2K✖ [1/2] 00-rep=1 failed after 1 s\n  worker0 died:\n    host: local\n",
  );
});

test("chosen runs are counted as they come, and whoever chooses them says how many are left", () => {
  const { view, take } = newView(false);
  take();
  let left = 2;
  view.countDown(() => left);
  view.observe({ kind: "state", run: RUNS[1], state: "launching" });
  expect(take()).toBe("[1] 01-rep=2 launching  (0 s elapsed, about 6 s left)\n");
  view.observe({ kind: "ended", run: RUNS[1], stored: stored("done", []) });
  expect(take()).toBe("✔ [1] 01-rep=2 done after 0 s\n");
  left = 1;
  view.observe({ kind: "state", run: RUNS[0], state: "launching" });
  expect(take()).toBe("[2] 00-rep=1 launching  (0 s elapsed, about 3 s left)\n");
});

test("of several generators the latency is called what it is, the worst of theirs", () => {
  expect(showCounters({ ...COUNTERS, generators: 4 })).toContain("worst generator's p99 12.3 ms");
  expect(showCounters(COUNTERS)).toContain("  p99 12.3 ms");
});

test("a stop rule is announced when it strikes, and remembered at the end", () => {
  const { view, take } = newView(false);
  take();
  const stopped = { at_ns: "5", rule: "goodput", evidence: "12 % were answered; 90 % are due" };
  view.observe({ kind: "stopping", run: RUNS[0], stopped });
  expect(take()).toBe(
    "[1/2] 00-rep=1 ends early, stop.goodput: 12 % were answered; 90 % are due\n",
  );
  view.observe({ kind: "ended", run: RUNS[0], stored: { ...stored("done", []), stopped } });
  expect(take()).toBe("✔ [1/2] 00-rep=1 done, ended early by a stop rule, after 0 s\n");
});

test("a narrow terminal gets a line that fits", () => {
  const { view, take } = newView(true, 30);
  take();
  view.observe({ kind: "state", run: RUNS[0], state: "measuring" });
  expect(take().replace("\r\u001b[2K", "")).toHaveLength(29);
});

test("kept runs do not count as remaining", () => {
  const { view, take } = newView(false);
  take();
  view.observe({ kind: "resumed", run: RUNS[0], kept: true, reason: "it is done" });
  expect(take()).toBe("[1/2] 00-rep=1 kept: it is done\n");
  view.observe({ kind: "state", run: RUNS[1], state: "launching" });
  expect(take()).toContain("about 3 s left");
});

test("spans and counters are worded for people", () => {
  expect([0, 8400, 125_000, 3_720_000, -5].map(showSpan)).toEqual([
    "0 s",
    "8 s",
    "2 min 05 s",
    "1 h 02 min",
    "0 s",
  ]);
  expect(showCounters({ ...COUNTERS, p99_ms: null, failed: 2, dropped: 1 })).toBe(
    "rate 1000/s  goodput 42.0/s  p99 –  sent 1000  failed 2  dropped 1",
  );
});
