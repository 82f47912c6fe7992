/**
 * Proof of a shared secret before the first message of a connection, each side to the other. Without a secret there is no
 * handshake, and the wire is the original's. Bytes, in order (a: who connects, l: who listens):
 *
 *     a → l   greeting   magic 8 · zeros 8 · nonce of a 32
 *     l → a   greeting   magic 8 · zeros 8 · nonce of l 32
 *     a → l   proof 32   HMAC-SHA-256 under the secret over "escapement 1 LINK connects" · nonce of a · nonce of l
 *     l → a   verdict 1  1: the proof holds, and the proof of l follows (32, the same over "… listens"); 0: it does not
 *
 * Who connects proves first, so that a port hands out nothing to guess secrets with. LINK keeps a proof for one kind of
 * port from being passed on to the other.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { StreamSocket } from "#host/stream-socket.ts";
import { err, ok, type Result } from "#stdx/result.ts";

/** Which of the two links a connection is. */
export type LinkName = "client" | "worker";

/** How long a peer that is sent away may take to read why. */
const GRACE_MS = 1_000;

/** What both sides of a connection must agree on. */
export interface HandshakeKey {
  readonly secret: Uint8Array;
  readonly link: LinkName;
}

/** Null where there is no secret. */
export const handshakeKey = (
  secret: Uint8Array | null | undefined,
  link: LinkName,
): HandshakeKey | null => (secret === null || secret === undefined ? null : { secret, link });

/** As the length of a header these bytes are beyond every limit: a peer that expects a message refuses them at once. */
const MAGIC = new TextEncoder().encode("ESCAPEM1");
export const NONCE_BYTES = 32;
const GREETING_BYTES = 48;
const PROOF_BYTES = 32;
const HOLDS = 1;

/** Whether a peer begins with a handshake. */
export const beginsHandshake = (bytes: Uint8Array): boolean =>
  MAGIC.every((byte, index) => bytes[index] === byte);

const greeting = (nonce: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(GREETING_BYTES);
  bytes.set(MAGIC);
  bytes.set(nonce, GREETING_BYTES - NONCE_BYTES);
  return bytes;
};

const nonceOf = (bytes: Uint8Array): Uint8Array => bytes.slice(GREETING_BYTES - NONCE_BYTES);

interface Nonces {
  readonly connects: Uint8Array;
  readonly listens: Uint8Array;
}

const proofOf = (
  { secret, link }: HandshakeKey,
  side: keyof Nonces,
  { connects, listens }: Nonces,
): Uint8Array =>
  createHmac("sha256", secret)
    .update(`escapement 1 ${link} ${side}`)
    .update(connects)
    .update(listens)
    .digest();

/** What to do next. */
export interface HandshakeStep {
  readonly send: Uint8Array | null;
  /** Present once it is over; the error is what the other side did, to follow its name. */
  readonly outcome: Result<null, string> | null;
}

const WAIT: HandshakeStep = { send: null, outcome: null };
const sending = (send: Uint8Array): HandshakeStep => ({ send, outcome: null });
const failed = (why: string, send: Uint8Array | null = null): HandshakeStep => ({
  send,
  outcome: err(why),
});

/** One side of a handshake; what it holds never grows beyond a greeting. */
export interface HandshakeSide {
  /** What it says before it has heard anything. */
  readonly opening: Uint8Array | null;
  /** Takes what was read, whatever its chunking. */
  take(chunk: Uint8Array): HandshakeStep;
  /** What it means when the other side leaves in the middle. */
  readonly left: string;
}

/** Cuts what comes into the pieces that are expected, one after the other. */
class Pieces {
  #bytes = new Uint8Array(0);

