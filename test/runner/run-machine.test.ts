/** The state machine of a run, without processes: order of launches, deadlines, and which fault is blamed. */
import { describe, expect, test } from "bun:test";
import type { RunEffect, RunEvent } from "#runner/run-events.ts";
import { RunMachine } from "#runner/run-machine.ts";
import type { StatusLine } from "#telemetry/status-line.ts";

const CAST = { workers: ["worker0", "worker1"], controller: "controller", clients: ["client0"] };
const LIMITS = { launchMs: 30_000, sendMs: 60_000, drainMs: 10_000, stopWatch: null };

const ready = (role: "worker" | "controller" | "client", port: number | null): StatusLine => ({
  event: "ready",
  role,
  port,
});

const STARTED: StatusLine = {
  event: "started",
  send_start_ns: "1",
  measure_start_ns: "2",
  measure_end_ns: "3",
  send_end_ns: "4",
};

const status = (name: string, line: StatusLine): RunEvent => ({
  kind: "status",
  name,
  status: line,
});
const exited = (name: string, clean = true): RunEvent => ({
  kind: "exited",
  name,
  clean,
  description: `${name} is over`,
});

/** One effect as a word or two, so that whole sequences can be read. */
const show = (effect: RunEffect): string => {
  if (effect.kind === "enter") return `enter ${effect.state}`;
  if (effect.kind === "launch-controller")
    return `launch controller at ${effect.workerPorts.join()}`;
  if (effect.kind === "launch-client") return `launch client at ${effect.controllerPort}`;
  if ("names" in effect) return `${effect.kind} ${effect.names.join()}`;
  return "name" in effect ? `${effect.kind} ${effect.name}` : effect.kind;
};

/** A machine with a clock that only the test moves. */
class Play {
  readonly machine = new RunMachine(CAST, LIMITS);
  nowMs = 0;

  feed(event: RunEvent): readonly string[] {
    return this.machine.step(this.nowMs, event).map(show);
  }

  feedAll(...events: readonly RunEvent[]): readonly string[] {
    return events.flatMap((event) => this.feed(event));
  }

  /** Moves the clock to the deadline that the machine names. */
  elapse(): readonly string[] {
    this.nowMs = this.machine.nextTimeout() ?? Number.NaN;
    return this.feed({ kind: "timer" });
  }
}

const LAUNCHED = [
  { kind: "begin" },
  status("worker1", ready("worker", 11)),
  status("worker0", ready("worker", 10)),
  status("controller", ready("controller", 20)),
] as const satisfies readonly RunEvent[];

const MEASURING = [
  ...LAUNCHED,
  status("client0", ready("client", null)),
  status("client0", STARTED),
];
const DRAINING = [...MEASURING, status("client0", { event: "draining", outstanding: 5 })];
const DRAINED = [...DRAINING, status("client0", { event: "drained", unknown: 0 })];

const CLOSED = [
  ...DRAINED,
  exited("client0"),
  exited("controller"),
  exited("worker0"),
  exited("worker1"),
];

const playedTo = (events: readonly RunEvent[]): Play => {
  const play = new Play();
  play.feedAll(...events);
  return play;
};

