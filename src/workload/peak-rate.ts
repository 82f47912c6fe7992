/** The highest rate that a schedule asks of its generators, so that one that is beyond them is refused before it starts. */
import type { Load, RateShape } from "#experiment/resolved.ts";
import { assertNever } from "#stdx/assert.ts";
import { MILLISECOND, type Nanos, ns } from "#stdx/nanos.ts";
import type { ArrivalProcess } from "#workload/arrival.ts";

/** Requests that are due within such a time may all be a little late; a rate that lasts longer piles them up. */
const WINDOW_NS = ns(100 * MILLISECOND);
const WINDOWS_PER_S = 10;

/** The peak of a rate that changes; it may lie beyond the end of a run. */
const peakOfShape = (ratePerS: number, shape: RateShape | undefined): number => {
  if (shape === undefined) return ratePerS;
  switch (shape.kind) {
    case "ramp":
      return Math.max(ratePerS, shape.toPerS);
    case "steps":
      return Math.max(ratePerS, ...shape.steps.map((step) => step.ratePerS));
    case "bursts":
      return Math.max(ratePerS, shape.peakPerS);
    case "sine":
      return ratePerS * (1 + shape.amplitude);
    default:
      return assertNever(shape);
  }
};

/** Requests per second at the peak of the rate curve; 0 for a closed loop, which asks for no more than it is answered. */
export const peakOfLoad = (load: Load): number => {
  switch (load.arrivals) {
    case "markov-modulated":
      return Math.max(...load.states.map(({ ratePerS }) => ratePerS));
    case "closed-loop":
      return 0;
    default:
      return peakOfShape(load.ratePerS, load.shape);
  }
};

/**
 * Requests per second in the busiest 100 ms of an open loop, walked through from its start; no further than
 * `arrivalsMax`, which bounds the time that it takes. The process is used up.
 */
export const peakOfArrivals = (arrivals: ArrivalProcess, arrivalsMax: number): number => {
  let [windowEnd, count, peak] = [WINDOW_NS as number, 0, 0];
  for (let index = 0; index < arrivalsMax; index++) {
    const at: Nanos | null = arrivals.nextAt();
    if (at === null) break;
    arrivals.take();
    if (at >= windowEnd) {
      windowEnd = (Math.floor(at / WINDOW_NS) + 1) * WINDOW_NS;
      count = 0;
    }
    peak = Math.max(peak, ++count);
  }
  return peak * WINDOWS_PER_S;
};
