/** From the supervisor's events to outcomes, without a supervisor. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { HostProcesses } from "#remote/host-processes.ts";
import type { SupervisorCommand } from "#remote/protocol.ts";
import type { HostEvent, ProcessSpec } from "#remote/remote.ts";

const spec: ProcessSpec = { name: "a", command: ["a"], cwd: "/", env: {}, logPath: "/a.log" };
const exited = {
  event: "exited",
  name: "a",
  exit_code: 0,
  signal: null,
  duration_ms: 5,
} as const;

const make = () => {
  const sent: SupervisorCommand[] = [];
  const events: HostEvent[] = [];
  const processes = new HostProcesses({
    host: "local",
    send: (command) => sent.push(command),
    onEvent: (event) => events.push(event),
  });
  return { sent, events, processes };
};

const launch = async (processes: HostProcesses) => {
  const launching = processes.launch(spec, null);
  processes.receive({ event: "launched", name: "a", pid: 7, started_ns: "1" });
  const launched = await launching;
  if (!launched.ok) throw new Error("not launched");
  return launched.value;
};

afterEach(() => {
  jest.useRealTimers();
});

describe("HostProcesses", () => {
  test("an outcome carries the last twenty lines of each stream", async () => {
    const { processes } = make();
    const running = await launch(processes);
    for (let i = 1; i <= 30; i++) {
      processes.receive({ event: "line", name: "a", stream: "stdout", text: `out ${i}` });
    }
    processes.receive({ event: "line", name: "a", stream: "stderr", text: "err" });
    processes.receive(exited);
    const outcome = await running.exited;
    const lines = outcome.stdout.split("\n");
    expect([lines.length, lines[0], lines.at(-1), outcome.stderr]).toEqual([
      20,
      "out 11",
      "out 30",
      "err",
    ]);
  });

  test("a process that ends in time is not killed later, nor the next one of its name", async () => {
    jest.useFakeTimers();
    const { processes, sent } = make();
    const running = await launch(processes);
    const stopping = running.stop({ graceMs: 1000 });
    processes.receive({ ...exited, exit_code: null, signal: "SIGTERM" });
    expect(await stopping).toMatchObject({ signal: "SIGTERM", timedOut: false, canceled: true });
    await launch(processes);
    jest.advanceTimersByTime(5000);
    expect(sent.map((command) => command.op)).toEqual(["launch", "signal", "launch"]);
  });

  test("a process that outlives its grace is killed with its group", async () => {
    jest.useFakeTimers();
    const { processes, sent } = make();
    const running = await launch(processes);
    const stopping = running.stop({ graceMs: 1000 });
    jest.advanceTimersByTime(1000);
    processes.receive({ ...exited, exit_code: null, signal: "SIGKILL" });
    expect(await stopping).toMatchObject({ signal: "SIGKILL", timedOut: true });
    expect(sent.slice(1)).toEqual([
      { op: "signal", name: "a", signal: "SIGTERM" },
      { op: "signal", name: "a", signal: "SIGKILL" },
      { op: "kill-group", name: "a" },
    ]);
  });

  test("two processes of one name are refused, and a host that is lost launches nothing", async () => {
    const { processes, sent } = make();
    await launch(processes);
    expect(await processes.launch(spec, null)).toMatchObject({
      ok: false,
      error: { cause: "a process named a is running" },
    });
    processes.loseAll("the supervisor is gone");
    expect(await processes.launch(spec, "the supervisor is gone")).toMatchObject({
      ok: false,
      error: { cause: "the supervisor is gone" },
    });
    expect(sent).toHaveLength(1);
  });
});
