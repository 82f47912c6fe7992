/** INFER4: every request proposes a batch of each size, a GPU tries what must start first, weights come where demand waits. */
import {
  type Candidate,
  CandidateQueue,
  type Waiting,
} from "#serving/controller/candidate-queue.ts";
import type { Cluster } from "#serving/controller/cluster.ts";
import { ExpiringDemand } from "#serving/controller/expiring-demand.ts";
import type { Gpu } from "#serving/controller/gpu.ts";
import type { InFlight } from "#serving/controller/in-flight.ts";
import type { Model } from "#serving/controller/model.ts";
import { OfferHeap } from "#serving/controller/offer-heap.ts";
import { LOAD_SPACING, LOADS_PER_GPU, QUEUE_SWEEP_AT } from "#serving/controller/options.ts";
import { demandOf, type Request } from "#serving/controller/request-book.ts";
import type { Strategy } from "#serving/controller/strategy.ts";
import { Turns } from "#serving/controller/turns.ts";
import { WeightsLoader } from "#serving/controller/weights-loader.ts";
import { addNs, earliestNs, maxNs, type Nanos, ZERO_NS } from "#stdx/nanos.ts";

/** One GPU's view: the batches it might run, and when it may load again. */
interface Lane {
  readonly gpu: Gpu;
  /** May hold void candidates. */
  readonly offers: OfferHeap;
  /** How many of `#arrived` have been entered, or passed over because the model is not here. */
  absorbed: number;
  /** Candidates that the call in progress may still try. */
  triesLeft: number;
  loadNotBefore: Nanos;
  /** Version of demand at which what the GPU should load had no room there; null while it has not been refused. */
  fullAt: number | null;
}

/** Requests that came since the lane that is furthest behind had its turn. */
const UNABSORBED_MAX = 4096;
/**
 * Candidates that one call tries, over all GPUs; what is left is due at once, so that results and requests get in
 * between.
 */
const TRIES_PER_CALL = 500;

class Infer4 implements Strategy {
  readonly #cluster: Cluster;
  readonly #queues: readonly CandidateQueue[];
  readonly #lanes: readonly Lane[];
  readonly #loader: WeightsLoader;
  readonly #demand: ExpiringDemand;
  readonly #inferTurns: Turns;
  readonly #loadTurns: Turns;
  /** Admitted requests, until every lane has absorbed them: most are served before others look at them. */
  #arrived: Waiting[] = [];

