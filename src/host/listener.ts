/** An open port: who may connect, the handshake where a secret is asked for, and a link for everybody who got through. */
import { createServer, type Server, type Socket } from "node:net";
import { type AllowList, isLoopback } from "#host/allow-list.ts";
import { type HandshakeKey, listeningSide, runHandshake } from "#host/handshake.ts";
import { Link, type LinkOptions } from "#host/link.ts";
import { explainListen, type LinkError, portOf } from "#host/tcp.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import type { Endpoint } from "#wire/messages.ts";

export interface Listener {
  /** The actual port, also when 0 was asked for. */
  readonly port: number;
  /** Accepts no more and closes every connection; settles when all are gone. */
  close(): Promise<void>;
}

export interface ListenOptions<E extends Endpoint> extends LinkOptions<E> {
  /** Peers must prove that they have it; without one there is no handshake. */
  readonly secret?: HandshakeKey | null;
  /** Peers from elsewhere are sent away; without one everybody may connect. */
  readonly allow?: AllowList | null;
  /** Asked before anything is set up for a peer; a text sends it away, and says why. */
  readonly refuses?: () => string | null;
  /** Is told who was sent away, and why. */
  readonly onRefused?: (message: string) => void;
}

/** Handshakes under way at a time: beyond that the oldest ends. */
const HANDSHAKES_MAX = 256;
/** A peer that vanished without a word is found out by the system's probes, which begin after this. */
const KEEP_ALIVE_MS = 30_000;

/** Opens a port and accepts any number of connections; fails with a message that names the port. */
export const listen = <E extends Endpoint>(
  options: ListenOptions<E>,
): Promise<Result<Listener, LinkError>> => {
  const { promise, resolve } = Promise.withResolvers<Result<Listener, LinkError>>();
  const port = new Port(options);
  const server = createServer((socket) => port.accept(socket));
  server.on("error", (error: Error) => {
    resolve(err(explainListen(error, options.host, options.port)));
  });
  server.listen({ host: options.host, port: options.port }, () => {
    resolve(ok({ port: portOf(server), close: () => port.close(server) }));
  });
  return promise;
};

class Port<E extends Endpoint> {
  readonly #options: ListenOptions<E>;
  readonly #links = new Set<Link<E>>();
  readonly #handshakes = new Set<Socket>();

  constructor(options: ListenOptions<E>) {
    this.#options = options;
  }

  accept(socket: Socket): void {
    const { allow = null, secret = null, refuses } = this.#options;
    // An error of a socket that nobody owns yet, or any more, must not end the process.
    socket.on("error", () => {});
    const address = socket.remoteAddress ?? "";
    const isAllowed = allow === null || allow.allows(address);
    const refusal = isAllowed ? (refuses?.() ?? null) : "is not on the allow-list";
    if (refusal !== null) {
      socket.destroy();
      this.#tell(socket, address, refusal);
      return;
    }
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    if (secret === null) this.#open(socket);
    else void this.#prove(socket, secret, address);
  }

  async close(server: Server): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    for (const socket of this.#handshakes) socket.destroy();
    await Promise.all([...this.#links].map((link) => link.close("the listener was closed")));
    await promise;
  }

  async #prove(socket: Socket, secret: HandshakeKey, address: string): Promise<void> {
    const [oldest] = this.#handshakes;
    if (oldest !== undefined && this.#handshakes.size >= HANDSHAKES_MAX) oldest.destroy();
    this.#handshakes.add(socket);
    const proven = await runHandshake(socket, listeningSide(secret));
    this.#handshakes.delete(socket);
    if (proven.ok) this.#open(socket);
    else this.#tell(socket, address, proven.error);
  }

  #open(socket: Socket): void {
    const link = new Link(socket, this.#options);
    this.#links.add(link);
    void link.closed.then(() => this.#links.delete(link));
  }

  #tell(socket: Socket, address: string, why: string): void {
    this.#options.onRefused?.(`${address}:${socket.remotePort ?? "?"} ${why}`);
  }
}

/** What to tell people about a port that others can reach and that asks nobody for a secret; null when it is not so. */
export const exposureWarning = (
  host: string,
  { secret, allow }: { readonly secret: unknown; readonly allow: unknown },
): string | null => {
  if (isLoopback(host) || secret !== null) return null;
  const whom = allow === null ? "whoever can reach it" : "whoever is on the allow-list";
  return `Warning: ${host} is open to ${whom}, without a shared secret (--secret-file, see docs/security.md)`;
};
