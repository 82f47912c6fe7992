/** A simulated network: each host has one line out; a link goes from one role to another and keeps order, as TCP does. */
import { Fifo } from "#serving/controller/fifo.ts";
import type { Actor, Agenda } from "#sim/agenda.ts";
import { addNs, maxNs, type Nanos, ns, SECOND, subNs, ZERO_NS } from "#stdx/nanos.ts";
import type { Rng } from "#stdx/rng.ts";

export interface NetworkOptions {
  /** One way; no message is faster. */
  readonly latencyMin: Nanos;
  /** Mean of what comes on top, which is exponential. */
  readonly jitterMean: Nanos;
  /** Of the line out of a host, which all of its connections share. */
  readonly bytesPerS: number;
  /** What a connection takes from its sender beyond what has left the host. */
  readonly sendBufferBytes: number;
}

/** Hosts in one rack: 10 Gb/s, and Linux's usual limit of a send buffer. */
export const DEFAULT_NETWORK: NetworkOptions = {
  latencyMin: ns(50_000),
  jitterMean: ns(10_000),
  bytesPerS: 1.25e9,
  sendBufferBytes: 4 * 2 ** 20,
};

/** The line out of a host: one message leaves after the other. */
export class Line {
  readonly #nsPerByte: number;
  readonly #bufferedNs: Nanos;
  #freeAt: Nanos = ZERO_NS;

  constructor({ bytesPerS, sendBufferBytes }: NetworkOptions) {
    this.#nsPerByte = SECOND / bytesPerS;
    this.#bufferedNs = ns(Math.floor(sendBufferBytes * this.#nsPerByte));
  }

  /** When the last byte of a message has left that is handed over at `now`. */
  transmit(now: Nanos, sizeBytes: number): Nanos {
    this.#freeAt = addNs(maxNs(now, this.#freeAt), ns(Math.ceil(sizeBytes * this.#nsPerByte)));
    return this.#freeAt;
  }

  /** When the sender's buffer has room for a message that leaves at `left`. */
  takenAt(now: Nanos, left: Nanos): Nanos {
    return maxNs(now, subNs(left, this.#bufferedNs));
  }
}

/** What a role hands over at one instant travels together and is read at once, up to so many bytes. */
const WRITE_BYTES_MAX = 64 * 1024;

/** Messages that travel together. */
interface Write<T> {
  readonly messages: T[];
  readonly sentAt: Nanos;
  readonly latency: Nanos;
  readonly ticket: number;
  sizeBytes: number;
  arrival: Nanos;
}

export interface LinkParts<T> {
  readonly agenda: Agenda;
  /** Of the sending host. */
  readonly line: Line;
  readonly network: NetworkOptions;
  readonly rng: Rng;
  /** Takes what has arrived together, in the order of sending. */
  readonly deliver: (now: Nanos, messages: readonly T[]) => void;
}

/** One direction of a connection. */
export class Link<T> implements Actor {
  readonly #parts: LinkParts<T>;
  readonly #slot: number;
  readonly #inTransit = new Fifo<Write<T>>();
  /** The newest one. */
  #write: Write<T> | null = null;
  #lastArrival: Nanos = ZERO_NS;
  /** Nothing arrives before this; infinite while the network is parted. */
  #heldUntil: number = ZERO_NS;
  #isCut = false;

  constructor(parts: LinkParts<T>) {
    this.#parts = parts;
    this.#slot = parts.agenda.add(this);
  }

  /** Returns when the sender's network layer has taken the whole message. */
  send(now: Nanos, message: T, sizeBytes: number): Nanos {
    if (this.#isCut) return now;
    const { line } = this.#parts;
    const left = line.transmit(now, sizeBytes);
    const write = this.#writeFor(now, sizeBytes);
    write.messages.push(message);
    write.sizeBytes += sizeBytes;
    // Nothing overtakes what was sent before.
    write.arrival = maxNs(this.#lastArrival, addNs(left, write.latency));
    this.#lastArrival = write.arrival;
    if (this.#inTransit.peek() === write) this.#await();
    return line.takenAt(now, left);
  }

  act(now: Nanos): void {
    const next = this.#inTransit.shift();
    if (next === this.#write) this.#write = null;
    if (this.#inTransit.size > 0) this.#await();
    if (next !== undefined) this.#parts.deliver(now, next.messages);
  }

  /** The network is parted: what is on its way and what is sent from now on waits, and nothing is lost. */
  hold(): void {
    this.#heldUntil = Number.POSITIVE_INFINITY;
    this.#await();
  }

  /** The network is whole again: what waited is sent once more, all of it at `now`. */
  release(now: Nanos): void {
    this.#heldUntil = addNs(now, this.#latency());
    this.#await();
  }

  /** The end of the link: what is on its way never arrives, and what is sent from now on goes nowhere. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#inTransit.removeWhere(() => true);
    this.#write = null;
    this.#parts.agenda.remove(this.#slot);
  }

  #writeFor(now: Nanos, sizeBytes: number): Write<T> {
    const last = this.#write;
    const isJoined =
      last !== null && last.sentAt === now && last.sizeBytes + sizeBytes <= WRITE_BYTES_MAX;
    if (isJoined) return last;
    const write: Write<T> = {
      messages: [],
      sentAt: now,
      latency: this.#latency(),
      ticket: this.#parts.agenda.ticket(),
      sizeBytes: 0,
      arrival: now,
    };
    this.#write = write;
    this.#inTransit.push(write);
    return write;
  }

  #await(): void {
    if (this.#isCut) return;
    const { agenda } = this.#parts;
    const next = this.#inTransit.peek();
    if (next === undefined || this.#heldUntil === Number.POSITIVE_INFINITY) {
      agenda.wait(this.#slot, null);
      return;
    }
    agenda.wait(this.#slot, maxNs(next.arrival, this.#heldUntil as Nanos), next.ticket);
  }

  #latency(): Nanos {
    return drawLatency(this.#parts.network, this.#parts.rng);
  }
}

/** One way. */
export const drawLatency = ({ latencyMin, jitterMean }: NetworkOptions, rng: Rng): Nanos =>
  jitterMean === 0 ? latencyMin : addNs(latencyMin, ns(Math.floor(rng.exponential(jitterMean))));
