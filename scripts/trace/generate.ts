/** Makes a synthetic trace in the published format from published statistics; a seed gives the same bytes again. */
import { Rng } from "#stdx/rng.ts";
import {
  BUSY_MINUTE_CV,
  DAILY_WAVE,
  FUNCTIONS_PER_APP,
  INVOCATIONS_PER_DAY,
  type Quantile,
  TIMER_PERIODS_MIN,
  TRIGGER_MIX,
  TRIGGERS,
  type Trigger,
} from "./published.ts";

export interface GenerateOptions {
  readonly functions: number;
  readonly minutes: number;
  /** Name of the first minute column, 1 for midnight. */
  readonly firstMinute: number;
  readonly seed: number;
  /** 1 unless said; another day has the same functions with other counts. */
  readonly day?: number;
}

const MINUTES_PER_DAY = 1440;
/** Beyond the last published quantile (180,000 a day) a small system could not play the trace: no function is busier. */
export const RATE_PER_MIN_MAX = 180_000 / MINUTES_PER_DAY;

/** Mean size of a burst of a function below one invocation a minute; fitted to the medians of MINUTE_CV_MEDIAN. */
const BURST_MEAN: Readonly<Record<Trigger, number>> = {
  http: 4,
  queue: 8,
  event: 1.2,
  orchestration: 1.5,
  timer: 1,
  storage: 2.5,
  others: 2.5,
};
/** How much of a busy function's departure from its mean lasts into the next minute: bursts last a few minutes. */
const BURST_MEMORY = 0.6;

/** Interpolates between published points, linearly in the logarithm when `isLog`; held at the ends. */
const quantileAt = (points: readonly Quantile[], share: number, isLog: boolean): number => {
  const after = points.findIndex((point) => point.share >= share);
  if (after === 0) return points[0]?.value ?? 0;
  if (after < 0) return points.at(-1)?.value ?? 0;
  const low = points[after - 1] as Quantile;
  const high = points[after] as Quantile;
  const part = (share - low.share) / (high.share - low.share);
  if (!isLog) return low.value + part * (high.value - low.value);
  return low.value * (high.value / low.value) ** part;
};

/** Rates per minute, busiest first: one draw from each N-th part of the distribution, so that a small N has its tail. */
const drawRates = (functions: number, rng: Rng): readonly number[] =>
  Array.from({ length: functions }, (_, index) => {
    const share = (index + rng.uniform()) / functions;
    const perDay = quantileAt(INVOCATIONS_PER_DAY, share, true);
    return Math.min(perDay / MINUTES_PER_DAY, RATE_PER_MIN_MAX);
  }).toReversed();

/** Whole numbers of functions per trigger that add up to `functions`, by largest remainder. */
const triggerQuotas = (functions: number): Map<Trigger, number> => {
  const total = TRIGGERS.reduce((sum, trigger) => sum + TRIGGER_MIX[trigger].functions, 0);
  const exact = TRIGGERS.map((trigger) => (TRIGGER_MIX[trigger].functions / total) * functions);
  const quotas = exact.map(Math.floor);
  const order = exact
    .map((value, index) => ({ index, rest: value - Math.floor(value) }))
    .toSorted((a, b) => b.rest - a.rest || a.index - b.index);
  let left = functions - quotas.reduce((sum, quota) => sum + quota, 0);
  for (const { index } of order) {
    if (left-- <= 0) break;
    quotas[index] = (quotas[index] ?? 0) + 1;
  }
  return new Map(TRIGGERS.map((trigger, index) => [trigger, quotas[index] ?? 0]));
};

/**
 * A trigger for each rate (busiest first): the trigger that lacks most of its invocations as long as one lacks as much
 * as the function has, else one drawn by the functions that are still to be named. Timers do not fire more than once a minute.
 */
const drawTriggers = (rates: readonly number[], rng: Rng): readonly Trigger[] => {
  const quotas = triggerQuotas(rates.length);
  const volume = rates.reduce((sum, rate) => sum + rate, 0);
  const lacking = new Map(
    TRIGGERS.map((trigger) => [trigger, TRIGGER_MIX[trigger].invocations * volume]),
  );
  return rates.map((rate) => {
    const open = TRIGGERS.filter((trigger) => (quotas.get(trigger) ?? 0) > 0);
    const fitting = open.filter((trigger) => trigger !== "timer" || rate <= 1);
    const able = fitting.length > 0 ? fitting : open;
    const neediest = able.toSorted((a, b) => (lacking.get(b) ?? 0) - (lacking.get(a) ?? 0))[0];
    const isNeeded = neediest !== undefined && (lacking.get(neediest) ?? 0) >= rate;
    const trigger = isNeeded && rate > 1 ? neediest : drawByQuota(able, quotas, rng);
    quotas.set(trigger, (quotas.get(trigger) ?? 0) - 1);
    lacking.set(trigger, (lacking.get(trigger) ?? 0) - rate);
    return trigger;
  });
};

const drawByQuota = (
  able: readonly Trigger[],
  quotas: ReadonlyMap<Trigger, number>,
  rng: Rng,
): Trigger => {
  const total = able.reduce((sum, trigger) => sum + (quotas.get(trigger) ?? 0), 0);
  let left = rng.below(Math.max(1, total));
  for (const trigger of able) {
    left -= quotas.get(trigger) ?? 0;
    if (left < 0) return trigger;
  }
  return able[0] ?? "others";
};

/** The usual period whose rate is nearest, in the logarithm. */
const nearestPeriod = (rate: number): number => {
  const away = (period: number): number => Math.abs(Math.log(rate * period));
  return TIMER_PERIODS_MIN.reduce((best, period) => (away(period) < away(best) ? period : best));
};

