/** The client as a process: whole runs over real sockets against a controller of the test's own. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ClientProcess, type ClientProcessOptions } from "#host/client-process.ts";
import { startClock } from "#host/clock.ts";
import { bytesOf } from "#host/wire-mapping.ts";
import type { LoadGeneratorOptions } from "#serving/client/options.ts";
import { STATUS } from "#serving/status.ts";
import { ns } from "#stdx/nanos.ts";
import { toStoredKeys } from "#stdx/stored-keys.ts";
import { RESULTS_SCHEMA_VERSION } from "#telemetry/results.ts";
import { formatStatusLine, parseStatusLine, type StatusLine } from "#telemetry/status-line.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { type EchoController, startEchoController } from "../support/echo-controller.ts";

const WORKLOAD = {
  arrivals: "poisson" as const,
  ratePerS: 200,
  warmUpNs: ns(50e6),
  durationNs: ns(300e6),
  coolDownNs: ns(50e6),
  inputs: false,
};

const SYSTEM = {
  sloNs: ns(25e6),
  models: [
    { model: "resnet50_v2", instances: 2 },
    { model: "vgg11", instances: 1 },
  ],
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), "client-process-"));
  cleanups.push(() => rmSync(path, { recursive: true }));
  return path;
};

const controller = async (options = {}): Promise<EchoController> => {
  const echo = await startEchoController({ clock: startClock(), ...options });
  cleanups.push(() => echo.close());
  return echo;
};

interface Run {
  readonly client: ClientProcess;
  readonly lines: StatusLine[];
  /** Settles when this status line was seen. */
  readonly seen: (event: StatusLine["event"]) => Promise<void>;
}

const makeRun = (
  port: number,
  logDir: string | null,
  changes: Partial<Omit<ClientProcessOptions, "load">> & {
    readonly load?: Partial<LoadGeneratorOptions>;
  } = {},
): Run => {
  const arrivals = createArrivalProcess({ workload: WORKLOAD, seed: 1, models: SYSTEM.models });
  if (!arrivals.ok) throw new Error("no arrivals");
  const lines: StatusLine[] = [];
  const waiting: { readonly event: string; readonly resolve: () => void }[] = [];
  const client = new ClientProcess({
    host: "127.0.0.1",
    port,
    logDir,
    hasInputs: false,
    seed: 1,
    waitForStop: false,
    pacing: "nap",
    onLine: () => undefined,
    onStatus: (line) => {
      lines.push(line);
      for (const { event, resolve: settle } of waiting) if (event === line.event) settle();
    },
    ...changes,
    load: {
      clientId: 0,
      models: SYSTEM.models,
      modelDir: "/zoo",
      arrivals: arrivals.value,
      warmUp: WORKLOAD.warmUpNs,
      duration: WORKLOAD.durationNs,
      coolDown: WORKLOAD.coolDownNs,
      slo: SYSTEM.sloNs,
      readyLimit: ns(5e9),
      drainLimit: ns(5e9),
      outstandingMax: 1000,
      startWhenReady: true,
      ...changes.load,
    },
  });
  const seen = (event: StatusLine["event"]): Promise<void> =>
    new Promise((settle) => {
      if (lines.some((line) => line.event === event)) settle();
      else waiting.push({ event, resolve: settle });
    });
  return { client, lines, seen };
};

const rowsOf = (dir: string): readonly Readonly<Record<string, string>>[] => {
  const [header = "", ...lines] = readFileSync(join(dir, "client_log.tsv"), "utf8")
    .trimEnd()
    .split("\n");
  const names = header.split("\t");
  return lines.map((line) => {
    const cells = line.split("\t");
    return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ""]));
  });
};

/** Without what is told all along. */
const milestones = (lines: readonly StatusLine[]): readonly StatusLine["event"][] =>
  lines.map(({ event }) => event).filter((event) => event !== "progress" && event !== "loop");

const instant = (row: Readonly<Record<string, string>>, name: string): bigint =>
  BigInt(row[name] ?? "0");

