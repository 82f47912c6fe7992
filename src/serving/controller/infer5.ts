/** INFER5: per model one queue per batch size, per GPU the most urgent batch first, weights loaded where demand waits. */
import { BatchQueues } from "#serving/controller/batch-queues.ts";
import type { Cluster } from "#serving/controller/cluster.ts";
import { DemandAccumulator } from "#serving/controller/demand-accumulator.ts";
import type { Gpu } from "#serving/controller/gpu.ts";
import { Heap } from "#serving/controller/heap.ts";
import type { InFlight } from "#serving/controller/in-flight.ts";
import { LoadTracker } from "#serving/controller/load-tracker.ts";
import type { Model } from "#serving/controller/model.ts";
import { DEFAULT_CLOCK_MHZ } from "#serving/controller/options.ts";
import type { Request } from "#serving/controller/request-book.ts";
import type { Strategy } from "#serving/controller/strategy.ts";
import { earliestNs, type Nanos } from "#stdx/nanos.ts";

/** The most urgent batch of one model on one GPU, as computed when it was entered. */
interface Candidate {
  readonly latestStart: number;
  readonly batchSize: number;
  readonly model: Model;
}

/** Waiting batches of one GPU; a model is in it at most once, with its most urgent batch. */
interface Lane {
  readonly gpu: Gpu;
  readonly candidates: Heap<Candidate>;
  /** Per model: whether it is in `candidates`. */
  readonly active: Uint8Array;
}

const isMoreUrgent = (a: Candidate, b: Candidate): boolean => {
  if (a.latestStart !== b.latestStart) return a.latestStart < b.latestStart;
  if (a.batchSize !== b.batchSize) return a.batchSize < b.batchSize;
  return a.model.modelId < b.model.modelId;
};

/** Ended requests of a model that no GPU holds are cleared away once its queue is this long. */
const QUEUE_SWEEP_AT = 1024;

class Infer5 implements Strategy {
  readonly #cluster: Cluster;
  readonly #queues: readonly BatchQueues[];
  readonly #lanes: readonly Lane[];
  readonly #tracker: LoadTracker;
  readonly #demand: DemandAccumulator;
  /** Where the next round over the GPUs starts, so that none is favoured. */
  #inferTurn = 0;
  #loadTurn = 0;
  /** GPUs whose best candidate does not fit until a load there ends. */
  readonly #full: Uint8Array;

