/** Real sockets on loopback: what a link promises to the roles, and what it does about peers that misbehave. */
import { afterEach, expect, test } from "bun:test";
import { connect as connectRaw, createServer, type Socket } from "node:net";
import { type Clock, startClock } from "#host/clock.ts";
import { type CloseReason, connect, type Link, type LinkHandlers } from "#host/link.ts";
import { type Listener, listen } from "#host/listener.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { REQUESTS } from "#wire/messages.ts";
import { ENDPOINTS, type IncomingFrame, type RESPONSES } from "#wire/messages.ts";

type ServerEnd = typeof ENDPOINTS.controllerForClients;
type ClientEnd = typeof ENDPOINTS.client;
type Request = IncomingFrame<typeof REQUESTS>;
type Response = IncomingFrame<typeof RESPONSES>;

const clock = startClock();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const ls = (id: number) =>
  ({
    name: "LSReq",
    messageId: BigInt(id),
    fields: { header: { userId: 1, userRequestId: id } },
    body: [],
  }) as const;

const infer = (id: number, data: Uint8Array) =>
  ({
    name: "ModelInferenceReq",
    messageId: BigInt(id),
    fields: { header: { userId: 1, userRequestId: id }, modelId: 7, batchSize: 1, sloFactor: 0.5 },
    body: [data],
  }) as const;

const lsAnswer = (messageId: bigint) =>
  ({
    name: "LSRsp",
    messageId,
    fields: { header: { userRequestId: Number(messageId), status: 0, message: "" }, models: [] },
    body: [],
  }) as const;

/** Collects values and lets a test wait until there are enough. */
class Inbox<T> {
  readonly items: T[] = [];
  #wake: (() => void) | null = null;

  readonly add = (item: T): void => {
    this.items.push(item);
    this.#wake?.();
  };

