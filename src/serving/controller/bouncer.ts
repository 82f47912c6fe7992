/** Requests that come before the scheduler runs: they wait a while for it and are then turned away with status 5. */
import type { ControllerEffect } from "#serving/controller/events.ts";
import { Fifo } from "#serving/controller/fifo.ts";
import { BOUNCE_AFTER } from "#serving/controller/options.ts";
import { type Arrived, answerUnscheduled } from "#serving/controller/request-book.ts";
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

const MESSAGE = "Controller initializing";

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
      this.#bounce(now, first);
    }
  }

  /** Start-up is over: everyone who still waits is turned away. */
  release(now: Nanos): void {
    for (;;) {
      const first = this.#parked.shift();
      if (first === undefined) return;
      this.#bounce(now, first);
    }
  }

  nextTimeout(): Nanos | null {
    const first = this.#parked.peek();
    return first === undefined ? null : addNs(first.arrived.arrival, BOUNCE_AFTER);
  }

  #bounce(now: Nanos, parked: Parked): void {
    if (parked.kind === "infer") {
      const { arrived } = parked;
      const reason = {
        status: STATUS.INITIALIZING,
        message: MESSAGE,
        modelExists: this.#modelExists(arrived.request.modelId),
      };
      for (const effect of answerUnscheduled(now, arrived, reason)) this.#emit(effect);
      return;
    }
    const { connectionId, messageId, userRequestId } = parked.arrived;
    const status = STATUS.INITIALIZING;
    this.#emit({
      kind: "print",
      line: `Client <--  Rsp${userRequestId}:LS error ${status}: ${MESSAGE}`,
    });
    this.#emit({
      kind: "respond",
      connectionId,
      messageId,
      response: {
        kind: "ls",
        userRequestId,
        status,
        message: MESSAGE,
        models: [],
      },
    });
  }
}
