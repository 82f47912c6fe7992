/** INFER4's queue of one model: requests in order of arrival, and the batches that each of them proposes. */
import type { ExecEstimator } from "#serving/controller/exec-estimator.ts";
import { Fifo } from "#serving/controller/fifo.ts";
import type { Model } from "#serving/controller/model.ts";
import { DEFAULT_CLOCK_MHZ } from "#serving/controller/options.ts";
import type { GivenUp, Request } from "#serving/controller/request-book.ts";
import { STATUS } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";

/**
 * A batch that a request proposes, what the original calls a strategy: one object for all GPUs, which is void once
 * its request no longer waits.
 */
export interface Candidate {
  readonly model: Model;
  readonly request: Request;
  /** Latest start by the request's deadline at the default clock, in ns; the order in which a GPU tries candidates. */
  readonly latestStart: number;
  /** Place among the request's candidates, largest batch first. */
  readonly rank: number;
  /** Number of the request in its model's order of arrival. */
  readonly position: number;
  /** Grows with the batch that is made of it. */
  batchSize: number;
}

/** A request with what it proposes, in the order of trying: latest start, then the larger batch. */
export interface Waiting {
  readonly request: Request;
  readonly candidates: readonly Candidate[];
}

const isOutOfOrder = (candidates: readonly Candidate[]): boolean => {
  for (let i = 1; i < candidates.length; i++) {
    if ((candidates[i] as Candidate).latestStart < (candidates[i - 1] as Candidate).latestStart)
      return true;
  }
  return false;
};

export class CandidateQueue {
  readonly #model: Model;
  readonly #exec: ExecEstimator;
  readonly #waiting = new Fifo<Waiting>();
  /** Requests so far, those that have left included. */
  #count = 0;

  constructor(model: Model) {
    this.#model = model;
    this.#exec = model.exec;
  }

  /** Requests in the queue; some may have ended, which shows when a batch is tried. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Returns the request with what it proposes: a candidate per batch size in use. */
  push(request: Request): Waiting {
    const model = this.#model;
    const position = this.#count++;
    const { batchSizes } = this.#exec;
    const candidates: Candidate[] = [];
    for (let index = batchSizes.length - 1; index >= 0; index--) {
      const batchSize = batchSizes[index] as number;
      const latestStart = request.deadline - this.#exec.estimateAt(index, DEFAULT_CLOCK_MHZ);
      candidates.push({
        model,
        request,
        latestStart,
        rank: candidates.length,
        position,
        batchSize,
      });
    }
    // Larger batches take longer, but for what was learnt of one size and not yet of the next.
    if (isOutOfOrder(candidates))
      candidates.sort((a, b) => a.latestStart - b.latestStart || a.rank - b.rank);
    const waiting = { request, candidates };
    this.#waiting.push(waiting);
    return waiting;
  }

  /** Every request that still waits. */
  *waiting(): Generator<Waiting> {
    for (const each of this.#waiting) if (each.request.isWaiting) yield each;
  }

  /**
   * Takes the candidate's batch, or a larger one if enough requests have come and its deadline allows, for a GPU that
   * is free at `freeAt`; null when there is no such batch. Either way requests at the front that are too late leave.
   */
  take(
    candidate: Candidate,
    gpu: { readonly freeAt: Nanos; readonly clockMhz: number },
  ): readonly Request[] | null {
    const { request, position } = candidate;
    const endWith = (batchSize: number): number =>
      gpu.freeAt + this.#exec.estimate(batchSize, gpu.clockMhz);
    let end = endWith(candidate.batchSize);
    if (!request.isWaiting || request.deadline <= end) return null;
    this.#dropLate(gpu.freeAt);
    // Requests from the candidate's own on. Where they are too few the original looks back from the newest one for
    // requests whose deadlines the batch would miss; it can only stop at the candidate's own, at the latest.
    const available = this.#count - position;
    if (available < candidate.batchSize) return null;
    const larger = this.#exec.batchSizes[this.#exec.indexFor(available)] as number;
    if (larger > candidate.batchSize) {
      end = endWith(larger);
      if (end > request.deadline) return null;
      candidate.batchSize = larger;
    }
    this.#skipTo(position, end);
    return Array.from({ length: candidate.batchSize }, () => this.#shift());
  }

  /** Forgets requests at the front that have ended; for models that no GPU holds, whose queues nobody looks at. */
  dropEnded(): void {
    while (this.#front()?.result != null) this.#waiting.shift();
  }

  #front(): Request | undefined {
    return this.#waiting.peek()?.request;
  }

  #shift(): Request {
    return (this.#waiting.shift() as Waiting).request;
  }

  #giveUpFront(status: GivenUp): void {
    this.#shift().givenUp = status;
  }

  /** Stops at the first that is in time, and so may leave later ones with shorter deadlines, as the original does. */
  #dropLate(freeAt: Nanos): void {
    for (;;) {
      const front = this.#front();
      if (front === undefined || front.deadline >= freeAt) return;
      this.#giveUpFront(STATUS.CONTROLLER_LATE);
    }
  }

  /** Makes way for the candidate's own request by giving up those before it that the batch would be too late for. */
  #skipTo(position: number, end: number): void {
    for (;;) {
      const front = this.#front();
      const isOwn = this.#count - this.size === position;
      if (front === undefined || isOwn || front.deadline >= end) return;
      this.#giveUpFront(STATUS.CONTROLLER_SKIPPED);
    }
  }
}
