/** What every arrival process offers to the load generator: a lazy, seeded sequence of scheduled requests. */
import type { Nanos } from "#stdx/nanos.ts";

/** One scheduled request. Instants count from the workload's start (the start of the warm-up). */
export interface Arrival {
  /** Scheduled instant; never falls from one arrival to the next of an open loop. */
  readonly at: Nanos;
  /** 0-based index into the run's model instances. */
  readonly instance: number;
  /** Who asks: the trace's function, the closed loop's slot, or 0. */
  readonly user: number;
  /** Kind of traffic, for reports: "poisson", "closed-loop", … */
  readonly className: string;
}

/** A lazy sequence of arrivals; closed loops learn of completions, open loops ignore them. */
export interface ArrivalProcess {
  /** Requests expected in [from, to) of workload time, when known in advance; null for closed loops. */
  expectedCount(from: Nanos, to: Nanos): number | null;
  /** Scheduled instant of the next arrival, or null when none is due unless a response comes (or ever). */
  nextAt(): Nanos | null;
  /** Takes the next arrival; only when `nextAt()` is not null. */
  take(): Arrival;
  /** Tells a closed loop that the request of `arrival` ended (response, failure or drop) at `now`, in workload time. */
  onEnded(now: Nanos, arrival: Arrival): void;
}
