/** Several load generators in one run: who loads, when all begin, what their figures come to, when sending is over. */
import { describe, expect, test } from "bun:test";
import { LiveCounterSum } from "#runner/live-counters.ts";
import type { RunEffect, RunEvent } from "#runner/run-events.ts";
import { RunMachine } from "#runner/run-machine.ts";
import { StopWatch } from "#runner/stop-rules.ts";
import { ns } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";

const CLIENTS = ["client0", "client1", "client2"];
const CAST = { workers: ["worker0"], controller: "controller", clients: CLIENTS };
const LIMITS = { launchMs: 30_000, sendMs: 60_000, drainMs: 10_000, stopWatch: null };
const MODELS = [{ model: "m", model_id: 3, input_bytes: 100 }];

const STARTED: StatusLine = {
  event: "started",
  send_start_ns: "1000",
  measure_start_ns: "2000",
  measure_end_ns: "3000",
  send_end_ns: "4000",
};

type ProgressLine = Extract<StatusLine, { readonly event: "progress" }>;

const progress = (changes: Partial<ProgressLine> = {}): ProgressLine => ({
  event: "progress",
  at_ns: "1500",
  scheduled: 100,
  sent: 99,
  ok: 80,
  good: 70,
  failed: 5,
  unknown: 1,
  dropped: 2,
  outstanding: 11,
  rate_per_s: 50,
  goodput_per_s: 35,
  p99_ms: 9,
  ...changes,
});

const status = (name: string, line: StatusLine): RunEvent => ({
  kind: "status",
  name,
  status: line,
});

const clientReady = (expected: number | null): StatusLine => ({
  event: "ready",
  role: "client",
  port: null,
  models: MODELS,
  expected_requests: expected,
});

const launched = (): RunMachine => {
  const machine = new RunMachine(CAST, LIMITS);
  machine.step(0, { kind: "begin" });
  machine.step(0, status("worker0", { event: "ready", role: "worker", port: 10 }));
  return machine;
};

const kinds = (effects: readonly RunEffect[]): readonly string[] => effects.map(({ kind }) => kind);

const feed = (machine: RunMachine, ...events: readonly RunEvent[]): readonly RunEffect[] =>
  events.flatMap((event) => machine.step(0, event));

const controllerReady = status("controller", { event: "ready", role: "controller", port: 20 });

/** All ready, and told to start. */
const measuring = (expected: readonly (number | null)[] = [4, 3, 3]): RunMachine => {
  const machine = launched();
  feed(machine, controllerReady);
  for (const [i, name] of CLIENTS.entries())
    feed(machine, status(name, clientReady(expected[i] ?? null)));
  for (const name of CLIENTS) feed(machine, status(name, STARTED));
  return machine;
};

describe("until they send", () => {
  test("all are launched at once; the others learn the models from the first and nobody starts before all are ready", () => {
    const machine = launched();
    const launches = feed(machine, controllerReady);
    expect(launches.map((effect) => ("index" in effect ? effect.index : null))).toEqual([0, 1, 2]);
    expect(feed(machine, status("client0", clientReady(4)))).toEqual([
      { kind: "tell-models", name: "client1", models: MODELS },
      { kind: "tell-models", name: "client2", models: MODELS },
    ]);
    expect(feed(machine, status("client2", clientReady(3)))).toEqual([]);
    const effects = feed(machine, status("client1", clientReady(3)));
    expect(kinds(effects)).toEqual(["enter", "enter", "start-sending"]);
    expect(effects.at(-1)).toEqual({ kind: "start-sending", names: CLIENTS });
  });

  test("the ones that are not ready in time are named", () => {
    const machine = launched();
    feed(machine, controllerReady, status("client1", clientReady(1)));
    machine.step(30_000, { kind: "timer" });
    expect(machine.problems[0]).toStartWith("client0, client2 not ready within 30 s");
  });

  test("the ones that do not start in time are named", () => {
    const machine = launched();
    feed(machine, controllerReady);
    for (const name of CLIENTS) feed(machine, status(name, clientReady(1)));
    feed(machine, status("client0", STARTED));
    machine.step(10_000, { kind: "timer" });
    expect(machine.problems[0]).toBe("client1, client2 did not start sending within 10 s");
  });

  test("one that starts at another instant ends the run", () => {
    const machine = launched();
    feed(machine, controllerReady);
    for (const name of CLIENTS) feed(machine, status(name, clientReady(1)));
    feed(machine, status("client0", STARTED));
    feed(machine, status("client1", { ...STARTED, send_start_ns: "1001" }));
    machine.step(250, { kind: "timer" });
    expect(machine.problems[0]).toContain("they do not share one schedule");
    expect(machine.state).toBe("collecting");
  });

  test("one that ends is told from the others", () => {
    const machine = measuring();
    feed(machine, { kind: "exited", name: "client2", clean: false, description: "killed" });
    machine.step(250, { kind: "timer" });
    expect(machine.problems[0]).toBe("client2 ended while measuring: killed");
  });
});

