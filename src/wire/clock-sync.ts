/** Estimates how far two hosts' clocks are apart from the send times in their messages, as the original does. */

/** What a side reports before it has received anything on a connection: the largest int64. */
export const NO_DELTA = 0x7fff_ffff_ffff_ffffn;

const WINDOW_SAMPLES = 1024;

const UPPER = 2 ** 32;

/** The smallest of the last 1024 int64 samples, in amortised constant time; halves of numbers, so that nothing is allocated. */
export class MinWindow {
  /** Candidates in a ring, values rising from `#head`: each is the minimum once all before it have left the window. */
  readonly #highs = new Int32Array(WINDOW_SAMPLES);
  readonly #lows = new Uint32Array(WINDOW_SAMPLES);
  readonly #ordinals = new Float64Array(WINDOW_SAMPLES);
  #head = 0;
  #count = 0;
  #samples = 0;
  /** Null after the minimum may have changed. */
  #min: bigint | null = NO_DELTA;

  /** Adds a sample and forgets the one that is 1024 older. */
  add(value: bigint): void {
    this.addHalves(Number(value >> 32n), Number(value & 0xffff_ffffn));
  }

  /** Adds a sample given as its signed upper and its unsigned lower 32 bits. */
  addHalves(high: number, low: number): void {
    const oldest = this.#samples - WINDOW_SAMPLES;
    if (this.#count > 0 && (this.#ordinals[this.#head] as number) <= oldest) {
      this.#head = (this.#head + 1) % WINDOW_SAMPLES;
      this.#count--;
      this.#min = null;
    }
    while (this.#count > 0 && this.#isAtLeast(this.#at(this.#count - 1), high, low)) this.#count--;
    if (this.#count === 0) this.#min = null;
    const slot = this.#at(this.#count);
    this.#highs[slot] = high;
    this.#lows[slot] = low;
    this.#ordinals[slot] = this.#samples;
    this.#count++;
    this.#samples++;
  }

  /** `NO_DELTA` while there is no sample. */
  get min(): bigint {
    this.#min ??=
      (BigInt(this.#highs[this.#head] as number) << 32n) | BigInt(this.#lows[this.#head] as number);
    return this.#min;
  }

  #at(index: number): number {
    return (this.#head + index) % WINDOW_SAMPLES;
  }

  #isAtLeast(slot: number, high: number, low: number): boolean {
    const own = this.#highs[slot] as number;
    return own > high || (own === high && (this.#lows[slot] as number) >= low);
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

/** The pre-header's fields as unsigned halves. */
export interface PeerStamps {
  readonly sendTimeHigh: number;
  readonly sendTimeLow: number;
  readonly localDeltaHigh: number;
  readonly localDeltaLow: number;
}

/** One side of one connection. All values are in ns. */
export class ClockSync {
  readonly #local = new MinWindow();
  readonly #remote = new MinWindow();
  /** Of these two minima. */
  #skew = 0n;
  #skewLocal = NO_DELTA;
  #skewRemote = NO_DELTA;

  /** Takes in one received message; differences wrap as int64 does. */
  add(sample: ClockSample): void {
    this.#local.add(BigInt.asIntN(64, sample.receivedNs - sample.sendTimeNs));
    this.#remote.add(sample.localDeltaNs);
  }

  /** The same with everything in halves; the first two are of the instant of receipt. */
  addHalves(receivedHigh: number, receivedLow: number, stamps: PeerStamps): void {
    const low = receivedLow - stamps.sendTimeLow;
    const borrow = low < 0 ? 1 : 0;
    this.#local.addHalves((receivedHigh - stamps.sendTimeHigh - borrow) | 0, low + borrow * UPPER);
    this.#remote.addHalves(stamps.localDeltaHigh | 0, stamps.localDeltaLow);
  }

  /** The best one-way difference so far, to be put into every message sent; `NO_DELTA` before the first message. */
  get localDeltaNs(): bigint {
    return this.#local.min;
  }

  /** This side's clock minus the peer's, truncated toward zero; 0 until the peer has reported. */
  get skewNs(): bigint {
    const [local, remote] = [this.#local.min, this.#remote.min];
    if (local !== this.#skewLocal || remote !== this.#skewRemote) {
      this.#skew = remote === NO_DELTA ? 0n : BigInt.asIntN(64, local - remote) / 2n;
      this.#skewLocal = local;
      this.#skewRemote = remote;
    }
    return this.#skew;
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
