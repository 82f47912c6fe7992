/** The controller's port for clients: who may be connected, how much each may hold, and who is sent away for it. */
import type { AllowList } from "#host/allow-list.ts";
import { type Answer, AnswerLane, type OnRequest } from "#host/answer-lane.ts";
import type { Clock } from "#host/clock.ts";
import type { HandshakeKey } from "#host/handshake.ts";
import type { CloseReason, Link, LinkHandlers, LinkLimits } from "#host/link.ts";
import { type Listener, listen } from "#host/listener.ts";
import type { LoopStatistics } from "#host/loop-statistics.ts";
import type { LinkError } from "#host/tcp.ts";
import { requestFromWire, responseToWire } from "#host/wire-mapping.ts";
import type { ControllerEvent } from "#serving/controller/events.ts";
import { MILLISECOND, type Nanos } from "#stdx/nanos.ts";
import { ok, type Result } from "#stdx/result.ts";
import { ENDPOINTS } from "#wire/messages.ts";

type ClientEnd = typeof ENDPOINTS.controllerForClients;
export type ClientLink = Link<ClientEnd>;

export interface ClientPortLimits {
  /** Open at a time. Beyond that a new one takes the place of one that has said nothing, or been idle for long. */
  readonly connectionsMax: number;
  /** Responses that wait for clients to read them, all together; who leaves most unread is disconnected first. */
  readonly responseBytesMax: number;
  /** A client that neither reads what waits for it nor goes on with a message for so long is disconnected. */
  readonly stallLimitMs: number;
}

export const DEFAULT_CLIENT_LIMITS: ClientPortLimits = {
  connectionsMax: 1000,
  responseBytesMax: 2 ** 30,
  stallLimitMs: 60_000,
};

/** A request as a client sent it. */
export type ReceivedRequest = Extract<ControllerEvent, { readonly kind: "request" }>;

/** What the controller does about its clients. */
export interface ClientEvents {
  readonly onRequest: (request: ReceivedRequest) => void;
  /** After the requests of one read. */
  readonly onRead: () => void;
  readonly onDown: (connectionId: number) => void;
}

export interface ClientPortOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly loop: LoopStatistics;
  readonly limits: ClientPortLimits;
  readonly linkLimits: LinkLimits;
  readonly secret: HandshakeKey | null;
  readonly allow: AllowList | null;
  readonly events: ClientEvents;
  /** Takes lines for people. */
  readonly onLine: (line: string) => void;
}

interface Client {
  readonly connectionId: number;
  readonly link: ClientLink;
  readonly lane: AnswerLane;
  /** Requests without a response. */
  open: number;
  /** When its last request came; null before the first. */
  lastRequestAt: Nanos | null;
}

/** No more is read from a client that leaves this much unread. */
const PAUSE_READING_AT_BYTES = 2 ** 20;
/** Messages that have not arrived whole, all together; who holds most is disconnected first. */
const PARTIAL_BYTES_MAX = 2 ** 30;
/** A client that has said something keeps its place for so long. */
const IDLE_PLACE_MS = 60_000;
/** Some ms of work: results of workers, which come in between, keep GPUs busy and must not wait long. */
const REQUESTS_PER_TURN = 32;
const LOOK_AROUND_MS = 1_000;
/** Lines about connections in that time; what is more is counted. */
const LINES_MAX = 20;

export class ClientPort {
  readonly #options: ClientPortOptions;
  readonly #clients = new Map<number, Client>();
  /** Those that leave much unread. */
  readonly #behind = new Set<Client>();
  readonly #lookAround: ReturnType<typeof setInterval>;
  #listener: Listener | null = null;
  #nextConnectionId = 0;
  #lines = 0;

  private constructor(options: ClientPortOptions) {
    this.#options = options;
    this.#lookAround = setInterval(() => this.#onLookAround(), LOOK_AROUND_MS);
  }

