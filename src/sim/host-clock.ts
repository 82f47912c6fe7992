/** The clock of a simulated host, as the role on it sees it: started at some time, off by an offset, and drifting. */
import { addNs, type Nanos, subNs } from "#stdx/nanos.ts";

/** How a host's clock differs from the world's. */
export interface ClockOptions {
  /** Added to what the wall clock shows. */
  readonly offset: Nanos;
  /** How much faster it runs, in billionths: 20,000 gains 20 µs per second. */
  readonly driftPpb: number;
}

export const TRUE_CLOCK: ClockOptions = { offset: 0 as Nanos, driftPpb: 0 };

/** The world's instant 0, in ns since the Unix epoch: a round date, since no simulation happens at any. */
export const WORLD_EPOCH_NS = 946_684_800_000_000_000n;

/** Instants of the role are ns since `epochNs`, as those of a real process are. */
export class HostClock {
  /** What the wall clock showed when the role started, in ns since the Unix epoch. */
  readonly epochNs: bigint;
  readonly #startedAt: Nanos;
  readonly #rate: number;

  constructor({ offset, driftPpb }: ClockOptions, startedAt: Nanos) {
    this.#startedAt = startedAt;
    this.#rate = driftPpb / 1e9;
    const drifted = startedAt + Math.floor(startedAt * this.#rate);
    this.epochNs = WORLD_EPOCH_NS + BigInt(drifted) + BigInt(offset);
  }

  /** What it shows at an instant of the world, which is not before the role's start; never decreases with it. */
  read(at: Nanos): Nanos {
    const elapsed = subNs(at, this.#startedAt);
    return this.#rate === 0 ? elapsed : this.#shownAfter(elapsed);
  }

  /** The first instant of the world at which it shows `local` or more. */
  when(local: Nanos): Nanos {
    if (this.#rate === 0) return addNs(local, this.#startedAt);
    let elapsed = Math.floor(local / (1 + this.#rate));
    while (this.#shownAfter(elapsed) >= local) elapsed--;
    while (this.#shownAfter(elapsed) < local) elapsed++;
    return addNs(elapsed as Nanos, this.#startedAt);
  }

  #shownAfter(elapsed: number): Nanos {
    return (elapsed + Math.floor(elapsed * this.#rate)) as Nanos;
  }
}
