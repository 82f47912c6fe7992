/** Shapes of a rate, as an experiment file writes them. */
import type { Duration, Rate } from "#experiment/quantities.ts";

/** From `rate` at `start` in a straight line to `to`, which is reached `over` later and then kept. */
export interface RampSpec {
  readonly kind: "ramp";
  /** Rate at the end of the ramp; 0/s ends the load. */
  readonly to: Rate;
  /** When the ramp begins, counted from the start of the warm-up (default 0 s). */
  readonly start?: Duration;
  /** How long it takes. */
  readonly over: Duration;
}

/** `rate` until the first step, then the rate of each step from its instant on. */
export interface StepsSpec {
  readonly kind: "steps";
  /** In rising order of `at`, which counts from the start of the warm-up; 0/s is a pause. */
  readonly steps: readonly { readonly at: Duration; readonly rate: Rate }[];
}

/** `rate`, but `peak` for `length` again and again. */
export interface BurstsSpec {
  readonly kind: "bursts";
  /** Rate during a burst; it may be below `rate`, and 0/s makes pauses. */
  readonly peak: Rate;
  /** From the start of one burst to the start of the next. */
  readonly every: Duration;
  /** Length of a burst, below `every`. */
  readonly length: Duration;
  /** Start of the first burst, counted from the start of the warm-up (default: `every`). */
  readonly first?: Duration;
}

/** `rate` × (1 + `amplitude` × sin 2π(t / `period` + `phase`)), t counted from the start of the warm-up. */
export interface SineSpec {
  readonly kind: "sine";
  /** Swing as a share of `rate`, above 0 and at most 1. */
  readonly amplitude: number;
  readonly period: Duration;
  /** Part of a period by which the wave is ahead, from 0 to 1; 0.75 begins at the trough (default 0). */
  readonly phase?: number;
}

/** How the rate changes over the run. */
export type RateShapeSpec = RampSpec | StepsSpec | BurstsSpec | SineSpec;
