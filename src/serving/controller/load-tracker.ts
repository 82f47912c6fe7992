/** Decides which model's weights to bring to a GPU and which to give up, from the demand that waits for each model. */
import { IndexedHeap } from "#serving/controller/indexed-heap.ts";
import { mulDiv64 } from "#stdx/int64.ts";

/** Demand assumed of an idle GPU, so that no division is by zero. */
const IDLE_OUTSTANDING = 1_000_000;
const INITIAL_WEIGHT = 0.01;

/** What one request asks of the tracker; a part is set to 0 once it was counted as done. */
export interface Demand {
  exec: number;
  load: number;
}

/** Demand of one model; sizes are whole numbers, the original's int64 "ns of capacity". */
interface ModelDemand {
  outstandingExec: number;
  outstandingLoad: number;
  completedExec: number;
  completedLoad: number;
  timedOutLoad: number;
  /** GPUs that hold or are loading the model, ascending. */
  readonly gpus: number[];
  loadPriority: number;
  dirty: boolean;
}

interface GpuDemand {
  outstanding: number;
  weight: number;
  alive: boolean;
  /** Models that are not here and have demand, most wanted first. */
  readonly candidates: IndexedHeap;
  /** Models that are here and not still loading. */
  readonly resident: Set<number>;
}

/** What changed of one model's demand; absent parts did not. */
export interface DemandChange {
  readonly newExec?: number;
  readonly newLoad?: number;
  readonly completedExec?: number;
  readonly completedLoad?: number;
  readonly timedOutLoad?: number;
  /** GPUs that used the model, in order of use. */
  readonly usedBy?: readonly number[];
  /** Loads that ended, in order. */
  readonly loads?: readonly LoadEnd[];
}

/** A load of a model's weights that ended; after a failed one the GPU does not have them. */
export interface LoadEnd {
  readonly gpu: number;
  readonly ok: boolean;
}

/** What a GPU holds, and what it can never hold. */
export interface Holdings {
  readonly resident: readonly number[];
  readonly barred: readonly number[];
}

/** Models and GPUs are 0-based indexes. `capacity` is the default SLO in ns. */
export class LoadTracker {
  readonly #capacity: number;
  readonly #gpuCount: number;
  readonly #models: readonly ModelDemand[];
  readonly #gpus: readonly GpuDemand[];
  /** Per (model, GPU), model-major: when last used, as a global sequence number. */
  readonly #lastUsed: Float64Array;
  readonly #allocation: Float64Array;
  readonly #has: Uint8Array;
  readonly #barred: Uint8Array;
  #sequence: number;
  #aliveCount: number;
  #dirty: number[] = [];

