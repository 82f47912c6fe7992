/** A worker over simulated GPUs for tests: short action builders, and every result with the instant it came out. */
import type { Action, ActionResult } from "#serving/messages.ts";
import type { CatalogueEntry, ModelCatalogue, ModelProfile } from "#serving/worker/catalogue.ts";
import { PacedWorker } from "#serving/worker/paced-worker.ts";
import { SimulatedDevice } from "#serving/worker/simulated-device.ts";
import type { WorkerOptions } from "#serving/worker/worker.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";

type Of<K extends Action["kind"]> = Partial<Extract<Action, { readonly kind: K }>>;

/** Two pages of 10 bytes; loads take 1000, batches of 1, 2, 4 take 100, 150, 250. */
export const PROFILE: ModelProfile = {
  inputBytes: 8,
  outputBytes: 3,
  weightsBytes: 15,
  weightsLoadNs: ns(1_000),
  batchSizes: [1, 2, 4],
  execNs: [ns(100), ns(150), ns(250)],
};

/** Knows "good", and two paths that fail as the original's do. */
export const catalogue: ModelCatalogue = {
  find: (path): CatalogueEntry => {
    if (path === "good") return { ok: true, profile: PROFILE };
    if (path === "unmeasured") return { ok: false, status: 10, message: "No measurements file" };
    return { ok: false, status: 41, message: "No valid batch sizes" };
  },
};

export const OPTIONS: WorkerOptions = {
  gpuCount: 2,
  weightsCacheBytes: 59, // five pages; the rest of a page is of no use
  pageSizeBytes: 10,
  ioPoolBytes: 111,
  workspacePoolBytes: 222,
  hostIoPoolBytes: 333,
  catalogue,
};

export interface Sent {
  readonly at: Nanos;
  readonly result: ActionResult;
  readonly clockDelta: Nanos;
}

export class WorkerHarness {
  readonly worker: PacedWorker;
  readonly sent: Sent[] = [];
  readonly lines: string[] = [];
  #now = ns(0);

  constructor(options: Partial<WorkerOptions> = {}, device = new SimulatedDevice()) {
    this.worker = new PacedWorker({ ...OPTIONS, ...options }, device);
  }

  /** Wakes the worker once, however late that is. */
  wake(at: number): this {
    this.#take(at, this.worker.step(ns(at), { kind: "timer" }));
    return this;
  }

  /** Delivers an action at `at`, read from the network 5 ns before. */
  act(at: number, action: Action): this {
    this.advance(at - 1);
    const received = ns(at - 5);
    this.#take(
      at,
      this.worker.step(ns(at), { kind: "action", action, received, clockDelta: ns(0) }),
    );
    return this;
  }

  /** Wakes the worker exactly when it asks to be, up to and including `until`. */
  advance(until: number): this {
    for (;;) {
      const due = this.worker.nextTimeout();
      if (due === null || due > until) return this;
      this.#take(due, this.worker.step(due, { kind: "timer" }));
    }
  }

  /** "7:84@250": action id, status (0 for success) and instant of every result so far. */
  get log(): readonly string[] {
    return this.sent.map(({ at, result }) => {
      const status = result.kind === "error" ? result.status : 0;
      return `${result.actionId}:${status}@${at}`;
    });
  }

  resultOf<K extends ActionResult["kind"]>(
    actionId: number,
    kind: K,
  ): Extract<ActionResult, { readonly kind: K }> {
    const found = this.sent.find(({ result }) => result.actionId === actionId)?.result;
    if (found?.kind !== kind) throw new Error(`action ${actionId} has ${JSON.stringify(found)}`);
    return found as Extract<ActionResult, { readonly kind: K }>;
  }

  #take(at: number, effects: ReturnType<PacedWorker["step"]>): void {
    if (at < this.#now) throw new Error(`time went back to ${at}`);
    this.#now = ns(at);
    for (const effect of effects) {
      if (effect.kind === "print") this.lines.push(effect.line);
      else this.sent.push({ at: this.#now, result: effect.result, clockDelta: effect.clockDelta });
    }
  }
}

export const loadModel = (actionId: number, fields: Of<"load_model"> = {}): Action => ({
  kind: "load_model",
  actionId,
  modelId: 0,
  path: "good",
  copies: 3,
  earliest: null,
  latest: null,
  maxBatchSize: 8,
  maxExecNs: ns(1_000_000),
  ...fields,
});

export const loadWeights = (actionId: number, fields: Of<"load_weights"> = {}): Action => ({
  kind: "load_weights",
  actionId,
  modelId: 0,
  gpuId: 0,
  earliest: null,
  latest: null,
  expectedDuration: ns(0),
  ...fields,
});

export const evict = (actionId: number, fields: Of<"evict_weights"> = {}): Action => ({
  kind: "evict_weights",
  actionId,
  modelId: 0,
  gpuId: 0,
  earliest: null,
  latest: null,
  ...fields,
});

export const infer = (actionId: number, fields: Of<"infer"> = {}): Action => ({
  kind: "infer",
  actionId,
  modelId: 0,
  gpuId: 0,
  earliest: null,
  latest: null,
  expectedDuration: ns(0),
  batchSize: 1,
  inputSizes: [0],
  inputs: [],
  ...fields,
});

/** A worker whose model 0 is on GPU 0; that took actions 1 and 2 and lasts until 2000. */
export const warm = (options: Partial<WorkerOptions> = {}): WorkerHarness => {
  const harness = new WorkerHarness(options)
    .act(10, loadModel(1))
    .act(20, loadWeights(2))
    .advance(1_999);
  harness.sent.length = 0;
  return harness;
};
