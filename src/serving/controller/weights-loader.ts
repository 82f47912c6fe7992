/** Loads weights where demand waits for them and makes room; what INFER4 and INFER5 share of it. */
import type { Cluster } from "#serving/controller/cluster.ts";
import type { Gpu } from "#serving/controller/gpu.ts";
import { type Holdings, LoadTracker } from "#serving/controller/load-tracker.ts";
import type { Request } from "#serving/controller/request-book.ts";
import type { Nanos } from "#stdx/nanos.ts";

export class WeightsLoader {
  /** Whoever counts demand reports it here. */
  readonly tracker: LoadTracker;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    const { models, gpus, options } = cluster;
    this.#cluster = cluster;
    this.tracker = new LoadTracker({
      models: models.length,
      gpus: gpus.length,
      capacity: options.defaultSlo,
    });
    for (const gpu of gpus) {
      for (const model of models) {
        if (!gpu.canHold(model)) this.tracker.bar(model.index, gpu.index);
      }
    }
  }

  /** Works out what a new request asks for; it is not counted yet. */
  setDemand({ model, times, demand }: Request): void {
    const size = model.exec.estimate(1);
    demand.exec = this.tracker.demandOf(size, times.execSlo);
    demand.load = this.tracker.demandOf(size, times.weightsSlo);
  }

  /** What the books say of a GPU, for the tracker. */
  holdingsOf(gpu: Gpu): Holdings {
    const { models } = this.#cluster;
    const resident = models.filter(({ index }) => gpu.isLoaded(index));
    const barred = models.filter((model) => !gpu.canHold(model));
    return {
      resident: resident.map(({ index }) => index),
      barred: barred.map(({ index }) => index),
    };
  }

  /** Whether a load could start soon enough and there is something to load. */
  canLoad(now: Nanos, gpu: Gpu): boolean {
    const { scheduleAhead } = this.#cluster.options;
    if (!gpu.alive || gpu.loads.available(now) >= now + scheduleAhead) return false;
    return this.tracker.hasCandidate(gpu.index);
  }

  /** When `canLoad` may come to hold by time alone; null when only an event can bring it about. */
  nextLoad(gpu: Gpu): Nanos | null {
    if (!gpu.alive || !this.tracker.hasCandidate(gpu.index)) return null;
    return gpu.loads.eligibleAt(this.#cluster.options.scheduleAhead);
  }

  /**
   * Loads what the GPU lacks most, with the evictions that make room for it; for when `canLoad` holds. False when even
   * those leave too little room: then nothing but the evictions has happened.
   */
  load(now: Nanos, gpu: Gpu): boolean {
    const model = this.#cluster.models[this.tracker.loadModel(gpu.index)];
    if (model === undefined) return false;
    while (gpu.freePages < model.weightsPages) {
      const victim = this.#cluster.models[this.tracker.evictModel(gpu.index)];
      if (victim === undefined) {
        // Everything here is still being loaded; the next load to end makes room.
        this.tracker.lost(model.index, gpu.index);
        return false;
      }
      this.#cluster.evict(now, gpu, victim);
    }
    this.#cluster.load(now, gpu, model);
    return true;
  }
}
