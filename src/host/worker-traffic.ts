/** What one controller's connection has brought a worker, for the line that the original prints every 10 s. */
import type { Action, ActionResult } from "#serving/messages.ts";
import type { Nanos } from "#stdx/nanos.ts";

export class WorkerTraffic {
  #loads = 0;
  #infers = 0;
  #evicts = 0;
  #errors = 0;
  /** Since the connection was made. */
  #pending = 0;

  countAction(action: Action): void {
    this.#pending += 1;
    if (action.kind === "load_weights") this.#loads += 1;
    else if (action.kind === "infer") this.#infers += 1;
    else if (action.kind === "evict_weights") this.#evicts += 1;
  }

  countResult(result: ActionResult): void {
    this.#pending -= 1;
    if (result.kind === "error") this.#errors += 1;
  }

  /** The line for the time since the last call; begins to count anew. */
  takeLine(link: { readonly clockDelta: Nanos; readonly roundTrip: Nanos }): string {
    const clocks = `Clock Skew=${link.clockDelta}  RTT=${link.roundTrip}`;
    const counts = `LdWts=${this.#loads}  Inf=${this.#infers}  Evct=${this.#evicts}`;
    const line = `${clocks}  ${counts}  || Total Pending=${this.#pending}  Errors=${this.#errors}`;
    this.#loads = 0;
    this.#infers = 0;
    this.#evicts = 0;
    this.#errors = 0;
    return line;
  }
}
