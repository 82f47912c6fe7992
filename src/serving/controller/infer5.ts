/** INFER5: per model one queue per batch size, per GPU the most urgent batch first, weights loaded where demand waits. */
import { BatchQueues } from "#serving/controller/batch-queues.ts";
import type { Cluster } from "#serving/controller/cluster.ts";
import { DemandAccumulator } from "#serving/controller/demand-accumulator.ts";
import type { Gpu } from "#serving/controller/gpu.ts";
import { Heap } from "#serving/controller/heap.ts";
import type { InFlight } from "#serving/controller/in-flight.ts";
import type { Model } from "#serving/controller/model.ts";
import { DEFAULT_CLOCK_MHZ, QUEUE_SWEEP_AT } from "#serving/controller/options.ts";
import { demandOf, type Request } from "#serving/controller/request-book.ts";
import type { Strategy } from "#serving/controller/strategy.ts";
import { Turns } from "#serving/controller/turns.ts";
import { WeightsLoader } from "#serving/controller/weights-loader.ts";
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

class Infer5 implements Strategy {
  readonly #cluster: Cluster;
  readonly #queues: readonly BatchQueues[];
  readonly #lanes: readonly Lane[];
  readonly #loader: WeightsLoader;
  readonly #demand: DemandAccumulator;
  readonly #inferTurns: Turns;
  readonly #loadTurns: Turns;
  /** GPUs whose best candidate does not fit until a load there ends. */
  readonly #full: Uint8Array;

  constructor(cluster: Cluster) {
    const { models, gpus } = cluster;
    this.#cluster = cluster;
    this.#queues = models.map((model) => new BatchQueues(model.exec));
    this.#lanes = gpus.map((gpu) => ({
      gpu,
      candidates: new Heap(isMoreUrgent),
      active: new Uint8Array(models.length),
    }));
    this.#loader = new WeightsLoader(cluster);
    this.#demand = new DemandAccumulator(this.#loader.tracker, models.length);
    this.#inferTurns = new Turns(gpus.length);
    this.#loadTurns = new Turns(gpus.length);
    this.#full = new Uint8Array(gpus.length);
  }

  onAdmitted(_now: Nanos, request: Request): void {
    const { model, demand } = request;
    this.#loader.setDemand(request);
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
    this.#loader.tracker.lost(model.index, gpu.index);
  }

  onGpuGone(_now: Nanos, gpu: Gpu): void {
    this.#loader.tracker.removeGpu(gpu.index);
    const { candidates, active } = this.#lanes[gpu.index] as Lane;
    candidates.clear();
    active.fill(0);
  }

  onGpuBack(_now: Nanos, gpu: Gpu): void {
    this.#full[gpu.index] = 0;
    this.#loader.tracker.addGpu(gpu.index, this.#loader.holdingsOf(gpu));
    for (const model of this.#cluster.models) {
      this.#activate(this.#lanes[gpu.index] as Lane, model);
    }
  }

  schedule(now: Nanos): void {
    // One action per GPU and turn, until a whole round issued nothing.
    this.#inferTurns.run((index) => this.#scheduleInfer(now, this.#lanes[index] as Lane));
    this.#demand.drain();
    this.#loadTurns.run((index) => this.#scheduleLoad(now, this.#lanes[index] as Lane));
  }

  nextTimeout(): Nanos | null {
    const { scheduleAhead } = this.#cluster.options;
    let next: Nanos | null = null;
    for (const { gpu, candidates } of this.#lanes) {
      if (!gpu.alive) continue;
      if (candidates.size > 0) next = earliestNs(next, gpu.exec.eligibleAt(scheduleAhead));
      if (this.#full[gpu.index] === 0) next = earliestNs(next, this.#loader.nextLoad(gpu));
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
      this.#demand.executing(model.index, gpu.index, batch.map(demandOf));
      this.#cluster.infer(now, gpu, { batch, execStart });
      this.#enter(lane, model, Number.POSITIVE_INFINITY);
      return true;
    }
  }

  /** Starts at most one load; true when it did. */
  #scheduleLoad(now: Nanos, { gpu }: Lane): boolean {
    if (this.#full[gpu.index] === 1 || !this.#loader.canLoad(now, gpu)) return false;
    const hasLoaded = this.#loader.load(now, gpu);
    if (!hasLoaded) this.#full[gpu.index] = 1;
    return hasLoaded;
  }
}

/** Strategy factory for the controller's registry. */
export const createInfer5 = (cluster: Cluster): Strategy => new Infer5(cluster);