describe("a run that goes well", () => {
  test("takes every step in order and ends the roles from the client to the workers", () => {
    const play = new Play();
    expect(play.feedAll(...CLOSED)).toEqual([
      "enter launching",
      "launch-worker worker0",
      "launch-worker worker1",
      "launch controller at 10,11",
      "launch client at 20",
      "enter ready",
      "enter measuring",
      "start-sending client0",
      "enter draining",
      "enter collecting",
      "end-input client0",
      "terminate controller",
      "terminate worker0",
      "terminate worker1",
      "collect",
    ]);
    expect(play.machine.nextTimeout()).toBeNull();
    expect(play.feed({ kind: "collected", problems: [] })).toEqual([
      "enter tearing-down",
      "tear-down",
    ]);
    expect(play.feed({ kind: "torn-down", problems: [] })).toEqual(["enter done", "finish"]);
    expect(play.machine.problems).toEqual([]);
    expect(play.machine.facts.window).toEqual({
      send_start_ns: "1",
      measure_start_ns: "2",
      measure_end_ns: "3",
      send_end_ns: "4",
    });
  });

  test("remembers what the writers of the logs counted", () => {
    const play = playedTo(DRAINED);
    play.feed(status("client0", { event: "log-closed", log: "client_log.tsv", rows: 7 }));
    expect(play.machine.rowsWritten.get("client_log.tsv")).toBe(7);
  });

  test("a client that never had to wait drains all the same", () => {
    const play = playedTo(MEASURING);
    const drained = status("client0", { event: "drained", unknown: 0 });
    expect(play.feedAll(status("client0", { event: "draining", outstanding: 0 }), drained)).toEqual(
      ["enter draining", "enter collecting", "end-input client0"],
    );
  });
});

describe("deadlines", () => {
  const deadlines: readonly (readonly [string, readonly RunEvent[], number, string])[] = [
    [
      "launch: names the workers that are missing",
      [{ kind: "begin" }, status("worker1", ready("worker", 1))],
      30_000,
      "worker0 not ready within 30 s of the launch",
    ],
    ["launch: the controller", LAUNCHED.slice(0, 3), 30_000, "controller not ready within 30 s"],
    ["launch: the client", LAUNCHED, 30_000, "client0 not ready within 30 s"],
    ["start: 10 s", MEASURING.slice(0, -1), 10_000, "client0 did not start sending within 10 s"],
    // 60 s of sending and 10 s for the client to say that it is late.
    [
      "sending: its length and 10 s",
      MEASURING,
      70_000,
      "client0 had not sent everything 70 s after it started",
    ],
    // 10 s of limits.drain, which the client keeps itself, and 5 s for it to say so.
    [
      "draining: the limit and 5 s",
      DRAINING,
      15_000,
      "client0 still waited for responses 15 s after the last send",
    ],
  ];
  for (const [title, events, atMs, message] of deadlines) {
    test(title, () => {
      const play = playedTo(events);
      expect(play.machine.nextTimeout()).toBe(atMs);
      play.nowMs = atMs - 1;
      expect(play.feed({ kind: "timer" })).toEqual([]);
      expect(play.elapse()).toContain("enter collecting");
      expect(play.machine.problems[0]).toContain(message);
    });
  }

  test("a role that does not end is killed after 10 s and the next one is asked", () => {
    const play = playedTo(DRAINED);
    expect(play.machine.nextTimeout()).toBe(10_000);
    expect(play.elapse()).toEqual(["kill client0", "terminate controller"]);
    expect(play.machine.problems[0]).toContain("client0 did not end within 10 s");
    // The deadline of the next role begins anew.
    expect(play.machine.nextTimeout()).toBe(20_000);
    play.feedAll(exited("controller"), exited("worker0"), exited("worker1"));
    play.feed({ kind: "collected", problems: [] });
    expect(play.feed({ kind: "torn-down", problems: [] })).toEqual(["enter failed", "finish"]);
  });
});

