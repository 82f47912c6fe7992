/** The runtime's own socket, against one of Node's. */
import { afterEach, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { NativeSocket } from "#host/stream-socket.ts";

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup();
});

/** A connected pair: ours and Node's. */
const pair = async (onPeer: (peer: Socket) => void = () => {}) => {
  const peers = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: false }, (peer) => {
    onPeer(peer);
    peers.resolve(peer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const own = await NativeSocket.connect("127.0.0.1", address.port);
  cleanups.push(
    () => server.close(),
    () => own.destroy(),
  );
  return { own, peer: await peers.promise, port: address.port };
};

const event = (own: NativeSocket, name: "end" | "close" | "drain"): Promise<void> =>
  new Promise((resolve) => own.on(name, () => resolve()));

test("what comes before anybody listens is kept", async () => {
  const { own } = await pair((peer) => peer.write("first"));
  await Bun.sleep(30);
  const text = await new Promise((resolve) => own.on("data", (data) => resolve(String(data))));
  expect(text).toBe("first");
});

test("a close that came before anybody listened is told", async () => {
  const { own, peer } = await pair();
  peer.destroy();
  await Bun.sleep(30);
  await event(own, "close");
  expect(own.writable).toBe(false);
  expect(own.write(new Uint8Array(1))).toBe(false);
});

test("what the kernel does not take waits, in order, and its taking is told; an end waits for it", async () => {
  const { own, peer } = await pair((each) => each.pause());
  const parts = [1, 2, 3].map((value) => new Uint8Array(8_000_000).fill(value));
  const taken: number[] = [];
  const results = parts.map((part, index) => own.write(part, () => taken.push(index)));
  expect(results.at(-1)).toBe(false);
  expect(own.writableLength).toBeGreaterThan(8_000_000);
  own.end();
  expect(own.writable).toBe(false);
  const chunks: Buffer[] = [];
  peer.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => peer.once("end", resolve));
  peer.resume();
  await ended;
  const all = Buffer.concat(chunks);
  expect(all.length).toBe(24_000_000);
  expect([all[0], all[8_000_000], all[23_999_999]]).toEqual([1, 2, 3]);
  // A part that the kernel takes at once is not told of.
  expect(taken.at(-1)).toBe(2);
  expect(own.writableLength).toBe(0);
});

test("drain is told once all that waited was taken", async () => {
  const { own, peer } = await pair((each) => each.pause());
  while (own.write(new Uint8Array(1_000_000)));
  peer.resume();
  await event(own, "drain");
  expect(own.writableLength).toBe(0);
  expect(own.write(new Uint8Array(10))).toBe(true);
});

test("bytes that are lost with the connection are told of with an error", async () => {
  const { own, peer } = await pair((each) => each.pause());
  let error: Error | null | undefined = null;
  while (own.write(new Uint8Array(4_000_000), (each) => (error = each)));
  const closed = event(own, "close");
  peer.destroy();
  await closed;
  expect(error).toBeInstanceOf(Error);
});

test("nobody there is the system's own code", async () => {
  const { own, port } = await pair();
  own.destroy();
  for (const cleanup of cleanups.splice(0)) cleanup();
  await Bun.sleep(10);
  expect(NativeSocket.connect("127.0.0.1", port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});
