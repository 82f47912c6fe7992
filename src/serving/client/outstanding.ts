/** A scheduled request from its instant to its outcome. */
import type { ClientRecord, Outcome } from "#serving/client/events.ts";
import type { LoadGeneratorOptions } from "#serving/client/options.ts";
import type { ClientResponse } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { Arrival } from "#workload/arrival.ts";

/** A request on its way. `sent` is null until the network layer took it. */
export interface Outstanding {
  readonly arrival: Arrival;
  readonly scheduled: Nanos;
  readonly userRequestId: number;
  readonly modelId: number;
  sent: Nanos | null;
}

export interface Ending {
  readonly outcome: Outcome;
  readonly received: Nanos | null;
  readonly responseSent: Nanos | null;
  readonly result: number | null;
}

export const UNKNOWN: Ending = {
  outcome: "unknown",
  received: null,
  responseSent: null,
  result: null,
};
export const DROPPED: Ending = {
  outcome: "dropped",
  received: null,
  responseSent: null,
  result: null,
};

export const toEnding = (
  response: ClientResponse,
  received: Nanos,
  responseSent: Nanos,
): Ending => ({
  outcome: response.status === STATUS.SUCCESS ? "ok" : "fail",
  received,
  responseSent,
  result: response.status,
});

/** What the client log keeps of it. */
export const toRecord = (
  request: Outstanding,
  ending: Ending,
  { clientId, slo }: Pick<LoadGeneratorOptions, "clientId" | "slo">,
): ClientRecord => ({
  clientId,
  userRequestId: request.userRequestId,
  modelId: request.modelId,
  user: request.arrival.user,
  className: request.arrival.className,
  scheduled: request.scheduled,
  sent: request.sent,
  received: ending.received,
  responseSent: ending.responseSent,
  outcome: ending.outcome,
  result: ending.result,
  slo,
});