const scheduledCount = (): number => {
  const arrivals = createArrivalProcess({ workload: WORKLOAD, seed: 1, models: SYSTEM.models });
  if (!arrivals.ok) throw new Error("no arrivals");
  let count = 0;
  for (; arrivals.value.nextAt() !== null; count++) arrivals.value.take();
  return count;
};

describe("a whole run against a controller that answers at once", () => {
  test("goes through its states in order, and its log has every request", async () => {
    const [dir, echo] = [folder(), await controller({ listRefusals: 2 })];
    const { client, lines } = makeRun(echo.port, dir);
    expect(await client.run()).toEqual({ ok: true });
    expect(lines.some(({ event }) => event === "loop")).toBe(true);
    expect(milestones(lines)).toEqual([
      "log",
      "ready",
      "started",
      "draining",
      "drained",
      "log-closed",
    ]);
    const rows = rowsOf(dir);
    expect(rows).toHaveLength(scheduledCount());
    expect(lines.at(-1)).toEqual({ event: "log-closed", log: "client_log.tsv", rows: rows.length });
    for (const row of rows) {
      expect(row["outcome"]).toBe("ok");
      expect(instant(row, "sent_ns")).toBeGreaterThanOrEqual(instant(row, "scheduled_ns"));
      expect(instant(row, "received_ns")).toBeGreaterThanOrEqual(instant(row, "sent_ns"));
      // Both ends read the same clock, but estimate their difference from messages: half a second is far off.
      const receiveLateness = instant(row, "received_ns") - instant(row, "response_sent_ns");
      expect(Math.abs(Number(receiveLateness))).toBeLessThan(500e6);
    }
  });

  test("keeps the schedule: gaps between scheduled instants are the arrival process's own", async () => {
    const [dir, echo] = [folder(), await controller()];
    const { client, lines } = makeRun(echo.port, dir);
    await client.run();
    const started = lines.find((line) => line.event === "started");
    if (started?.event !== "started") throw new Error("not started");
    const arrivals = createArrivalProcess({ workload: WORKLOAD, seed: 1, models: SYSTEM.models });
    if (!arrivals.ok) throw new Error("no arrivals");
    const planned: bigint[] = [];
    while (arrivals.value.nextAt() !== null) planned.push(BigInt(arrivals.value.take().at));
    const scheduled = rowsOf(dir).map(
      (row) => instant(row, "scheduled_ns") - BigInt(started.send_start_ns),
    );
    expect(scheduled.toSorted((a, b) => Number(a - b))).toEqual(planned);
  });

  test("sends what it says: every request of the log reached the controller, once", async () => {
    const [dir, echo] = [folder(), await controller()];
    await makeRun(echo.port, dir).client.run();
    const received = echo.requests
      .filter(({ kind }) => kind === "infer")
      .map((r) => String(r.userRequestId));
    const logged = rowsOf(dir).map((row) => row["user_request_id"] ?? "");
    expect(received.toSorted()).toEqual(logged.toSorted());
  });

  test("sends inputs of the model's size, as LZ4 blocks", async () => {
    const [dir, echo] = [folder(), await controller()];
    await makeRun(echo.port, dir, { hasInputs: true }).client.run();
    const request = echo.requests.find(({ kind }) => kind === "infer");
    if (request?.kind !== "infer") throw new Error("no request");
    const block = bytesOf(request.input);
    // 100 bytes of literals: a token of 15 literals, 85 more in the next byte, then the bytes.
    expect([block[0], block[1], block.length]).toEqual([0xf0, 85, 102]);
  });

  test("books failures with their status", async () => {
    const dir = folder();
    const echo = await controller({ answer: () => STATUS.CONTROLLER_SKIPPED });
    expect(await makeRun(echo.port, dir).client.run()).toEqual({ ok: true });
    expect(new Set(rowsOf(dir).map((row) => `${row["outcome"]} ${row["result"]}`))).toEqual(
      new Set(["fail 7"]),
    );
  });

  test("books requests without an answer as unknown", async () => {
    const dir = folder();
    const echo = await controller({ answer: () => null });
    const { client, lines } = makeRun(echo.port, dir, { load: { drainLimit: ns(50e6) } });
    expect(await client.run()).toEqual({ ok: true });
    expect(lines).toContainEqual({ event: "drained", unknown: scheduledCount() });
    const row = rowsOf(dir)[0];
    expect([row?.["outcome"], row?.["received_ns"], row?.["result"]]).toEqual(["unknown", "", ""]);
  });
});

