/** A simulated connection between two roles: messages both ways, and what each end knows of the other's clock. */
import { Fifo } from "#serving/controller/fifo.ts";
import type { Agenda } from "#sim/agenda.ts";
import type { HostClock } from "#sim/host-clock.ts";
import { drawLatency, type Line, Link, type NetworkOptions } from "#sim/network.ts";
import { addNs, type Nanos } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { ClockSync, NO_DELTA } from "#wire/clock-sync.ts";

const UPPER = 2 ** 32;

/** Instants are those of the world, but for `sentAt`: when the peer sent the message, by the own clock. */
export interface PortHandlers<In> {
  onMessage(now: Nanos, message: In, sentAt: Nanos): void;
  /** All messages that came together have been told. */
  onRead?(now: Nanos): void;
  /** The network layer has taken a message whose sending did not end at once. */
  onTaken(now: Nanos, id: number): void;
  onClosed(now: Nanos, reason: string): void;
}

/** What goes over a link: a message with its stamps, or the end of the connection. */
type Parcel<T> =
  | {
      readonly kind: "message";
      readonly message: T;
      /** On the sender's clock. */
      readonly sentAt: Nanos;
      /** The sender's best one-way difference, in halves. */
      readonly localDeltaHigh: number;
      readonly localDeltaLow: number;
    }
  | { readonly kind: "closed"; readonly reason: string };

interface PortParts {
  readonly agenda: Agenda;
  readonly clock: HostClock;
  readonly peerClock: HostClock;
  /** The peer has closed: nothing of the connection is needed any more. */
  readonly onEnded: () => void;
}

/** One end of a connection. */
export class Port<Out, In> {
  readonly #parts: PortParts;
  /** From instants of the peer to instants of this end, if both wall clocks agreed. */
  readonly #epochShift: number;
  readonly #sync = new ClockSync();
  readonly #slot: number;
  readonly #untaken = new Fifo<{ readonly id: number; readonly at: Nanos }>();
  #out: Link<Parcel<Out>> | null = null;
  #handlers: PortHandlers<In> | null = null;
  #isOpen = true;
  /** The difference that goes out with messages, and the value that its halves were made from. */
  #deltaNs = NO_DELTA;
  #deltaHigh = Number(NO_DELTA >> 32n);
  #deltaLow = Number(NO_DELTA & 0xffff_ffffn);
  #skewNs = 0n;
  #skew = 0;

  constructor(parts: PortParts) {
    this.#parts = parts;
    this.#epochShift = Number(parts.peerClock.epochNs - parts.clock.epochNs);
    this.#slot = parts.agenda.add({ act: (now) => this.#tellTaken(now) });
  }

  /** This clock minus the peer's, as the messages so far tell. */
  get clockDelta(): Nanos {
    const { skewNs } = this.#sync;
    if (skewNs !== this.#skewNs) {
      this.#skewNs = skewNs;
      this.#skew = Number(skewNs);
    }
    return this.#skew as Nanos;
  }

