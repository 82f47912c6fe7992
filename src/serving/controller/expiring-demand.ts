/** INFER4's way to the load tracker: every change is applied at once, and demand for weights expires. */
import { Heap } from "#serving/controller/heap.ts";
import type {
  Demand,
  DemandChange,
  Holdings,
  LoadTracker,
} from "#serving/controller/load-tracker.ts";
import { addNs, type Nanos } from "#stdx/nanos.ts";

/** Demand for weights that counts no longer after `at`. */
interface Expiry {
  readonly at: Nanos;
  readonly sequence: number;
  readonly model: number;
  readonly load: number;
}

export interface Place {
  readonly model: number;
  readonly gpu: number;
}

const isBefore = (a: Expiry, b: Expiry): boolean =>
  a.at !== b.at ? a.at < b.at : a.sequence < b.sequence;

export class ExpiringDemand {
  readonly #tracker: LoadTracker;
  readonly #expiries = new Heap<Expiry>(isBefore);
  #sequence = 0;
  #version = 0;

  constructor(tracker: LoadTracker) {
    this.#tracker = tracker;
  }

  /** Grows with everything that may change what should be loaded where. */
  get version(): number {
    return this.#version;
  }

  /** `within`: how long the request's demand for weights counts. */
  added(
    now: Nanos,
    model: number,
    what: { readonly demand: Demand; readonly within: Nanos },
  ): void {
    this.expire(now);
    const { exec, load } = what.demand;
    this.#expiries.push({ at: addNs(now, what.within), sequence: this.#sequence++, model, load });
    this.#change(model, { newExec: exec, newLoad: load });
  }

  /** The requests' batch was issued on a GPU that has the weights: they ask for weights no longer. */
  executing(now: Nanos, place: Place, demands: readonly Demand[]): void {
    this.expire(now);
    let completedLoad = 0;
    for (const demand of demands) {
      completedLoad += demand.load;
      demand.load = 0;
    }
    this.#change(place.model, { completedLoad, usedBy: [place.gpu] });
  }

  /** The batch's result, good or bad, was processed. */
  completed(now: Nanos, place: Place, demands: readonly Demand[]): void {
    this.expire(now);
    let completedExec = 0;
    for (const demand of demands) {
      completedExec += demand.exec;
      demand.exec = 0;
    }
    this.#change(place.model, { completedExec, usedBy: [place.gpu] });
  }

  /** The request timed out while it waited. */
  cancelled(now: Nanos, model: number, demand: Demand): void {
    this.expire(now);
    this.#change(model, { completedExec: demand.exec, completedLoad: demand.load });
    demand.exec = 0;
    demand.load = 0;
  }

  /**
   * Takes off what has expired; comes first in everything that looks at the tracker. What was served in the meantime
   * expires all the same: the tracker sees to it that it counts once.
   */
  expire(now: Nanos): void {
    for (;;) {
      const next = this.#expiries.peek();
      if (next === undefined || next.at >= now) return;
      this.#expiries.pop();
      this.#change(next.model, { timedOutLoad: next.load });
    }
  }

  /** A LoadWeights ended; after a failed one the GPU does not have them. */
  loadEnded(now: Nanos, place: Place, isLoaded: boolean): void {
    this.expire(now);
    if (isLoaded) this.#tracker.arrived(place.model, place.gpu);
    else this.#tracker.lost(place.model, place.gpu);
    this.#version++;
  }

  weightsLost(now: Nanos, place: Place): void {
    this.expire(now);
    this.#tracker.lost(place.model, place.gpu);
    this.#version++;
  }

  /** The GPU is in use again, or not empty from the start. */
  gpuBack(now: Nanos, gpu: number, holdings: Holdings): void {
    this.expire(now);
    this.#tracker.addGpu(gpu, holdings);
    this.#version++;
  }

  /** The GPU is gone, with everything on it. */
  gpuGone(now: Nanos, gpu: number): void {
    this.expire(now);
    this.#tracker.removeGpu(gpu);
    this.#version++;
  }

  /** A load was started, which the tracker has noted itself. */
  loadStarted(): void {
    this.#version++;
  }

  /** When the next demand will have expired; null while there is none. */
  nextExpiry(): Nanos | null {
    const next = this.#expiries.peek();
    return next === undefined ? null : ((next.at + 1) as Nanos);
  }

  #change(model: number, delta: DemandChange): void {
    this.#tracker.change(model, delta);
    this.#version++;
  }
}
