/** The controller behind real sockets: a worker and a client of this test's own, logs read back from disk. */
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { actionFromWire } from "#host/action-mapping.ts";
import { startClock } from "#host/clock.ts";
import {
  type ControllerEnding,
  ControllerProcess,
  type ControllerProcessOptions,
} from "#host/controller-process.ts";
import { connect, type Link } from "#host/link.ts";
import { listen } from "#host/listener.ts";
import { resultToWire } from "#host/result-mapping.ts";
import { EMPTY_PAYLOAD, requestToWire, responseFromWire } from "#host/wire-mapping.ts";
import { DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import type {
  Action,
  ActionResult,
  ClientRequest,
  ClientResponse,
  WorkerModel,
} from "#serving/messages.ts";
import { MILLISECOND, ns } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import { ENDPOINTS } from "#wire/messages.ts";

const clock = startClock();
const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A worker that does everything at once, or leaves alone what `ignores` names; actions are kept. */
const startWorker = async (ignores: (action: Action) => boolean = () => false) => {
  const actions: Action[] = [];
  const models: WorkerModel[] = [];
  const links: Link<typeof ENDPOINTS.worker>[] = [];
  const listening = await listen({
    endpoint: ENDPOINTS.worker,
    clock,
    host: "127.0.0.1",
    port: 0,
    accept: (link) => {
      links.push(link);
      return {
        onMessage: (frame) => {
          const { clockDelta } = link;
          const action = actionFromWire(frame, {
            clock,
            clockDelta,
          });
          actions.push(action);
          if (ignores(action)) return;
          if (action.kind === "load_model") models.push(...modelsOf(action));
          const result = answer(action);
          const whole =
            result.kind === "get_worker_state"
              ? { ...result, state: { ...result.state, models } }
              : result;
          const sentAt = clock.now();
          link.send(resultToWire(whole, { clock, clockDelta, sentAt }));
        },
      };
    },
  });
  if (!listening.ok) throw new Error(listening.error.message);
  cleanups.push(() => listening.value.close());
  const hangUp = (): void => {
    for (const link of links) link.abort("closed_here", "the test hung up");
  };
  return { port: listening.value.port, actions, hangUp };
};

/** Stands between controller and worker, and may put words into the worker's mouth. */
const startRelay = async (to: number) => {
  const sockets: Socket[] = [];
  const swallowed = new Set<Socket>();
  const server = createServer((near) => {
    const far = connectSocket(to, "127.0.0.1");
    sockets.push(near);
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("data", (chunk) => {
        if (!swallowed.has(near)) into.write(chunk);
      });
      from.on("close", () => into.destroy());
      from.on("error", () => into.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const babble = (): void => {
    sockets
      .at(-1)
      ?.write("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n");
  };
  /** Nobody listens there any more. */
  const vanish = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  /** What is said on the connections that there are reaches nobody any more. */
  const swallow = (): void => {
    for (const socket of sockets) swallowed.add(socket);
  };
  return { port: (server.address() as AddressInfo).port, babble, vanish, swallow };
};

const modelsOf = (action: Extract<Action, { readonly kind: "load_model" }>): WorkerModel[] => {
  const loaded = answer(action);
  if (loaded.kind !== "load_model") throw new Error("not a load");
  const { modelId, path, copies } = action;
  return Array.from({ length: copies }, (_, copy) => ({
    ...loaded,
    path,
    modelId: modelId + copy,
  }));
};

const answer = (action: Action): ActionResult => {
  const now = clock.now();
  const common = { actionId: action.actionId, actionReceived: now, resultSent: null };
  const timing = { begin: now, end: now, duration: ns(MILLISECOND) };
  switch (action.kind) {
    case "get_worker_state": {
      const gpu = { id: 0, weightsCacheBytes: 2 ** 30, totalPages: 64, residentModels: [] };
      const gpus = [{ ...gpu, ioPoolBytes: 0, workspacePoolBytes: 0 }];
      const state = { pageSizeBytes: 2 ** 24, hostIoPoolBytes: 0, gpus, models: [] };
      return { ...common, kind: action.kind, state };
    }
    case "load_model":
      return {
        ...common,
        kind: action.kind,
        timing,
        inputBytes: 100,
        outputBytes: 4,
        batchSizes: [1, 2],
        weightsBytes: 2 ** 24,
        weightsPages: 1,
        weightsLoadNs: ns(MILLISECOND),
        execNs: [ns(MILLISECOND), ns(2 * MILLISECOND)],
        copies: action.copies,
      };
    case "load_weights":
    case "evict_weights":
      return { ...common, kind: action.kind, timing };
    case "infer":
      return {
        ...common,
        kind: action.kind,
        gpuId: 0,
        output: EMPTY_PAYLOAD,
        copyInput: timing,
        exec: timing,
        copyOutput: timing,
        gpuClockBeforeMhz: 1380,
        gpuClockMhz: 1380,
      };
    case "clear_cache":
      return { ...common, kind: action.kind };
  }
};

/** A client that waits for the response to each request. */
const startClient = async (port: number) => {
  const waiting = new Map<number, (response: ClientResponse) => void>();
  let nextMessageId = 0;
  const connected = await connect({
    endpoint: ENDPOINTS.client,
    clock,
    host: "127.0.0.1",
    port,
    timeoutMs: 5e3,
    accept: () => ({
      onMessage: (frame) => {
        const { messageId, message } = responseFromWire(frame);
        waiting.get(messageId)?.(message);
      },
    }),
  });
  if (!connected.ok) throw new Error(connected.error.message);
  cleanups.push(() => connected.value.close());
  return (request: ClientRequest): Promise<ClientResponse> => {
    const messageId = nextMessageId++;
    const { promise, resolve } = Promise.withResolvers<ClientResponse>();
    waiting.set(messageId, resolve);
    connected.value.send(requestToWire(request, messageId));
    return promise;
  };
};

interface Running {
  readonly process: ControllerProcess;
  readonly statuses: StatusLine[];
  readonly lines: string[];
  readonly ending: Promise<ControllerEnding>;
  /** Settles with the status line, at once if it has been told. */
  readonly told: <E extends StatusLine["event"]>(event: E) => Promise<StatusLine & { event: E }>;
  /** Settles once that many lines hold the text. */
  readonly said: (text: string, times?: number) => Promise<void>;
}

const startController = (
  workers: readonly number[],
  extra: Partial<ControllerProcessOptions> = {},
): Running => {
  const statuses: StatusLine[] = [];
  const lines: string[] = [];
  const listeners = new Set<() => void>();
  const process = new ControllerProcess({
    controller: {
      ...DEFAULT_OPTIONS,
      strategy: "INFER5",
      loadStageTimeout: ns(MILLISECOND),
    },
    workers: workers.map((port) => ({
      host: "127.0.0.1",
      port,
    })),
    clients: {
      host: "127.0.0.1",
      port: 0,
    },
    generateInputs: false,
    connectTimeoutMs: 5e3,
    logDir: temporaryFolder(),
    dialect: "documented",
    onStatus: (line) => {
      statuses.push(line);
      for (const listener of listeners) listener();
    },
    onLine: (line) => {
      lines.push(line);
      for (const listener of listeners) listener();
    },
    ...extra,
  });
  const ending = process.run();
  cleanups.push(async () => {
    process.stop();
    await ending;
  });
  const told: Running["told"] = (event) => {
    const { promise, resolve } = Promise.withResolvers<never>();
    const look = (): void => {
      const found = statuses.find((line) => line.event === event);
      if (found === undefined) return;
      listeners.delete(look);
      resolve(found as never);
    };
    listeners.add(look);
    look();
    return promise;
  };
  const said: Running["said"] = (text, times = 1) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (lines.filter((line) => line.includes(text)).length < times) return;
      listeners.delete(look);
      resolve();
    };
    listeners.add(look);
    look();
    return promise;
  };
  return { process, statuses, lines, ending, told, said };
};

const temporaryFolder = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "controller-"));
  cleanups.push(() => {
    chmodSync(dir, 0o700);
    rmSync(dir, { recursive: true });
  });
  return dir;
};

