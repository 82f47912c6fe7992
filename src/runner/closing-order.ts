/** In which order the processes of a run are ended: each writes what it has before those end that it depends on. */
import type { RunCast } from "#runner/run-events.ts";

const STAGES = ["clients", "controller", "workers"] as const;

/** After a good run one stage after the other; otherwise all at once. */
export class ClosingOrder {
  readonly #cast: RunCast;
  #stage: number | "all";

  constructor(cast: RunCast, inTurn: boolean) {
    this.#cast = cast;
    this.#stage = inTurn ? 0 : "all";
  }

  /** Those of the present stage that still live. */
  awaited(alive: ReadonlySet<string>): readonly string[] {
    if (this.#stage === "all") return [...alive];
    const { clients, controller, workers } = this.#cast;
    const names = { clients, controller: [controller], workers }[STAGES[this.#stage] ?? "workers"];
    return names.filter((name) => alive.has(name));
  }

  /** Goes on to the next stage; false when there is none. */
  advance(): boolean {
    if (this.#stage === "all" || this.#stage === STAGES.length - 1) return false;
    this.#stage++;
    return true;
  }
}
