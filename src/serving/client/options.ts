/** What one load generator is told before it connects. */
import type { ModelDemand } from "#serving/client/model-loader.ts";
import type { Payload } from "#serving/messages.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { ArrivalProcess } from "#workload/arrival.ts";

export interface LoadGeneratorOptions {
  readonly clientId: number;
  readonly models: readonly ModelDemand[];
  /** Another generator of the run loads the models; a `models` event tells their ids. */
  readonly modelsAreGiven?: boolean;
  /** Folder of the model zoo as the workers see it. */
  readonly modelDir: string;
  readonly arrivals: ArrivalProcess;
  readonly warmUp: Nanos;
  readonly duration: Nanos;
  readonly coolDown: Nanos;
  readonly slo: Nanos;
  /** From the connection until every model serves. */
  readonly readyLimit: Nanos;
  /** From the end of sending until every response is in; what is missing then is unknown. */
  readonly drainLimit: Nanos;
  /** Requests that would make more outstanding are dropped; at least the slots of a closed loop. */
  readonly outstandingMax: number;
  /** Makes the input of a request, given the model's input size. */
  readonly makeInput: (inputBytes: number) => Payload;
  /** Sending begins as soon as every model serves, without a `start` event. */
  readonly startWhenReady: boolean;
}
