/**
 * A framed TCP connection that speaks one end of the original's protocol.
 *
 *     const listening = await listen({
 *       endpoint: ENDPOINTS.worker, clock, host: "127.0.0.1", port: 0,
 *       accept: (link) => ({
 *         onMessage: (frame, receivedAt) => { … link.send({ name, messageId, fields, body: [] }); … },
 *         onSent: (frame) => { … }, onClose: (reason) => { … },
 *       }),
 *     });       // if (listening.ok) listening.value.port; otherwise listening.error.message: port in use, …
 *
 *     const connected = await connect({ endpoint: ENDPOINTS.controllerForWorkers, clock, host, port,
 *       timeoutMs: 30_000, accept: (link) => handlers });                   // retries until then
 *     if (connected.ok) connected.value.send(actionToWire(action, clock));
 *
 * `frame` is narrowed by `frame.name`; wire-mapping.ts turns frames into the roles' messages and back.
 */
import { type Clock, clampNanos, toAbsolute } from "#host/clock.ts";
import type { DirectLane } from "#host/direct-lane.ts";
import { joinSmall } from "#host/join-small.ts";
import { LinkReader } from "#host/link-reader.ts";
import type { LoopStatistics } from "#host/loop-statistics.ts";
import type { StreamSocket } from "#host/stream-socket.ts";
import { type DialOptions, dialUntil, type LinkError } from "#host/tcp.ts";
import type { Nanos } from "#stdx/nanos.ts";
import { ok, type Result } from "#stdx/result.ts";
import { ClockSync } from "#wire/clock-sync.ts";
import { bodyBytesOf, encodeHead, type FrameLimits } from "#wire/framing.ts";
import type { Endpoint, IncomingFrame, MessageSet, OutgoingFrame } from "#wire/messages.ts";

/** Why a connection ended; `message` is for people and names the peer. */
export interface CloseReason {
  readonly kind:
    | "closed_here"
    | "closed_by_peer"
    | "socket_error"
    | "protocol_error"
    | "queue_full";
  readonly message: string;
}

/** What the owner of a link does about it; none is called before the handlers were returned by `accept`. */
export interface LinkHandlers<E extends Endpoint> {
  /**
   * `receivedAt` is when the bytes that completed the message were read (with `messagesPerTurn`: taken up); `sentAt` when
   * the peer says that it sent them, by this side's clock as far as both clocks' difference is known. Not called after
   * `close`.
   */
  readonly onMessage: (
    frame: IncomingFrame<E["receives"]>,
    receivedAt: Nanos,
    sentAt: Nanos,
  ) => void;
  /** Takes the most frequent messages, which then do not come through `onMessage`. */
  readonly lane?: DirectLane<never>;
  /**
   * Called after the messages of each read, or of its part that one turn takes, so that what came together can be dealt
   * with together.
   */
  readonly onRead?: () => void;
  /** The network layer has taken the whole message. Never called from within `send`. */
  readonly onSent?: (frame: OutgoingFrame<E["sends"]>) => void;
  /** Called exactly once, after the last message. */
  readonly onClose?: (reason: CloseReason) => void;
}

/** What one peer may make this side hold; checked before memory is taken. */
export interface LinkLimits {
  readonly limits?: FrameLimits;
  /** A peer that lets more than this pile up unread is disconnected. */
  readonly queueBytesMax?: number;
}

export interface LinkOptions<E extends Endpoint> extends LinkLimits {
  readonly endpoint: E;
  readonly clock: Clock;
  /** Is told of the time that this connection's messages take. */
  readonly loop?: LoopStatistics;
  readonly host: string;
  readonly port: number;
  readonly accept: (link: Link<E>) => LinkHandlers<E>;
  /** Nothing is read from a peer that lets more than this pile up unread, until it has taken half of it; no limit unless said. */
  readonly pauseReadingAtBytes?: number;
  /** No more are handled in one turn of the event loop, so that other connections get theirs; all unless given. */
  readonly messagesPerTurn?: number;
}

export const QUEUE_BYTES_MAX = 512 * 2 ** 20;
/** No single write grows beyond about this, so that a slow peer is noticed and send times stay true. */
const WRITE_BYTES_MAX = 2 ** 20;
/** What a lane has gathered goes out at this size at the latest. */
const LANE_BYTES_MAX = 256 * 1024;
/** What a queued message counts for beside its body, so that messages without one are bounded too. */
const QUEUED_FRAME_BYTES = 256;
/** A connection that is silent for this long is probed, so that a peer that vanished without a word is noticed. */
const KEEP_ALIVE_MS = 5000;
/** How long a closing link waits for the peer to read what is left. */
const CLOSE_GRACE_MS = 1000;

