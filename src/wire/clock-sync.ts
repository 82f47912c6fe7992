/** Estimates how far two hosts' clocks are apart from the send times in their messages, as the original does. */

/** What a side reports before it has received anything on a connection: the largest int64. */
export const NO_DELTA = 0x7fff_ffff_ffff_ffffn;

const WINDOW_SAMPLES = 1024;

/** The smallest of the last 1024 int64 samples, in amortised constant time. */
export class MinWindow {
  /** Candidates in a ring, values rising from `#head`: each is the minimum once all before it have left the window. */
  readonly #values = new BigInt64Array(WINDOW_SAMPLES);
  readonly #ordinals = new Float64Array(WINDOW_SAMPLES);
  #head = 0;
  #count = 0;
  #samples = 0;

  /** Adds a sample and forgets the one that is 1024 older. */
  add(value: bigint): void {
    if (this.#count > 0 && (this.#ordinals[this.#head] ?? 0) <= this.#samples - WINDOW_SAMPLES) {
      this.#head = (this.#head + 1) % WINDOW_SAMPLES;
      this.#count--;
    }
    while (this.#count > 0 && (this.#values[this.#at(this.#count - 1)] ?? 0n) >= value)
      this.#count--;
    const slot = this.#at(this.#count);
    this.#values[slot] = value;
    this.#ordinals[slot] = this.#samples;
    this.#count++;
    this.#samples++;
  }

  /** `NO_DELTA` while there is no sample. */
  get min(): bigint {
    return this.#count === 0 ? NO_DELTA : (this.#values[this.#head] ?? NO_DELTA);
  }

  #at(index: number): number {
    return (this.#head + index) % WINDOW_SAMPLES;
  }
}

/** One received message, as clock synchronisation sees it; instants in ns since the Unix epoch. */
export interface ClockSample {
  /** When the pre-header had been read, on this side's clock. */
  readonly receivedNs: bigint;
  /** The pre-header's fields. */
  readonly sendTimeNs: bigint;
  readonly localDeltaNs: bigint;
}

/** One side of one connection. All values are in ns. */
export class ClockSync {
  readonly #local = new MinWindow();
  readonly #remote = new MinWindow();

  /** Takes in one received message; differences wrap as int64 does. */
  add(sample: ClockSample): void {
    this.#local.add(BigInt.asIntN(64, sample.receivedNs - sample.sendTimeNs));
    this.#remote.add(sample.localDeltaNs);
  }

  /** The best one-way difference so far, to be put into every message sent; `NO_DELTA` before the first message. */
  get localDeltaNs(): bigint {
    return this.#local.min;
  }

  /** This side's clock minus the peer's, truncated toward zero; 0 until the peer has reported. */
  get skewNs(): bigint {
    const remote = this.#remote.min;
    return remote === NO_DELTA ? 0n : BigInt.asIntN(64, this.#local.min - remote) / 2n;
  }

  /** The shortest round trip, in ns; 0 until the peer has reported. */
  get roundTripNs(): bigint {
    const remote = this.#remote.min;
    return remote === NO_DELTA ? 0n : BigInt.asIntN(64, this.#local.min + remote);
  }
}

const toUint64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/**
 * Moves a uint64 instant by `deltaNs`, staying where it is rather than wrapping past either end;
 * so an open start of 0 is not moved back, nor an open end of 2^64 − 1 forward.
 */
export const shiftInstant = (instantNs: bigint, deltaNs: bigint): bigint => {
  const shifted = toUint64(instantNs + deltaNs);
  if (deltaNs >= 0n) return shifted > instantNs ? shifted : instantNs;
  return shifted < instantNs ? shifted : instantNs;
};

/** Moves a uint64 instant by `deltaNs` with plain wrapping, as the original does for `result_sent` only. */
export const wrapInstant = (instantNs: bigint, deltaNs: bigint): bigint =>
  toUint64(instantNs + deltaNs);
