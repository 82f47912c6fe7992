/** What is believed of a worker's account of an action: one that talks nonsense must not spoil what others taught. */
import type { InFlight } from "#serving/controller/in-flight.ts";
import { WORKER_LAG } from "#serving/controller/options.ts";
import type { Timing } from "#serving/messages.ts";
import { addNs, minNs, type Nanos } from "#stdx/nanos.ts";

/** No GPU's clock comes near. */
const CLOCK_MHZ_MAX = 100_000;

/** When the action ended: not after its result came, but for what the clocks' difference is unknown by. */
export const plausibleEnd = ({ end }: Timing, received: Nanos): Nanos =>
  minNs(end, addNs(received, WORKER_LAG));

/** How long it took; null when that is longer than it was away. */
export const plausibleDuration = (
  { duration }: Timing,
  { sent }: InFlight,
  received: Nanos,
): Nanos | null => (sent === null || duration > received - sent + WORKER_LAG ? null : duration);

/** A GPU's clock, in MHz; null when the worker does not know or makes it up. */
export const plausibleClock = (clockMhz: number): number | null =>
  clockMhz > 0 && clockMhz <= CLOCK_MHZ_MAX ? clockMhz : null;