describe("under command", () => {
  const inMs = (ms: number): string => String(BigInt(Date.now() + ms) * 1_000_000n);

  test("begins at the instant that it is told, and loads nothing that another has loaded", async () => {
    const [dir, echo] = [folder(), await controller()];
    const given = { modelsAreGiven: true, startWhenReady: false, clientId: 2 };
    const { client, lines } = makeRun(echo.port, dir, { load: given });
    const ending = client.run();
    const models = SYSTEM.models.flatMap(({ model, instances }) =>
      Array.from({ length: instances }, () => ({ model, model_id: 5, input_bytes: 8 })),
    );
    client.onCommand({ command: "models", models });
    const at_ns = inMs(300);
    client.onCommand({ command: "start", at_ns });
    expect(await ending).toEqual({ ok: true });
    expect(lines.find((line) => line.event === "started")).toMatchObject({ send_start_ns: at_ns });
    const rows = readFileSync(join(dir, "client_log.2.tsv"), "utf8").trimEnd().split("\n");
    expect(rows).toHaveLength(scheduledCount() + 1);
    expect(lines.at(-1)).toEqual({
      event: "log-closed",
      log: "client_log.2.tsv",
      rows: scheduledCount(),
    });
  });

  test("says that the instant to begin is over, and sends nothing", async () => {
    const [dir, echo] = [folder(), await controller()];
    const { client, lines, seen } = makeRun(echo.port, dir, { load: { startWhenReady: false } });
    const ending = client.run();
    await seen("ready");
    client.onCommand({ command: "start", at_ns: inMs(-20) });
    const ended = await ending;
    expect(ended.ok ? "" : ended.message).toMatch(/ to start sending [\d.]+ ms after the instant/);
    expect(lines.some((line) => line.event === "error")).toBe(true);
    expect(rowsOf(dir)).toEqual([]);
  });

  test("ends early, with rows of what was due until then only", async () => {
    const [dir, echo] = [folder(), await controller()];
    const { client, lines, seen } = makeRun(echo.port, dir);
    const ending = client.run();
    await seen("started");
    const started = lines.find((line) => line.event === "started");
    const start = BigInt(started?.event === "started" ? started.send_start_ns : 0);
    const at = start + 1_000_000n;
    client.onCommand({ command: "finish", at_ns: String(at), reason: "enough" });
    expect(await ending).toEqual({ ok: true });
    const rows = rowsOf(dir);
    expect(rows.length).toBeLessThan(scheduledCount());
    expect(rows.every((row) => BigInt(row["scheduled_ns"] ?? 0) < at)).toBe(true);
    expect(lines.find((line) => line.event === "drained")).toHaveProperty("expected_requests");
  });
});

