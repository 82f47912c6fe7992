/** A second device behind a real socket: an engine that computes outputs from inputs, in its own time. */
import { afterEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { type Clock, startClock } from "#host/clock.ts";
import { bytesOf, toPayload } from "#host/wire-mapping.ts";
import { WorkerProcess } from "#host/worker-process.ts";
import type { Device, DeviceDone, DeviceInfer, DeviceOperation } from "#serving/worker/events.ts";
import { addNs, type Nanos, ns } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import {
  evict,
  infer,
  loadModel,
  loadWeights,
  OPTIONS,
  PROFILE,
} from "../serving/worker/worker-harness.ts";
import { FakeController } from "./fake-controller.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** What it computes: the first bytes of each input's SHA-256. */
const checksum = (input: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(input).digest()).subarray(0, PROFILE.outputBytes);

/** An input that it cannot read. */
const POISON = 0xff;

/** Two GPUs, clocked differently; every operation takes a turn of the event loop at least. Model 2 has no weights. */
class ChecksumEngine implements Device {
  readonly #clock: Clock;
  readonly #resident = new Set<string>();
  readonly #done: DeviceDone[] = [];
  readonly calls: string[] = [];
  #wake: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  onChange(wake: () => void): void {
    this.#wake = wake;
  }

  start(begin: Nanos, operation: DeviceOperation): void {
    const { operationId, gpuId, model } = operation;
    const place = `${gpuId}/${model.modelId}`;
    this.calls.push(`${operation.kind} ${place} ${model.path}`);
    const startedAt = this.#clock.now();
    setImmediate(() => {
      const outcome =
        operation.kind === "infer" ? this.#infer(place, operation) : this.#load(place);
      // Its own clock counts from elsewhere than the worker's.
      const duration = ns(this.#clock.now() - startedAt);
      const end = addNs(begin, duration);
      const clocks = { gpuClockBeforeMhz: 1000 + gpuId, gpuClockMhz: 1100 + gpuId };
      const copyInput = { begin, end: addNs(begin, ns(1)), duration: ns(1) };
      this.#done.push({ operationId, begin, end, duration, ...clocks, copyInput, ...outcome });
      this.#wake();
    });
  }

  #load(place: string): Pick<DeviceDone, "failure"> {
    if (place.endsWith("/2")) return { failure: { status: 53, message: "no such weights" } };
    this.#resident.add(place);
    return {};
  }

  #infer(place: string, { inputs, count }: DeviceInfer): Pick<DeviceDone, "failure" | "output"> {
    if (!this.#resident.has(place)) throw new Error(`${place} was never loaded`);
    const bytes = Buffer.concat(inputs.map(bytesOf));
    const size = bytes.length / count;
    const pieces = Array.from({ length: count }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    if (pieces.some((piece) => piece[0] === POISON)) {
      return { failure: { status: 78, message: "cannot read input" } };
    }
    return { output: toPayload(Buffer.concat(pieces.map(checksum))) };
  }

  release(gpuId: number, modelId: number): void {
    this.calls.push(`release ${gpuId}/${modelId}`);
    this.#resident.delete(`${gpuId}/${modelId}`);
  }

  nextTimeout(): Nanos | null {
    return this.#done[0]?.end ?? null;
  }

  takeDone(now: Nanos): readonly DeviceDone[] {
    return this.#done.splice(0, this.#done.filter(({ end }) => end <= now).length);
  }
}

const start = async (): Promise<{ engine: ChecksumEngine; controller: FakeController }> => {
  const engine = new ChecksumEngine(startClock());
  const ready = Promise.withResolvers<number>();
  const worker = new WorkerProcess({
    bind: "127.0.0.1",
    port: 0,
    worker: OPTIONS,
    device: engine,
    onStatus: (line: StatusLine) => {
      if (line.event === "ready" && line.port !== null) ready.resolve(line.port);
    },
    onLine: () => undefined,
  });
  const ended = worker.run();
  cleanups.push(() => {
    worker.stop();
    return ended;
  });
  const controller = await FakeController.connect(await ready.promise);
  cleanups.push(() => controller.close());
  await controller.ask(loadModel(1), "load_model");
  return { engine, controller };
};

/** Raw inputs of 8 bytes, all different. */
const inputOf = (seed: number): Uint8Array =>
  Uint8Array.from({ length: PROFILE.inputBytes }, (_, i) => seed + i);

const batchOf = (...inputs: readonly Uint8Array[]) => ({
  batchSize: inputs.length,
  inputSizes: [],
  inputs: inputs.map(toPayload),
});

describe("an engine of its own", () => {
  test("gets the inputs of each request, and its outputs go to the controller", async () => {
    const { controller } = await start();
    await controller.ask(loadWeights(2), "load_weights");
    const inputs = [inputOf(1), inputOf(50), inputOf(90)];
    const result = await controller.ask(infer(3, batchOf(...inputs)), "infer");
    expect(Buffer.from(bytesOf(result.output))).toEqual(Buffer.concat(inputs.map(checksum)));
    expect(result.copyInput.duration).toBe(ns(1));
  });

  test("has GPUs of their own, clocks included", async () => {
    const { controller, engine } = await start();
    await controller.ask(loadWeights(2), "load_weights");
    await controller.ask(loadWeights(3, { gpuId: 1, modelId: 1 }), "load_weights");
    controller.send(infer(4, batchOf(inputOf(7))));
    controller.send(infer(5, { gpuId: 1, modelId: 1, ...batchOf(inputOf(9)) }));
    const clocks = { gpuId: 0, gpuClockBeforeMhz: 1000, gpuClockMhz: 1100 };
    expect(await controller.result(4)).toMatchObject(clocks);
    const second = { gpuId: 1, gpuClockBeforeMhz: 1001, gpuClockMhz: 1101 };
    expect(await controller.result(5)).toMatchObject(second);
    expect(engine.calls.toSorted()).toEqual([
      "infer 0/0 good",
      "infer 1/1 good",
      "load_weights 0/0 good",
      "load_weights 1/1 good",
    ]);
  });

  test("fails an operation with a status of its own, and the next one is served", async () => {
    const { controller } = await start();
    await controller.ask(loadWeights(2), "load_weights");
    const poisoned = await controller.ask(infer(3, batchOf(inputOf(POISON))), "error");
    expect(poisoned).toMatchObject({ action: "infer", status: 78, message: "cannot read input" });
    expect((await controller.ask(infer(4, batchOf(inputOf(1))), "infer")).output.sizeBytes).toBe(3);
  });

  test("a load that it fails leaves no weights and takes no pages", async () => {
    const { controller, engine } = await start();
    const failed = await controller.ask(loadWeights(2, { modelId: 2 }), "error");
    expect(failed).toMatchObject({
      action: "load_weights",
      status: 53,
      message: "no such weights",
    });
    expect(await controller.ask(infer(3, { modelId: 2 }), "error")).toMatchObject({ status: 82 });
    // Two models of two pages fill the five pages; with a third they would not fit.
    await controller.ask(loadWeights(4), "load_weights");
    await controller.ask(loadWeights(5, { modelId: 1 }), "load_weights");
    expect(engine.calls).toContain("release 0/2");
  });

  test("is told of weights that go, so that it can reuse their memory", async () => {
    const { controller, engine } = await start();
    await controller.ask(loadWeights(2), "load_weights");
    await controller.ask(evict(3), "evict_weights");
    expect(engine.calls.at(-1)).toBe("release 0/0");
    await controller.ask(loadWeights(4), "load_weights");
    await controller.ask({ kind: "clear_cache", actionId: 5 }, "clear_cache");
    expect(engine.calls.at(-1)).toBe("release 0/0");
    expect(await controller.ask(infer(6), "error")).toMatchObject({ status: 82 });
  });
});