/** One open connection. Messages of one turn of the event loop leave in one write, in the order of `send`. */
export class Link<E extends Endpoint> {
  /** `address:port` of the peer. */
  readonly peer: string;
  /** Settles when the connection is gone, after `onClose`. */
  readonly closed: Promise<CloseReason>;
  readonly #socket: StreamSocket;
  readonly #endpoint: E;
  readonly #clock: Clock;
  readonly #loop: LoopStatistics | undefined;
  readonly #queueBytesMax: number;
  /** How far both clocks are apart. */
  readonly sync = new ClockSync();
  readonly #handlers: LinkHandlers<E>;
  readonly #reader: LinkReader<E>;
  readonly #settle: (reason: CloseReason) => void;
  #queue: OutgoingFrame<E["sends"]>[] = [];
  #queuedFrameBytes = 0;
  #isFlushPlanned = false;
  /** True from a write that the kernel did not take whole until the socket has drained. */
  #isBlocked = false;
  /** When the kernel last took something of what waits; null while nothing waits. */
  #blockedSince: Nanos | null = null;
  readonly #pauseReadingAtBytes: number;
  /** The peer does not read, so that nothing is read from it. */
  #isHeldBack = false;
  /** Present once the end has been decided, here or by the peer. */
  #reason: CloseReason | null = null;

