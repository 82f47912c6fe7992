/** Which requests are owed a response: each gets exactly one. */
import type { ClientRequest } from "#serving/messages.ts";

/** A client may ask for an SLO of days; such a request may stay open for as long. */
const isDueSoon = (request: ClientRequest): boolean =>
  request.kind !== "infer" || !(request.sloFactor > 0);

interface Owed {
  count: number;
  dueSoon: number;
}

/** Correlation ids may come several times on one connection, whose client then gets as many responses. */
export class Answers {
  readonly #owed = new Map<number, Map<number, Owed>>();

  ask(connectionId: number, messageId: number, request: ClientRequest): void {
    const owed = this.#owed.get(connectionId) ?? new Map<number, Owed>();
    this.#owed.set(connectionId, owed);
    const one = owed.get(messageId) ?? { count: 0, dueSoon: 0 };
    owed.set(messageId, one);
    one.count++;
    if (isDueSoon(request)) one.dueSoon++;
  }

  answer(connectionId: number, messageId: number): void {
    const owed = this.#owed.get(connectionId);
    // Nobody counts what a client that has left would have got.
    if (owed === undefined) return;
    const one = owed.get(messageId);
    if (one === undefined)
      throw new Error(`message ${messageId} of client ${connectionId} is answered once too often`);
    one.count--;
    if (one.count < one.dueSoon) one.dueSoon--;
    if (one.count === 0) owed.delete(messageId);
  }

  close(connectionId: number): void {
    this.#owed.delete(connectionId);
  }

  get areDue(): boolean {
    return this.#due() !== null;
  }

  assertNoneDue(): void {
    const due = this.#due();
    if (due !== null) throw new Error(`${due} has no response`);
  }

  #due(): string | null {
    for (const [connectionId, owed] of this.#owed)
      for (const [messageId, { dueSoon }] of owed)
        if (dueSoon > 0) return `message ${messageId} of client ${connectionId}`;
    return null;
  }
}
