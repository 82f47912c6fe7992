/** One wake-up that can be moved: the only timer a role needs, because a state machine names its next instant. */
import type { Clock } from "#host/clock.ts";
import type { Pause } from "#host/pauses.ts";
import { type Nanos, toMs } from "#stdx/nanos.ts";

/**
 * `coarse` sleeps in whole milliseconds and is about 1 ms late; `precise` sleeps until 2 ms before and then turns the
 * event loop, which costs a core for that long, receives messages meanwhile, and is a few tens of us late.
 */
export type AlarmMode = "coarse" | "precise";

/** The runtime's timers, replaceable in tests. Handles are opaque. */
export interface Timers {
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
  setImmediate(callback: () => void): unknown;
  clearImmediate(handle: unknown): void;
}

const realTimers: Timers = {
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
  setImmediate: (callback) => setImmediate(callback),
  clearImmediate: (handle) => clearImmediate(handle as NodeJS.Immediate),
};

/** A timer was seen to be up to 1 ms late when the machine is quiet; the rest is turned away in the event loop. */
const PRECISE_LEAD_MS = 2;
/** Longer delays overflow the runtime's 32-bit timers and would fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export interface AlarmOptions {
  readonly clock: Clock;
  readonly mode: AlarmMode;
  /** Called once per arming, never before the instant and never from within `arm`. */
  readonly onDue: () => void;
  /** Between two turns of the event loop, when it is turned until the instant; nothing unless given. */
  readonly pause?: Pause;
  readonly timers?: Timers;
}

/** Calls `onDue` once its instant has come. Armed, it keeps the process alive; disarm it before leaving. */
export class Alarm {
  readonly #clock: Clock;
  readonly #mode: AlarmMode;
  readonly #onDue: () => void;
  readonly #pause: Pause | undefined;
  readonly #timers: Timers;
  /** Null while disarmed. */
  #at: Nanos | null = null;
  /** At most one of the two is pending, and only while armed. */
  #timeout: unknown = null;
  #immediate: unknown = null;

  constructor(options: AlarmOptions) {
    this.#clock = options.clock;
    this.#mode = options.mode;
    this.#onDue = options.onDue;
    this.#pause = options.pause;
    this.#timers = options.timers ?? realTimers;
  }

  /** The instant it is armed for, or null. */
  get at(): Nanos | null {
    return this.#at;
  }

  /** Moves the wake-up to `at`, which may have passed already; null disarms. */
  arm(at: Nanos | null): void {
    if (at === this.#at) return;
    this.#at = at;
    this.#cancel();
    if (at !== null) this.#wait(at);
  }

  #cancel(): void {
    if (this.#timeout !== null) this.#timers.clearTimeout(this.#timeout);
    if (this.#immediate !== null) this.#timers.clearImmediate(this.#immediate);
    this.#timeout = null;
    this.#immediate = null;
  }

  #wait(at: Nanos): void {
    const leftMs = toMs((at - this.#clock.now()) as Nanos);
    // The runtime drops fractions of delays, so that a rounded one would fire early.
    const delayMs =
      this.#mode === "coarse" ? Math.ceil(leftMs) : Math.floor(leftMs) - PRECISE_LEAD_MS;
    if (leftMs <= 0 || delayMs < 1) this.#immediate = this.#timers.setImmediate(this.#onWake);
    else this.#timeout = this.#timers.setTimeout(this.#onWake, Math.min(delayMs, DELAY_MS_MAX));
  }

  readonly #onWake = (): void => {
    const isTurning = this.#immediate !== null;
    this.#timeout = null;
    this.#immediate = null;
    const at = this.#at;
    if (at === null) return;
    if (isTurning) this.#pause?.(at);
    if (this.#clock.now() < at) {
      this.#wait(at);
      return;
    }
    this.#at = null;
    this.#onDue();
  };
}
