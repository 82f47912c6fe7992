/** A client as it should be: loads a model, asks one thing at a time, and keeps what it was answered. */
import type { Clock } from "#host/clock.ts";
import { connect, type Link } from "#host/link.ts";
import { EMPTY_PAYLOAD, requestToWire, responseFromWire } from "#host/wire-mapping.ts";
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import type { ENDPOINTS } from "#wire/messages.ts";
import { ENDPOINTS as ENDS } from "#wire/messages.ts";

/** Gives every request minutes, so that no test depends on how fast the machine is. */
export const PATIENT_FACTOR = 1e5;

/** An inference request without an input. */
export const inferOf = (userRequestId: number, modelId = 0, userId = 1): ClientRequest => ({
  kind: "infer",
  userId,
  userRequestId,
  modelId,
  batchSize: 1,
  sloFactor: PATIENT_FACTOR,
  input: EMPTY_PAYLOAD,
});

export class PoliteClient {
  /** Status of each inference that was answered. */
  readonly statuses: number[] = [];
  readonly #link: Link<typeof ENDPOINTS.client>;
  readonly #waiting: Map<number, (response: ClientResponse) => void>;
  #nextId = 0;
  #isAsking = false;

  private constructor(
    link: Link<typeof ENDPOINTS.client>,
    waiting: Map<number, (response: ClientResponse) => void>,
  ) {
    this.#link = link;
    this.#waiting = waiting;
  }

  static async connect(clock: Clock, port: number, host = "127.0.0.1"): Promise<PoliteClient> {
    const waiting = new Map<number, (response: ClientResponse) => void>();
    const connected = await connect({
      endpoint: ENDS.client,
      clock,
      host,
      port,
      timeoutMs: 10_000,
      accept: () => ({
        onMessage: (frame) => {
          const { messageId, message } = responseFromWire(frame);
          waiting.get(messageId)?.(message);
          waiting.delete(messageId);
        },
      }),
    });
    if (!connected.ok) throw new Error(connected.error.message);
    return new PoliteClient(connected.value, waiting);
  }

  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  ask(request: ClientRequest): Promise<ClientResponse> {
    const messageId = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<ClientResponse>();
    this.#waiting.set(messageId, resolve);
    this.#link.send(requestToWire(request, messageId));
    return promise;
  }

  /** Loads copies of a model and waits until they are served. */
  async load(path: string, copies: number): Promise<void> {
    const header = { userId: 0, userRequestId: 0 };
    const loaded = await this.ask({ ...header, kind: "load_model", path, copies });
    if (loaded.status !== 0) throw new Error(loaded.message);
    for (;;) {
      const listed = await this.ask({ ...header, kind: "ls" });
      if (listed.status === 0) return;
    }
  }

  /** Asks again and again until `stop`. */
  async keepAsking(): Promise<void> {
    this.#isAsking = true;
    while (this.#isAsking) {
      const { status } = await this.ask(inferOf(this.statuses.length));
      this.statuses.push(status);
    }
  }

  stop(): void {
    this.#isAsking = false;
  }

  /** Waits until that many more were answered. */
  async answered(more: number): Promise<void> {
    const goal = this.statuses.length + more;
    while (this.statuses.length < goal) await Bun.sleep(5);
  }

  async close(): Promise<void> {
    this.stop();
    await this.#link.close();
  }
}
