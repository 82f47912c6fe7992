/**
 * Loads from disk may take long, and a worker says nothing meanwhile: one that is silent is asked for its state, which
 * workers answer in between, and is disconnected when it does not answer that either.
 */
import type { ControllerEffect, ReceivedResult } from "#serving/controller/events.ts";
import { type ActionIds, startupRecord } from "#serving/controller/in-flight.ts";
import type { ActionResult } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import { addNs, earliestNs, maxNs, type Nanos, ZERO_NS } from "#stdx/nanos.ts";

export interface LifeSignsParts {
  readonly silenceTimeout: Nanos;
  readonly nextAction: () => ActionIds;
  readonly emit: (effect: ControllerEffect) => void;
}

interface Question extends ActionIds {
  readonly worker: number;
  readonly sent: Nanos;
  isGivenUp: boolean;
}

/** Since when each worker owes something. */
export type Owed = ReadonlyMap<number, Nanos>;

export class LifeSigns {
  readonly #parts: LifeSignsParts;
  readonly #heardFrom = new Map<number, Nanos>();
  /** By worker. */
  readonly #questions = new Map<number, Question>();

  constructor(parts: LifeSignsParts) {
    this.#parts = parts;
  }

  get isWaiting(): boolean {
    return this.#questions.size > 0;
  }

  /** Takes every result, and returns true for answers to its own questions. */
  onResult(now: Nanos, { worker, received, result }: ReceivedResult): boolean {
    this.#heardFrom.set(worker, now);
    const question = this.#questions.get(worker);
    const kind = result.kind === "error" ? result.action : result.kind;
    if (question?.actionId !== result.actionId || kind !== "get_worker_state") return false;
    this.#questions.delete(worker);
    const status = result.kind === "error" ? result.status : STATUS.SUCCESS;
    this.#record(now, question, { status, received, result });
    return true;
  }

  /** The worker is gone, or nothing is to be waited for any more: its question gets no answer. */
  forget(now: Nanos, worker: number): void {
    const question = this.#questions.get(worker);
    if (question === undefined) return;
    this.#questions.delete(worker);
    const lost = { status: STATUS.SHUTTING_DOWN, received: now, result: null };
    this.#record(now, question, lost);
  }

  advance(now: Nanos, owed: Owed): void {
    for (const worker of this.#watched(owed)) {
      if (this.#dueOf(worker, owed) > now) continue;
      const question = this.#questions.get(worker);
      if (question === undefined) this.#ask(now, worker);
      else if (!question.isGivenUp) this.#giveUp(question);
    }
  }

  nextTimeout(owed: Owed): Nanos | null {
    let next: Nanos | null = null;
    for (const worker of this.#watched(owed)) {
      if (this.#questions.get(worker)?.isGivenUp === true) continue;
      next = earliestNs(next, this.#dueOf(worker, owed));
    }
    return next;
  }

  /** Workers that owe something, be it an answer to a question of this one. */
  #watched(owed: Owed): ReadonlySet<number> {
    return new Set([...owed.keys(), ...this.#questions.keys()]);
  }

  #dueOf(worker: number, owed: Owed): Nanos {
    const since = owed.get(worker) ?? ZERO_NS;
    const lastSign = maxNs(this.#heardFrom.get(worker) ?? ZERO_NS, since);
    const asked = this.#questions.get(worker)?.sent ?? ZERO_NS;
    return addNs(maxNs(lastSign, asked), this.#parts.silenceTimeout);
  }

  #ask(now: Nanos, worker: number): void {
    const ids = this.#parts.nextAction();
    this.#questions.set(worker, { ...ids, worker, sent: now, isGivenUp: false });
    const action = { kind: "get_worker_state", actionId: ids.actionId } as const;
    this.#parts.emit({ kind: "send_action", worker, action });
  }

  #giveUp(question: Question): void {
    question.isGivenUp = true;
    const { worker } = question;
    this.#parts.emit({ kind: "close_worker", worker, reason: "it does not answer" });
  }

  #record(
    now: Nanos,
    { worker, loggedId: actionId, sent }: Question,
    how: {
      readonly status: number;
      readonly received: Nanos;
      readonly result: ActionResult | null;
    },
  ): void {
    const facts = { actionId, action: "get_worker_state", worker, modelId: 0 } as const;
    const record = startupRecord({ ...facts, sent, built: sent }, { ...how, processed: now });
    this.#parts.emit({ kind: "action_done", record });
  }
}
