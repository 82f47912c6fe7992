/** The proof of a shared secret, byte by byte without sockets: who gets through, and what either side says when not. */
import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import {
  beginsHandshake,
  ConnectingSide,
  type HandshakeKey,
  type HandshakeSide,
  type LinkName,
  ListeningSide,
} from "#host/handshake.ts";

const key = (text: string, link: LinkName = "client"): HandshakeKey => ({
  secret: new TextEncoder().encode(text),
  link,
});
const nonce = (first: number): Uint8Array => new Uint8Array(32).map((_, index) => first + index);
const KEY = key("a secret of 23 bytes...");

/** Cuts bytes into pieces of that many. */
const cut = (bytes: Uint8Array, size: number): readonly Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.slice(index * size, (index + 1) * size),
  );

/** Lets both sides talk until neither has anything to say; returns how it ended for each, and what was said. */
const talk = (
  connects: HandshakeSide,
  listens: HandshakeSide,
  { size = 1000, change = (bytes: Uint8Array) => bytes } = {},
) => {
  const said: Uint8Array[] = [];
  const ends = new Map<HandshakeSide, string>();
  const say = (from: HandshakeSide, bytes: Uint8Array): void => {
    const changed = change(bytes);
    said.push(changed);
    const to = from === connects ? listens : connects;
    for (const piece of cut(changed, size)) {
      if (ends.has(to)) return;
      const { send, outcome } = to.take(piece);
      if (outcome !== null) ends.set(to, outcome.ok ? "ok" : outcome.error);
      if (send !== null) say(to, send);
    }
  };
  if (connects.opening !== null) say(connects, connects.opening);
  return { connects: ends.get(connects), listens: ends.get(listens), said };
};

const sides = (a: HandshakeKey, l: HandshakeKey): [HandshakeSide, HandshakeSide] => [
  new ConnectingSide(a, nonce(1)),
  new ListeningSide(l, nonce(101)),
];

const REFUSED = {
  connects: "has another shared secret than this side",
  listens: "does not have this side's shared secret",
};

describe("a handshake", () => {
  test.each([1, 7, 48, 1000])("with the same secret succeeds, in pieces of %p bytes", (size) => {
    expect(talk(...sides(KEY, KEY), { size })).toMatchObject({ connects: "ok", listens: "ok" });
  });

  test("says what its description says", () => {
    const { said } = talk(...sides(KEY, KEY));
    const text = (bytes: Uint8Array | undefined): string =>
      Buffer.from(bytes ?? []).toString("latin1");
    expect(said.map((bytes) => bytes.length)).toEqual([48, 48, 32, 33]);
    expect(text(said[0])).toBe(`ESCAPEM1${"\0".repeat(8)}${text(nonce(1))}`);
    expect(text(said[1])).toBe(`ESCAPEM1${"\0".repeat(8)}${text(nonce(101))}`);
    const proof = (side: string): Uint8Array =>
      createHmac("sha256", KEY.secret)
        .update(Buffer.concat([Buffer.from(`escapement 1 client ${side}`), nonce(1), nonce(101)]))
        .digest();
    expect(text(said[2])).toBe(text(proof("connects")));
    expect(text(said[3])).toBe(`\u0001${text(proof("listens"))}`);
  });

  test("with another secret, or for the other link, fails on both sides", () => {
    expect(talk(...sides(KEY, key("a secret of 23 bytes..,")))).toMatchObject(REFUSED);
    expect(talk(...sides(KEY, key("a secret of 23 bytes...", "worker")))).toMatchObject(REFUSED);
  });

  test("fails when any byte of a nonce or a proof is changed on its way", () => {
    for (const message of [0, 1, 2, 3]) {
      for (const offset of [16, 20, 31, 32]) {
        let index = 0;
        const change = (bytes: Uint8Array): Uint8Array => {
          if (index++ !== message) return bytes;
          const copy = bytes.slice();
          const at = Math.min(offset, copy.length - 1);
          copy[at] = (copy[at] ?? 0) ^ 1;
          return copy;
        };
        const ended = talk(...sides(KEY, KEY), { change });
        expect([message, offset, ended.connects === "ok"]).toEqual([message, offset, false]);
      }
    }
  });

  test("cannot be answered with what was said before, or by saying back what one hears", () => {
    const { said } = talk(...sides(KEY, KEY));
    // A listener of the past: its bytes again, for a new nonce.
    const again = new ConnectingSide(KEY, nonce(2));
    again.take(said[1] as Uint8Array);
    expect(again.take(said[3] as Uint8Array).outcome).toEqual({
      ok: false,
      error: "could not prove that it has this side's shared secret",
    });
    // A client of the past, for a listener with a new nonce.
    const fresh = new ListeningSide(KEY, nonce(102));
    fresh.take(said[0] as Uint8Array);
    expect(fresh.take(said[2] as Uint8Array).outcome?.ok).toBe(false);
    // A mirror proves nothing.
    const mirrored = new ConnectingSide(KEY, nonce(3));
    const proof = mirrored.take(mirrored.opening).send as Uint8Array;
    expect(mirrored.take(new Uint8Array([1, ...proof])).outcome?.ok).toBe(false);
  });

  test("a peer that speaks the wire at once is told by bytes that its kind can recognise", () => {
    const listens = new ListeningSide(KEY, nonce(1));
    const { send, outcome } = listens.take(new Uint8Array(100));
    expect(outcome).toEqual({
      ok: false,
      error: "sent no handshake, and this port asks for a shared secret",
    });
    expect(send === null ? false : beginsHandshake(send)).toBe(true);
    // As one who connects with a secret meets it, its nonce proves nothing.
    const connects = new ConnectingSide(KEY, nonce(1));
    expect(connects.take(new Uint8Array(3)).outcome).toEqual({
      ok: false,
      error: "answered the handshake with something else",
    });
  });

  test("keeps nothing beyond a greeting", () => {
    const listens = new ListeningSide(KEY, nonce(1));
    const greeting = new ConnectingSide(KEY, nonce(2)).opening;
    expect(listens.take(new Uint8Array([...greeting, 0])).outcome).toEqual({
      ok: false,
      error: "sent more than a handshake has",
    });
  });
});