  constructor(size: {
    readonly models: number;
    readonly gpus: number;
    readonly capacity: number;
  }) {
    const cells = size.models * size.gpus;
    this.#capacity = size.capacity;
    this.#gpuCount = size.gpus;
    this.#lastUsed = Float64Array.from({ length: cells }, (_, cell) => cell);
    this.#allocation = new Float64Array(cells);
    this.#has = new Uint8Array(cells);
    this.#barred = new Uint8Array(cells);
    this.#sequence = cells;
    this.#aliveCount = size.gpus;
    this.#models = Array.from({ length: size.models }, () => ({
      outstandingExec: 0,
      outstandingLoad: 0,
      completedExec: 0,
      completedLoad: 0,
      timedOutLoad: 0,
      gpus: [],
      loadPriority: 0,
      dirty: false,
    }));
    this.#gpus = Array.from({ length: size.gpus }, (_, gpu) => ({
      outstanding: IDLE_OUTSTANDING,
      weight: INITIAL_WEIGHT,
      alive: true,
      candidates: new IndexedHeap(size.models, (a, b) => this.#isWantedBefore(gpu, a, b)),
      resident: new Set<number>(),
    }));
  }

  /** size × capacity / within: the share of a GPU that a piece of work needs if it must be done `within` that time. */
  demandOf(sizeNs: number, withinNs: number): number {
    return mulDiv64(sizeNs, this.#capacity, withinNs);
  }

  /** A model that can never fit this GPU is not asked for there. */
  bar(model: number, gpu: number): void {
    this.#barred[this.#cell(model, gpu)] = 1;
  }

  change(model: number, delta: DemandChange): void {
    const demand = this.#model(model);
    demand.outstandingExec += delta.newExec ?? 0;
    demand.outstandingLoad += delta.newLoad ?? 0;
    demand.completedExec += delta.completedExec ?? 0;
    demand.completedLoad += delta.completedLoad ?? 0;
    demand.timedOutLoad += delta.timedOutLoad ?? 0;
    for (const gpu of delta.usedBy ?? []) this.#touch(model, gpu);
    for (const { gpu, ok } of delta.loads ?? []) {
      if (ok) this.arrived(model, gpu);
      else this.#detach(model, gpu);
    }
    this.#redistribute(model);
  }

  /** Whether some model with demand is not on this GPU. */
  hasCandidate(gpu: number): boolean {
    this.#refresh();
    return this.#gpu(gpu).candidates.size > 0;
  }

  /**
   * Takes the model that this GPU should load next and counts it as loading there; −1 when no model that is missing
   * has demand. The original meant to stop once demand is satisfied (priority ≤ 0) but never does; nor does this.
   */
  loadModel(gpu: number): number {
    this.#refresh();
    const model = this.#gpu(gpu).candidates.peek();
    if (model < 0) return -1;
    this.#attach(model, gpu);
    this.#touch(model, gpu);
    this.#redistribute(model);
    return model;
  }

  /** A load ended well. The model's work is not spread anew: INFER5 does that as well, by way of `change`. */
  arrived(model: number, gpu: number): void {
    if (!this.#gpu(gpu).alive) return;
    this.#gpu(gpu).resident.add(model);
    this.#touch(model, gpu);
  }

  /**
   * Gives up the model on this GPU that is missed least: those without demand first, least recently used first, then
   * the others, least recently used first. −1 when nothing is resident.
   */
  evictModel(gpu: number): number {
    let victim = -1;
    for (const model of this.#gpu(gpu).resident) {
      if (victim < 0 || this.#isVictimBefore(gpu, model, victim)) victim = model;
    }
    if (victim >= 0) this.lost(victim, gpu);
    return victim;
  }

  /** The model's weights are no longer on this GPU. */
  lost(model: number, gpu: number): void {
    this.#detach(model, gpu);
    this.#redistribute(model);
  }

  /** The GPU is in use again, or not empty from the start. */
  addGpu(gpu: number, holdings: Holdings): void {
    if (!this.#gpu(gpu).alive) this.#aliveCount += 1;
    this.#gpu(gpu).alive = true;
    this.#gpu(gpu).weight = INITIAL_WEIGHT;
    for (let model = 0; model < this.#models.length; model++) {
      this.#barred[this.#cell(model, gpu)] = 0;
      this.#markDirty(model);
    }
    for (const model of holdings.barred) this.bar(model, gpu);
    for (const model of holdings.resident) {
      this.#attach(model, gpu);
      this.arrived(model, gpu);
      this.#redistribute(model);
    }
  }

  /** The GPU is gone, with everything on it. */
  removeGpu(gpu: number): void {
    if (this.#gpu(gpu).alive) this.#aliveCount -= 1;
    this.#gpu(gpu).alive = false;
    for (let model = 0; model < this.#models.length; model++) {
      if (this.#has[this.#cell(model, gpu)] === 1) this.lost(model, gpu);
      this.#gpu(gpu).candidates.remove(model);
    }
  }

  /** For tests and diagnosis: the figures that decide about one model. */
  inspect(model: number): {
    readonly outstandingExec: number;
    readonly outstandingLoad: number;
    readonly loadPriority: number;
  } {
    const { outstandingExec, outstandingLoad } = this.#model(model);
    return { outstandingExec, outstandingLoad, loadPriority: this.#priorityOf(model) };
  }

  /** For tests and diagnosis: the demand that lies on one GPU. */
  inspectGpu(gpu: number): { readonly outstanding: number; readonly weight: number } {
    const { outstanding, weight } = this.#gpu(gpu);
    return { outstanding, weight };
  }

  #model(model: number): ModelDemand {
    return this.#models[model] as ModelDemand;
  }

  #gpu(gpu: number): GpuDemand {
    return this.#gpus[gpu] as GpuDemand;
  }

  #cell(model: number, gpu: number): number {
    return model * this.#gpuCount + gpu;
  }

  #isWantedBefore(gpu: number, a: number, b: number): boolean {
    const difference = this.#model(a).loadPriority - this.#model(b).loadPriority;
    if (difference !== 0) return difference > 0;
    return this.#usedAt(a, gpu) > this.#usedAt(b, gpu);
  }

  #isVictimBefore(gpu: number, a: number, b: number): boolean {
    const emptyA = this.#isEmpty(a);
    if (emptyA !== this.#isEmpty(b)) return emptyA;
    return this.#usedAt(a, gpu) < this.#usedAt(b, gpu);
  }

  #isEmpty(model: number): boolean {
    const demand = this.#model(model);
    return demand.outstandingLoad === 0 && demand.outstandingExec === 0;
  }

  #usedAt(model: number, gpu: number): number {
    return this.#lastUsed[this.#cell(model, gpu)] as number;
  }

  #touch(model: number, gpu: number): void {
    // A changed key must not be compared inside a heap: out it goes until the refresh.
    this.#gpu(gpu).candidates.remove(model);
    this.#lastUsed[this.#cell(model, gpu)] = this.#sequence++;
    this.#markDirty(model);
  }

  #attach(model: number, gpu: number): void {
    this.#has[this.#cell(model, gpu)] = 1;
    this.#gpu(gpu).candidates.remove(model);
    const { gpus } = this.#model(model);
    gpus.push(gpu);
    gpus.sort((a, b) => a - b);
  }

  #detach(model: number, gpu: number): void {
    this.#has[this.#cell(model, gpu)] = 0;
    this.#gpu(gpu).resident.delete(model);
    const { gpus } = this.#model(model);
    const place = gpus.indexOf(gpu);
    if (place >= 0) gpus.splice(place, 1);
    this.#unallocate(model, gpu);
    this.#markDirty(model);
  }

  #unallocate(model: number, gpu: number): void {
    const cell = this.#cell(model, gpu);
    this.#gpu(gpu).outstanding -= this.#allocation[cell] as number;
    this.#allocation[cell] = 0;
  }

  /** Settles what was completed and spreads the model's work over the GPUs that have it, by their weights. */
  #redistribute(model: number): void {
    const demand = this.#model(model);
    demand.outstandingExec -= demand.completedExec;
    demand.completedExec = 0;
    // The larger of the two, so that a request that was both served and expired counts once.
    const settled = Math.max(demand.completedLoad, demand.timedOutLoad);
    demand.outstandingLoad -= settled;
    demand.completedLoad -= settled;
    demand.timedOutLoad -= settled;
    this.#markDirty(model);
    let totalWeight = 0;
    for (const gpu of demand.gpus) {
      this.#unallocate(model, gpu);
      totalWeight += this.#gpu(gpu).weight;
    }
    for (const index of demand.gpus) {
      const gpu = this.#gpu(index);
      const allocation = Math.trunc(demand.outstandingExec * (gpu.weight / totalWeight));
      this.#allocation[this.#cell(model, index)] = allocation;
      gpu.outstanding += allocation;
      gpu.weight = this.#capacity / gpu.outstanding;
    }
  }

  #markDirty(model: number): void {
    const demand = this.#model(model);
    if (demand.dirty) return;
    demand.dirty = true;
    this.#dirty.push(model);
  }

  /** Brings the priorities of models whose demand changed up to date. */
  #refresh(): void {
    if (this.#dirty.length === 0) return;
    const dirty = this.#dirty;
    this.#dirty = [];
    // All leave before any priority changes: a heap must never hold a member whose key it does not know.
    for (const model of dirty) {
      for (const gpu of this.#gpus) gpu.candidates.remove(model);
      this.#model(model).dirty = false;
    }
    for (const model of dirty) this.#enlist(model);
  }

  #enlist(model: number): void {
    const demand = this.#model(model);
    // Nobody asks for the priority of a model that is everywhere.
    if (this.#isEmpty(model) || demand.gpus.length >= this.#aliveCount) return;
    demand.loadPriority = this.#priorityOf(model);
    for (let gpu = 0; gpu < this.#gpuCount; gpu++) {
      const cell = this.#cell(model, gpu);
      if (this.#has[cell] === 0 && this.#barred[cell] === 0 && this.#gpu(gpu).alive) {
        this.#gpu(gpu).candidates.put(model);
      }
    }
  }

  /** Demand for the weights that the GPUs which have them cannot serve; in 64-bit integers, as in the original. */
  #priorityOf(model: number): number {
    const demand = this.#model(model);
    let totalWeight = 0;
    for (const gpu of demand.gpus) totalWeight += this.#gpu(gpu).weight;
    let priority = demand.outstandingLoad;
    if (totalWeight <= 0 || priority <= 0) return priority;
    for (const index of demand.gpus) {
      const gpu = this.#gpu(index);
      const required = Math.trunc(demand.outstandingLoad * (gpu.weight / totalWeight));
      priority -= mulDiv64(this.#capacity, required, gpu.outstanding);
    }
    return priority;
  }
}