  /** An instant of the peer's clock as this clock would have shown it. */
  fromPeer(instant: Nanos): Nanos {
    return (instant + this.#epochShift + this.clockDelta) as Nanos;
  }

  /** An instant of this clock as the peer's would have shown it, going by an earlier `clockDelta`. */
  toPeer(instant: Nanos, clockDelta: Nanos): Nanos {
    return (instant - this.#epochShift - clockDelta) as Nanos;
  }

  open(out: Link<Parcel<Out>>, handlers: PortHandlers<In>): void {
    this.#out = out;
    this.#handlers = handlers;
  }

  /** True when the network layer has taken the message at once; otherwise `onTaken` tells `id` when it has. */
  send(now: Nanos, message: Out, { sizeBytes, id }: { sizeBytes: number; id: number }): boolean {
    if (!this.#isOpen || this.#out === null) return true;
    const sentAt = this.#parts.clock.read(now);
    const { localDeltaNs } = this.#sync;
    if (localDeltaNs !== this.#deltaNs) {
      this.#deltaNs = localDeltaNs;
      this.#deltaHigh = Number(localDeltaNs >> 32n);
      this.#deltaLow = Number(localDeltaNs & 0xffff_ffffn);
    }
    const parcel: Parcel<Out> = {
      kind: "message",
      message,
      sentAt,
      localDeltaHigh: this.#deltaHigh,
      localDeltaLow: this.#deltaLow,
    };
    const taken = this.#out.send(now, parcel, sizeBytes);
    if (taken <= now && this.#untaken.size === 0) return true;
    this.#untaken.push({ id, at: taken });
    this.#parts.agenda.wait(this.#slot, this.#untaken.peek()?.at ?? null);
    return false;
  }

  /** The peer learns of it after all that was sent; nothing more is read here. */
  close(now: Nanos, reason: string): void {
    if (!this.#shut()) return;
    this.#out?.send(now, { kind: "closed", reason }, 0);
  }

  /** The connection is lost, to this end. */
  lose(now: Nanos, reason: string): void {
    if (this.#shut()) this.#handlers?.onClosed(now, reason);
  }

  /** What came together. */
  receive(now: Nanos, parcels: readonly Parcel<In>[]): void {
    for (const parcel of parcels) this.#receiveOne(now, parcel);
    this.#handlers?.onRead?.(now);
  }

  #receiveOne(now: Nanos, parcel: Parcel<In>): void {
    if (!this.#isOpen) return;
    if (parcel.kind === "closed") {
      this.lose(now, parcel.reason);
      this.#parts.onEnded();
      return;
    }
    const difference = this.#parts.clock.read(now) - parcel.sentAt - this.#epochShift;
    const high = Math.floor(difference / UPPER);
    const { localDeltaHigh, localDeltaLow } = parcel;
    const stamps = { sendTimeHigh: 0, sendTimeLow: 0, localDeltaHigh, localDeltaLow };
    this.#sync.addHalves(high, difference - high * UPPER, stamps);
    this.#handlers?.onMessage(now, parcel.message, this.fromPeer(parcel.sentAt));
  }

  /** False when it is shut already. */
  #shut(): boolean {
    if (!this.#isOpen) return false;
    this.#isOpen = false;
    this.#parts.agenda.remove(this.#slot);
    return true;
  }

  #tellTaken(now: Nanos): void {
    const taken = this.#untaken.shift();
    this.#parts.agenda.wait(this.#slot, this.#untaken.peek()?.at ?? null);
    if (taken !== undefined) this.#handlers?.onTaken(now, taken.id);
  }
}

/** A host with a role on it. */
export interface Host {
  /** Of the role: names the random streams of its links. */
  readonly name: string;
  readonly clock: HostClock;
  readonly line: Line;
}

export interface ConnectionParts<A, B> {
  readonly agenda: Agenda;
  readonly network: NetworkOptions;
  readonly seed: number;
  /** Who connects, and to whom. */
  readonly from: Host;
  readonly to: Host;
  /** What each end does with what it is sent; called once both ports are there. */
  readonly atFrom: (port: Port<A, B>) => PortHandlers<B>;
  readonly atTo: (port: Port<B, A>) => PortHandlers<A>;
}

/** `A` goes out from whoever connected, `B` comes back. */
export class Connection<A, B> {
  readonly #near: Port<A, B>;
  readonly #far: Port<B, A>;
  readonly #out: Link<Parcel<A>>;
  readonly #back: Link<Parcel<B>>;
  /** How long it takes to come up: there and back. */
  readonly roundTrip: Nanos;

  constructor(parts: ConnectionParts<A, B>) {
    const { agenda, network, seed, from, to } = parts;
    const rngOf = (way: string): Rng => Rng.of(seed, `network/${way}`);
    const handshake = rngOf(`${from.name} connects to ${to.name}`);
    this.roundTrip = addNs(drawLatency(network, handshake), drawLatency(network, handshake));
    const onEnded = (): void => this.#cut();
    const near = new Port<A, B>({ agenda, clock: from.clock, peerClock: to.clock, onEnded });
    const far = new Port<B, A>({ agenda, clock: to.clock, peerClock: from.clock, onEnded });
    this.#out = new Link<Parcel<A>>({
      agenda,
      network,
      line: from.line,
      rng: rngOf(`${from.name} to ${to.name}`),
      deliver: (now, parcels) => far.receive(now, parcels),
    });
    this.#back = new Link<Parcel<B>>({
      agenda,
      network,
      line: to.line,
      rng: rngOf(`${to.name} to ${from.name}`),
      deliver: (now, parcels) => near.receive(now, parcels),
    });
    this.#near = near;
    this.#far = far;
    near.open(this.#out, parts.atFrom(near));
    far.open(this.#back, parts.atTo(far));
  }

  /** Parts the network between the two: nothing arrives until `release`, and nothing is lost. */
  hold(): void {
    this.#out.hold();
    this.#back.hold();
  }

  release(now: Nanos): void {
    this.#out.release(now);
    this.#back.release(now);
  }

  /** Breaks the connection: both ends learn of it, and what was on its way is lost. */
  lose(now: Nanos, reason: string): void {
    this.#cut();
    this.#near.lose(now, reason);
    this.#far.lose(now, reason);
  }

  #cut(): void {
    this.#out.cut();
    this.#back.cut();
  }
}

/** Actors that a connection takes on an agenda. */
export const ACTORS_PER_CONNECTION = 4;
