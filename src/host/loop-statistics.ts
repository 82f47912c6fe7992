/**
 * How busy a role's event loop is, and how long it looked away: work is bracketed by `begin` and `end`, and what lies
 * between (waiting, napping, idle turns) does not count.
 *
 *     loop.begin();                       // the first line of a callback that the event loop makes
 *     for (…) { …; loop.step(); }         // optional, between parts: makes the bound on pauses tighter
 *     loop.end();
 *
 * Brackets may be nested; only the outermost counts. A pair costs two readings of the clock.
 *
 * A stretch is work with no look at sockets and timers in it. Callbacks of one turn of the event loop form one stretch
 * once they have taken 0.1 ms together; shorter ones that follow each other count singly, so that a stall made of many
 * callbacks below 0.1 ms is missed.
 *
 * Collections of garbage: the runtime tells neither when they happen nor how long they last. (Its option to print them
 * makes some 200 system calls each, while the program stands still, so that it lengthens what it is to measure.) An
 * unreachable object that registered its end tells that a collection has happened. The pause is then the longest step
 * of work within the 20 ms before: an upper bound, because the step's own work, and time in which the system gave the
 * processor to others, are in it. A pause while the role waited for input is in no step and is not seen.
 */
import { MICROSECOND, MILLISECOND, type Nanos, ns } from "#stdx/nanos.ts";

const STALL_NS = MILLISECOND;
/** From here on an immediate finds the end of the turn; below, it would cost more than it tells. */
const MERGED_NS = 100 * MICROSECOND;
/** Brackets of one turn that are further apart have something else between them: a nap, for example. */
const APART_NS = 20 * MICROSECOND;
/** The end of a collection becomes known within a few turns, and its pauses lie up to some ms apart. */
const COLLECTION_NS = 20 * MILLISECOND;

/** Totals since the start, but for the longest of each kind, which are of the time since the last reading. */
export interface LoopReading {
  readonly busy: Nanos;
  /** Stretches of work. */
  readonly turns: number;
  readonly stallMax: Nanos;
  /** Stretches longer than 1 ms. */
  readonly stalls: number;
  readonly collections: number;
  /** Null where no collection was noticed. */
  readonly collectionPauseMax: Nanos | null;
}

/** Calls back when the current turn of the event loop ends; replaceable in tests. */
type AtTurnEnd = (callback: () => void) => void;

/** One event loop's account of itself. It holds no timer. */
export class LoopStatistics {
  readonly #now: () => number;
  readonly #atTurnEnd: AtTurnEnd;
  readonly #sentinels = new FinalizationRegistry((sentinel: number) => {
    if (sentinel === this.#sentinel) this.onCollection();
  });
  /** Number of the object whose end is awaited. */
  #sentinel = 0;
  #depth = 0;
  #bracketStart = 0;
  #bracketEnd = 0;
  #stretchStart = 0;
  #isTurnEndAwaited = false;
  #busy = 0;
  #turns = 0;
  #stallMax = 0;
  #stalls = 0;
  #collections = 0;
  #pauseMax: number | null = null;
  #stepStart = 0;
  /** The longest step that ended within the last 20 ms. */
  #longStep = 0;
  #longStepEnd = Number.NEGATIVE_INFINITY;

  /** `now` in ns, never decreasing. */
  constructor(now: () => number, atTurnEnd: AtTurnEnd = (callback) => void setImmediate(callback)) {
    this.#now = now;
    this.#atTurnEnd = atTurnEnd;
    this.#watch();
  }

  begin(): void {
    if (this.#depth++ > 0) return;
    const now = this.#now();
    this.#bracketStart = now;
    this.#stepStart = now;
    if (this.#isTurnEndAwaited && now - this.#bracketEnd <= APART_NS) return;
    this.#closeStretch();
    this.#stretchStart = now;
    this.#turns += 1;
  }

  /** One part of the work is done and the next begins. */
  step(): void {
    if (this.#depth > 0) this.#endStep(this.#now());
  }

  end(): void {
    if (--this.#depth > 0) return;
    const now = this.#now();
    this.#endStep(now);
    this.#busy += now - this.#bracketStart;
    this.#bracketEnd = now;
    if (this.#isTurnEndAwaited || now - this.#stretchStart < MERGED_NS) return;
    this.#isTurnEndAwaited = true;
    this.#atTurnEnd(this.#onTurnEnd);
  }

  /** Begins the next interval: the longest of each kind are counted anew. */
  take(): LoopReading {
    if (this.#depth === 0) this.#closeStretch();
    const reading: LoopReading = {
      busy: ns(this.#busy),
      turns: this.#turns,
      stallMax: ns(this.#stallMax),
      stalls: this.#stalls,
      collections: this.#collections,
      collectionPauseMax: this.#pauseMax === null ? null : ns(this.#pauseMax),
    };
    this.#stallMax = 0;
    this.#pauseMax = null;
    // The collector sometimes takes a value left on the stack for a reference, and keeps an object for long.
    this.#watch();
    return reading;
  }

  /** Garbage was collected a moment ago; called by the runtime, and by tests. */
  onCollection(): void {
    this.#collections += 1;
    const isRecent = this.#now() - this.#longStepEnd <= COLLECTION_NS;
    this.#pauseMax = Math.max(this.#pauseMax ?? 0, isRecent ? this.#longStep : 0);
    this.#watch();
  }

  readonly #onTurnEnd = (): void => {
    this.#isTurnEndAwaited = false;
    this.#closeStretch();
  };

  /** Books the last stretch, once; what came after its last bracket (a nap, for example) is not part of it. */
  #closeStretch(): void {
    const length = this.#bracketEnd - this.#stretchStart;
    this.#stretchStart = this.#bracketEnd;
    if (length > this.#stallMax) this.#stallMax = length;
    if (length > STALL_NS) this.#stalls += 1;
  }

  #endStep(now: number): void {
    const length = now - this.#stepStart;
    this.#stepStart = now;
    if (length < this.#longStep && now - this.#longStepEnd <= COLLECTION_NS) return;
    this.#longStep = length;
    this.#longStepEnd = now;
  }

  #watch(): void {
    this.#sentinel += 1;
    this.#sentinels.register({}, this.#sentinel);
  }
}
