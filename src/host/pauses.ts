/**
 * How a precise alarm spends the last milliseconds before its instant, between two turns of the event loop. Turns alone
 * would do, but each makes garbage and a system call, a million times per second.
 */
import type { Clock } from "#host/clock.ts";
import { MICROSECOND, type Nanos, ns, toMs } from "#stdx/nanos.ts";

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

/** The longest nap unless another is asked for: bounds how late a receipt can be. */
const NAP_NS_MAX = ns(50 * MICROSECOND);
/** Naps last about 35 us longer than asked, one in a hundred 90 us: the rest is spent awake. */
const AWAKE_NS = 150 * MICROSECOND;
/** A shorter nap is not worth its system call. */
const NAP_NS_MIN = 20 * MICROSECOND;

/**
 * Leaves the processor to others while the instant is far: on a small machine they are the system under test. At 1,000
 * requests/s naps were seen to cost a third of a core; from some 5,000/s on instants are so close that it hardly naps.
 */
export const napping = (clock: Clock, napMax: Nanos = NAP_NS_MAX): Pause => {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const spin = spinning(clock);
  return (at) => {
    const left = at - clock.now() - AWAKE_NS;
    // Nobody ever wakes the cell: the wait always ends by its time-out, which may be a fraction of a millisecond.
    if (left >= NAP_NS_MIN) Atomics.wait(cell, 0, 0, toMs(Math.min(left, napMax) as Nanos));
    else spin(at);
  };
};
