/** Makes the actions that a strategy decides on, with their windows and what is expected of them, and sends them. */
import type { ControllerEffect } from "#serving/controller/events.ts";
import { forgetWeights, type Gpu } from "#serving/controller/gpu.ts";
import type { ActionIds, GpuAction, InFlight } from "#serving/controller/in-flight.ts";
import type { Model } from "#serving/controller/model.ts";
import { NetworkExecutor } from "#serving/controller/network-executor.ts";
import { LATE_SEND_MARGIN, LEAD_TIME, type SchedulerOptions } from "#serving/controller/options.ts";
import type { Request } from "#serving/controller/request-book.ts";
import type { Payload } from "#serving/messages.ts";
import { assert } from "#stdx/assert.ts";
import { addNs, maxNs, type Nanos } from "#stdx/nanos.ts";

export interface DispatcherParts {
  readonly options: SchedulerOptions;
  /** Actions of start-up, which come before these in the logs' numbering. */
  readonly actionsBefore: number;
  readonly emit: (effect: ControllerEffect) => void;
  /** The action is being handed to the network layer. */
  readonly onTransmit: (now: Nanos, entry: InFlight) => void;
}

export class Dispatcher {
  readonly network: NetworkExecutor<InFlight>;
  readonly #parts: DispatcherParts;
  readonly #options: SchedulerOptions;
  readonly #actionsBefore: number;
  readonly #inFlight = new Map<number, InFlight>();
  #nextActionId = 0;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#options = parts.options;
    this.#actionsBefore = parts.actionsBefore;
    this.network = new NetworkExecutor((now, entry) => this.#transmit(now, entry));
  }

  /** Actions between their making and their end, by id. */
  get inFlight(): ReadonlyMap<number, InFlight> {
    return this.#inFlight;
  }

  /** The ids of an action that somebody else makes. */
  nextAction(): ActionIds {
    const actionId = this.#nextActionId++;
    return { actionId, loggedId: this.#actionsBefore + actionId };
  }

  /** False when the action has ended already. */
  take(entry: InFlight): boolean {
    return this.#inFlight.delete(entry.actionId);
  }

  /** Sends a batch to a GPU; `execStart` is when the GPU is expected to be free for it. */
  infer(
    now: Nanos,
    gpu: Gpu,
    work: { readonly batch: readonly Request[]; readonly execStart: Nanos },
  ): InFlight {
    const { batch, execStart } = work;
    const model = batch[0]?.model;
    assert(model !== undefined, "a batch has at least one request");
    for (const request of batch) request.locked = true;
    const clock = gpu.exec.clockMhz;
    const duration = model.exec.estimate(batch.length, clock);
    const inputs = batch.map((request) => this.#inputOf(request));
    const latest = this.#latestStart(now, execStart);
    const action: GpuAction = {
      kind: "infer",
      actionId: this.#nextActionId++,
      modelId: model.modelId,
      gpuId: gpu.gpuId,
      earliest: now,
      latest,
      expectedDuration: duration,
      batchSize: batch.length,
      inputSizes: inputs.map((input) => input.sizeBytes),
      inputs,
    };
    gpu.exec.add(now, action.actionId, duration);
    return this.#dispatch(now, action, {
      gpu,
      model,
      batch,
      expected: { duration, complete: addNs(execStart, duration), gpuClockMhz: clock },
      sendBy: maxNs(addNs(now, LEAD_TIME), (latest - LATE_SEND_MARGIN) as Nanos),
      reportErrorAt: addNs(latest, duration),
    });
  }

  /** Sends LoadWeights and takes the pages; they must be free. */
  load(now: Nanos, gpu: Gpu, model: Model): InFlight {
    assert(gpu.freePages >= model.weightsPages, "weights are loaded into free pages only");
    const start = gpu.loads.available(now);
    const duration = model.load.estimate();
    const latest = this.#latestStart(now, start);
    const action: GpuAction = {
      kind: "load_weights",
      actionId: this.#nextActionId++,
      modelId: model.modelId,
      gpuId: gpu.gpuId,
      earliest: now,
      latest,
      expectedDuration: duration,
    };
    gpu.freePages -= model.weightsPages;
    gpu.startLoading(model.index);
    gpu.loads.add(now, action.actionId, duration);
    return this.#dispatch(now, action, {
      gpu,
      model,
      batch: [],
      expected: { duration, complete: addNs(start, duration), gpuClockMhz: 0 },
      sendBy: null,
      reportErrorAt: addNs(latest, duration),
    });
  }

  /** Sends EvictWeights; the pages count as free at once, since workers take actions in order. */
  evict(now: Nanos, gpu: Gpu, model: Model): InFlight {
    const action: GpuAction = {
      kind: "evict_weights",
      actionId: this.#nextActionId++,
      modelId: model.modelId,
      gpuId: gpu.gpuId,
      earliest: null,
      latest: null,
    };
    // Copies are counted before the evict, as in the original's log.
    const copies = { copiesWorkers: model.workers, copiesGpus: model.copies };
    forgetWeights(gpu, model);
    return this.#dispatch(now, action, {
      gpu,
      model,
      batch: [],
      expected: null,
      sendBy: null,
      reportErrorAt: now,
      ...copies,
    });
  }

  #latestStart(now: Nanos, start: Nanos): Nanos {
    const { scheduleAhead } = this.#options;
    return maxNs((now + LEAD_TIME + scheduleAhead) as Nanos, addNs(start, scheduleAhead));
  }

  #dispatch(
    now: Nanos,
    action: GpuAction,
    facts: Pick<InFlight, "gpu" | "model" | "batch" | "expected" | "sendBy" | "reportErrorAt"> &
      Partial<Pick<InFlight, "copiesWorkers" | "copiesGpus">>,
  ): InFlight {
    const { gpu, model } = facts;
    const entry: InFlight = {
      actionId: action.actionId,
      loggedId: this.#actionsBefore + action.actionId,
      worker: gpu.worker,
      action,
      gpu,
      model,
      version: gpu.version(model.index),
      batch: facts.batch,
      built: now,
      sent: null,
      expected: facts.expected,
      sendBy: facts.sendBy,
      reportErrorAt: facts.reportErrorAt,
      overdueAt: facts.reportErrorAt,
      isOverdue: false,
      requestsQueued: model.requestsQueued,
      copiesWorkers: facts.copiesWorkers ?? model.workers,
      copiesGpus: facts.copiesGpus ?? model.copies,
    };
    this.#inFlight.set(entry.actionId, entry);
    this.network.send(now, entry);
    return entry;
  }

  #transmit(now: Nanos, entry: InFlight): void {
    entry.sent = now;
    this.#parts.onTransmit(now, entry);
    this.#parts.emit({ kind: "send_action", worker: entry.worker, action: entry.action });
  }

  #inputOf(request: Request): Payload {
    const { inputFor } = this.#options;
    return inputFor !== null && request.input.sizeBytes === 0
      ? inputFor(request.model.inputBytes)
      : request.input;
  }
}
