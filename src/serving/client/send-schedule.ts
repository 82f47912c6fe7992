/** The schedule of one generator on its own clock: from when to when it sends, what is due next, and an end before the planned one. */
import type { SendWindow } from "#serving/client/events.ts";
import { addNs, maxNs, minNs, type Nanos, subNs, ZERO_NS } from "#stdx/nanos.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";

export interface SendScheduleOptions {
  readonly arrivals: ArrivalProcess;
  readonly warmUp: Nanos;
  readonly duration: Nanos;
  readonly coolDown: Nanos;
}

const windowFrom = (
  sendStart: Nanos,
  { warmUp, duration, coolDown }: SendScheduleOptions,
): SendWindow => {
  const measureStart = addNs(sendStart, warmUp);
  const measureEnd = addNs(measureStart, duration);
  return { sendStart, measureStart, measureEnd, sendEnd: addNs(measureEnd, coolDown) };
};

/** Instants are on the generator's clock; they are valid from `begin` on. */
export class SendSchedule {
  readonly #options: SendScheduleOptions;
  readonly #arrivals: ArrivalProcess;
  #window: SendWindow;
  #plannedEnd: Nanos;
  #isShortened = false;

  constructor(options: SendScheduleOptions) {
    this.#options = options;
    this.#arrivals = options.arrivals;
    this.#window = windowFrom(ZERO_NS, options);
    this.#plannedEnd = this.#window.sendEnd;
  }

  get window(): SendWindow {
    return this.#window;
  }

  /** Sending was ended early. */
  get isShortened(): boolean {
    return this.#isShortened;
  }

  begin(sendStart: Nanos): void {
    this.#window = windowFrom(sendStart, this.#options);
    this.#plannedEnd = this.#window.sendEnd;
  }

  /** Arrivals at or after `at` are no longer part of the run. */
  shorten(at: Nanos): void {
    const { sendStart, measureStart, measureEnd, sendEnd } = this.#window;
    if (at >= sendEnd) return;
    const end = maxNs(at, sendStart);
    this.#isShortened = true;
    this.#window = {
      sendStart,
      measureStart: minNs(measureStart, end),
      measureEnd: minNs(measureEnd, end),
      sendEnd: end,
    };
  }

  /** When the next request is due; null when none is unless a response comes (or ever). */
  nextAt(): Nanos | null {
    const next = this.#arrivals.nextAt();
    if (next === null) return null;
    const at = addNs(this.#window.sendStart, next);
    return this.#isShortened && at >= this.#window.sendEnd ? null : at;
  }

  take(): Arrival {
    return this.#arrivals.take();
  }

  onEnded(instant: Nanos, arrival: Arrival): void {
    this.#arrivals.onEnded(subNs(instant, this.#window.sendStart), arrival);
  }

  /** Tells of a request that never gets its turn; a closed loop, told of an end beyond its own, asks no more. */
  onGivenUp(now: Nanos, arrival: Arrival): void {
    this.onEnded(maxNs(now, this.#plannedEnd), arrival);
  }

  /** Requests expected in the measurement window, as it is now. */
  expectedRequests(): number | null {
    const { sendStart, measureStart, measureEnd } = this.#window;
    return this.#arrivals.expectedCount(
      subNs(measureStart, sendStart),
      subNs(measureEnd, sendStart),
    );
  }
}