  constructor(cluster: Cluster) {
    const { models, gpus, options } = cluster;
    this.#cluster = cluster;
    this.#queues = models.map((model) => new BatchQueues(model.exec));
    this.#lanes = gpus.map((gpu) => ({
      gpu,
      candidates: new Heap(isMoreUrgent),
      active: new Uint8Array(models.length),
    }));
    this.#full = new Uint8Array(gpus.length);
    this.#tracker = new LoadTracker({
      models: models.length,
      gpus: gpus.length,
      capacity: options.defaultSlo,
    });
    this.#demand = new DemandAccumulator(this.#tracker, models.length);
    for (const gpu of gpus) {
      for (const model of models) {
        if (model.weightsPages > gpu.totalPages) this.#tracker.bar(model.index, gpu.index);
      }
    }
  }

  onAdmitted(_now: Nanos, request: Request): void {
    const { model, times, demand } = request;
    const size = model.exec.estimate(1);
    demand.exec = this.#tracker.demandOf(size, times.execSlo);
    demand.load = this.#tracker.demandOf(size, times.weightsSlo);
    this.#demand.added(model.index, demand);
    const queue = this.#queueOf(model);
    queue.push(request);
    model.requestsQueued = queue.size;
    for (const lane of this.#lanes) this.#activate(lane, model);
  }

  onTimedOut(_now: Nanos, request: Request): void {
    const { model } = request;
    this.#demand.cancelled(model.index, request.demand);
    if (model.copies > 0 || model.requestsQueued < QUEUE_SWEEP_AT) return;
    this.#queueOf(model).dropEnded();
    model.requestsQueued = this.#queueOf(model).size;
  }

  onBatchEnded(_now: Nanos, batch: InFlight): void {
    this.#demand.completed(batch.model.index, batch.gpu.index, batch.batch.map(demandOf));
  }

  onLoadEnded(_now: Nanos, gpu: Gpu, model: Model): void {
    this.#full[gpu.index] = 0;
    const ok = gpu.isLoaded(model.index);
    this.#demand.loadEnded(model.index, { gpu: gpu.index, ok });
    if (ok) this.#activate(this.#lanes[gpu.index] as Lane, model);
  }

  onWeightsLost(_now: Nanos, gpu: Gpu, model: Model): void {
    this.#full[gpu.index] = 0;
    this.#tracker.lost(model.index, gpu.index);
  }

  onGpuGone(_now: Nanos, gpu: Gpu): void {
    this.#tracker.removeGpu(gpu.index);
  }

  schedule(now: Nanos): void {
    const lanes = this.#lanes.length;
    // One action per GPU and turn, until a whole round issued nothing.
    for (let idle = 0; idle < lanes; ) {
      const lane = this.#lanes[this.#inferTurn % lanes] as Lane;
      this.#inferTurn = (this.#inferTurn + 1) % lanes;
      idle = this.#scheduleInfer(now, lane) ? 0 : idle + 1;
    }
    this.#demand.drain();
    for (let idle = 0; idle < lanes; ) {
      const lane = this.#lanes[this.#loadTurn % lanes] as Lane;
      this.#loadTurn = (this.#loadTurn + 1) % lanes;
      idle = this.#scheduleLoad(now, lane.gpu) ? 0 : idle + 1;
    }
  }

  nextTimeout(): Nanos | null {
    const { scheduleAhead } = this.#cluster.options;
    let next: Nanos | null = null;
    for (const { gpu, candidates } of this.#lanes) {
      if (!gpu.alive) continue;
      if (candidates.size > 0) next = earliestNs(next, gpu.exec.eligibleAt(scheduleAhead));
      if (this.#full[gpu.index] === 0 && this.#tracker.hasCandidate(gpu.index)) {
        next = earliestNs(next, gpu.loads.eligibleAt(scheduleAhead));
      }
    }
    return next;
  }

  #queueOf(model: Model): BatchQueues {
    return this.#queues[model.index] as BatchQueues;
  }

  /**
   * Enters the model's most urgent batch unless it is entered already. The original enters models that are not loaded
   * too and throws them out when their turn comes; loading them enters them anyway, so here they wait for that.
   */
  #activate(lane: Lane, model: Model): void {
    if (lane.active[model.index] === 1 || !lane.gpu.isLoaded(model.index)) return;
    this.#enter(lane, model, Number.POSITIVE_INFINITY);
  }

  #enter(lane: Lane, model: Model, maxBatch: number): void {
    const best = this.#queueOf(model).mostUrgent(maxBatch, DEFAULT_CLOCK_MHZ);
    lane.active[model.index] = best === null ? 0 : 1;
    if (best !== null) lane.candidates.push({ ...best, model });
  }

  /** Issues at most one batch; true when it did. */
  #scheduleInfer(now: Nanos, lane: Lane): boolean {
    const { gpu, candidates, active } = lane;
    if (!gpu.alive) return false;
    for (;;) {
      const top = candidates.peek();
      if (top === undefined) return false;
      const execStart = gpu.exec.available(now);
      if (execStart >= now + this.#cluster.options.scheduleAhead) return false;
      candidates.pop();
      const { model } = top;
      if (!gpu.isLoaded(model.index)) {
        active[model.index] = 0;
        continue;
      }
      const queue = this.#queueOf(model);
      const batch = queue.take({
        freeAt: execStart,
        clockMhz: gpu.exec.clockMhz,
        minBatch: top.batchSize,
      });
      model.requestsQueued = queue.size;
      if (batch === null) {
        this.#enter(lane, model, top.batchSize - 1);
        continue;
      }
      this.#demand.executing(
        model.index,
        gpu.index,
        batch.map((request) => request.demand),
      );
      this.#cluster.infer(now, gpu, { batch, execStart });
      this.#enter(lane, model, Number.POSITIVE_INFINITY);
      return true;
    }
  }

  /** Starts at most one load, with the evictions that make room for it; true when it did. */
  #scheduleLoad(now: Nanos, gpu: Gpu): boolean {
    if (!gpu.alive || this.#full[gpu.index] === 1) return false;
    if (gpu.loads.available(now) >= now + this.#cluster.options.scheduleAhead) return false;
    const index = this.#tracker.loadModel(gpu.index);
    const model = this.#cluster.models[index];
    if (model === undefined) return false;
    while (gpu.freePages < model.weightsPages) {
      const victim = this.#cluster.models[this.#tracker.evictModel(gpu.index)];
      if (victim === undefined) {
        // Everything here is still being loaded; the next load to end makes room.
        this.#tracker.lost(model.index, gpu.index);
        this.#full[gpu.index] = 1;
        return false;
      }
      this.#cluster.evict(now, gpu, victim);
    }
    this.#cluster.load(now, gpu, model);
    return true;
  }
}

const demandOf = (request: Request): Request["demand"] => request.demand;

/** Strategy factory for the controller's registry. */
export const createInfer5 = (cluster: Cluster): Strategy => new Infer5(cluster);
