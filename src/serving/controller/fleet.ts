/** The workers of a running controller: how one that was lost, or that the books are wrong about, comes back into use. */
import type { ControllerEffect, ReceivedResult } from "#serving/controller/events.ts";
import { forgetWeights, type Gpu } from "#serving/controller/gpu.ts";
import type { ActionIds, InFlight } from "#serving/controller/in-flight.ts";
import type { Model } from "#serving/controller/model.ts";
import {
  REJOIN_SETTLE,
  RESYNC_SPACING,
  type SchedulerOptions,
} from "#serving/controller/options.ts";
import { type Holdings, Rejoin } from "#serving/controller/rejoin.ts";
import { addNs, earliestNs, type Nanos } from "#stdx/nanos.ts";

export interface FleetParts {
  readonly models: readonly Model[];
  readonly gpus: readonly Gpu[];
  readonly options: SchedulerOptions;
  readonly pageSizeBytes: number;
  readonly inFlight: ReadonlyMap<number, InFlight>;
  readonly nextAction: () => ActionIds;
  readonly emit: (effect: ControllerEffect) => void;
  /** What the GPU held is no longer to be counted on. */
  readonly onGone: (now: Nanos, gpu: Gpu) => void;
  /** The GPU may be used; the books say what it holds. */
  readonly onBack: (now: Nanos, gpu: Gpu) => void;
}

/** How long it may take until nothing is outstanding. */
interface Draining {
  readonly until: Nanos;
  isGivenUp: boolean;
}

export class Fleet {
  readonly #parts: FleetParts;
  readonly #rejoins = new Map<number, Rejoin>();
  /** Workers that are to be asked what they hold once nothing of theirs is outstanding. */
  readonly #draining = new Map<number, Draining>();
  readonly #lastResync = new Map<number, Nanos>();

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  onWorkerUp(now: Nanos, worker: number): void {
    this.#print(`Worker ${worker} is connected again; asking what it holds`);
    this.#rejoin(worker, addNs(now, REJOIN_SETTLE));
  }

  /** Its actions have ended; its GPUs are empty and out of use until it is back. */
  onWorkerDown(now: Nanos, worker: number): void {
    this.#rejoins.get(worker)?.abandon(now);
    this.#rejoins.delete(worker);
    this.#draining.delete(worker);
    for (const gpu of this.#gpusOf(worker)) this.#empty(now, gpu);
  }

  /** What was asked gets no answer any more. */
  stop(now: Nanos): void {
    for (const rejoin of this.#rejoins.values()) rejoin.abandon(now);
    this.#rejoins.clear();
  }

  /** True when the result belongs to a worker's coming back. */
  onResult(now: Nanos, received: ReceivedResult): boolean {
    const { worker } = received;
    const rejoin = this.#rejoins.get(worker);
    if (rejoin?.onResult(now, received) !== true) return false;
    const { holdings } = rejoin;
    if (holdings !== null) {
      this.#rejoins.delete(worker);
      this.take(now, worker, holdings);
    }
    return true;
  }

  /** The worker's answer contradicts the books: it gets no more until it has said what it holds. */
  resync(now: Nanos, worker: number): void {
    const last = this.#lastResync.get(worker);
    const isTooSoon = last !== undefined && now < last + RESYNC_SPACING;
    if (isTooSoon || this.#draining.has(worker) || this.#rejoins.has(worker)) return;
    this.#lastResync.set(worker, now);
    const until = addNs(now, this.#parts.options.silenceTimeout);
    this.#draining.set(worker, { until, isGivenUp: false });
    for (const gpu of this.#gpusOf(worker)) gpu.isUp = false;
    this.#print(`Worker ${worker} and the books disagree; asking it what it holds`);
  }

  advance(now: Nanos): void {
    if (this.#draining.size === 0 && this.#rejoins.size === 0) return;
    for (const [worker, draining] of this.#draining) {
      if (!this.#isBusy(worker)) {
        this.#draining.delete(worker);
        this.#rejoin(worker, now);
      } else if (now >= draining.until && !draining.isGivenUp) {
        draining.isGivenUp = true;
        const reason = "what is on it does not end";
        this.#parts.emit({ kind: "close_worker", worker, reason });
      }
    }
    for (const rejoin of this.#rejoins.values()) rejoin.advance(now);
  }

  nextTimeout(): Nanos | null {
    let next: Nanos | null = null;
    for (const { until, isGivenUp } of this.#draining.values()) {
      if (!isGivenUp) next = earliestNs(next, until);
    }
    for (const rejoin of this.#rejoins.values()) next = earliestNs(next, rejoin.nextTimeout());
    return next;
  }

  /** Puts the worker's GPUs to use with what they hold. */
  take(now: Nanos, worker: number, holdings: Holdings): void {
    const { models } = this.#parts;
    const own = this.#gpusOf(worker);
    for (const gpu of own) this.#takeGpu(now, gpu, holdings);
    const used = own.filter(({ isUp }) => isUp);
    const held = models.filter(({ modelId }) => holdings.models.has(modelId)).length;
    const weights = models.filter(({ index }) => used.some((gpu) => gpu.isLoaded(index))).length;
    this.#print(
      `Worker ${worker} is in use: ${used.length} GPUs, ${held} models, of which ${weights} have weights on a GPU`,
    );
  }

  #takeGpu(now: Nanos, gpu: Gpu, { state, models: there }: Holdings): void {
    this.#empty(now, gpu);
    const info = state.gpus.find(({ id }) => id === gpu.gpuId);
    const pagesOf = new Map(state.models.map((model) => [model.modelId, model.weightsPages]));
    for (const [modelId, { weightsPages }] of there) pagesOf.set(modelId, weightsPages);
    const resident = new Set(info?.residentModels ?? []);
    // Weights of models that are not ours keep their pages, too.
    let free = info?.totalPages ?? 0;
    for (const modelId of resident) free -= pagesOf.get(modelId) ?? 0;
    if (info === undefined || free < 0) {
      const why = info === undefined ? "it is not there" : "it reports more weights than fit";
      this.#print(`Worker ${gpu.worker} GPU ${gpu.gpuId} is not used: ${why}`);
      return;
    }
    gpu.totalPages = info.totalPages;
    gpu.freePages = free;
    for (const model of this.#parts.models) {
      gpu.setLacking(model.index, !there.has(model.modelId));
      if (!there.has(model.modelId) || !resident.has(model.modelId)) continue;
      gpu.setLoaded(model.index);
      model.gained(gpu.worker);
    }
    gpu.isUp = true;
    this.#parts.onBack(now, gpu);
  }

  #empty(now: Nanos, gpu: Gpu): void {
    gpu.isUp = false;
    for (const model of this.#parts.models) forgetWeights(gpu, model);
    this.#parts.onGone(now, gpu);
  }

  #rejoin(worker: number, askAt: Nanos): void {
    const { models, options, pageSizeBytes, nextAction, emit } = this.#parts;
    const parts = { worker, models, options, pageSizeBytes, nextAction, emit };
    this.#rejoins.set(worker, new Rejoin(parts, askAt));
  }

  #gpusOf(worker: number): readonly Gpu[] {
    return this.#parts.gpus.filter((gpu) => gpu.worker === worker);
  }

  #isBusy(worker: number): boolean {
    for (const entry of this.#parts.inFlight.values()) if (entry.worker === worker) return true;
    return false;
  }

  #print(line: string): void {
    this.#parts.emit({ kind: "print", line });
  }
}
