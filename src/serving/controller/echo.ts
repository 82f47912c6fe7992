/** ECHO: answers every inference with success and nothing else, to measure all that is not scheduling. */
import type { ControllerEffect } from "#serving/controller/events.ts";
import {
  type Arrived,
  answerUnscheduled,
  type Copies,
  NO_COPIES,
} from "#serving/controller/request-book.ts";
import type { Server } from "#serving/controller/server.ts";
import { STATUS } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";

export class Echo implements Server {
  readonly #modelExists: (modelId: number) => boolean;
  readonly #emit: (effect: ControllerEffect) => void;

  constructor(modelExists: (modelId: number) => boolean, emit: (effect: ControllerEffect) => void) {
    this.#modelExists = modelExists;
    this.#emit = emit;
  }

  /** Models are not looked at: one that does not exist is a success, too. */
  admit(now: Nanos, arrived: Arrived): void {
    const copies = this.copiesOf(arrived.request.modelId);
    const answer = { status: STATUS.SUCCESS, message: "", copies };
    for (const effect of answerUnscheduled(now, arrived, answer)) this.#emit(effect);
  }

  onResult(): boolean {
    return false;
  }

  onActionSent(): void {
    // Nothing is ever sent.
  }

  /** Nothing is ever loaded on a GPU. */
  copiesOf(modelId: number): Copies | null {
    return this.#modelExists(modelId) ? NO_COPIES : null;
  }

  stop(): void {
    // Every request was answered when it came.
  }

  onWorkerUp(): void {
    // Nothing is asked of one that comes back.
  }

  onWorkerDown(): void {
    // No answer depends on a worker.
  }

  advance(): void {
    // Every request was answered when it came.
  }

  nextTimeout(): null {
    return null;
  }
}