describe("once they send", () => {
  test("a run drains when the last has sent everything, and is over when the last is drained", () => {
    const machine = measuring();
    const drain = (name: string): RunEvent => status(name, { event: "draining", outstanding: 1 });
    const drained = (name: string): RunEvent => status(name, { event: "drained", unknown: 0 });
    expect(feed(machine, drain("client1"), drained("client1"), drain("client0"))).toEqual([]);
    expect(machine.state).toBe("measuring");
    feed(machine, drain("client2"));
    expect(machine.state).toBe("draining");
    feed(machine, drained("client2"));
    expect(machine.state).toBe("draining");
    const effects = feed(machine, drained("client0"));
    expect(machine.state).toBe("collecting");
    expect(effects.flatMap((effect) => (effect.kind === "end-input" ? [effect.name] : []))).toEqual(
      CLIENTS,
    );
    const exit = (name: string): RunEvent => ({
      kind: "exited",
      name,
      clean: true,
      description: "",
    });
    // The controller is ended after the last of them, whose answers it may still have.
    expect(feed(machine, exit("client0"), exit("client2"))).toEqual([]);
    expect(feed(machine, exit("client1"))).toEqual([{ kind: "terminate", name: "controller" }]);
  });

  test("one that is stopped by somebody else fails the run, however cleanly it ends", () => {
    const machine = measuring();
    feed(machine, status("client1", { event: "drained", unknown: 3 }));
    feed(machine, { kind: "exited", name: "client1", clean: true, description: "exit code 0" });
    machine.step(250, { kind: "timer" });
    expect(machine.problems).toEqual(["client1 was stopped before it had sent everything"]);
    expect(machine.state).toBe("collecting");
    expect(machine.facts.window).not.toBeNull();
  });

  test("what is expected of all is the sum, or not known when one does not know", () => {
    expect(measuring().facts.expected_requests).toBe(10);
    expect(measuring([4, null, 3]).facts.expected_requests).toBeNull();
  });

  test("figures of all are shown together", () => {
    const machine = measuring();
    expect(feed(machine, status("client0", progress()), status("client2", progress()))).toEqual([]);
    const [effect] = feed(machine, status("client1", progress()));
    expect(effect).toMatchObject({ kind: "show-progress", counters: { sent: 297 } });
  });
});

describe("a stop rule", () => {
  /** Fails at once: every request that ended within the first second of the measurement failed. */
  const rules = { errorBudget: { share: 0.1, overNs: ns(1e9) } };
  const sending = (): RunMachine => {
    const machine = new RunMachine(CAST, { ...LIMITS, stopWatch: new StopWatch(rules) });
    feed(machine, { kind: "begin" });
    feed(machine, status("worker0", { event: "ready", role: "worker", port: 10 }), controllerReady);
    for (const name of CLIENTS) feed(machine, status(name, clientReady(100)));
    const window = {
      send_start_ns: "0",
      measure_start_ns: "2000000000",
      measure_end_ns: "60000000000",
      send_end_ns: "61000000000",
    };
    for (const name of CLIENTS) feed(machine, status(name, { event: "started", ...window }));
    return machine;
  };
  const reports = (second: number): readonly RunEvent[] =>
    CLIENTS.map((name) => {
      const counts = { failed: 100 * second, unknown: 0, dropped: 0, ok: 0 };
      return status(name, progress({ at_ns: String(second * 1e9), ...counts }));
    });

  test("ends the sending of all at one instant, which cuts the window and what is expected", () => {
    const machine = sending();
    expect(kinds(feed(machine, ...reports(2)))).toEqual(["show-progress"]);
    const effects = feed(machine, ...reports(3));
    expect(effects[1]).toMatchObject({ kind: "finish-sending", names: CLIENTS });
    const stopped = {
      at_ns: "3250000000",
      rule: "errorBudget",
      evidence:
        "100 % of the 300 requests that ended within 1s failed, got no answer or were dropped; 10 % may",
    };
    expect(machine.facts).toMatchObject({
      stopped,
      window: { measure_end_ns: "3250000000", send_end_ns: "3250000000" },
      expected_requests: null,
    });
    // Decided once.
    expect(kinds(feed(machine, ...reports(4)))).toEqual(["show-progress"]);
    for (const name of CLIENTS) {
      feed(machine, status(name, { event: "draining", outstanding: 0 }));
      feed(machine, status(name, { event: "drained", unknown: 0, expected_requests: 42 }));
    }
    expect(machine.facts.expected_requests).toBe(126);
    expect(machine.problems).toEqual([]);
    expect(machine.state).toBe("collecting");
  });

  test("that a generator does not obey fails the run", () => {
    const machine = sending();
    feed(machine, ...reports(2), ...reports(3));
    feed(machine, status("client0", { event: "draining", outstanding: 0 }));
    machine.step(10_000, { kind: "timer" });
    expect(machine.problems[0]).toBe(
      "client1, client2 went on sending for 10 s after a stop rule ended the run",
    );
  });
});

describe("live figures", () => {
  test("are sums, but the latency is the worst and never a mean", () => {
    const sum = new LiveCounterSum(2);
    expect(sum.add("client0", progress({ p99_ms: 3, at_ns: "1600" }))).toBeNull();
    expect(sum.add("client1", progress({ p99_ms: 250 }))).toEqual({
      at_ns: "1600",
      scheduled: 200,
      sent: 198,
      ok: 160,
      good: 140,
      failed: 10,
      unknown: 2,
      dropped: 4,
      outstanding: 22,
      rate_per_s: 100,
      goodput_per_s: 70,
      p99_ms: 250,
      generators: 2,
    });
  });

  test("do not wait for a generator that is silent", () => {
    const sum = new LiveCounterSum(3);
    expect(sum.add("client0", progress())).toBeNull();
    expect(sum.add("client1", progress())).toBeNull();
    expect(sum.add("client0", progress({ sent: 120 }))).toMatchObject({ sent: 219, generators: 3 });
  });

  test("have no latency while no request was answered", () => {
    expect(new LiveCounterSum(1).add("client0", progress({ p99_ms: null }))?.p99_ms).toBeNull();
  });
});
