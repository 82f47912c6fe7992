/**
 * What has been published or measured about the Azure Functions 2019 trace, as far as the generator uses it.
 *
 * Sources: [P] Shahrad et al., "Serverless in the Wild", USENIX ATC 2020. [N] the data set's own notebook
 * (AzurePublicDataset, analysis/AzureFunctionsDataset2019-Trace_Analysis.md); its curves were read off the figures, to
 * about 0.02 in share and 10 % in value. [S] measured on 500 functions and 480 minutes of the released data
 * (InVitro's sample, which favours busy functions: its shapes are used, not its level).
 */

/** A point of a distribution: this share of all is at most this value. */
export interface Quantile {
  readonly share: number;
  readonly value: number;
}

const quantiles = (...points: readonly (readonly [number, number])[]): readonly Quantile[] =>
  points.map(([share, value]) => ({ share, value }));

export const TRIGGERS = [
  "http",
  "queue",
  "event",
  "orchestration",
  "timer",
  "storage",
  "others",
] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** [N] figure 2, released data: share of functions and of invocations. As published they add up to 105.7 and 99.9 %; the generator scales the first to 100 %. */
export const TRIGGER_MIX: Readonly<
  Record<Trigger, { readonly functions: number; readonly invocations: number }>
> = {
  http: { functions: 0.433, invocations: 0.225 },
  queue: { functions: 0.151, invocations: 0.424 },
  event: { functions: 0.026, invocations: 0.309 },
  orchestration: { functions: 0.082, invocations: 0.014 },
  timer: { functions: 0.285, invocations: 0.018 },
  storage: { functions: 0.023, invocations: 0.008 },
  others: { functions: 0.057, invocations: 0.001 },
};

/** [N] figure 5a: average invocations of a function per day. */
export const INVOCATIONS_PER_DAY = quantiles(
  [0.1, 0.15],
  [0.25, 0.9],
  [0.5, 5],
  [0.75, 116],
  [0.9, 1_290],
  [0.95, 3_400],
  [0.99, 54_000],
  [0.995, 180_000],
);

/** [N] figure 5a: share of functions with at most so many invocations per day. */
export const FUNCTIONS_UP_TO_PER_DAY = quantiles(
  [0.64, 24],
  [0.74, 96],
  [0.83, 288],
  [0.92, 1_440],
  [0.97, 10_000],
  [0.995, 100_000],
);

/** [N] figure 5b: share of all invocations that the busiest functions have. `share` is that of the functions. */
export const INVOCATIONS_OF_BUSIEST = quantiles([0.01, 0.92], [0.03, 0.97], [0.1, 0.995]);

/** [P, N figure 1]: functions per application, as shares of applications; upper ends of the classes. */
export const FUNCTIONS_PER_APP = [
  { least: 1, most: 1, share: 0.54 },
  { least: 2, most: 2, share: 0.16 },
  { least: 3, most: 3, share: 0.1 },
  { least: 4, most: 5, share: 0.08 },
  { least: 6, most: 10, share: 0.07 },
  { least: 11, most: 20, share: 0.05 },
] as const;

/** Steps of timers in minutes; [S] the commonest gap of 247 timers: 55, 46, 30, 19 and 16 of them at the first five. */
export const TIMER_PERIODS_MIN = [5, 1, 60, 10, 15, 30, 1_440] as const;
export const TIMER_GAP_SHARES = [
  { minutes: 5, share: 55 / 247 },
  { minutes: 1, share: 46 / 247 },
  { minutes: 60, share: 30 / 247 },
  { minutes: 10, share: 19 / 247 },
  { minutes: 15, share: 16 / 247 },
] as const;

/** [S]: median coefficient of variation of the counts per minute, by trigger. */
export const MINUTE_CV_MEDIAN: Readonly<Partial<Record<Trigger, number>>> = {
  timer: 2.1,
  http: 5.4,
  queue: 8.2,
  event: 0.74,
  orchestration: 3.8,
};

/** [S]: that coefficient over functions with at least one invocation per minute. */
export const BUSY_MINUTE_CV = quantiles(
  [0.1, 0],
  [0.25, 0.03],
  [0.5, 0.26],
  [0.75, 0.7],
  [0.9, 2.4],
);

/** [N] figure 4: hourly totals are a constant floor with a daily wave of 12 % either way. */
export const DAILY_WAVE = 0.12;
