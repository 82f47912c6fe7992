/** What a controller is once start-up is over: it takes requests and results, and says when it wants to be called. */
import type { ReceivedResult } from "#serving/controller/events.ts";
import type { Arrived } from "#serving/controller/request-book.ts";
import type { Nanos } from "#stdx/nanos.ts";

export interface Server {
  admit(now: Nanos, arrived: Arrived): void;
  /** False when the result belongs to no action that is outstanding there. */
  onResult(now: Nanos, received: ReceivedResult): boolean;
  /** The network layer has taken the action. */
  onActionSent(now: Nanos, actionId: number): void;
  onWorkerDown(now: Nanos, worker: number, reason: string): void;
  /** Does what is due; follows each of the above. */
  advance(now: Nanos): void;
  nextTimeout(): Nanos | null;
}
