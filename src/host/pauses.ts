/**
 * How a precise alarm spends the last milliseconds before its instant, between two turns of the event loop. Turns alone
 * would do, but each makes garbage and a system call, a million times per second.
 */
import type { Clock } from "#host/clock.ts";
import { MICROSECOND, MILLISECOND, type Nanos, ns, toMs } from "#stdx/nanos.ts";

/** Waits a little, at most until `at`; what arrives meanwhile is held up for as long. */
export type Pause = (at: Nanos) => void;

/** How long a pause that looks at the clock lasts: receipts are later by half of it on average. */
const SPIN_NS = 10 * MICROSECOND;

/** Keeps a core busy, and is never late: for a generator that has a core to itself. */
export const spinning = (clock: Clock): Pause => {
  return (at) => {
    const until = Math.min(at, clock.now() + SPIN_NS);
    while (clock.now() < until);
  };
};

const NAP_NS_MAX = ns(50 * MICROSECOND);
/** Naps last about 35 us longer than asked, one in a hundred 90 us: the rest is spent awake. */
const AWAKE_NS = ns(150 * MICROSECOND);
/** A shorter nap is not worth its system call. */
const NAP_NS_MIN = 20 * MICROSECOND;

/**
 * Instants that are closer than this on average are spun for: one nap in a thousand is some ms too long, and makes a
 * dozen of them late.
 */
const DENSE_NS = ns(250 * MICROSECOND);
/** Weight of the last gap in the average; a single long one does not count for more than a ms. */
const GAP_WEIGHT = 1 / 32;
const GAP_NS_MAX = MILLISECOND;

export interface NapOptions {
  /** The longest nap: bounds how late a receipt can be. */
  readonly napMax?: Nanos;
  /** How long before an instant it is awake. */
  readonly awake?: Nanos;
  /** Instants that are closer than this on average are spun for. */
  readonly dense?: Nanos;
}

/**
 * Leaves the processor to others while the instant is far: on a small machine they are the system under test. At 1,000
 * requests/s naps were seen to cost a third of a core; from 4,000/s on it does not nap unless told otherwise.
 */
export const napping = (clock: Clock, options: NapOptions = {}): Pause => {
  const { napMax = NAP_NS_MAX, awake = AWAKE_NS, dense = DENSE_NS } = options;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const spin = spinning(clock);
  let lastAt: Nanos | null = null;
  let meanGap: number = GAP_NS_MAX;
  return (at) => {
    if (lastAt !== null && at > lastAt)
      meanGap += (Math.min(at - lastAt, GAP_NS_MAX) - meanGap) * GAP_WEIGHT;
    lastAt = at;
    const left = at - clock.now() - awake;
    // Nobody ever wakes the cell: the wait always ends by its time-out, which may be a fraction of a millisecond.
    if (left >= NAP_NS_MIN && meanGap >= dense)
      Atomics.wait(cell, 0, 0, toMs(Math.min(left, napMax) as Nanos));
    else spin(at);
  };
};
