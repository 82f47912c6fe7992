/** What a controller is once start-up is over: it takes requests and results, and says when it wants to be called. */
import type { ReceivedResult } from "#serving/controller/events.ts";
import type { Arrived, Copies } from "#serving/controller/request-book.ts";
import type { Nanos } from "#stdx/nanos.ts";

export interface Server {
  admit(now: Nanos, arrived: Arrived): void;
  /** False when the result belongs to no action that is outstanding there. */
  onResult(now: Nanos, received: ReceivedResult): boolean;
  /** The network layer has taken the action. */
  onActionSent(now: Nanos, actionId: number): void;
  /** A worker that was down is connected again. */
  onWorkerUp(now: Nanos, worker: number): void;
  onWorkerDown(now: Nanos, worker: number, reason: string): void;
  /** Where the model is, in workers and in GPUs; null when there is no such model. */
  copiesOf(modelId: number): Copies | null;
  /** Ends everything that is open; nothing is called afterwards. */
  stop(now: Nanos): void;
  /** Does what is due; follows each of the above. */
  advance(now: Nanos): void;
  nextTimeout(): Nanos | null;
}
