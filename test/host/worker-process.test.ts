/** The worker behind real sockets: what a controller gets, which controller gets it, and how the command ends. */

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bytesOf, toPayload, zeroPayloads } from "#host/wire-mapping.ts";
import { WorkerProcess } from "#host/worker-process.ts";
import { WorkerTraffic } from "#host/worker-traffic.ts";
import type { Device, DeviceDone, DeviceOperation } from "#serving/worker/events.ts";
import { profileDuration, SimulatedDevice } from "#serving/worker/simulated-device.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import { evict, infer, loadModel, loadWeights, OPTIONS } from "../serving/worker/worker-harness.ts";
import { clock, FakeController } from "./fake-controller.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Running {
  readonly port: number;
  readonly lines: string[];
  stop(): Promise<unknown>;
}

const startWorker = async (
  device: Device = new SimulatedDevice(profileDuration, zeroPayloads()),
): Promise<Running> => {
  const ready = Promise.withResolvers<number>();
  const lines: string[] = [];
  const worker = new WorkerProcess({
    bind: "127.0.0.1",
    port: 0,
    worker: OPTIONS,
    device,
    onStatus: (line: StatusLine) => {
      if (line.event === "ready" && line.port !== null) ready.resolve(line.port);
    },
    onLine: (line) => lines.push(line),
  });
  const ended = worker.run();
  const stop = (): Promise<unknown> => {
    worker.stop();
    return ended;
  };
  cleanups.push(stop);
  return { port: await ready.promise, lines, stop };
};

const connectController = async (port: number): Promise<FakeController> => {
  const controller = await FakeController.connect(port);
  cleanups.push(() => controller.close());
  return controller;
};

describe("a controller", () => {
  test("loads, executes with inputs, and evicts; durations are exactly the profile", async () => {
    const { port } = await startWorker();
    const controller = await connectController(port);
    const before = clock.now();
    const state = await controller.ask(
      { kind: "get_worker_state", actionId: 0 },
      "get_worker_state",
    );
    expect(state.state.gpus).toHaveLength(2);
    expect((await controller.ask(loadModel(1), "load_model")).weightsPages).toBe(2);
    const loaded = await controller.ask(loadWeights(2, { gpuId: 1 }), "load_weights");
    expect(loaded.timing.duration).toBe(ns(1_000));
    expect(loaded.timing.end - loaded.timing.begin).toBe(1_000);

    const inputs = [toPayload(new Uint8Array([1, 2, 3])), toPayload(new Uint8Array([4]))];
    const action = infer(3, { gpuId: 1, batchSize: 2, inputSizes: [3, 1], inputs });
    const { exec, ...inferred } = await controller.ask(action, "infer");
    expect(exec.end - exec.begin).toBe(150);
    expect(bytesOf(inferred.output)).toEqual(new Uint8Array(6));
    const received = inferred.actionReceived as Nanos;
    const sent = inferred.resultSent as Nanos;
    // The skew's estimate is as good as the machine is quiet; a wrong epoch would be years off.
    const slack = 1_000_000_000;
    expect(received).toBeGreaterThan(before - slack);
    expect(exec.begin).toBeGreaterThanOrEqual(received);
    expect(sent).toBeGreaterThanOrEqual(exec.end);
    expect(clock.now()).toBeGreaterThan(sent - slack);

    await controller.ask(evict(4, { gpuId: 1 }), "evict_weights");
    const missing = await controller.ask(infer(5, { gpuId: 1 }), "error");
    expect(missing.status).toBe(82);
  });

  test("gets an action's result when its window opens, not before", async () => {
    const { port } = await startWorker();
    const controller = await connectController(port);
    await controller.ask(loadModel(1), "load_model");
    await controller.ask(loadWeights(2), "load_weights");
    const earliest = ns(clock.now() + 20_000_000);
    const { exec, actionReceived } = await controller.ask(infer(3, { earliest }), "infer");
    // The window travels through the estimated skew and back, so that it comes out exact.
    const isInTime = (actionReceived as Nanos) <= earliest;
    if (isInTime) expect(exec.begin).toBe(earliest);
    else expect(exec.begin).toBeGreaterThan(earliest);
  });

  test("gets the results of its own actions, whatever others do, also under the same ids", async () => {
    const { port } = await startWorker();
    const older = await connectController(port);
    await older.ask(loadModel(1), "load_model");
    const newer = await connectController(port);
    await newer.ask(loadWeights(2), "load_weights");
    // Of two GPUs: the older one's model is the newer one's, too.
    older.send(infer(3));
    newer.send(infer(3, { gpuId: 1 }));
    expect((await older.result(3)).kind).toBe("infer");
    expect(await newer.result(3)).toMatchObject({ kind: "error", status: 82 });
    older.send(loadWeights(4, { gpuId: 1 }));
    await older.close();
    expect((await newer.ask(infer(5), "infer")).actionId).toBe(5);
    expect([...older.results.keys()]).toEqual([1, 3]);
    expect([...newer.results.keys()]).toEqual([2, 3, 5]);
    // Nobody waits for that one any more; the weights are there all the same.
    const { state } = await newer.ask(
      { kind: "get_worker_state", actionId: 6 },
      "get_worker_state",
    );
    expect(state.gpus.map(({ residentModels }) => residentModels)).toEqual([[0], [0]]);
  });

  test("that connects anew finds models and weights as they were", async () => {
    const { port, lines } = await startWorker();
    const first = await connectController(port);
    await first.ask(loadModel(1), "load_model");
    await first.ask(loadWeights(2), "load_weights");
    await first.close();
    const second = await connectController(port);
    const { state } = await second.ask(
      { kind: "get_worker_state", actionId: 0 },
      "get_worker_state",
    );
    expect(state.gpus[0]?.residentModels).toEqual([0]);
    expect(state.models).toHaveLength(3);
    expect(lines.some((line) => line.startsWith("Closing connection 127.0.0.1:"))).toBe(true);
  });

  test("that talks nonsense loses its connection; others go on", async () => {
    const { port } = await startWorker();
    const controller = await connectController(port);
    const stranger = connectSocket(port, "127.0.0.1");
    const closed = Promise.withResolvers<void>();
    stranger.on("error", () => undefined);
    stranger.on("close", () => closed.resolve());
    stranger.resume();
    stranger.write(
      "GET / HTTP/1.1\r\nHost: worker\r\nAccept: everything there is, and more\r\n\r\n",
    );
    await closed.promise;
    expect((await controller.ask(loadModel(1), "load_model")).copies).toBe(3);
  });
});

