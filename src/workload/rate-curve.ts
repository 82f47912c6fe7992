/** Rates that change over time, as the number of requests expected up to each instant and its inverse. */
import type { RateShape } from "#experiment/resolved.ts";
import { assertNever } from "#stdx/assert.ts";
import { cosOfTurns, sinOfTurns } from "#stdx/elementary.ts";

/** The integral of a rate; instants in ns from the start of the warm-up, at least 0, fractions allowed. */
export interface RateCurve {
  /** Requests expected in [0, instant). */
  countBefore(instant: number): number;
  /** The instant at which `count` requests have been due, after a pause that begins there; Infinity when there is none. */
  instantOf(count: number): number;
  /** Requests per second at an instant. */
  rateAt(instant: number): number;
}

/** A rate that is linear within each piece. */
interface Piece {
  readonly startNs: number;
  readonly ratePerS: number;
  /** Change of the rate, per second, in each ns. */
  readonly slope: number;
}

/** Pieces in rising order, the first at 0; the last has no end. */
class PiecewiseRate implements RateCurve {
  readonly #pieces: readonly Piece[];
  /** Requests before the start of each piece. */
  readonly #counts: Float64Array;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
    this.#counts = new Float64Array(pieces.length);
    for (const [i, { startNs }] of pieces.slice(1).entries()) {
      this.#counts[i + 1] = this.#countAt(i, startNs);
    }
  }

  countBefore(instant: number): number {
    return this.#countAt(
      this.#last((i) => (this.#pieces[i]?.startNs ?? 0) <= instant),
      instant,
    );
  }

  instantOf(count: number): number {
    // Of the pieces that begin with this count the last: a pause has no requests, not even at its start.
    const index = this.#last((i) => (this.#counts[i] ?? 0) <= count);
    const piece = this.#pieces[index];
    if (piece === undefined) return Number.POSITIVE_INFINITY;
    const due = (count - (this.#counts[index] ?? 0)) * 1e9;
    const { startNs, ratePerS, slope } = piece;
    if (due === 0) return ratePerS > 0 || slope > 0 ? startNs : Number.POSITIVE_INFINITY;
    // due = rate · t + slope · t² / 2, solved in the form that does not cancel; 2 · due / 0 is Infinity.
    const root = Math.sqrt(Math.max(0, ratePerS * ratePerS + 2 * slope * due));
    return startNs + (2 * due) / (ratePerS + root);
  }

  rateAt(instant: number): number {
    const piece = this.#pieces[this.#last((i) => (this.#pieces[i]?.startNs ?? 0) <= instant)];
    return piece === undefined ? 0 : piece.ratePerS + piece.slope * (instant - piece.startNs);
  }

  /** Index of the last piece that still holds, given that the first ones do. */
  #last(holds: (index: number) => boolean): number {
    let low = 0;
    let high = this.#pieces.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (holds(middle)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #countAt(index: number, instant: number): number {
    const piece = this.#pieces[index];
    if (piece === undefined) return 0;
    const within = instant - piece.startNs;
    const mean = piece.ratePerS + (piece.slope * within) / 2;
    return (this.#counts[index] ?? 0) + (mean * within) / 1e9;
  }
}

/** One rate for ever. */
class FlatRate implements RateCurve {
  readonly #ratePerS: number;

  constructor(ratePerS: number) {
    this.#ratePerS = ratePerS;
  }

  countBefore(instant: number): number {
    return (instant * this.#ratePerS) / 1e9;
  }

  instantOf(count: number): number {
    return (count * 1e9) / this.#ratePerS;
  }

  rateAt(): number {
    return this.#ratePerS;
  }
}

/** A lead at one rate, and then a curve that repeats. */
class RepeatingRate implements RateCurve {
  readonly #lead: RateCurve;
  readonly #leadNs: number;
  readonly #cycle: RateCurve;
  readonly #cycleNs: number;
  readonly #leadCount: number;
  readonly #cycleCount: number;

  constructor(shape: Extract<RateShape, { readonly kind: "bursts" }>, ratePerS: number) {
    this.#lead = new FlatRate(ratePerS);
    this.#leadNs = shape.firstNs;
    this.#cycle = new PiecewiseRate([
      { startNs: 0, ratePerS: shape.peakPerS, slope: 0 },
      { startNs: shape.lengthNs, ratePerS, slope: 0 },
    ]);
    this.#cycleNs = shape.everyNs;
    this.#leadCount = this.#lead.countBefore(this.#leadNs);
    this.#cycleCount = this.#cycle.countBefore(this.#cycleNs);
  }

  countBefore(instant: number): number {
    if (instant < this.#leadNs) return this.#lead.countBefore(instant);
    const [cycles, rest] = this.#within(instant);
    return this.#leadCount + cycles * this.#cycleCount + this.#cycle.countBefore(rest);
  }

  instantOf(count: number): number {
    if (count < this.#leadCount) return this.#lead.instantOf(count);
    const past = count - this.#leadCount;
    const cycles = Math.floor(past / this.#cycleCount);
    const rest = Math.max(0, past - cycles * this.#cycleCount);
    return this.#leadNs + cycles * this.#cycleNs + this.#cycle.instantOf(rest);
  }

  rateAt(instant: number): number {
    if (instant < this.#leadNs) return this.#lead.rateAt(instant);
    return this.#cycle.rateAt(this.#within(instant)[1]);
  }

  #within(instant: number): readonly [number, number] {
    const cycles = Math.floor((instant - this.#leadNs) / this.#cycleNs);
    return [cycles, instant - this.#leadNs - cycles * this.#cycleNs];
  }
}

/** rate · (1 + amplitude · sin 2π(t / period + phase)); its integral has a closed form, whose inverse is searched. */
class SineRate implements RateCurve {
  readonly #ratePerS: number;
  readonly #shape: Extract<RateShape, { readonly kind: "sine" }>;
  /** Requests by which half a wave's swing moves the integral: rate · amplitude · period / 2π. */
  readonly #swing: number;
  /** Requests of a whole wave. */
  readonly #waveCount: number;
  /** Instants by which equal parts of a wave's requests are due: where the search begins. */
  readonly #guesses = new Float64Array(GUESSES + 1);

  constructor(shape: Extract<RateShape, { readonly kind: "sine" }>, ratePerS: number) {
    this.#ratePerS = ratePerS;
    this.#shape = shape;
    this.#swing = (ratePerS * shape.amplitude * shape.periodNs) / (2 * Math.PI * 1e9);
    this.#waveCount = (ratePerS * shape.periodNs) / 1e9;
    for (let i = 0; i <= GUESSES; i++) {
      const count = (this.#waveCount * i) / GUESSES;
      this.#guesses[i] = this.#search(count, (count * 1e9) / ratePerS);
    }
  }

  countBefore(instant: number): number {
    const start = cosOfTurns(this.#shape.phase);
    const bent = start - cosOfTurns(this.#turns(instant));
    return Math.max(0, (this.#ratePerS * instant) / 1e9 + this.#swing * bent);
  }

  instantOf(count: number): number {
    const waves = Math.floor(count / this.#waveCount);
    const part = (count / this.#waveCount - waves) * GUESSES;
    const index = Math.floor(part);
    const low = this.#guesses[index] ?? 0;
    const high = this.#guesses[index + 1] ?? low;
    return this.#search(count, waves * this.#shape.periodNs + low + (high - low) * (part - index));
  }

  /** Newton's steps, kept in a bracket that halves where they fail; ends within a hundredth of a nanosecond. */
  #search(count: number, guess: number): number {
    const middle = (count * 1e9) / this.#ratePerS;
    const reach = (2 * this.#swing * 1e9) / this.#ratePerS;
    let low = Math.max(0, middle - reach);
    let high = middle + reach;
    let at = Math.min(Math.max(guess, low), high);
    for (let i = 0; i < SINE_STEPS_MAX && high - low > 0.01; i++) {
      const missing = count - this.countBefore(at);
      if (missing > 0) low = at;
      else high = at;
      const step = (missing * 1e9) / this.rateAt(at);
      const isInside = at + step > low && at + step < high;
      if (isInside && Math.abs(step) < 0.01) return at + step;
      at = isInside ? at + step : (low + high) / 2;
    }
    return at;
  }

  rateAt(instant: number): number {
    return this.#ratePerS * (1 + this.#shape.amplitude * sinOfTurns(this.#turns(instant)));
  }

  #turns(instant: number): number {
    return instant / this.#shape.periodNs + this.#shape.phase;
  }
}

/** Parts of a wave between which the search begins on a straight line. */
const GUESSES = 512;

/** Halving alone takes a period of 30 days to a hundredth of a nanosecond in 58 steps. */
const SINE_STEPS_MAX = 200;

const rampPieces = (
  { startNs, overNs, toPerS }: Extract<RateShape, { readonly kind: "ramp" }>,
  ratePerS: number,
): readonly Piece[] => [
  ...(startNs > 0 ? [{ startNs: 0, ratePerS, slope: 0 }] : []),
  { startNs, ratePerS, slope: (toPerS - ratePerS) / overNs },
  { startNs: startNs + overNs, ratePerS: toPerS, slope: 0 },
];

/** The curve of a rate; without a shape the rate stays as it is. */
export const rateCurve = (ratePerS: number, shape: RateShape | undefined): RateCurve => {
  if (shape === undefined) return new FlatRate(ratePerS);
  switch (shape.kind) {
    case "ramp":
      return new PiecewiseRate(rampPieces(shape, ratePerS));
    case "steps":
      return new PiecewiseRate([
        { startNs: 0, ratePerS, slope: 0 },
        ...shape.steps.map((step) => ({ startNs: step.atNs, ratePerS: step.ratePerS, slope: 0 })),
      ]);
    case "bursts":
      return new RepeatingRate(shape, ratePerS);
    case "sine":
      return new SineRate(shape, ratePerS);
    default:
      return assertNever(shape);
  }
};