/** Standard normal, by the sum of twelve uniforms: its tails end at 6, which is far enough here. */
const normal = (rng: Rng): number => {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += rng.uniform();
  return sum;
};

/** Poisson by counting unit gaps; means here are a few hundred at most. */
const poisson = (mean: number, rng: Rng): number => {
  let count = 0;
  for (let at = rng.exponential(1); at < mean; at += rng.exponential(1)) count++;
  return count;
};

const geometric = (mean: number, rng: Rng): number => {
  if (mean <= 1) return 1;
  return 1 + Math.floor(Math.log1p(-rng.uniform()) / Math.log1p(-1 / mean));
};

const daily = (minute: number): number =>
  1 + DAILY_WAVE * Math.sin((2 * Math.PI * (minute - MINUTES_PER_DAY / 3)) / MINUTES_PER_DAY);

type Counts = readonly number[];

const timerCounts = (rate: number, options: GenerateOptions, rng: Rng): Counts => {
  const period = nearestPeriod(rate);
  const offset = rng.below(period);
  return Array.from({ length: options.minutes }, (_, index) =>
    (options.firstMinute + index) % period === offset ? 1 : 0,
  );
};

/** Bursts that come at random, of random size. */
const rareCounts = (
  { rate, burst }: { readonly rate: number; readonly burst: number },
  options: GenerateOptions,
  rng: Rng,
): Counts =>
  Array.from({ length: options.minutes }, (_, index) => {
    const bursts = poisson((rate / burst) * daily(options.firstMinute + index), rng);
    let count = 0;
    for (let i = 0; i < bursts; i++) count += geometric(burst, rng);
    return count;
  });

/**
 * At least one a minute: the mean moves as the exponential of a slow random walk, and counts are rounded by carrying the
 * fraction where the function is smoother than chance, or drawn around the moving mean where it is burstier.
 */
const busyCounts = (rate: number, options: GenerateOptions, rng: Rng): Counts => {
  const cv = quantileAt(BUSY_MINUTE_CV, rng.uniform(), false);
  const isSmooth = cv * cv <= 1 / rate;
  // Of the mean alone: chance adds 1 / rate to the square of the whole.
  const meanCv = isSmooth ? cv : Math.sqrt(cv * cv - 1 / rate);
  const sigma = Math.sqrt(Math.log1p(meanCv * meanCv));
  let walk = normal(rng);
  let carried = rng.uniform();
  return Array.from({ length: options.minutes }, (_, index) => {
    walk = BURST_MEMORY * walk + Math.sqrt(1 - BURST_MEMORY ** 2) * normal(rng);
    const level = Math.exp(sigma * walk - (sigma * sigma) / 2);
    const mean = rate * level * daily(options.firstMinute + index);
    if (!isSmooth) return poisson(mean, rng);
    carried += mean;
    const count = Math.floor(carried);
    carried -= count;
    return count;
  });
};

const drawCounts = (
  { rate, trigger }: { readonly rate: number; readonly trigger: Trigger },
  options: GenerateOptions,
  rng: Rng,
): Counts => {
  if (trigger === "timer") return timerCounts(rate, options, rng);
  if (rate >= 1) return busyCounts(rate, options, rng);
  return rareCounts({ rate, burst: BURST_MEAN[trigger] }, options, rng);
};

const hash = (rng: Rng): string =>
  Array.from({ length: 8 }, () => rng.uint32().toString(16).padStart(8, "0")).join("");

const drawAppSize = (rng: Rng): number => {
  let left = rng.uniform();
  for (const { least, most, share } of FUNCTIONS_PER_APP) {
    left -= share;
    if (left < 0) return least + rng.below(most - least + 1);
  }
  return 1;
};

/** Owner and application of each function; every application has an owner of its own, for want of a published figure. */
const drawNames = (functions: number, rng: Rng): readonly (readonly [string, string, string])[] => {
  const names: [string, string, string][] = [];
  while (names.length < functions) {
    const [owner, app] = [hash(rng), hash(rng)];
    const size = Math.min(drawAppSize(rng), functions - names.length);
    for (let i = 0; i < size; i++) names.push([owner, app, hash(rng)]);
  }
  return names;
};

/** Order of rows: shuffled, since the published files are not sorted by rate either. */
const shuffle = <T>(values: readonly T[], rng: Rng): readonly T[] => {
  const shuffled = [...values];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
  }
  return shuffled;
};

/** The trace as text, one line per function, in the published columns. */
export const generateTrace = (options: GenerateOptions): string => {
  const rng = Rng.of(options.seed, "synthetic-azure-functions-2019");
  const rates = drawRates(options.functions, rng.split("rates"));
  const triggers = drawTriggers(rates, rng.split("triggers"));
  const { day = 1 } = options;
  const counts = rng.split(day === 1 ? "counts" : `counts of day ${day}`);
  const rows = rates.map((rate, index) => {
    const trigger = triggers[index] ?? "others";
    const drawn = drawCounts({ rate, trigger }, options, counts.split(String(index)));
    return `${trigger},${drawn.join(",")}`;
  });
  const names = drawNames(options.functions, rng.split("names"));
  const lines = shuffle(rows, rng.split("order")).map(
    (row, index) => `${(names[index] ?? []).join(",")},${row}`,
  );
  const minutes = Array.from({ length: options.minutes }, (_, i) => options.firstMinute + i);
  const header = ["HashOwner", "HashApp", "HashFunction", "Trigger", ...minutes].join(",");
  return `${[header, ...lines].join("\n")}\n`;
};
