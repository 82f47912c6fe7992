/**
 * Timers for a precise alarm that leaves the processor to others: instead of turning the event loop without a pause, it
 * naps between turns. A pure turn keeps one core busy, which on a small machine is taken from the system under test; at
 * 1,000 requests/s naps were seen to cost a third of that, at the same lateness. A nap holds up what arrives meanwhile,
 * so each is short: receipts are up to one nap late.
 */
import type { Timers } from "#host/alarm.ts";
import type { Clock } from "#host/clock.ts";
import { MICROSECOND, type Nanos, ns, toMs } from "#stdx/nanos.ts";

/** The longest nap unless another is asked for: bounds how late a receipt can be. */
const NAP_NS_MAX = ns(50 * MICROSECOND);
/** Naps last about 35 us longer than asked, one in a hundred 90 us: the rest is turned away without napping. */
const AWAKE_NS = 80 * MICROSECOND;
/** A shorter nap is not worth its system call. */
const NAP_NS_MIN = 20 * MICROSECOND;

/** `dueAt` is when the alarm is to fire, null while it is not armed; `napMax` bounds each nap. */
export const nappingTimers = (
  clock: Clock,
  dueAt: () => Nanos | null,
  napMax: Nanos = NAP_NS_MAX,
): Timers => {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const nap = (): void => {
    const at = dueAt();
    if (at === null) return;
    const left = at - clock.now() - AWAKE_NS;
    // Nobody ever wakes the cell: the wait always ends by its time-out, which may be a fraction of a millisecond.
    if (left >= NAP_NS_MIN) Atomics.wait(cell, 0, 0, toMs(Math.min(left, napMax) as Nanos));
  };
  return {
    setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
    clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
    setImmediate: (callback) =>
      setImmediate(() => {
        nap();
        callback();
      }),
    clearImmediate: (handle) => clearImmediate(handle as NodeJS.Immediate),
  };
};
