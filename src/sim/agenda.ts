/** Who acts next in a simulated world: in order of time, and at one instant in the order in which it was asked for. */
import { IndexedHeap } from "#serving/controller/indexed-heap.ts";
import { assert } from "#stdx/assert.ts";
import { type Nanos, ZERO_NS } from "#stdx/nanos.ts";

/** Something that waits for one instant at a time: a role for its timer, a link for its next message to arrive. */
export interface Actor {
  act(now: Nanos): void;
}

/** More steps at one instant are no simulation any more, but parts that call each other for ever. */
const STEPS_PER_INSTANT_MAX = 10_000_000;

const IDLE = Number.POSITIVE_INFINITY;

export class Agenda {
  readonly #actors: Actor[] = [];
  /** When each actor is due; `IDLE` while it waits for nothing. */
  readonly #at: number[] = [];
  readonly #tickets: number[] = [];
  /** Numbers of actors that are gone. */
  readonly #free: number[] = [];
  readonly #order: IndexedHeap;
  readonly #capacity: number;
  #now: Nanos = ZERO_NS;
  #nextTicket = 0;
  #steps = 0;
  #stepsNow = 0;

  /** Has room for so many actors. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    const at = this.#at;
    const tickets = this.#tickets;
    this.#order = new IndexedHeap(capacity, (a, b) => {
      const [first, second] = [at[a] as number, at[b] as number];
      return (
        first < second || (first === second && (tickets[a] as number) < (tickets[b] as number))
      );
    });
  }

  /** The instant of the last step. */
  get now(): Nanos {
    return this.#now;
  }

  /** Steps so far. */
  get steps(): number {
    return this.#steps;
  }

  /** When the next step is due; null when nobody waits for anything. */
  nextAt(): Nanos | null {
    const slot = this.#order.peek();
    return slot < 0 ? null : (this.#at[slot] as Nanos);
  }

  /** Takes the actor in; returns the number under which it waits until it is removed. */
  add(actor: Actor): number {
    const free = this.#free.pop();
    if (free !== undefined) {
      this.#actors[free] = actor;
      return free;
    }
    assert(this.#actors.length < this.#capacity, `an agenda of ${this.#capacity} actors is full`);
    this.#at.push(IDLE);
    this.#tickets.push(0);
    return this.#actors.push(actor) - 1;
  }

  /** The actor is gone, and its number may be another's from now on. */
  remove(slot: number): void {
    this.wait(slot, null);
    this.#free.push(slot);
  }

  /** A place in the order of what falls due at one instant, behind all that were given before. */
  ticket(): number {
    return this.#nextTicket++;
  }

  /**
   * The actor waits for `at`, or at once for an instant that has passed; null: for nothing any more. Without a ticket it
   * keeps its place while the instant stays the same.
   */
  wait(slot: number, at: Nanos | null, ticket?: number): void {
    if (at === null) {
      if (this.#at[slot] === IDLE) return;
      this.#at[slot] = IDLE;
      this.#order.remove(slot);
      return;
    }
    const due = at < this.#now ? this.#now : at;
    if (ticket === undefined && this.#at[slot] === due) return;
    this.#at[slot] = due;
    this.#tickets[slot] = ticket ?? this.ticket();
    this.#order.put(slot);
  }

  /** Lets the next actor act; false when nobody waits. */
  step(): boolean {
    const slot = this.#order.peek();
    if (slot < 0) return false;
    const at = this.#at[slot] as Nanos;
    this.#order.remove(slot);
    this.#at[slot] = IDLE;
    this.#stepsNow = at > this.#now ? 0 : this.#stepsNow + 1;
    assert(this.#stepsNow <= STEPS_PER_INSTANT_MAX, `time stands still at ${at} ns`);
    this.#now = at;
    this.#steps += 1;
    (this.#actors[slot] as Actor).act(at);
    return true;
  }
}