  /** Listens; fails with a message that names the port. Whoever opens it closes it. */
  static async open(options: ClientPortOptions): Promise<Result<ClientPort, LinkError>> {
    const own = new ClientPort(options);
    const { host, port, clock, loop, secret, allow, linkLimits } = options;
    const listening = await listen({
      ...linkLimits,
      endpoint: ENDPOINTS.controllerForClients,
      host,
      port,
      clock,
      loop,
      secret,
      allow,
      messagesPerTurn: REQUESTS_PER_TURN,
      pauseReadingAtBytes: PAUSE_READING_AT_BYTES,
      accept: (link) => own.#accept(link),
      refuses: () => own.#makeRoom(),
      onRefused: (message) => own.#tell(`Refused a client: ${message}`),
    });
    if (!listening.ok) {
      clearInterval(own.#lookAround);
      return listening;
    }
    own.#listener = listening.value;
    return ok(own);
  }

  get port(): number {
    return this.#listener?.port ?? this.#options.port;
  }

  /** Open connections. */
  get links(): readonly ClientLink[] {
    return [...this.#clients.values()].map(({ link }) => link);
  }

  /** A client that has left gets no response. */
  respond(connectionId: number, answer: Answer): void {
    const client = this.#clients.get(connectionId);
    if (client === undefined) return;
    client.open -= 1;
    if (!client.link.sendDirect(client.lane, answer))
      client.link.send(responseToWire(answer.response, answer.messageId));
    if (client.link.queuedBytes > PAUSE_READING_AT_BYTES) {
      this.#behind.add(client);
      this.#boundResponses();
    }
  }

  /** Sends what waits, and closes every connection. */
  async close(): Promise<void> {
    clearInterval(this.#lookAround);
    await this.#listener?.close();
  }

  #accept(link: ClientLink): LinkHandlers<ClientEnd> {
    const { events, clock } = this.#options;
    const connectionId = this.#nextConnectionId++;
    const onRequest: OnRequest = (messageId, request, arrival) => {
      client.open += 1;
      client.lastRequestAt = arrival;
      events.onRequest({ kind: "request", connectionId, messageId, arrival, request });
    };
    const lane = new AnswerLane(onRequest, clock, link.sync);
    const client: Client = { connectionId, link, lane, open: 0, lastRequestAt: null };
    this.#clients.set(connectionId, client);
    return {
      onMessage: (frame, arrival) => {
        const { messageId, message } = requestFromWire(frame);
        onRequest(messageId, message, arrival);
      },
      lane,
      onRead: events.onRead,
      onClose: (reason) => this.#onClosed(client, reason),
    };
  }

  #onClosed(client: Client, { message }: Pick<CloseReason, "message">): void {
    this.#behind.delete(client);
    if (!this.#clients.delete(client.connectionId)) return;
    this.#tell(`Closing client connection, reason: ${message}`);
    this.#options.events.onDown(client.connectionId);
  }

  /** At once: the place that it had is free when this returns. */
  #disconnect(client: Client, why: string): void {
    const message = `${client.link.peer} ${why}`;
    client.link.abort("closed_here", message);
    this.#onClosed(client, { message });
  }

  /** Why there is no room for one more; null once there is. */
  #makeRoom(): string | null {
    const { connectionsMax } = this.#options.limits;
    if (this.#clients.size < connectionsMax) return null;
    const victim = this.#idlest();
    if (victim === null) return `would be one connection more than ${connectionsMax}`;
    const why = victim.lastRequestAt === null ? "has said nothing" : "has been idle for long";
    this.#disconnect(victim, `${why}, and another client needs its place`);
    return null;
  }

  /** The oldest that has said nothing, else the one that has been idle longest, if that is long. */
  #idlest(): Client | null {
    let idlest: Client | null = null;
    let since = this.#options.clock.now() - IDLE_PLACE_MS * MILLISECOND;
    for (const client of this.#clients.values()) {
      if (client.lastRequestAt === null) return client;
      if (client.open > 0 || client.lastRequestAt >= since) continue;
      idlest = client;
      since = client.lastRequestAt;
    }
    return idlest;
  }

  #boundResponses(): void {
    const { responseBytesMax } = this.#options.limits;
    for (const client of this.#behind) {
      if (client.link.queuedBytes <= PAUSE_READING_AT_BYTES) this.#behind.delete(client);
    }
    const held = ({ link }: Client): number => link.queuedBytes;
    this.#bound(this.#behind, { held, max: responseBytesMax, what: "unread" });
  }

  /** Disconnects who holds most until all together hold no more than `max`. */
  #bound(
    clients: Set<Client>,
    {
      held,
      max,
      what,
    }: {
      readonly held: (client: Client) => number;
      readonly max: number;
      readonly what: string;
    },
  ): void {
    let total = 0;
    for (const client of clients) total += held(client);
    while (total > max) {
      let most: Client | null = null;
      for (const client of clients) if (most === null || held(client) > held(most)) most = client;
      if (most === null) return;
      clients.delete(most);
      total -= held(most);
      this.#disconnect(most, `leaves ${held(most)} bytes ${what} (limit of all clients ${max})`);
    }
  }

  #onLookAround(): void {
    if (this.#lines > LINES_MAX)
      this.#options.onLine(`… and ${this.#lines - LINES_MAX} more connections closed or refused`);
    this.#lines = 0;
    const { limits, clock } = this.#options;
    const now = clock.now();
    for (const client of this.#clients.values()) {
      const since = client.link.stalledSince;
      if (since === null || now - since < limits.stallLimitMs * MILLISECOND) continue;
      const seconds = limits.stallLimitMs / 1000;
      this.#disconnect(client, `left a message unfinished or responses unread for ${seconds} s`);
    }
    const held = ({ link }: Client): number => link.partialBytes;
    const what = "of a message unfinished";
    this.#bound(new Set(this.#clients.values()), { held, max: PARTIAL_BYTES_MAX, what });
  }

  #tell(line: string): void {
    this.#lines += 1;
    if (this.#lines <= LINES_MAX) this.#options.onLine(line);
  }
}