const header = { userId: 7, userRequestId: 0 };
const load = { ...header, kind: "load_model", path: "/zoo/m/model", copies: 2 } as const;
const infer = (userRequestId: number, modelId: number): ClientRequest => ({
  userId: 7,
  userRequestId,
  kind: "infer",
  modelId,
  batchSize: 1,
  sloFactor: 0,
  input: EMPTY_PAYLOAD,
});

const readRows = (path: string): readonly Readonly<Record<string, string>>[] => {
  const text = readFileSync(path, "utf8");
  expect(text.endsWith("\n")).toBe(true);
  const [names = "", ...rows] = text.trimEnd().split("\n");
  const columns = names.split("\t");
  return rows.map((row) => {
    const cells = row.split("\t");
    return Object.fromEntries(columns.map((name, index) => [name, cells[index] ?? ""]));
  });
};

/** Asks for the models until the scheduler runs. */
const list = async (send: (request: ClientRequest) => Promise<ClientResponse>) => {
  for (;;) {
    const response = await send({ ...header, kind: "ls" });
    if (response.kind !== "ls") throw new Error("not a listing");
    if (response.status === 0) return response.models;
  }
};

describe("ControllerProcess", () => {
  for (const strategy of ["INFER4", "INFER5"]) {
    test(`${strategy}: requests that one read brings may go as one batch`, async () => {
      const worker = await startWorker();
      const loadStageTimeout = ns(MILLISECOND);
      const controller = startController([worker.port], {
        controller: { ...DEFAULT_OPTIONS, strategy, loadStageTimeout },
      });
      const { port } = await controller.told("ready");
      const send = await startClient(port ?? 0);
      await send(load);
      await list(send);
      await send(infer(1, 0));
      // Messages of one turn leave in one write.
      await Promise.all([send(infer(2, 0)), send(infer(3, 0))]);
      const batches = worker.actions.flatMap((action) =>
        action.kind === "infer" ? [action.batchSize] : [],
      );
      expect(batches).toEqual([1, 2]);
    });
  }

  test("serves a client from load to logs, and writes every row before it ends", async () => {
    const worker = await startWorker();
    const logDir = temporaryFolder();
    writeFileSync(join(logDir, "clockwork_request_log.tsv"), "of an earlier run\n");
    const controller = startController([worker.port], { logDir });
    const { port } = await controller.told("ready");
    const send = await startClient(port ?? 0);
    const loaded = await send(load);
    expect(loaded).toMatchObject({ status: 0, modelId: 0, copies: 2, inputBytes: 100 });
    expect((await list(send)).map(({ modelId }) => modelId)).toEqual([0, 1]);
    expect(await send(infer(11, 0))).toMatchObject({ status: 0, userRequestId: 11 });
    expect(await send(infer(12, 99))).toMatchObject({ status: 1, message: "Invalid model ID" });
    expect(await send(load)).toMatchObject({ status: 6 });
    expect(await send({ ...header, kind: "evict", modelId: 0 })).toMatchObject({ status: 6 });
    controller.process.stop();
    expect(await controller.ending).toEqual({ ok: true });

    const requests = readRows(join(logDir, "clockwork_request_log.tsv"));
    expect(
      requests.map((r) => [r["request_id"], r["result"], r["user_id"], r["is_coldstart"]]),
    ).toEqual([
      ["0", "0", "7", "1"],
      ["1", "1", "7", "0"],
    ]);
    // 5: state query; 0: load from disk; 1: load weights; 2: infer.
    const actions = readRows(join(logDir, "clockwork_action_log.tsv"));
    expect(actions.map((a) => [a["action_id"], a["action_type"], a["status"]])).toEqual([
      ["0", "5", "0"],
      ["1", "0", "0"],
      ["2", "1", "0"],
      ["3", "2", "0"],
    ]);
    const batches = readRows(join(logDir, "batch_log.tsv"));
    expect(batches.map((b) => [b["request_id"], b["user_request_id"], b["action_id"]])).toEqual([
      ["0", "11", "3"],
    ]);
    const closed = controller.statuses.filter((line) => line.event === "log-closed");
    // They are written beside each other, and the first to be whole is told first.
    expect(Object.fromEntries(closed.map(({ log, rows }) => [log, rows]))).toEqual({
      "clockwork_request_log.tsv": 2,
      "clockwork_action_log.tsv": 4,
      "batch_log.tsv": 1,
      "window_log.tsv": 4,
    });
    // Loads from disk have no window; an inference may start at once, and within 1 ms + 10 ms at least.
    const windows = readRows(join(logDir, "window_log.tsv"));
    expect(windows.map((w) => [w["action_id"], w["action_type"], w["earliest"]])).toEqual([
      ["0", "5", ""],
      ["1", "0", ""],
      ["2", "1", "0"],
      ["3", "2", "0"],
    ]);
    expect(Number(windows.at(-1)?.["latest"])).toBeGreaterThanOrEqual(11 * MILLISECOND);
    // The earlier log was moved aside, and the sidecar names the dialect.
    expect(
      readdirSync(logDir).filter((name) => name.startsWith("clockwork_request_log.")),
    ).toHaveLength(2);
    expect(JSON.parse(readFileSync(join(logDir, "telemetry.json"), "utf8"))).toMatchObject({
      dialect: "documented",
    });
  });

  test("answers what is open when it is stopped, with a row for every request and action", async () => {
    const worker = await startWorker(({ kind }) => kind === "infer");
    const logDir = temporaryFolder();
    const controller = startController([worker.port], { logDir });
    const { port } = await controller.told("ready");
    const [send, other] = [await startClient(port ?? 0), await startClient(port ?? 0)];
    const early = other({ ...infer(0, 0), userId: 8 });
    await send(load);
    await list(send);
    expect(await early).toMatchObject({ status: 5 });
    // 1000 s are left for each: only the end of the controller answers them.
    const open = [1, 2, 3].map((id) => send({ ...infer(id, id % 2), sloFactor: 1e6 } as never));
    open.push(other({ ...infer(4, 0), sloFactor: 1e6 } as never));
    while (worker.actions.every(({ kind }) => kind !== "infer")) await Bun.sleep(1);
    controller.process.stop();
    for (const response of await Promise.all(open)) {
      expect(response).toMatchObject({ status: 3, message: "the controller is shutting down" });
    }
    expect(await controller.ending).toEqual({ ok: true });
    const requests = readRows(join(logDir, "clockwork_request_log.tsv"));
    expect(requests.map((r) => r["result"])).toEqual(["5", "3", "3", "3", "3"]);
    const actions = readRows(join(logDir, "clockwork_action_log.tsv"));
    expect(actions).toHaveLength(worker.actions.length);
    const infers = actions.filter((a) => a["action_type"] === "2");
    expect(infers.length).toBeGreaterThan(0);
    expect(infers.every((a) => a["status"] === "3")).toBe(true);
  });

  test("goes on serving without telemetry when the folder is missing, and says so", async () => {
    const worker = await startWorker();
    const logDir = join(temporaryFolder(), "absent");
    const controller = startController([worker.port], { logDir });
    const { port } = await controller.told("ready");
    const send = await startClient(port ?? 0);
    await send(load);
    await list(send);
    expect(await send(infer(1, 0))).toMatchObject({ status: 0 });
    const logs = controller.statuses.filter((line) => line.event === "log");
    expect(logs.map(({ path }) => path)).toEqual([null, null, null, null]);
    expect(controller.lines.join("\n")).toContain(
      `Logging requests to ${logDir}/clockwork_request_log.tsv`,
    );
    expect(controller.lines.join("\n")).toContain(`directory ${logDir} does not exist`);
  });

  test("tells its numbers over HTTP, and nothing else there", async () => {
    const worker = await startWorker();
    const controller = startController([worker.port], { metrics: { host: "127.0.0.1", port: 0 } });
    const { port } = await controller.told("ready");
    const send = await startClient(port ?? 0);
    await send(load);
    await list(send);
    await send(infer(1, 0));
    await send(infer(2, 99));
    const told = controller.lines.find((line) => line.startsWith("Metrics on "));
    const url = told?.slice("Metrics on ".length) ?? "";
    const page = await fetch(url);
    expect(page.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    const lines = (await page.text()).split("\n");
    expect(lines).toContain('escapement_requests_total{result="0"} 1');
    expect(lines).toContain('escapement_requests_total{result="1"} 1');
    expect(lines).toContain("escapement_request_latency_seconds_count 1");
    expect(lines).toContain(
      'escapement_actions_total{worker="0",gpu="0",action="infer",status="0"} 1',
    );
    // The test's worker says 1 ms of each execution.
    expect(lines).toContain(
      'escapement_device_seconds_total{worker="0",gpu="0",action="infer"} 0.001',
    );
    expect(lines).toContain("escapement_connected_clients 1");
    expect(lines).toContain("escapement_connected_workers 1");
    expect((await fetch(new URL("/", url))).status).toBe(404);
    expect((await fetch(url, { method: "POST", body: "x" })).status).toBe(405);
  });

  test("a page of numbers on a port that is taken is one message", async () => {
    const taken = await startWorker();
    const metrics = { host: "127.0.0.1", port: taken.port };
    const ending = await startController([taken.port], { metrics }).ending;
    expect(ending.ok ? "" : ending.message).toContain(`127.0.0.1:${taken.port} is in use`);
  });

  test("answers requests of a lost worker and goes on with the other one", async () => {
    const workers = [await startWorker(), await startWorker()] as const;
    const controller = startController(workers.map(({ port }) => port));
    const { port } = await controller.told("ready");
    const send = await startClient(port ?? 0);
    await send(load);
    await list(send);
    workers[0].hangUp();
    for (let i = 0; i < 5; i++) expect(await send(infer(i, 0))).toMatchObject({ status: 0 });
    expect(workers[1].actions.filter(({ kind }) => kind === "infer").length).toBeGreaterThan(0);
  });

  test("comes back to a worker whose connection was lost, and to one that talked nonsense", async () => {
    const worker = await startWorker();
    const relay = await startRelay(worker.port);
    const controller = startController([relay.port]);
    const { port } = await controller.told("ready");
    const send = await startClient(port ?? 0);
    await send(load);
    await list(send);
    expect(await send(infer(0, 0))).toMatchObject({ status: 0 });
    worker.hangUp();
    await controller.said("Worker 0 is in use: 1 GPUs, 2 models, of which 0 have weights on a GPU");
    // It still has its models: nothing is loaded from disk again.
    expect(worker.actions.filter(({ kind }) => kind === "load_model")).toHaveLength(1);
    expect(await send(infer(1, 0))).toMatchObject({ status: 0 });
    relay.babble();
    await controller.said("sent an invalid message");
    await controller.said("Worker 0 is in use", 2);
    expect(await send(infer(2, 1))).toMatchObject({ status: 0 });
  });

  test("notices a worker that has vanished without a word, and comes back to it", async () => {
    const worker = await startWorker();
    const relay = await startRelay(worker.port);
    const controller = startController([relay.port], {
      controller: {
        ...DEFAULT_OPTIONS,
        strategy: "INFER5",
        loadStageTimeout: ns(MILLISECOND),
        silenceTimeout: ns(300 * MILLISECOND),
      },
    });
    const { port } = await controller.told("ready");
    const send = await startClient(port ?? 0);
    await send(load);
    await list(send);
    while ((await send(infer(0, 0))).status !== 0);
    relay.swallow();
    // Lost with the connection, or late before.
    expect([3, 4]).toContain((await send(infer(1, 0))).status);
    await controller.said("it owes results and has been silent for 0.3 s");
    await controller.said("Worker 0 is in use: 1 GPUs, 2 models");
    while ((await send(infer(2, 0))).status !== 0);
  });

  test("ends at once while it tries to reach a lost worker", async () => {
    const worker = await startWorker();
    const relay = await startRelay(worker.port);
    const controller = startController([relay.port]);
    await controller.told("ready");
    const send = await startClient((await controller.told("ready")).port ?? 0);
    await send(load);
    await list(send);
    relay.vanish();
    await controller.said(`Trying to reach worker 0 at 127.0.0.1:${relay.port}`);
    controller.process.stop();
    expect(await controller.ending).toEqual({ ok: true });
  });

  test("invents inputs when told to", async () => {
    const worker = await startWorker();
    const controller = startController([worker.port], { generateInputs: true });
    const { port } = await controller.told("ready");
    const send = await startClient(port ?? 0);
    await send(load);
    await list(send);
    expect(await send(infer(1, 0))).toMatchObject({ status: 0 });
    // 100 literals as one LZ4 block: a token, one more length byte (100 − 15 = 85), 100 bytes.
    const action = worker.actions.find(({ kind }) => kind === "infer");
    expect(action).toMatchObject({ inputSizes: [102] });
  });

  test("fails with one message when the client port is taken, and leaves its owner's logs alone", async () => {
    const worker = await startWorker();
    const logDir = temporaryFolder();
    const first = startController([worker.port], { logDir });
    const { port } = await first.told("ready");
    const before = readdirSync(logDir);
    const second = startController([worker.port], {
      clients: { host: "127.0.0.1", port: port ?? 0 },
      logDir,
    });
    const ending = await second.ending;
    expect(ending).toMatchObject({ ok: false });
    expect(ending.ok ? "" : ending.message).toContain(`127.0.0.1:${port} is in use`);
    expect(readdirSync(logDir)).toEqual(before);
  });

  test("fails when a worker is not there, and when it leaves before it has answered", async () => {
    const closed = await listen({
      endpoint: ENDPOINTS.worker,
      clock,
      host: "127.0.0.1",
      port: 0,
      accept: () => ({}) as never,
    });
    if (!closed.ok) throw new Error(closed.error.message);
    const { port } = closed.value;
    await closed.value.close();
    const absent = await startController([port], { connectTimeoutMs: 1 }).ending;
    expect(absent.ok ? "" : absent.message).toContain("nobody listens there");

    const leaving = await listen({
      endpoint: ENDPOINTS.worker,
      clock,
      host: "127.0.0.1",
      port: 0,
      accept: (link) => ({ onMessage: () => link.abort("closed_here", "gone") }),
    });
    if (!leaving.ok) throw new Error(leaving.error.message);
    cleanups.push(() => leaving.value.close());
    const left = await startController([leaving.value.port]).ending;
    expect(left.ok ? "" : left.message).toContain("disconnected before it had reported its state");
  });
});
