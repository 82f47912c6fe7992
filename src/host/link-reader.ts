/** Takes the messages of one connection off what is read from it, a bounded number per turn of the event loop. */
import { type Clock, fromAbsolute, toAbsolute } from "#host/clock.ts";
import { beginsHandshake } from "#host/handshake.ts";
import type { Link, LinkHandlers } from "#host/link.ts";
import type { LoopStatistics } from "#host/loop-statistics.ts";
import type { StreamSocket } from "#host/stream-socket.ts";
import { type Nanos, ns, ZERO_NS } from "#stdx/nanos.ts";
import {
  DEFAULT_LIMITS,
  FrameDecoder,
  type FrameLimits,
  type ReceivedFrame,
} from "#wire/framing.ts";
import type { Endpoint } from "#wire/messages.ts";

export interface LinkReaderOptions<E extends Endpoint> {
  readonly endpoint: E;
  readonly clock: Clock;
  readonly loop?: LoopStatistics;
  readonly limits?: FrameLimits;
  readonly messagesPerTurn?: number;
  /** Not asked for before something comes. */
  readonly handlers: () => LinkHandlers<E>;
}

/** Belongs to a link. What comes faster than it is handled stays in the network: the socket is paused. */
export class LinkReader<E extends Endpoint> {
  readonly #link: Link<E>;
  readonly #socket: Pick<StreamSocket, "pause" | "resume">;
  readonly #clock: Clock;
  readonly #loop: LoopStatistics | undefined;
  readonly #handlers: () => LinkHandlers<E>;
  readonly #messagesPerTurn: number;
  readonly #decoder: FrameDecoder<E["receives"]>;
  readonly #instants = { readAt: ZERO_NS, takenAt: ZERO_NS };
  /** Chunks that came although the socket was paused. */
  readonly #unread: { readonly chunk: Uint8Array; readonly readAt: Nanos }[] = [];
  #hasRead = false;
  /** Whether the decoder holds the rest of a chunk for a later turn. */
  #isBehind = false;
  /** Whether the owner wants nothing to be read. */
  #isHeld = false;

  constructor(
    link: Link<E>,
    socket: Pick<StreamSocket, "pause" | "resume">,
    options: LinkReaderOptions<E>,
  ) {
    this.#link = link;
    this.#socket = socket;
    this.#clock = options.clock;
    this.#loop = options.loop;
    this.#handlers = options.handlers;
    this.#messagesPerTurn = options.messagesPerTurn ?? Number.POSITIVE_INFINITY;
    this.#decoder = new FrameDecoder(options.endpoint.receives, options.limits ?? DEFAULT_LIMITS);
  }

  /** Whether the stream could end here without cutting a message. */
  get isAtBoundary(): boolean {
    return this.#decoder.isAtBoundary;
  }

  /** Bytes of memory that hold a message which has not arrived whole. */
  get partialBytes(): number {
    return this.#decoder.partialBytes;
  }

  /** When the last bytes came of a message that has not arrived whole; null where there is none. */
  get unfinishedSince(): Nanos | null {
    return this.#decoder.isAtBoundary ? null : this.#instants.readAt;
  }

  pause(): void {
    this.#isHeld = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isHeld = false;
    if (!this.#isBehind) this.#socket.resume();
  }

  onData(chunk: Uint8Array): void {
    if (!this.#link.isOpen) return;
    if (!this.#hasRead && beginsHandshake(chunk)) {
      const message = `${this.#link.peer} uses a shared secret, and this side has none`;
      this.#link.abort("protocol_error", message);
      return;
    }
    this.#hasRead = true;
    const readAt = this.#clock.now();
    if (this.#isBehind) {
      this.#unread.push({ chunk, readAt });
      return;
    }
    this.#begin(chunk, readAt);
    this.#readTurn();
  }

  /** Everything that has come; for the end of the connection, after which there are no turns. */
  readAll(): void {
    if (!this.#isBehind) return;
    this.#isBehind = false;
    this.#readSome(Number.POSITIVE_INFINITY);
    this.#handlers().onRead?.();
  }

  #begin(chunk: Uint8Array, readAt: Nanos): void {
    this.#decoder.push(chunk, readAt);
    this.#instants.readAt = readAt;
  }

  readonly #onLaterTurn = (): void => {
    if (this.#isBehind) this.#readTurn();
  };

  #readTurn(): void {
    this.#loop?.begin();
    const isWhole = this.#readSome(this.#messagesPerTurn);
    this.#handlers().onRead?.();
    this.#loop?.end();
    if (!isWhole) setImmediate(this.#onLaterTurn);
    if (this.#isBehind === !isWhole) return;
    this.#isBehind = !isWhole;
    if (!isWhole) this.#socket.pause();
    else if (!this.#isHeld) this.#socket.resume();
  }

  /** Handles up to `countMax` messages; false when more may have come. */
  #readSome(countMax: number): boolean {
    this.#instants.takenAt = this.#clock.now();
    let left = countMax;
    while (this.#link.isOpen) {
      left -= this.#takeDirectly(left);
      if (left <= 0) return false;
      const step = this.#decoder.next();
      if (step === null) {
        const next = this.#unread.shift();
        if (next === undefined) return true;
        this.#begin(next.chunk, next.readAt);
      } else if (step.ok) {
        this.#deliver(step.value);
        left -= 1;
      } else {
        const message = `${this.#link.peer} sent an invalid message: ${step.error.message}`;
        this.#link.abort("protocol_error", message);
      }
    }
    return true;
  }

  #deliver({ frame, preHeaderAt, sendTimeNs, localDeltaNs }: ReceivedFrame<E["receives"]>): void {
    const { sync } = this.#link;
    const receivedNs = toAbsolute(this.#clock, ns(preHeaderAt));
    sync.add({ receivedNs, sendTimeNs, localDeltaNs });
    const sentAt = fromAbsolute(this.#clock, sendTimeNs + sync.skewNs);
    this.#handlers().onMessage(frame, this.#instants.takenAt, sentAt);
    this.#loop?.step();
  }

  #takeDirectly(countMax: number): number {
    const { lane } = this.#handlers();
    if (lane === undefined) return 0;
    return this.#decoder.takeDirectly(
      (bytes, offset) => (this.#link.isOpen ? lane.read(bytes, offset, this.#instants) : 0),
      countMax,
    );
  }
}
