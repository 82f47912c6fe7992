/** One generator's share of a schedule that several generators send together, without overlap and without a gap. */
import type { Workload } from "#experiment/resolved.ts";
import { type Nanos, ZERO_NS } from "#stdx/nanos.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";

/** Generator `index` of `of`: it has every `of`-th entry of a sequence, from entry `index` on. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

/** How many processes send a workload. */
export const generatorsOf = ({ generators }: Pick<Workload, "generators">): number =>
  generators ?? 1;

/** The share's place in a sequence that is dealt out from its `first` generator on. */
export const shareFrom = (share: Share, first: number): Share => ({
  index: (share.index + share.of - (first % share.of)) % share.of,
  of: share.of,
});

export const hasEntry = ({ index, of }: Share, entry: number): boolean => entry % of === index;

/**
 * Every generator walks through the whole schedule and keeps what is its own, so that nothing has to be agreed on while
 * they send; walking costs far less than sending. For arrivals that do not depend on responses.
 */
export class SharedArrivals implements ArrivalProcess {
  readonly #whole: ArrivalProcess;
  readonly #share: Share;
  /** Arrivals of the whole schedule that were taken. */
  #taken = 0;

  constructor(whole: ArrivalProcess, share: Share) {
    this.#whole = whole;
    this.#share = share;
    this.#skip();
  }

  /** Over all shares it sums up to the count of the whole, exactly where that is a whole number. */
  expectedCount(from: Nanos, to: Nanos): number | null {
    const before = this.#whole.expectedCount(ZERO_NS, from);
    const within = this.#whole.expectedCount(from, to);
    if (before === null || within === null) return null;
    return this.#ownOf(before + within) - this.#ownOf(before);
  }

  nextAt(): Nanos | null {
    return this.#whole.nextAt();
  }

  take(): Arrival {
    const arrival = this.#whole.take();
    this.#taken++;
    this.#skip();
    return arrival;
  }

  onEnded(now: Nanos, arrival: Arrival): void {
    this.#whole.onEnded(now, arrival);
  }

  /** Passes over what belongs to others. */
  #skip(): void {
    while (!hasEntry(this.#share, this.#taken) && this.#whole.nextAt() !== null) {
      this.#whole.take();
      this.#taken++;
    }
  }

  /** Own ones among the first `count`; a mean, which is no whole number, is cut into equal parts. */
  #ownOf(count: number): number {
    const { index, of } = this.#share;
    return Number.isInteger(count) ? Math.max(0, Math.ceil((count - index) / of)) : count / of;
  }
}