test("the summary line counts since the last one, pending since the start", () => {
  const traffic = new WorkerTraffic();
  const link = { clockDelta: ns(-545), roundTrip: ns(25_267) };
  for (const action of [loadWeights(1), infer(2), infer(3), evict(4), loadModel(5)])
    traffic.countAction(action);
  traffic.countResult({ kind: "clear_cache", actionId: 1, actionReceived: null, resultSent: null });
  traffic.countResult({
    kind: "error",
    actionId: 2,
    actionReceived: null,
    resultSent: null,
    action: "infer",
    status: 82,
    message: "",
  });
  expect(traffic.takeLine(link)).toBe(
    "Clock Skew=-545  RTT=25267  LdWts=1  Inf=2  Evct=1  || Total Pending=3  Errors=1",
  );
  expect(traffic.takeLine(link)).toBe(
    "Clock Skew=-545  RTT=25267  LdWts=0  Inf=0  Evct=0  || Total Pending=3  Errors=0",
  );
});

/** An engine: it does not know when an operation will end, and says so when it has. */
class ManualEngine implements Device {
  readonly started = Promise.withResolvers<void>();
  #wake: () => void = () => undefined;
  #running: { readonly begin: Nanos; readonly operationId: number } | null = null;
  #done: DeviceDone | null = null;

  onChange(wake: () => void): void {
    this.#wake = wake;
  }

  start(now: Nanos, { operationId }: DeviceOperation): void {
    this.#running = { begin: now, operationId };
    this.started.resolve();
  }