  constructor(cluster: Cluster) {
    const { models, gpus } = cluster;
    this.#cluster = cluster;
    this.#queues = models.map((model) => new CandidateQueue(model));
    this.#lanes = gpus.map((gpu) => ({
      gpu,
      offers: new OfferHeap(),
      absorbed: 0,
      triesLeft: 0,
      loadNotBefore: ZERO_NS,
      fullAt: null,
    }));
    this.#loader = new WeightsLoader(cluster);
    this.#demand = new ExpiringDemand(this.#loader.tracker);
    this.#inferTurns = new Turns(gpus.length);
    this.#loadTurns = new Turns(gpus.length);
  }

  onAdmitted(now: Nanos, request: Request): void {
    const { model, times, demand } = request;
    this.#loader.setDemand(request);
    this.#demand.added(now, model.index, { demand, within: times.weightsSlo });
    const queue = this.#queueOf(model);
    const waiting = queue.push(request);
    model.requestsQueued = queue.size;
    if (model.copies === 0) return;
    this.#arrived.push(waiting);
    if (this.#arrived.length > UNABSORBED_MAX) this.#absorbAll(now);
  }

  onTimedOut(now: Nanos, { model, demand }: Request): void {
    this.#demand.cancelled(now, model.index, demand);
    if (model.copies > 0 || model.requestsQueued < QUEUE_SWEEP_AT) return;
    this.#queueOf(model).dropEnded();
    model.requestsQueued = this.#queueOf(model).size;
  }

  onBatchEnded(now: Nanos, { model, gpu, batch }: InFlight): void {
    const place = { model: model.index, gpu: gpu.index };
    this.#demand.completed(now, place, batch.map(demandOf));
  }

  onLoadEnded(now: Nanos, gpu: Gpu, model: Model): void {
    const isLoaded = gpu.isLoaded(model.index);
    this.#demand.loadEnded(now, { model: model.index, gpu: gpu.index }, isLoaded);
    if (!isLoaded) return;
    const lane = this.#lanes[gpu.index] as Lane;
    // Those that came before the weights are in the queue.
    this.#absorb(lane, model);
    for (const waiting of this.#queueOf(model).waiting()) lane.offers.push(waiting);
  }

  onWeightsLost(now: Nanos, gpu: Gpu, model: Model): void {
    this.#demand.weightsLost(now, { model: model.index, gpu: gpu.index });
  }

  onGpuGone(now: Nanos, gpu: Gpu): void {
    this.#demand.gpuGone(now, gpu.index);
    this.#startAnew(this.#lanes[gpu.index] as Lane);
  }

  onGpuBack(now: Nanos, gpu: Gpu): void {
    this.#demand.gpuBack(now, gpu.index, this.#loader.holdingsOf(gpu));
    const lane = this.#lanes[gpu.index] as Lane;
    this.#startAnew(lane);
    for (const model of this.#cluster.models) {
      if (!gpu.isLoaded(model.index)) continue;
      for (const waiting of this.#queueOf(model).waiting()) lane.offers.push(waiting);
    }
  }

  schedule(now: Nanos): void {
    const tries = Math.ceil(TRIES_PER_CALL / this.#lanes.length);
    for (const lane of this.#lanes) lane.triesLeft = tries;
    this.#inferTurns.run((index) => this.#scheduleInfer(now, this.#lanes[index] as Lane));
    this.#demand.expire(now);
    this.#loadTurns.run((index) => this.#scheduleLoad(now, this.#lanes[index] as Lane));
  }

  nextTimeout(): Nanos | null {
    const { scheduleAhead } = this.#cluster.options;
    let next: Nanos | null = null;
    for (const lane of this.#lanes) {
      const { gpu } = lane;
      if (!gpu.alive) continue;
      if (this.#hasOffers(lane)) next = earliestNs(next, gpu.exec.eligibleAt(scheduleAhead));
      next = earliestNs(next, this.#nextLoad(lane));
    }
    return next;
  }

  #queueOf(model: Model): CandidateQueue {
    return this.#queues[model.index] as CandidateQueue;
  }

  /** What came before means nothing to the GPU any more. */
  #startAnew(lane: Lane): void {
    lane.offers.clear();
    lane.absorbed = this.#arrived.length;
  }

  #hasOffers({ offers, absorbed }: Lane): boolean {
    return offers.size > 0 || absorbed < this.#arrived.length;
  }

  /**
   * Enters what came since the lane's last turn, which is as good as entering it at once: what has left meanwhile would
   * be void. Comes before any change of the models that the GPU has; `newcomer` is one that has just come.
   */
  #absorb(lane: Lane, newcomer: Model | null = null): void {
    const { gpu, offers } = lane;
    const arrived = this.#arrived;
    for (let i = lane.absorbed; i < arrived.length; i++) {
      const waiting = arrived[i] as Waiting;
      const { model } = waiting.request;
      if (waiting.request.isWaiting && model !== newcomer && gpu.isLoaded(model.index))
        offers.push(waiting);
    }
    lane.absorbed = arrived.length;
  }

  /** Keeps memory bounded although a GPU may be busy for long. */
  #absorbAll(now: Nanos): void {
    for (const lane of this.#lanes) {
      this.#absorb(lane);
      dropVoid(now, lane.offers);
      lane.absorbed = 0;
    }
    this.#arrived = [];
  }

  /** Issues batches until the GPU has enough to do; true when it issued any. */
  #scheduleInfer(now: Nanos, lane: Lane): boolean {
    const { gpu, offers } = lane;
    if (!gpu.alive || !this.#hasOffers(lane)) return false;
    if (gpu.exec.available(now) >= now + this.#cluster.options.scheduleAhead) return false;
    this.#absorb(lane);
    dropVoid(now, offers);
    let hasIssued = false;
    for (;;) {
      const top = offers.peek();
      if (top === undefined) return hasIssued;
      const execStart = gpu.exec.available(now);
      if (execStart >= now + this.#cluster.options.scheduleAhead) return hasIssued;
      if (lane.triesLeft <= 0) return false;
      lane.triesLeft -= 1;
      if (!top.request.isWaiting) {
        offers.drop();
        continue;
      }
      // A candidate has one chance on each GPU; its request may have others, or join those of later requests.
      offers.pass(execStart, gpu.exec.clockMhz);
      if (gpu.isLoaded(top.model.index)) {
        hasIssued = this.#tryInfer(now, gpu, { candidate: top, execStart }) || hasIssued;
      }
    }
  }

  #tryInfer(
    now: Nanos,
    gpu: Gpu,
    work: { readonly candidate: Candidate; readonly execStart: Nanos },
  ): boolean {
    const { candidate, execStart } = work;
    const { model } = candidate;
    const queue = this.#queueOf(model);
    const batch = queue.take(candidate, { freeAt: execStart, clockMhz: gpu.exec.clockMhz });
    model.requestsQueued = queue.size;
    if (batch === null) return false;
    this.#cluster.infer(now, gpu, { batch, execStart });
    const place = { model: model.index, gpu: gpu.index };
    this.#demand.executing(now, place, batch.map(demandOf));
    return true;
  }

  /**
   * Tries to start one load. The original's threads note an attempt that finds nothing to load, too, so that there new
   * demand waits up to the spacing, at random; here only attempts with something to load count.
   */
  #scheduleLoad(now: Nanos, lane: Lane): boolean {
    const { gpu } = lane;
    if (now < lane.loadNotBefore || gpu.loads.outstandingCount >= LOADS_PER_GPU) return false;
    // Without a change another attempt would come to the same end.
    if (this.#isFull(lane) || !this.#loader.canLoad(now, gpu)) return false;
    lane.loadNotBefore = addNs(now, LOAD_SPACING);
    this.#absorb(lane);
    const hasLoaded = this.#loader.load(now, gpu);
    if (hasLoaded) this.#demand.loadStarted();
    else lane.fullAt = this.#demand.version;
    return hasLoaded;
  }

  #isFull({ fullAt }: Lane): boolean {
    return fullAt === this.#demand.version;
  }

  #nextLoad(lane: Lane): Nanos | null {
    const { gpu, loadNotBefore } = lane;
    if (gpu.loads.outstandingCount >= LOADS_PER_GPU) return null;
    const next = this.#loader.nextLoad(gpu);
    if (next === null) return null;
    const soonest = maxNs(next, loadNotBefore);
    if (!this.#isFull(lane)) return soonest;
    // Of what time alone changes only the expiry of demand matters.
    const expiry = this.#demand.nextExpiry();
    return expiry === null ? null : maxNs(expiry, soonest);
  }
}

/** Takes off the top what is void or too late to try. */
const dropVoid = (now: Nanos, offers: OfferHeap): void => {
  for (;;) {
    const top = offers.peek();
    if (top === undefined || (top.request.isWaiting && top.request.deadline > now)) return;
    offers.drop();
  }
};

/** Strategy factory for the controller's registry. */
export const createInfer4 = (cluster: Cluster): Strategy => new Infer4(cluster);