describe("a run that goes wrong", () => {
  const failing = async (run: Run, message: string): Promise<void> => {
    const ending = await run.client.run();
    expect(ending.ok ? "" : ending.message).toContain(message);
    expect(run.lines.some((line) => line.event === "error" && line.message.includes(message))).toBe(
      true,
    );
  };

  test("for want of a controller says where it looked", async () => {
    const echo = await controller();
    await echo.close();
    const run = makeRun(echo.port, null, { load: { readyLimit: ns(100e6) } });
    await failing(run, `cannot connect to 127.0.0.1:${echo.port}`);
  });

  test("for want of a model says so, and closes its log", async () => {
    const [dir, echo] = [folder(), await controller({ loadStatus: STATUS.BAD_MODEL_PATH })];
    const run = makeRun(echo.port, dir);
    await failing(run, "did not load resnet50_v2");
    expect(run.lines.at(-1)).toEqual({ event: "log-closed", log: "client_log.tsv", rows: 0 });
  });

  test("for want of a log folder sends nothing", async () => {
    const echo = await controller();
    await failing(makeRun(echo.port, "/nonexistent/folder"), "the client's log cannot be written");
    expect(echo.requests).toEqual([]);
  });

  test("when the controller goes keeps a whole log of the whole schedule", async () => {
    const [dir, echo] = [folder(), await controller({ answer: () => null })];
    const run = makeRun(echo.port, dir);
    void run.seen("started").then(() => echo.hangUp());
    await failing(run, "the connection to the controller was lost");
    expect(milestones(run.lines).slice(-2)).toEqual(["drained", "log-closed"]);
    const rows = rowsOf(dir);
    expect(rows).toHaveLength(scheduledCount());
    expect(rows.every((row) => row["outcome"] === "dropped" || row["outcome"] === "unknown")).toBe(
      true,
    );
  });
});

describe("under control", () => {
  const controlled = { waitForStop: true, load: { startWhenReady: false } };

  test("waits for the order to start, and after the run for the order to stop", async () => {
    const [dir, echo] = [folder(), await controller()];
    const run = makeRun(echo.port, dir, controlled);
    const ending = run.client.run();
    await run.seen("ready");
    expect(echo.requests.some(({ kind }) => kind === "infer")).toBe(false);
    run.client.onCommand({ command: "start" });
    await run.seen("drained");
    // The log is whole before the client is told to go.
    expect(rowsOf(dir)).toHaveLength(scheduledCount());
    expect(run.lines.at(-1)?.event).toBe("drained");
    run.client.onCommand({ command: "stop" });
    expect(await ending).toEqual({ ok: true });
    expect(run.lines.at(-1)?.event).toBe("log-closed");
  });

  test("stops at once in the middle of a run", async () => {
    const [dir, echo] = [folder(), await controller({ answer: () => null })];
    const run = makeRun(echo.port, dir, controlled);
    const ending = run.client.run();
    await run.seen("ready");
    run.client.onCommand({ command: "start" });
    await run.seen("started");
    run.client.stop();
    expect(await ending).toEqual({ ok: true });
    expect(milestones(run.lines).slice(-2)).toEqual(["drained", "log-closed"]);
  });

  test("stops while nobody answers its connection", async () => {
    const echo = await controller();
    await echo.close();
    const run = makeRun(echo.port, null, controlled);
    const ending = run.client.run();
    run.client.stop();
    expect(await ending).toEqual({ ok: true });
    expect(run.lines.some(({ event }) => event === "error")).toBe(false);
  });
});