  /** Ends the operation in progress 77 ns after it began. */
  finish(): void {
    if (this.#running === null) throw new Error("nothing was started");
    const end = ns(this.#running.begin + 77);
    const clocks = { gpuClockBeforeMhz: 1500, gpuClockMhz: 1400 };
    this.#done = { ...this.#running, end, duration: ns(75), ...clocks };
    this.#wake();
  }

  nextTimeout(): Nanos | null {
    return this.#done?.end ?? null;
  }

  takeDone(now: Nanos): readonly DeviceDone[] {
    if (this.#done === null || this.#done.end > now) return [];
    const done = [this.#done];
    this.#done = null;
    return done;
  }
}

test("a device that learns of an end when it has come reports it by itself", async () => {
  const engine = new ManualEngine();
  const { port } = await startWorker(engine);
  const controller = await connectController(port);
  await controller.ask(loadModel(1), "load_model");
  controller.send(loadWeights(2));
  await engine.started.promise;
  expect(controller.results.has(2)).toBe(false);
  engine.finish();
  const result = await controller.result(2);
  if (result.kind !== "load_weights") throw new Error(`got ${JSON.stringify(result)}`);
  // As the engine measured it, which is not what the profile says.
  expect(result.timing.duration).toBe(ns(75));
  expect(result.timing.end - result.timing.begin).toBe(77);
});

test("a result whose controller has gone goes to nobody, and what was loaded stays", async () => {
  const engine = new ManualEngine();
  const { port, lines } = await startWorker(engine);
  const first = await connectController(port);
  await first.ask(loadModel(1), "load_model");
  first.send(loadWeights(2));
  await engine.started.promise;
  const second = await connectController(port);
  await first.close();
  while (!lines.some((line) => line.startsWith("Closing connection"))) await Bun.sleep(1);
  engine.finish();
  const state = await second.ask({ kind: "get_worker_state", actionId: 3 }, "get_worker_state");
  expect(state.state.gpus[0]?.residentModels).toEqual([0]);
  expect(lines).toContain("Dropping result R2: its controller has gone");
  expect([...second.results.keys()]).toEqual([3]);
});

describe("the command", () => {
  const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
  const startWith = (env: Readonly<Record<string, string>>, ...flags: readonly string[]) => {
    const command = [process.execPath, main, "clockwork", "worker", ...flags];
    const pipes = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const;
    return Bun.spawn(command, { ...pipes, env: { ...process.env, ...env } });
  };
  const start = (...flags: readonly string[]) => startWith({}, ...flags);
  /** Reads until the worker is ready; returns what it printed and its port. */
  const untilReady = async (output: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    const reader = output.getReader();
    let text = "";
    for (;;) {
      const port = /"port":(\d+)/.exec(text)?.[1];
      if (port !== undefined) {
        reader.releaseLock();
        return { text, port: Number(port) };
      }
      const { done, value } = await reader.read();
      if (done) throw new Error(`ended early: ${text}`);
      text += decoder.decode(value, { stream: true });
    }
  };

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} ends it in order, also with a controller connected and work waiting`, async () => {
      await using worker = start("-p", "0", "-n", "2", "--profiles", "recording");
      const { text, port } = await untilReady(worker.stdout);
      expect(text).toContain("Starting Clockwork Worker\n");
      expect(text).toContain(`IO service thread listening on 127.0.0.1:${port}\n`);
      const controller = await connectController(port);
      await controller.ask(loadModel(1, { path: "/zoo/resnet50_v2/model" }), "load_model");
      controller.send(loadWeights(2, { earliest: ns(clock.now() + 3_600_000_000_000) }));
      const { state } = await controller.ask(
        { kind: "get_worker_state", actionId: 3 },
        "get_worker_state",
      );
      expect(state.gpus).toHaveLength(2);
      worker.kill(signal);
      expect(await worker.exited).toBe(0);
    });
  }

  test("the end of its lifeline ends it in order", async () => {
    await using worker = start("-p", "0", "--num_gpus", "1", "--lifeline");
    await untilReady(worker.stdout);
    await worker.stdin.end();
    expect(await worker.exited).toBe(0);
  });

  describe("with a configuration file", () => {
    const folder = mkdtempSync(join(tmpdir(), "worker-config-"));
    afterAll(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "small.cfg");
    writeFileSync(
      file,
      "WorkerConfig = {\n  memory_settings = { weights_cache_size = 50L; weights_cache_page_size = 10L; };\n};",
    );
    const stateOf = async (worker: ReturnType<typeof startWith>) => {
      const { text, port } = await untilReady(worker.stdout);
      const controller = await connectController(port);
      const action = { kind: "get_worker_state", actionId: 3 } as const;
      const { state } = await controller.ask(action, "get_worker_state");
      return { text, pageSizeBytes: state.pageSizeBytes, pages: state.gpus[0]?.totalPages };
    };

    test("a GPU has the memory that it says, and people are told", async () => {
      await using worker = start("-p", "0", "-c", file);
      const { text, pageSizeBytes, pages } = await stateOf(worker);
      expect([pageSizeBytes, pages]).toEqual([10, 5]);
      expect(text).toContain(`Loading Clockwork worker config from ${file}\n`);
      expect(text).toContain("weights_cache_size = 23085449216 with 50\n");
    });

    test("options overrule it, and it is found by the environment's name for it", async () => {
      const env = { CLOCKWORK_CONFIG_FILE: file };
      await using worker = startWith(env, "-p", "0", "--weights-cache-bytes", "70");
      expect(await stateOf(worker)).toMatchObject({ pageSizeBytes: 10, pages: 7 });
    });

    test("--no-config leaves the environment's alone", async () => {
      await using worker = startWith({ CLOCKWORK_CONFIG_FILE: file }, "-p", "0", "--no-config");
      expect(await stateOf(worker)).toMatchObject({ pageSizeBytes: 16_777_216, pages: 1376 });
    });
  });

  test("executions take as long as its noise makes them, and the seed repeats them", async () => {
    const noise = ["--noise", "jitter-cv=0.5", "--profiles", "recording", "-p", "0"];
    const run = async (...flags: readonly string[]): Promise<readonly Nanos[]> => {
      await using worker = start(...noise, ...flags);
      const controller = await connectController((await untilReady(worker.stdout)).port);
      const path = "/zoo/resnet18_v2/model";
      await controller.ask(loadModel(1, { path, copies: 1 }), "load_model");
      const { timing } = await controller.ask(loadWeights(2), "load_weights");
      const { exec } = await controller.ask(infer(3), "infer");
      return [timing.duration, exec.duration];
    };
    const first = await run("--seed", "4");
    expect(await run("--seed", "4")).toEqual(first);
    expect(await run("--seed", "4", "--worker-id", "1")).not.toEqual(first);
  });

  test("a port in use is one clear line and a code of its own", async () => {
    const { port } = await startWorker();
    await using worker = start("--port", String(port));
    expect(await worker.exited).toBe(4);
    expect(await new Response(worker.stderr).text()).toBe(
      `cannot listen: 127.0.0.1:${port} is in use by another process; choose another port, or 0 for any free one\n`,
    );
  });

  const refusals: readonly [string, readonly string[], number, string][] = [
    ["a configuration file that is not there", ["-c", "none.cfg"], 5, "none.cfg cannot be read"],
    ["a configuration file that is none", ["-c", main], 5, "main.ts: line "],
    ["a folder of models that is none", ["--model-dir", main], 5, "there is no folder of models "],
    ["two sources of models", ["--model-dir", ".", "--profiles", "recording"], 2, "--model-dir"],
    ["an unknown noise", ["--noise", "jitter=1"], 2, 'unknown key "jitter"; keys are jitter-cv'],
    [
      "pages larger than the cache",
      ["--weights-cache-bytes", "5", "--page-size-bytes", "6"],
      5,
      "a page of 6 bytes is larger than the whole weights cache of 5 bytes",
    ],
    ["no GPUs", ["-n", "0"], 2, "It must be a whole number from 1 to 1024."],
    ["a port that is none", ["-p", "70000"], 2, "It must be a whole number from 0 to 65535."],
    ["an unknown option", ["--speed", "9"], 2, "unknown option '--speed'"],
    ["an unknown profile set", ["--profiles", "nowhere"], 5, "there is no profile set "],
    [
      "a profile set that is none",
      ["--profiles", main.replace(/main\.ts$/, "../../package.json")],
      5,
      "the header lacks model",
    ],
  ];
  for (const [name, flags, code, message] of refusals) {
    test(`refuses ${name}`, async () => {
      await using worker = start(...flags);
      expect(await worker.exited).toBe(code);
      expect(await new Response(worker.stderr).text()).toContain(message);
    });
  }
});
