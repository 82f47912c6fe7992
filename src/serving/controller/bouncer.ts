/** Requests that come before the scheduler runs: they wait a while for it and are then turned away with status 5. */
import type { ControllerEffect } from "#serving/controller/events.ts";
import { Fifo } from "#serving/controller/fifo.ts";
import { BOUNCE_AFTER } from "#serving/controller/options.ts";
import { type Arrived, answerUnscheduled, NO_COPIES } from "#serving/controller/request-book.ts";
import { STATUS } from "#serving/status.ts";
import { addNs, type Nanos } from "#stdx/nanos.ts";

/** A listing that waits. */
export interface ArrivedLs {
  readonly connectionId: number;
  readonly messageId: number;
  readonly userRequestId: number;
  readonly arrival: Nanos;
}

export type Parked =
  | { readonly kind: "infer"; readonly arrived: Arrived }
  | { readonly kind: "ls"; readonly arrived: ArrivedLs };

/** What somebody who is turned away is told. */
export interface Verdict {
  readonly status: number;
  readonly message: string;
}

/** The controller is ending. */
export const STOPPED: Verdict = {
  status: STATUS.SHUTTING_DOWN,
  message: "the controller is shutting down",
};

const INITIALIZING: Verdict = {
  status: STATUS.INITIALIZING,
  message: "Controller initializing",
};

export class Bouncer {
  readonly #emit: (effect: ControllerEffect) => void;
  readonly #modelExists: (modelId: number) => boolean;
  readonly #parked = new Fifo<Parked>();

  constructor(emit: (effect: ControllerEffect) => void, modelExists: (modelId: number) => boolean) {
    this.#emit = emit;
    this.#modelExists = modelExists;
  }

  park(parked: Parked): void {
    this.#parked.push(parked);
  }

  /** Turns away whoever has waited long enough. */
  advance(now: Nanos): void {
    for (;;) {
      const first = this.#parked.peek();
      if (first === undefined || addNs(first.arrived.arrival, BOUNCE_AFTER) > now) return;
      this.#parked.shift();
      this.#bounce(now, first, INITIALIZING);
    }
  }

  /** Start-up is over, or the controller: everyone who still waits is turned away. */
  release(now: Nanos, verdict: Verdict = INITIALIZING): void {
    for (;;) {
      const first = this.#parked.shift();
      if (first === undefined) return;
      this.#bounce(now, first, verdict);
    }
  }

  nextTimeout(): Nanos | null {
    const first = this.#parked.peek();
    return first === undefined ? null : addNs(first.arrived.arrival, BOUNCE_AFTER);
  }

  #bounce(now: Nanos, parked: Parked, verdict: Verdict): void {
    if (parked.kind === "infer") {
      const { arrived } = parked;
      const copies = this.#modelExists(arrived.request.modelId) ? NO_COPIES : null;
      const reason = { ...verdict, copies };
      for (const effect of answerUnscheduled(now, arrived, reason)) this.#emit(effect);
      return;
    }
    const { connectionId, messageId, userRequestId } = parked.arrived;
    const { status, message } = verdict;
    this.#emit({
      kind: "print",
      line: `Client <--  Rsp${userRequestId}:LS error ${status}: ${message}`,
    });
    this.#emit({
      kind: "respond",
      connectionId,
      messageId,
      response: {
        kind: "ls",
        userRequestId,
        status,
        message,
        models: [],
      },
    });
  }
}
