/** A GPU as the scheduler knows it: its queues' predicted ends, its pages, and the weights on it. */
import type { Model } from "#serving/controller/model.ts";
import { WorkTracker } from "#serving/controller/work-tracker.ts";
import type { WorkerState } from "#serving/messages.ts";

export interface GpuPlace {
  readonly worker: number;
  /** Index on that worker. */
  readonly gpuId: number;
  readonly totalPages: number;
}

export class Gpu {
  /** Dense, 0-based, over all workers. */
  readonly index: number;
  readonly worker: number;
  readonly gpuId: number;
  totalPages: number;
  freePages: number;
  /** False while its worker is gone, or is being asked what it holds. */
  isUp = true;
  /** Its actions that are overdue; it gets no others until they end. */
  overdue = 0;
  readonly exec = new WorkTracker();
  readonly loads = new WorkTracker();
  readonly #loaded: Uint8Array;
  readonly #loading: Uint8Array;
  readonly #lacking: Uint8Array;
  readonly #version: Uint32Array;

  constructor(index: number, place: GpuPlace, modelCount: number) {
    this.index = index;
    this.worker = place.worker;
    this.gpuId = place.gpuId;
    this.totalPages = place.totalPages;
    this.freePages = place.totalPages;
    this.#loaded = new Uint8Array(modelCount);
    this.#loading = new Uint8Array(modelCount);
    this.#lacking = new Uint8Array(modelCount);
    this.#version = new Uint32Array(modelCount);
  }

  /** Whether it may be given work. */
  get alive(): boolean {
    return this.isUp && this.overdue === 0;
  }

  /** Whether the weights are there, as far as results tell. `model` is a dense index here and below. */
  isLoaded(model: number): boolean {
    return this.#loaded[model] === 1;
  }

  isLoading(model: number): boolean {
    return this.#loading[model] === 1;
  }

  /** Whether its worker can load the model's weights at all, and they fit. */
  canHold(model: Model): boolean {
    return this.#lacking[model.index] === 0 && model.weightsPages <= this.totalPages;
  }

  setLacking(model: number, isLacking: boolean): void {
    this.#lacking[model] = isLacking ? 1 : 0;
  }

  /** Grows with every change of the model's weights here. */
  version(model: number): number {
    return this.#version[model] as number;
  }

  startLoading(model: number): void {
    this.#version[model] = this.version(model) + 1;
    this.#loading[model] = 1;
  }

  setLoaded(model: number): void {
    this.#loading[model] = 0;
    this.#loaded[model] = 1;
  }

  setAbsent(model: number): void {
    this.#version[model] = this.version(model) + 1;
    this.#loading[model] = 0;
    this.#loaded[model] = 0;
  }
}

/** The weights are not on the GPU, or no longer on their way there; their pages are free. */
export const forgetWeights = (gpu: Gpu, model: Model): void => {
  const loaded = gpu.isLoaded(model.index);
  if (!loaded && !gpu.isLoading(model.index)) return;
  gpu.setAbsent(model.index);
  gpu.freePages += model.weightsPages;
  if (loaded) model.lost(gpu.worker);
};

/**
 * The GPUs that are used, worker by worker: each takes its even share of what `maxGpus` leaves, rounded down, so that
 * the last workers get the remainder (with one GPU and two workers it is the second worker's).
 */
export const selectGpus = (
  states: readonly (WorkerState | null)[],
  maxGpus: number,
): readonly GpuPlace[] => {
  const places: GpuPlace[] = [];
  let remaining = maxGpus;
  let workersLeft = states.length;
  for (const [worker, state] of states.entries()) {
    const gpus = state?.gpus ?? [];
    const share = Math.min(gpus.length, Math.floor(remaining / workersLeft));
    for (const gpu of gpus.slice(0, share)) {
      places.push({ worker, gpuId: gpu.id, totalPages: gpu.totalPages });
    }
    remaining -= share;
    workersLeft -= 1;
  }
  return places;
};
