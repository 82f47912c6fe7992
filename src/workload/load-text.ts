/** Loads in words, for the plan, the report and the workload's own summary. */
import type { Load, RateShape } from "#experiment/resolved.ts";
import { assertNever } from "#stdx/assert.ts";
import { formatDuration } from "#stdx/quantity.ts";
import { markovMeanPerS } from "#workload/markov-modulated.ts";

/** Steps and states that are written out; more are counted. */
const LISTED_MAX = 6;

/** "1 request", "8,819 requests". */
export const plural = (count: number, noun: string): string =>
  `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;

/** A number for people, with one digit after the point at most. */
export const round = (value: number): string =>
  value.toLocaleString("en-US", { maximumFractionDigits: 1 });

/** A time for people, in seconds with up to three digits after the point. */
export const inSeconds = (value: number): string =>
  `${(value / 1e9).toLocaleString("en-US", { maximumFractionDigits: 3 })} s`;

/** A rate as it was asked for, to six digits. */
const perS = (value: number): string =>
  `${value.toLocaleString("en-US", { maximumSignificantDigits: 6 })}/s`;

const listed = (items: readonly string[]): string =>
  items.length <= LISTED_MAX
    ? items.join(", ")
    : `${items.slice(0, LISTED_MAX).join(", ")} and ${items.length - LISTED_MAX} more`;

/** What a shape does to its rate, to follow the rate and a comma. */
const shapeText = (shape: RateShape): string => {
  switch (shape.kind) {
    case "ramp": {
      const { toPerS, startNs, overNs } = shape;
      const from = startNs === 0 ? "" : `from ${formatDuration(startNs)} on `;
      return `${from}in a straight line to ${perS(toPerS)} within ${formatDuration(overNs)}`;
    }
    case "steps": {
      const steps = shape.steps.map(
        ({ atNs, ratePerS }) => `${perS(ratePerS)} from ${formatDuration(atNs)} on`,
      );
      return `then ${listed(steps)}`;
    }
    case "bursts": {
      const { peakPerS, lengthNs, everyNs, firstNs } = shape;
      return `with ${perS(peakPerS)} for ${formatDuration(lengthNs)} every ${formatDuration(everyNs)}, first at ${firstNs === 0 ? "0s" : formatDuration(firstNs)}`;
    }
    case "sine": {
      const { amplitude, periodNs, phase } = shape;
      const ahead = phase === 0 ? "" : `, ahead by ${round(phase * 100)} % of one`;
      return `in waves of ±${round(amplitude * 100)} % with a period of ${formatDuration(periodNs)}${ahead}`;
    }
    default:
      return assertNever(shape);
  }
};

type OpenLoad = Exclude<Load, { readonly arrivals: "closed-loop" }>;

const withExtras = (
  text: string,
  { shape, users }: { readonly shape?: RateShape; readonly users?: number },
): string => {
  const shaped = shape === undefined ? text : `${text}, ${shapeText(shape)}`;
  return users === undefined ? shaped : `${shaped}, from ${plural(users, "user")} drawn uniformly`;
};

/** What an open loop offers: "poisson arrivals at 300/s", and how that changes. */
export const arrivalsText = (load: OpenLoad): string => {
  switch (load.arrivals) {
    case "constant":
    case "poisson":
      return withExtras(`${load.arrivals} arrivals at ${perS(load.ratePerS)}`, load);
    case "gamma":
    case "weibull": {
      const law = load.arrivals === "gamma" ? "Gamma" : "Weibull";
      return withExtras(`${law} gaps of CV ${load.cv} at ${perS(load.ratePerS)}`, load);
    }
    case "markov-modulated": {
      const states = load.states.map(
        ({ ratePerS, meanNs }) => `${perS(ratePerS)} for ${formatDuration(meanNs)}`,
      );
      const text = `Markov-modulated Poisson arrivals at ${perS(markovMeanPerS(load))} on average (in turn ${listed(states)}, each time exponential with that mean)`;
      return withExtras(text, load);
    }
    default:
      return assertNever(load);
  }
};

/** Whether the number of requests that a load announces is exact; it is a mean otherwise. */
export const isExact = (load: Load): boolean => load.arrivals === "constant";