describe("as a command", () => {
  const root = resolve(import.meta.dir, "../..");

  const spawn = (port: number, dir: string, workload: unknown = WORKLOAD) => {
    const run = {
      name: "r",
      seed: 1,
      system: SYSTEM,
      workload,
      launchLimitNs: 5e9,
      drainLimitNs: 5e9,
    };
    const plan = { schema_version: RESULTS_SCHEMA_VERSION, plan: toStoredKeys({ runs: [run] }) };
    const path = join(dir, "plan.json");
    writeFileSync(path, JSON.stringify(plan));
    const role = ["clockwork", "client", `127.0.0.1:${port}`];
    const flags = ["--plan", path, "--run", "r", "--log-dir", dir, "--control"];
    const child = Bun.spawn([process.execPath, join(root, "src/cli/main.ts"), ...role, ...flags], {
      cwd: root,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    cleanups.push(() => child.kill("SIGKILL"));
    return child;
  };

  /** Reads status lines; calls back at each, and returns all once the output ends. */
  const follow = async (
    child: ReturnType<typeof spawn>,
    onEvent: (event: StatusLine["event"]) => void,
  ): Promise<readonly StatusLine[]> => {
    const lines: StatusLine[] = [];
    let rest = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        const line = parseStatusLine(part);
        if (line === null) continue;
        lines.push(line);
        onEvent(line.event);
      }
    }
    return lines;
  };

  test("starts on the order on standard input and ends with its end", async () => {
    const [dir, echo] = [folder(), await controller()];
    const child = spawn(echo.port, dir);
    const lines = await follow(child, (event) => {
      if (event === "ready") {
        void child.stdin.write('not a command\n{"command":"start"}\n');
        void child.stdin.flush();
      }
      if (event === "drained") void child.stdin.end();
    });
    expect(await child.exited).toBe(0);
    expect(lines.at(-1)).toEqual({
      event: "log-closed",
      log: "client_log.tsv",
      rows: scheduledCount(),
    });
    expect(rowsOf(dir)).toHaveLength(scheduledCount());
  });

  test("ends on SIGTERM in the middle of a run with whole rows and exit code 0", async () => {
    const [dir, echo] = [folder(), await controller({ answer: () => null })];
    const child = spawn(echo.port, dir, { ...WORKLOAD, durationNs: 60e9 });
    const lines = await follow(child, (event) => {
      if (event === "ready") {
        void child.stdin.write('{"command":"start"}\n');
        void child.stdin.flush();
      }
      if (event === "progress") child.kill("SIGTERM");
    });
    expect(await child.exited).toBe(0);
    const rows = rowsOf(dir);
    expect(lines.at(-1)).toEqual({ event: "log-closed", log: "client_log.tsv", rows: rows.length });
    expect(rows.length).toBeGreaterThan(50);
    expect(rows.every((row) => row["slo_ns"] === "25000000")).toBe(true);
  });

  test("ends on SIGTERM while nobody answers its attempt to connect", async () => {
    const { promise: port, resolve: listens } = Promise.withResolvers<number>();
    const server = Bun.spawn(
      [
        process.execPath,
        "-e",
        'require("net").createServer().listen({ host: "127.0.0.1", port: 0 }, function () { console.log(this.address().port); })',
      ],
      { stdout: "pipe" },
    );
    cleanups.push(() => server.kill("SIGKILL"));
    for await (const chunk of server.stdout) {
      listens(Number(new TextDecoder().decode(chunk)));
      break;
    }
    // Stopped, it accepts nobody; once its queue of 512 is full the system answers no more.
    server.kill("SIGSTOP");
    for (let i = 0; i < 600; i++) {
      const filler = connectSocket({ host: "127.0.0.1", port: await port });
      filler.on("error", () => undefined);
      cleanups.push(() => filler.destroy());
    }
    const child = spawn(await port, folder());
    const lines = await follow(child, (event) => {
      if (event === "log") setTimeout(() => child.kill("SIGTERM"), 300);
    });
    expect(await child.exited).toBe(0);
    expect(milestones(lines)).toEqual(["log", "log-closed"]);
  });

  test("ends with the documented code and one message when the controller refuses", async () => {
    const [dir, echo] = [folder(), await controller({ loadStatus: STATUS.INVALID_REQUEST })];
    const child = spawn(echo.port, dir);
    const lines = await follow(child, () => undefined);
    expect(await child.exited).toBe(4);
    const message = (await new Response(child.stderr).text()).trimEnd();
    expect(message).toContain("start a fresh one");
    expect(message).not.toContain("\n");
    expect(lines.map(formatStatusLine).join("\n")).toContain('"event":"error"');
  });

  test("refuses an invalid run before anything is opened", async () => {
    const dir = folder();
    const child = spawn(1, dir, { ...WORKLOAD, ratePerS: -1 });
    expect(await child.exited).toBe(5);
    expect(await new Response(child.stderr).text()).toContain(
      'run "r": workload.rate_per_s is missing or invalid',
    );
  });
});
