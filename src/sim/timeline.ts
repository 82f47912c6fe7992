/** Things that happen once, each at its instant: in order of time, and at one instant in the order in which they were put. */
import { Heap } from "#serving/controller/heap.ts";

interface Due {
  readonly at: number;
  readonly sequence: number;
  readonly run: () => void;
}

export class Timeline {
  readonly #due = new Heap<Due>((a, b) => (a.at !== b.at ? a.at < b.at : a.sequence < b.sequence));
  #sequence = 0;

  put(at: number, run: () => void): void {
    this.#due.push({ at, sequence: this.#sequence++, run });
  }

  /** When the first thing is due; infinite when there is none. */
  nextAt(): number {
    return this.#due.peek()?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Lets the first thing happen. */
  runNext(): void {
    this.#due.pop()?.run();
  }
}
