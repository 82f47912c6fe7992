/** Shares at which a distribution is read for a chart whose axis stretches the tail. */

const DECADES = 6;
const STEPS_PER_DECADE = 40;

/** Exceedance shares 1, …, 0.1, …, 10^-6, falling: evenly spaced on an axis of -log10(share), each with 9 decimals at most. */
export const TAIL_GRID: readonly number[] = Array.from(
  { length: DECADES * STEPS_PER_DECADE + 1 },
  (_, step) => Number((10 ** (-step / STEPS_PER_DECADE)).toFixed(9)),
);

/** The shares that `samples` values can tell apart: below 1/samples only the maximum is left. */
export const resolvableTails = (samples: number): readonly number[] =>
  TAIL_GRID.filter((tail) => tail * samples >= 1);