  /** Takes over a connected socket. Use `listen` or `connect`. */
  constructor(socket: StreamSocket, options: LinkOptions<E>) {
    this.#socket = socket;
    this.#endpoint = options.endpoint;
    this.#clock = options.clock;
    this.#loop = options.loop;
    this.#queueBytesMax = options.queueBytesMax ?? QUEUE_BYTES_MAX;
    this.#pauseReadingAtBytes = options.pauseReadingAtBytes ?? Number.POSITIVE_INFINITY;
    this.peer = `${socket.remoteAddress ?? options.host}:${socket.remotePort ?? options.port}`;
    const { promise, resolve } = Promise.withResolvers<CloseReason>();
    this.closed = promise;
    this.#settle = resolve;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#reader = new LinkReader(this, socket, { ...options, handlers: () => this.#handlers });
    this.#handlers = options.accept(this);
    socket.on("data", (chunk: Uint8Array) => this.#reader.onData(chunk));
    socket.on("drain", () => this.#onDrain());
    socket.on("end", () => this.#onEnd());
    socket.on("error", (error: Error) => {
      this.#decide("socket_error", `connection with ${this.peer} failed: ${error.message}`);
    });
    socket.on("close", () => this.#onClose());
  }

  get isOpen(): boolean {
    return this.#reason === null;
  }

  /** About how many bytes were sent that the kernel has not taken yet. */
  get queuedBytes(): number {
    const laneBytes = this.#handlers.lane?.out.queuedBytes ?? 0;
    return laneBytes + this.#queuedFrameBytes + this.#socket.writableLength;
  }

  /** Bytes of a message that has not arrived whole. */
  get partialBytes(): number {
    return this.#reader.partialBytes;
  }

  /** Since when the peer has neither taken what waits for it nor gone on with a message that it began; null while it owes nothing. */
  get stalledSince(): Nanos | null {
    return this.#isBlocked ? this.#blockedSince : this.#reader.unfinishedSince;
  }

  /** This side's clock minus the peer's, held at 52 days; 0 until the peer has reported. */
  get clockDelta(): Nanos {
    return clampNanos(this.sync.skewNs);
  }

  /** The shortest round trip so far, 0 until the peer has reported. */
  get roundTrip(): Nanos {
    return clampNanos(this.sync.roundTripNs);
  }

  /** Queues a message for the end of this turn; dropped without a sound once the link is closed. */
  send(frame: OutgoingFrame<E["sends"]>): void {
    if (this.#reason !== null) return;
    this.#queue.push(frame);
    this.#queuedFrameBytes += QUEUED_FRAME_BYTES + bodyBytesOf(frame.body);
    if (this.queuedBytes > this.#queueBytesMax) {
      const message = `${this.peer} leaves ${this.queuedBytes} bytes unread (limit ${this.#queueBytesMax})`;
      this.abort("queue_full", message);
      return;
    }
    this.#planFlush();
  }

  /**
   * Sends a message the short way, by the lane that this link's handlers have; false when it has to go as a frame, which
   * is when others wait, or when it is out of the ordinary.
   */
  sendDirect<T>(lane: DirectLane<T>, message: T): boolean {
    if (this.#reason !== null) return true;
    if (this.#queue.length > 0 || !lane.add(message)) return false;
    if (lane.out.queuedBytes > LANE_BYTES_MAX) this.flushLane();
    this.#planFlush();
    return true;
  }

  /** Writes what `sendDirect` took, without waiting for the end of the turn. */
  flushLane(): void {
    const { lane } = this.#handlers;
    if (lane === undefined || this.#isBlocked || !this.#socket.writable) return;
    if (!lane.out.write(this.#socket)) this.#isBlocked = true;
  }

  #planFlush(): void {
    if (!this.#isHeldBack && this.queuedBytes > this.#pauseReadingAtBytes) {
      this.#isHeldBack = true;
      this.pause();
    }
    if (this.#isFlushPlanned || this.#isBlocked) return;
    this.#isFlushPlanned = true;
    queueMicrotask(this.#onTurnEnd);
  }

  /** Stops reading, so that the peer is held back by TCP; messages already read are still delivered. */
  pause(): void {
    this.#reader.pause();
  }

  resume(): void {
    this.#reader.resume();
  }

  /** Sends what is queued, then closes; settles when the connection is gone, at the latest after a second. */
  async close(message = "closed here"): Promise<void> {
    if (this.#reason === null) {
      this.#flush(true);
      this.#decide("closed_here", message);
      this.#socket.end();
      // A peer may never read the rest nor close its end; `close` fires at the latest then.
      const grace = setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS);
      this.#socket.once("close", () => clearTimeout(grace));
    }
    await this.closed;
  }

  /** Ends the connection at once; for a peer that broke the protocol in a way only the owner can see. */
  abort(kind: CloseReason["kind"], message: string): void {
    this.#decide(kind, message);
    this.#queue = [];
    this.#socket.destroy();
  }

  #decide(kind: CloseReason["kind"], message: string): void {
    this.#reason ??= { kind, message };
  }

  #onEnd(): void {
    this.#reader.readAll();
    const where = this.#reader.isAtBoundary ? "" : " in the middle of a message";
    this.#decide("closed_by_peer", `${this.peer} closed the connection${where}`);
  }

  #onClose(): void {
    this.#onEnd();
    this.#queue = [];
    const reason = this.#reason as CloseReason;
    this.#handlers.onClose?.(reason);
    this.#settle(reason);
  }

  readonly #onTurnEnd = (): void => {
    this.#isFlushPlanned = false;
    this.#flushCounted();
  };

  #onDrain(): void {
    this.#isBlocked = false;
    this.#blockedSince = null;
    this.#flushCounted();
  }

  #flushCounted(): void {
    this.#loop?.begin();
    this.#flush(false);
    this.#loop?.end();
  }

  /** Writes queued messages until the kernel takes no more; all of them when `isFinal`. */
  #flush(isFinal: boolean): void {
    if (isFinal) this.#isBlocked = false;
    this.flushLane();
    let next = 0;
    const taken: OutgoingFrame<E["sends"]>[] = [];
    while (next < this.#queue.length && (isFinal || !this.#isBlocked) && this.#socket.writable) {
      const first = next;
      next = this.#writeFrom(first);
      // The write's own callback comes a turn later: too late an instant for what the kernel took at once.
      if (this.#socket.writableLength === 0) taken.push(...this.#queue.slice(first, next));
    }
    this.#queue = next === 0 ? this.#queue : this.#queue.slice(next);
    if (this.#isBlocked) this.#blockedSince ??= this.#clock.now();
    if (this.#isHeldBack && this.queuedBytes <= this.#pauseReadingAtBytes / 2) {
      this.#isHeldBack = false;
      this.resume();
    }
    this.#tellSent(taken);
  }

  #tellSent(frames: readonly OutgoingFrame<E["sends"]>[]): void {
    for (const frame of frames) this.#handlers.onSent?.(frame);
  }

  /** Writes some messages beginning at index `first` as one write; returns the index after the last. */
  #writeFrom(first: number): number {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    let next = first;
    while (next < this.#queue.length && bytes < WRITE_BYTES_MAX) {
      const frame = this.#queue[next] as OutgoingFrame<E["sends"]>;
      const sendTimeNs = toAbsolute(this.#clock, this.#clock.now());
      const stamps = { sendTimeNs, localDeltaNs: this.sync.localDeltaNs };
      const head = encodeHead<MessageSet>(this.#endpoint.sends, frame, stamps);
      pieces.push(head, ...frame.body);
      const bodyBytes = bodyBytesOf(frame.body);
      this.#queuedFrameBytes -= QUEUED_FRAME_BYTES + bodyBytes;
      bytes += head.length + bodyBytes;
      next++;
    }
    this.#write(pieces, this.#queue.slice(first, next));
    return next;
  }

  #write(pieces: readonly Uint8Array[], frames: readonly OutgoingFrame<E["sends"]>[]): void {
    let isTold = false;
    const onTaken = (error?: Error | null): void => {
      if (!error && !isTold) this.#tellSent(frames);
    };
    const writes = joinSmall(pieces);
    for (const [index, bytes] of writes.entries()) {
      const isTaken = this.#socket.write(bytes, index === writes.length - 1 ? onTaken : undefined);
      if (!isTaken) this.#isBlocked = true;
    }
    isTold = this.#socket.writableLength === 0;
  }
}

export type ConnectOptions<E extends Endpoint> = LinkOptions<E> & DialOptions;

/** Connects, trying again while the other side is not there yet; with a secret, both sides prove that they have it. */
export const connect = async <E extends Endpoint>(
  options: ConnectOptions<E>,
): Promise<Result<Link<E>, LinkError>> => {
  const socket = await dialUntil(options);
  return socket.ok ? ok(new Link(socket.value, options)) : socket;
};