  /** False when more came than could be part of a handshake. */
  add(chunk: Uint8Array): boolean {
    if (this.#bytes.length + chunk.length > GREETING_BYTES) return false;
    const joined = new Uint8Array(this.#bytes.length + chunk.length);
    joined.set(this.#bytes);
    joined.set(chunk, this.#bytes.length);
    this.#bytes = joined;
    return true;
  }

  get first(): number | undefined {
    return this.#bytes[0];
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  /** Null while fewer bytes are there. */
  take(length: number): Uint8Array | null {
    if (this.#bytes.length < length) return null;
    const piece = this.#bytes.slice(0, length);
    this.#bytes = this.#bytes.slice(length);
    return piece;
  }

  /** Whether what is there may still become a greeting. */
  get mayGreet(): boolean {
    return this.#bytes.subarray(0, MAGIC.length).every((byte, index) => byte === MAGIC[index]);
  }
}

const TOO_MUCH = "sent more than a handshake has";
const NO_HANDSHAKE = "sent no handshake, and this port asks for a shared secret";

/** The side that listens. */
export class ListeningSide implements HandshakeSide {
  readonly opening = null;
  readonly left = "left during the handshake";
  readonly #key: HandshakeKey;
  readonly #nonce: Uint8Array;
  readonly #pieces = new Pieces();
  #nonces: Nonces | null = null;

  /** `nonce` must be random and new. */
  constructor(key: HandshakeKey, nonce: Uint8Array) {
    this.#key = key;
    this.#nonce = nonce;
  }

  take(chunk: Uint8Array): HandshakeStep {
    const isGreeting = this.#nonces === null;
    const fits = this.#pieces.add(chunk);
    // A greeting without a nonce tells a peer that knows of handshakes why it is sent away.
    if (isGreeting && !(fits ? this.#pieces.mayGreet : beginsHandshake(chunk)))
      return failed(NO_HANDSHAKE, greeting(new Uint8Array(NONCE_BYTES)));
    if (!fits) return failed(TOO_MUCH);
    if (this.#nonces !== null) return this.#takeProof(this.#nonces);
    const hello = this.#pieces.take(GREETING_BYTES);
    if (hello === null) return WAIT;
    this.#nonces = { connects: nonceOf(hello), listens: this.#nonce };
    return sending(greeting(this.#nonce));
  }

  #takeProof(nonces: Nonces): HandshakeStep {
    const proof = this.#pieces.take(PROOF_BYTES);
    if (proof === null) return WAIT;
    if (!this.#pieces.isEmpty) return failed(TOO_MUCH);
    if (!timingSafeEqual(proof, proofOf(this.#key, "connects", nonces)))
      return failed("does not have this side's shared secret", new Uint8Array([0]));
    const send = new Uint8Array([HOLDS, ...proofOf(this.#key, "listens", nonces)]);
    return { send, outcome: ok(null) };
  }
}

/** The side that connects. */
export class ConnectingSide implements HandshakeSide {
  readonly opening: Uint8Array;
  readonly left = "left during the handshake: it may ask for no shared secret, or be no Clockwork";
  readonly #key: HandshakeKey;
  readonly #nonce: Uint8Array;
  readonly #pieces = new Pieces();
  #nonces: Nonces | null = null;

  /** `nonce` must be random and new. */
  constructor(key: HandshakeKey, nonce: Uint8Array) {
    this.#key = key;
    this.#nonce = nonce;
    this.opening = greeting(nonce);
  }

  take(chunk: Uint8Array): HandshakeStep {
    if (!this.#pieces.add(chunk)) return failed(TOO_MUCH);
    if (this.#nonces !== null) return this.#takeVerdict(this.#nonces);
    if (!this.#pieces.mayGreet) return failed("answered the handshake with something else");
    const hello = this.#pieces.take(GREETING_BYTES);
    if (hello === null) return WAIT;
    this.#nonces = { connects: this.#nonce, listens: nonceOf(hello) };
    return sending(proofOf(this.#key, "connects", this.#nonces));
  }

  #takeVerdict(nonces: Nonces): HandshakeStep {
    const { first } = this.#pieces;
    if (first === undefined) return WAIT;
    if (first !== HOLDS) return failed("has another shared secret than this side");
    const verdict = this.#pieces.take(1 + PROOF_BYTES);
    if (verdict === null) return WAIT;
    if (!this.#pieces.isEmpty) return failed(TOO_MUCH);
    if (!timingSafeEqual(verdict.subarray(1), proofOf(this.#key, "listens", nonces)))
      return failed("could not prove that it has this side's shared secret");
    return { send: null, outcome: ok(null) };
  }
}

/** How long a handshake may take. */
const LIMIT_MS = 5_000;

/**
 * Takes the socket through the handshake. What follows may be read as soon as this has settled; on failure the socket is
 * destroyed, and the error says what the other side did.
 */
export const runHandshake = (
  socket: StreamSocket,
  side: HandshakeSide,
  limitMs: number = LIMIT_MS,
): Promise<Result<null, string>> => {
  const { promise, resolve } = Promise.withResolvers<Result<null, string>>();
  let isOver = false;
  const settle = (outcome: Result<null, string>): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    if (!outcome.ok) {
      // What was said last is on its way; a peer that does not take it does not keep the socket.
      socket.end();
      const grace = setTimeout(() => socket.destroy(), GRACE_MS);
      socket.once("close", () => clearTimeout(grace));
    }
    resolve(outcome);
  };
  const timer = setTimeout(
    () => settle(err(`took longer than ${limitMs} ms for the handshake`)),
    limitMs,
  );
  const onEnd = (): void => settle(err(side.left));
  socket.on("data", (chunk) => {
    if (isOver) return;
    const { send, outcome } = side.take(chunk);
    if (send !== null) socket.write(send);
    if (outcome !== null) settle(outcome);
  });
  socket.on("end", onEnd);
  socket.on("close", onEnd);
  socket.on("error", () => settle(err(side.left)));
  if (side.opening !== null) socket.write(side.opening);
  return promise;
};

/** A new side for one connection. */
export const listeningSide = (key: HandshakeKey): HandshakeSide =>
  new ListeningSide(key, randomBytes(NONCE_BYTES));
export const connectingSide = (key: HandshakeKey): HandshakeSide =>
  new ConnectingSide(key, randomBytes(NONCE_BYTES));