describe("faults", () => {
  test("end the run once those that belong together are known, and blame the cause", () => {
    const play = playedTo(MEASURING);
    expect(play.feed(status("client0", { event: "error", message: "connection lost" }))).toEqual(
      [],
    );
    expect(play.feed(exited("controller", false))).toEqual([]);
    expect(play.feed(exited("worker1", false))).toEqual([]);
    expect(play.machine.nextTimeout()).toBe(250);
    expect(play.elapse()).toEqual([
      "enter collecting",
      "end-input client0",
      "terminate worker0",
      "terminate client0",
    ]);
    expect(play.machine.problems).toEqual(["worker1 ended while measuring: worker1 is over"]);
  });

  test("what a client says while a fault settles does not make the run good", () => {
    const play = playedTo(DRAINING);
    play.feed(exited("worker0", false));
    expect(play.feed(status("client0", { event: "drained", unknown: 0 }))).toEqual([]);
    play.elapse();
    expect(play.machine.problems[0]).toContain("worker0 ended while draining");
  });

  test("a launch that fails ends the run without the roles that are left", () => {
    const play = playedTo([{ kind: "begin" }]);
    play.feed({ kind: "launch-failed", name: "worker0", description: "no such program" });
    play.feed(status("worker1", ready("worker", 11)));
    expect(play.elapse()).toEqual(["enter collecting", "terminate worker1"]);
    expect(play.feed(exited("worker1"))).toEqual(["collect"]);
    expect(play.machine.problems).toEqual(["no such program"]);
  });

  test("a launch that fails while the run is being closed is not waited for", () => {
    const play = playedTo([{ kind: "begin" }, exited("worker0", false)]);
    expect(play.elapse()).toEqual(["enter collecting", "terminate worker1"]);
    const failed: RunEvent = { kind: "launch-failed", name: "worker1", description: "too late" };
    expect(play.feed(failed)).toEqual(["collect"]);
    expect(play.machine.problems).toHaveLength(1);
  });

  test("a full disk explains everything else", () => {
    const play = playedTo(MEASURING);
    play.feedAll(exited("controller", false), {
      kind: "log-failed",
      name: "worker0",
      reason: "ENOSPC",
    });
    play.elapse();
    expect(play.machine.problems[0]).toBe("the output of worker0 can no longer be written: ENOSPC");
  });

  test("a missing port is a fault", () => {
    const play = playedTo([{ kind: "begin" }, status("worker0", ready("worker", null))]);
    play.elapse();
    expect(play.machine.problems[0]).toContain("worker0 is ready but names no port");
  });

  test("a telemetry log that is not written is a fault", () => {
    const play = playedTo(LAUNCHED);
    const log = {
      event: "log",
      log: "batch_log.tsv",
      path: null,
      reason: "Read-only file system",
    } as const;
    play.feed(status("controller", log));
    play.elapse();
    expect(play.machine.problems).toEqual([
      "controller writes no batch_log.tsv: Read-only file system",
    ]);
  });

  test("what is found when collecting fails a run that looked good", () => {
    const play = playedTo(CLOSED);
    play.feed({ kind: "collected", problems: ["a row is missing"] });
    expect(play.feed({ kind: "torn-down", problems: [] })).toEqual(["enter failed", "finish"]);
    expect(play.machine.problems).toEqual(["a row is missing"]);
  });

  test("a role that fails while it closes its logs fails the run", () => {
    const play = playedTo(DRAINED);
    expect(play.feed(exited("client0", false))).toEqual(["terminate controller"]);
    expect(play.machine.problems).toEqual([
      "client0 failed while it closed its logs: client0 is over",
    ]);
  });
});

describe("an interruption", () => {
  for (const [title, events] of Object.entries({
    launching: LAUNCHED,
    measuring: MEASURING,
    draining: DRAINING,
  })) {
    test(`while ${title} ends every role at once`, () => {
      const play = playedTo(events);
      const effects = play.feed({ kind: "interrupt" });
      expect(effects).toEqual([
        "enter collecting",
        "end-input client0",
        "terminate worker0",
        "terminate worker1",
        "terminate controller",
        "terminate client0",
      ]);
      play.feedAll(exited("client0"), exited("controller"), exited("worker0"));
      expect(play.feed(exited("worker1"))).toEqual(["collect"]);
      play.feed({ kind: "collected", problems: [] });
      expect(play.feed({ kind: "torn-down", problems: [] })).toEqual([
        "enter interrupted",
        "finish",
      ]);
    });
  }

  test("lets a run that is being closed come to its end", () => {
    const play = playedTo(DRAINED);
    expect(play.feed({ kind: "interrupt" })).toEqual([]);
    play.feedAll(exited("client0"), exited("controller"), exited("worker0"), exited("worker1"));
    play.feed({ kind: "collected", problems: [] });
    expect(play.feed({ kind: "torn-down", problems: [] })).toEqual(["enter done", "finish"]);
  });
});