  async until(count: number): Promise<readonly T[]> {
    while (this.items.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.items;
  }
}

interface ServerSetup {
  readonly accept: (link: Link<ServerEnd>) => LinkHandlers<ServerEnd>;
  readonly clock?: Clock;
  readonly queueBytesMax?: number;
}

const startServer = async (setup: ServerSetup): Promise<Listener> => {
  const listening = await listen({
    endpoint: ENDPOINTS.controllerForClients,
    host: "127.0.0.1",
    port: 0,
    clock,
    ...setup,
  });
  if (!listening.ok) throw new Error(listening.error.message);
  cleanups.push(() => listening.value.close());
  return listening.value;
};

const startClient = async (
  port: number,
  accept: (link: Link<ClientEnd>) => LinkHandlers<ClientEnd>,
): Promise<Link<ClientEnd>> => {
  const endpoint = ENDPOINTS.client;
  const connected = await connect({
    endpoint,
    clock,
    host: "127.0.0.1",
    port,
    timeoutMs: 5000,
    // The listening ends have Node's sockets, so that both kinds are seen.
    isNative: true,
    accept,
  });
  if (!connected.ok) throw new Error(connected.error.message);
  cleanups.push(() => connected.value.close());
  return connected.value;
};

const ignore = () => ({ onMessage: () => {} });

const openRaw = async (port: number): Promise<Socket> => {
  const socket = connectRaw({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  cleanups.push(() => socket.destroy());
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
};

test("requests arrive in order with their bodies, and responses find their way back", async () => {
  const server = await startServer({
    accept: (link) => ({
      onMessage: (frame) => {
        const { messageId } = frame;
        if (frame.name !== "ModelInferenceReq") return link.send(lsAnswer(messageId));
        const header = { userRequestId: 0, status: 0, message: "" };
        const fields = { header, modelId: frame.fields.modelId, batchSize: 1 };
        link.send({ name: "ModelInferenceRsp", messageId, fields, body: [frame.body] });
      },
    }),
  });
  const responses = new Inbox<Response>();
  const client = await startClient(server.port, () => ({ onMessage: responses.add }));
  // Sizes around the limits of copying (16 KiB) and of one write (1 MiB), and across many reads.
  const sizes = [0, 1, 16_384, 16_385, 602_112, 1_048_577, 3_000_000];
  const bodies = sizes.map((size) =>
    new Uint8Array(size).map((_, index) => (index * 31 + size) % 251),
  );
  for (const [id, body] of bodies.entries()) client.send(infer(id, body));
  client.send(ls(sizes.length));
  const received = await responses.until(sizes.length + 1);
  expect(received.map((frame) => Number(frame.messageId))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  for (const [id, body] of bodies.entries()) {
    expect(Buffer.compare(received[id]?.body ?? new Uint8Array(9), body)).toBe(0);
  }
  expect(received.at(-1)?.name).toBe("LSRsp");
});

test("every message is reported as sent, once, in order and never from within send", async () => {
  const server = await startServer({ accept: ignore });
  const sent: bigint[] = [];
  const all = Promise.withResolvers<void>();
  const client = await startClient(server.port, () => ({
    onMessage: () => {},
    onSent: (frame) => {
      sent.push(frame.messageId);
      if (sent.length === 100) all.resolve();
    },
  }));
  for (let id = 0; id < 100; id++) client.send(ls(id));
  expect(sent).toEqual([]);
  await all.promise;
  expect(sent).toEqual(Array.from({ length: 100 }, (_, id) => BigInt(id)));
});

test("messages of one turn leave together, each with its own send time", async () => {
  const chunks: Uint8Array[] = [];
  const expectedBytes = 50 * (48 + 6);
  const done = Promise.withResolvers<void>();
  const server = createServer((socket) =>
    socket.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      if (chunks.reduce((sum, each) => sum + each.length, 0) === expectedBytes) done.resolve();
    }),
  );
  cleanups.push(() => server.close());
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", () => resolve());
  await listening;
  const port = (server.address() as { port: number }).port;
  const client = await startClient(port, ignore);
  const before = client.isOpen ? clock.epochNs + BigInt(clock.now()) : 0n;
  // Ids below 128 take one byte: header 2 + (2 + 2) bytes.
  for (let id = 0; id < 50; id++) client.send(ls(id));
  await done.promise;
  const stream = Buffer.concat(chunks);
  const times = Array.from({ length: 50 }, (_, id) => stream.readBigUInt64LE(id * 54 + 32));
  expect(times.every((time, id) => time >= (id === 0 ? before : (times[id - 1] as bigint)))).toBe(
    true,
  );
  // Nothing was received yet: the local delta is the largest int64.
  expect(stream.readBigInt64LE(40)).toBe(2n ** 63n - 1n);
  expect(chunks.length).toBeLessThan(5);
});

test("messages for a slow peer wait here, and all arrive once it reads", async () => {
  const requests = new Inbox<{ readonly frame: Request; readonly at: Nanos }>();
  const opened = Promise.withResolvers<Link<ServerEnd>>();
  const server = await startServer({
    accept: (link) => {
      link.pause();
      opened.resolve(link);
      return { onMessage: (frame, at) => requests.add({ frame, at }) };
    },
  });
  const sent = new Inbox<unknown>();
  const client = await startClient(server.port, () => ({ onMessage: () => {}, onSent: sent.add }));
  const reader = await opened.promise;
  // 64 MB are more than the kernel buffers of both sides hold.
  const body = new Uint8Array(1_000_000);
  for (let id = 0; id < 64; id++) client.send(infer(id, body));
  await new Promise((resolve) => setImmediate(resolve));
  expect(client.queuedBytes).toBeGreaterThan(10_000_000);
  expect(sent.items.length).toBeLessThan(64);
  expect(requests.items).toEqual([]);
  reader.resume();
  const received = await requests.until(64);
  expect(received.map(({ frame }) => Number(frame.messageId))).toEqual([...Array(64).keys()]);
  expect(received.every(({ frame }) => frame.body.byteLength === 1_000_000)).toBe(true);
  await sent.until(64);
  expect(client.queuedBytes).toBe(0);
});

test("a peer that never reads is disconnected once its queue is full, with a reason", async () => {
  const closes = new Inbox<CloseReason>();
  const server = await startServer({
    queueBytesMax: 20_000_000,
    accept: (link) => ({
      onMessage: (frame) => {
        const header = { userRequestId: 0, status: 0, message: "" };
        const fields = { header, modelId: 1, batchSize: 1 };
        const body = [new Uint8Array(1_000_000)];
        const { messageId } = frame;
        for (let copy = 0; copy < 64; copy++) {
          link.send({ name: "ModelInferenceRsp", messageId, fields, body });
        }
      },
      onClose: closes.add,
    }),
  });
  const client = await startClient(server.port, (link) => {
    link.pause();
    return { onMessage: () => {} };
  });
  client.send(ls(0));
  const [reason] = await closes.until(1);
  expect(reason?.kind).toBe("queue_full");
  expect(reason?.message).toContain("limit 20000000");
  client.resume();
});

/** Six integers of a pre-header. */
const preHeader = (...values: readonly (bigint | number)[]): Uint8Array =>
  new Uint8Array(new BigUint64Array(values.map(BigInt)).buffer);

test.each([
  ["a header that is too large", preHeader(10_485_761, 0, 5, 0, 0, 0), "10485761 bytes is larger"],
  ["a body that is too large", preHeader(0, 2 ** 40, 2, 0, 0, 0), "1099511627776 bytes is larger"],
  ["an unknown message type", preHeader(0, 0, 77, 0, 0, 0), "message type 77"],
  ["a message of the other direction", preHeader(0, 0, 102, 0, 0, 0), "message type 102"],
  ["a body where none belongs", preHeader(0, 1, 5, 0, 0, 0), "takes none"],
  ["an incomplete header", preHeader(0, 0, 5, 0, 0, 0), "LSReq.header is required but missing"],
  [
    "a malformed header",
    new Uint8Array([...preHeader(1, 0, 5, 0, 0, 0), 0xff]),
    "LSReq cannot be read",
  ],
])("%s ends that one connection and no other", async (_, bytes, text) => {
  const closes = new Inbox<CloseReason>();
  const server = await startServer({
    accept: (link) => ({
      onMessage: (frame) => link.send(lsAnswer(frame.messageId)),
      onClose: closes.add,
    }),
  });
  const responses = new Inbox<Response>();
  const healthy = await startClient(server.port, () => ({ onMessage: responses.add }));
  const raw = await openRaw(server.port);
  const gone = new Promise((resolve) => raw.once("close", resolve));
  raw.write(bytes);
  const [reason] = await closes.until(1);
  expect(reason?.kind).toBe("protocol_error");
  expect(reason?.message).toContain(text);
  expect(reason?.message).toContain("127.0.0.1:");
  raw.resume();
  await gone;
  healthy.send(ls(5));
  expect((await responses.until(1))[0]?.messageId).toBe(5n);
  expect(closes.items).toHaveLength(1);
});

test("an end of stream, also inside a message, and a reset are reported once each", async () => {
  const closes = new Inbox<CloseReason>();
  const server = await startServer({
    accept: () => ({ onMessage: () => {}, onClose: closes.add }),
  });
  const polite = await openRaw(server.port);
  polite.end();
  expect((await closes.until(1))[0]).toMatchObject({ kind: "closed_by_peer" });
  expect(closes.items[0]?.message).toEndWith("closed the connection");
  const torn = await openRaw(server.port);
  torn.end(preHeader(0, 0, 5, 0, 0, 0).subarray(0, 47));
  expect((await closes.until(2))[1]?.message).toEndWith("in the middle of a message");
  const rude = await openRaw(server.port);
  rude.resetAndDestroy();
  const third = (await closes.until(3))[2];
  expect(["socket_error", "closed_by_peer"]).toContain(third?.kind ?? "");
  await server.close();
  expect(closes.items).toHaveLength(3);
});

test("close sends what is queued, then tells both sides", async () => {
  const requests = new Inbox<Request>();
  const closes = new Inbox<CloseReason>();
  const server = await startServer({
    accept: () => ({ onMessage: requests.add, onClose: closes.add }),
  });
  const ownCloses: CloseReason[] = [];
  const client = await startClient(server.port, () => ({
    onMessage: () => {},
    onClose: (reason) => ownCloses.push(reason),
  }));
  client.send(infer(0, new Uint8Array(2_000_000)));
  client.send(ls(1));
  await client.close("drained");
  expect(ownCloses).toEqual([{ kind: "closed_here", message: "drained" }]);
  expect(client.isOpen).toBe(false);
  client.send(ls(2));
  await client.close();
  expect((await closes.until(1))[0]?.kind).toBe("closed_by_peer");
  expect(requests.items.map((frame) => frame.messageId)).toEqual([0n, 1n]);
});

test("no message is delivered after the owner has closed the link from within a handler", async () => {
  const seen: bigint[] = [];
  const closes = new Inbox<CloseReason>();
  const server = await startServer({
    accept: (link) => ({
      onMessage: (frame) => {
        seen.push(frame.messageId);
        if (frame.messageId === 1n) link.abort("protocol_error", "unknown action id");
      },
      onClose: closes.add,
    }),
  });
  const client = await startClient(server.port, ignore);
  for (let id = 0; id < 4; id++) client.send(ls(id));
  expect(await closes.until(1)).toEqual([{ kind: "protocol_error", message: "unknown action id" }]);
  expect(seen).toEqual([0n, 1n]);
});

test("the estimated clock difference is off by at most half the round trip", async () => {
  const offsetNs = 5_000_000_000n;
  const ahead: Clock = { epochNs: clock.epochNs + offsetNs, now: () => clock.now() };
  const opened = Promise.withResolvers<Link<ServerEnd>>();
  const server = await startServer({
    clock: ahead,
    accept: (link) => {
      opened.resolve(link);
      return { onMessage: (frame) => link.send(lsAnswer(frame.messageId)) };
    },
  });
  const responses = new Inbox<Response>();
  const client = await startClient(server.port, () => ({ onMessage: responses.add }));
  const link = await opened.promise;
  for (let id = 0; id < 20; id++) {
    client.send(ls(id));
    await responses.until(id + 1);
    // The peer's first message says that it knows nothing yet.
    if (id === 0) expect(link.clockDelta as number).toBe(0);
  }
  // Both one-way differences contain the offset with opposite signs plus a delay of at least 0.
  expect(Math.abs(link.clockDelta - Number(offsetNs))).toBeLessThanOrEqual(link.roundTrip / 2);
  expect(Math.abs(client.clockDelta + Number(offsetNs))).toBeLessThanOrEqual(client.roundTrip / 2);
  expect(link.roundTrip as number).toBeGreaterThan(0);
});

test("a port in use and a host that is not ours are clear errors", async () => {
  const server = await startServer({ accept: ignore });
  const options = { endpoint: ENDPOINTS.controllerForClients, clock, accept: ignore };
  const taken = await listen({ ...options, host: "127.0.0.1", port: server.port });
  expect(taken).toEqual({
    ok: false,
    error: {
      code: "EADDRINUSE",
      message: `cannot listen: 127.0.0.1:${server.port} is in use by another process; choose another port, or 0 for any free one`,
    },
  });
  const foreign = await listen({ ...options, host: "192.0.2.1", port: 0 });
  expect(foreign.ok).toBe(false);
  if (!foreign.ok) expect(foreign.error.message).toContain("192.0.2.1");
});
