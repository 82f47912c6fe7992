/** Several loads at once, merged in order of time; each has its own arrivals, model instances, users and seed. */
import { assert } from "#stdx/assert.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";

export interface MixedPart {
  /** Class name of its requests. */
  readonly name: string;
  /** Asks for instances from 0 and as users from 0. */
  readonly process: ArrivalProcess;
  /** The run's index of each of the part's instances, ascending. */
  readonly instances: Uint32Array;
  /** How many users the part has; those of one part follow those of the part before. */
  readonly users: number;
}

/** The part that is due first goes first; at equal instants the one that is listed first. */
export class MixArrivals implements ArrivalProcess {
  readonly #parts: readonly MixedPart[];
  readonly #firstUsers: readonly number[];
  readonly #indices: ReadonlyMap<string, number>;
  /** Next instant of each part; Infinity when none is due. */
  readonly #next: Float64Array;

  constructor(parts: readonly MixedPart[]) {
    this.#parts = parts;
    let users = 0;
    this.#firstUsers = parts.map((part) => {
      const first = users;
      users += part.users;
      return first;
    });
    this.#indices = new Map(parts.map(({ name }, index) => [name, index]));
    this.#next = Float64Array.from(parts, ({ process }) => instantOf(process));
  }

  /** The sum over the parts; null when one of them depends on responses. */
  expectedCount(from: Nanos, to: Nanos): number | null {
    let total = 0;
    for (const { process } of this.#parts) {
      const count = process.expectedCount(from, to);
      if (count === null) return null;
      total += count;
    }
    return total;
  }

  nextAt(): Nanos | null {
    return this.#parts[this.#first()]?.process.nextAt() ?? null;
  }

  take(): Arrival {
    const index = this.#first();
    const part = this.#parts[index];
    assert(part !== undefined, "a mix has parts");
    const { at, instance, user } = part.process.take();
    this.#next[index] = instantOf(part.process);
    return {
      at,
      instance: part.instances[instance] ?? 0,
      user: user + (this.#firstUsers[index] ?? 0),
      className: part.name,
    };
  }

  onEnded(now: Nanos, arrival: Arrival): void {
    const index = this.#indices.get(arrival.className) ?? 0;
    const part = this.#parts[index];
    assert(part !== undefined, "an arrival of a mix has the class of one of its parts");
    const instance = positionOf(part.instances, arrival.instance);
    const user = arrival.user - (this.#firstUsers[index] ?? 0);
    part.process.onEnded(now, { ...arrival, instance, user });
    this.#next[index] = instantOf(part.process);
  }

  /** Parts are few: looking at all of them costs less than keeping them in order. */
  #first(): number {
    let first = 0;
    for (let i = 1; i < this.#next.length; i++) {
      if ((this.#next[i] ?? 0) < (this.#next[first] ?? 0)) first = i;
    }
    return first;
  }
}

const instantOf = (process: ArrivalProcess): number => process.nextAt() ?? Number.POSITIVE_INFINITY;

/** Where a value stands in a rising list that has it. */
const positionOf = (rising: Uint32Array, value: number): number => {
  let low = 0;
  let high = rising.length - 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((rising[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
};
