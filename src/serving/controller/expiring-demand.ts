/** INFER4's way to the load tracker: every change is applied at once, and demand for weights expires. */
import { Heap } from "#serving/controller/heap.ts";
import type { Demand, LoadTracker } from "#serving/controller/load-tracker.ts";
import { addNs, type Nanos } from "#stdx/nanos.ts";

/** Demand for weights that counts no longer after `at`. */
interface Expiry {
  readonly at: Nanos;
  readonly sequence: number;
  readonly model: number;
  readonly load: number;
}

const isBefore = (a: Expiry, b: Expiry): boolean =>
  a.at !== b.at ? a.at < b.at : a.sequence < b.sequence;

export class ExpiringDemand {
  readonly #tracker: LoadTracker;
  readonly #expiries = new Heap<Expiry>(isBefore);
  #sequence = 0;

  constructor(tracker: LoadTracker) {
    this.#tracker = tracker;
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
    this.#tracker.change(model, { newExec: exec, newLoad: load });
  }

  /** The requests' batch was issued on a GPU that has the weights: they ask for weights no longer. */
  executing(
    now: Nanos,
    place: { readonly model: number; readonly gpu: number },
    demands: readonly Demand[],
  ): void {
    this.expire(now);
    let completedLoad = 0;
    for (const demand of demands) {
      completedLoad += demand.load;
      demand.load = 0;
    }
    this.#tracker.change(place.model, { completedLoad, usedBy: [place.gpu] });
  }

  /** The batch's result, good or bad, was processed. */
  completed(
    now: Nanos,
    place: { readonly model: number; readonly gpu: number },
    demands: readonly Demand[],
  ): void {
    this.expire(now);
    let completedExec = 0;
    for (const demand of demands) {
      completedExec += demand.exec;
      demand.exec = 0;
    }
    this.#tracker.change(place.model, { completedExec, usedBy: [place.gpu] });
  }

  /** The request timed out while it waited. */
  cancelled(now: Nanos, model: number, demand: Demand): void {
    this.expire(now);
    this.#tracker.change(model, { completedExec: demand.exec, completedLoad: demand.load });
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
      this.#tracker.change(next.model, { timedOutLoad: next.load });
    }
  }

  /** When the next demand will have expired; null while there is none. */
  nextExpiry(): Nanos | null {
    const next = this.#expiries.peek();
    return next === undefined ? null : ((next.at + 1) as Nanos);
  }
}
