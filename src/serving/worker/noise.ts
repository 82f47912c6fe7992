/**
 * Durations that vary as those of real GPUs do: jitter, clocks that throttle, slow transfers, stalls. Every GPU draws
 * from a stream of its own for each kind, so that one kind or GPU more shifts no other.
 */
import type { DeviceOperation } from "#serving/worker/events.ts";
import type { NoiseOptions } from "#serving/worker/noise-options.ts";
import {
  type Drawn,
  type DurationModel,
  GPU_CLOCK_MHZ,
  profileDuration,
} from "#serving/worker/simulated-device.ts";
import { cosOfTurns, exp, ln } from "#stdx/elementary.ts";
import { addNs, type Nanos, ns, SECOND, subNs, ZERO_NS } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";

/** Episodes further apart than eleven days need no instant, and keep every sum exact. */
const GAP_MAX_NS = 1e15;

interface Episode {
  readonly begin: Nanos;
  readonly end: Nanos;
}

/** Episodes that come and go by chance: gaps and lengths are exponential. */
export class Episodes {
  readonly #rng: Rng;
  readonly #gapMeanNs: number;
  readonly #lengthMeanNs: number;
  /** Those not over at the last instant asked for, in order, as far as they have been needed. */
  readonly #ahead: Episode[] = [];
  #drawnUntil: Nanos = ZERO_NS;

  /** `ratePerS` above 0. */
  constructor(rng: Rng, ratePerS: number, lengthMean: Nanos) {
    this.#rng = rng;
    this.#gapMeanNs = SECOND / ratePerS;
    this.#lengthMeanNs = lengthMean;
  }

  /** Whether there is one at `now`, which must never decrease between calls. */
  isOn(now: Nanos): boolean {
    this.#forget(now);
    return this.#at(0).begin <= now;
  }

  /** When work that starts at `now` ends if it stands still during episodes; `now` must never decrease between calls. */
  endOf(now: Nanos, work: Nanos): Nanos {
    this.#forget(now);
    let at = now;
    let left = work;
    for (let index = 0; ; index++) {
      const { begin, end } = this.#at(index);
      if (addNs(at, left) <= begin) return addNs(at, left);
      if (begin > at) left = subNs(left, subNs(begin, at));
      at = end;
    }
  }

  #forget(now: Nanos): void {
    while (this.#at(0).end <= now) this.#ahead.shift();
  }

  #at(index: number): Episode {
    for (;;) {
      const found = this.#ahead[index];
      if (found !== undefined) return found;
      const gap = Math.min(this.#rng.exponential(this.#gapMeanNs), GAP_MAX_NS);
      const begin = addNs(this.#drawnUntil, ns(Math.round(gap)));
      const length = Math.max(1, Math.round(this.#rng.exponential(this.#lengthMeanNs)));
      this.#drawnUntil = addNs(begin, ns(length));
      this.#ahead.push({ begin, end: this.#drawnUntil });
    }
  }
}

/** A factor with mean 1 and the given coefficient of variation. */
const logNormal = (rng: Rng, cv: number): number => {
  const variance = ln(1 + cv * cv);
  const normal = Math.sqrt(-2 * ln(1 - rng.uniform())) * cosOfTurns(rng.uniform());
  return exp(Math.sqrt(variance) * normal - variance / 2);
};

/** What is random about one GPU. */
class GpuNoise {
  readonly #options: NoiseOptions;
  readonly #execJitter: Rng;
  readonly #loadJitter: Rng;
  readonly #slowTransfers: Rng;
  readonly #throttling: Episodes | null;
  readonly #stalls: Episodes | null;

  constructor(options: NoiseOptions, rng: Rng) {
    const { throttleRatePerS, throttleLengthNs, stallRatePerS, stallLengthNs } = options;
    const episodes = (name: string, ratePerS: number, length: Nanos): Episodes | null =>
      ratePerS > 0 ? new Episodes(rng.split(name), ratePerS, length) : null;
    this.#options = options;
    this.#execJitter = rng.split("exec-jitter");
    this.#loadJitter = rng.split("load-jitter");
    this.#slowTransfers = rng.split("slow-transfers");
    this.#throttling = episodes("throttling", throttleRatePerS, throttleLengthNs);
    this.#stalls = episodes("stalls", stallRatePerS, stallLengthNs);
  }

  draw(operation: DeviceOperation, now: Nanos): Drawn {
    const { jitterCv, throttleFactor } = this.#options;
    const isLoad = operation.kind === "load_weights";
    const slowdown = this.#throttling?.isOn(now) === true ? throttleFactor : 1;
    // The clock of the cores does not slow transfers down.
    let factor = isLoad ? this.#transferFactor() : slowdown;
    if (jitterCv > 0) factor *= logNormal(isLoad ? this.#loadJitter : this.#execJitter, jitterCv);
    const profiled = profileDuration(operation, now).duration;
    const work = ns(Math.round(profiled * factor));
    const end = this.#stalls === null ? addNs(now, work) : this.#stalls.endOf(now, work);
    const gpuClockMhz = Math.max(1, Math.round(GPU_CLOCK_MHZ / slowdown));
    return { duration: subNs(end, now), gpuClockMhz };
  }

  #transferFactor(): number {
    const { slowTransferShare, slowTransferFactor } = this.#options;
    if (slowTransferShare === 0) return 1;
    return this.#slowTransfers.uniform() < slowTransferShare ? slowTransferFactor : 1;
  }
}

/**
 * Durations around the profile. `seed` is the run's and `worker` this worker's number in it: other numbers are other
 * streams. A clock is slow or not for the whole of an execution, as it is when that starts.
 */
export const noisyDuration = (
  options: NoiseOptions,
  { seed, worker }: { readonly seed: number; readonly worker: number },
): DurationModel => {
  const gpus = new Map<number, GpuNoise>();
  return (operation, now) => {
    const { gpuId } = operation;
    const known = gpus.get(gpuId);
    const gpu = known ?? new GpuNoise(options, Rng.of(seed, `noise/worker${worker}/gpu${gpuId}`));
    if (known === undefined) gpus.set(gpuId, gpu);
    return gpu.draw(operation, now);
  };
};
