/** INFER5's way to the load tracker: changes of demand pile up per model and are applied in one step. */
import type { Demand, LoadEnd, LoadTracker } from "#serving/controller/load-tracker.ts";

interface Pending {
  newExec: number;
  newLoad: number;
  completedExec: number;
  completedLoad: number;
  usedBy: number[];
  loads: LoadEnd[];
  stale: boolean;
}

/**
 * The original records the expiry of load demand with a size read after it was zeroed, so in INFER5 demand for weights
 * never expires before the request is executed or cancelled. That decides what is loaded, so it is reproduced: there
 * is no expiry here.
 */
export class DemandAccumulator {
  readonly #tracker: LoadTracker;
  readonly #pending: readonly Pending[];
  #stale: number[] = [];

  constructor(tracker: LoadTracker, models: number) {
    this.#tracker = tracker;
    this.#pending = Array.from({ length: models }, () => ({
      newExec: 0,
      newLoad: 0,
      completedExec: 0,
      completedLoad: 0,
      usedBy: [],
      loads: [],
      stale: false,
    }));
  }

  added(model: number, demand: Demand): void {
    const pending = this.#touch(model);
    pending.newExec += demand.exec;
    pending.newLoad += demand.load;
  }

  /** The requests' batch was issued on a GPU that has the weights: they ask for weights no longer. */
  executing(model: number, gpu: number, demands: Iterable<Demand>): void {
    const pending = this.#touch(model);
    for (const demand of demands) {
      pending.completedLoad += demand.load;
      demand.load = 0;
    }
    pending.usedBy.push(gpu);
  }

  /** The batch's result, good or bad, was processed. */
  completed(model: number, gpu: number, demands: Iterable<Demand>): void {
    const pending = this.#touch(model);
    for (const demand of demands) {
      pending.completedExec += demand.exec;
      demand.exec = 0;
    }
    pending.usedBy.push(gpu);
  }

  /** The request timed out while it waited. */
  cancelled(model: number, demand: Demand): void {
    const pending = this.#touch(model);
    pending.completedExec += demand.exec;
    pending.completedLoad += demand.load;
    demand.exec = 0;
    demand.load = 0;
  }

  loadEnded(model: number, end: LoadEnd): void {
    this.#touch(model).loads.push(end);
  }

  /** Hands everything to the tracker, models in order of their first change. */
  drain(): void {
    if (this.#stale.length === 0) return;
    const stale = this.#stale;
    this.#stale = [];
    for (const model of stale) {
      const pending = this.#pending[model] as Pending;
      this.#tracker.change(model, pending);
      pending.newExec = 0;
      pending.newLoad = 0;
      pending.completedExec = 0;
      pending.completedLoad = 0;
      pending.usedBy = [];
      pending.loads = [];
      pending.stale = false;
    }
  }

  #touch(model: number): Pending {
    const pending = this.#pending[model] as Pending;
    if (!pending.stale) {
      pending.stale = true;
      this.#stale.push(model);
    }
    return pending;
  }
}
