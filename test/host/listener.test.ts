/** An open port over real sockets: who gets in with which secret and from where, and what both sides are told. */
import { afterEach, describe, expect, test } from "bun:test";
import { connect as connectRaw, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { AllowList } from "#host/allow-list.ts";
import { startClock } from "#host/clock.ts";
import { handshakeKey, listeningSide, runHandshake } from "#host/handshake.ts";
import { connect, type Link } from "#host/link.ts";
import { exposureWarning, type Listener, listen } from "#host/listener.ts";
import { dialUntil } from "#host/tcp.ts";
import { ENDPOINTS } from "#wire/messages.ts";

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);
if (!hasIpv6) console.log("listener.test.ts: IPv6 is skipped, this machine has no ::1");
const clock = startClock();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const secretOf = (text: string) => handshakeKey(new TextEncoder().encode(text), "client");
const SECRET = secretOf("a secret for this test");
const OTHER = secretOf("a secret for no test..");

interface Port {
  readonly listener: Listener;
  readonly refused: string[];
  readonly closed: string[];
  accepted: number;
}

const LS = {
  name: "LSReq",
  messageId: 1n,
  fields: { header: { userId: 1, userRequestId: 1 } },
  body: [],
} as const;
const ANSWER = {
  name: "LSRsp",
  messageId: 1n,
  fields: { header: { userRequestId: 1, status: 0, message: "" }, models: [] },
  body: [],
} as const;

const openPort = async (
  options: Partial<Parameters<typeof listen>[0]> = {},
  host = "127.0.0.1",
): Promise<Port> => {
  const refused: string[] = [];
  const closed: string[] = [];
  const listening = await listen({
    ...(options as object),
    endpoint: ENDPOINTS.controllerForClients,
    clock,
    host,
    port: 0,
    onRefused: (message) => void refused.push(message),
    accept: (link) => {
      port.accepted += 1;
      return {
        onMessage: () => link.send(ANSWER),
        onClose: ({ message }) => void closed.push(message),
      };
    },
  });
  if (!listening.ok) throw new Error(listening.error.message);
  cleanups.push(() => listening.value.close());
  const port: Port = { listener: listening.value, refused, closed, accepted: 0 };
  return port;
};

/** Connects, asks for a listing, and tells how that went: "answered", or why not. */
const ask = async (
  { listener }: Port,
  { secret = null as typeof SECRET, isNative = false, host = "127.0.0.1" } = {},
): Promise<string> => {
  const answered = Promise.withResolvers<string>();
  const connected = await connect({
    endpoint: ENDPOINTS.client,
    clock,
    host,
    port: listener.port,
    timeoutMs: 5_000,
    isNative,
    secret,
    accept: () => ({
      onMessage: () => answered.resolve("answered"),
      onClose: ({ message }) => answered.resolve(message),
    }),
  });
  if (!connected.ok) return connected.error.message;
  const link: Link<typeof ENDPOINTS.client> = connected.value;
  link.send(LS);
  const outcome = await answered.promise;
  await link.close();
  return outcome;
};

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(1);
};

describe.each([
  ["one of Node's sockets", false],
  ["the runtime's own socket", true],
])("a peer with %s", (_name, isNative) => {
  test("and the port's secret gets in", async () => {
    const port = await openPort({ secret: SECRET });
    expect(await ask(port, { secret: SECRET, isNative })).toBe("answered");
    expect([port.accepted, port.refused]).toEqual([1, []]);
  });

  test("and another secret is told so, and so is the port's side; nothing is set up for it", async () => {
    const port = await openPort({ secret: SECRET });
    const where = `127.0.0.1:${port.listener.port}`;
    const told = await ask(port, { secret: OTHER, isNative });
    expect(told).toBe(`${where} has another shared secret than this side`);
    await until(() => port.refused.length > 0);
    expect(port.refused[0]).toMatch(/^127\.0\.0\.1:\d+ does not have this side's shared secret$/);
    expect(port.accepted).toBe(0);
  });

  test("and no secret is told that there is one", async () => {
    const port = await openPort({ secret: SECRET });
    const told = await ask(port, { isNative });
    expect(told).toEndWith("uses a shared secret, and this side has none");
    await until(() => port.refused.length > 0);
    expect(port.refused[0]).toEndWith("sent no handshake, and this port asks for a shared secret");
    expect(port.accepted).toBe(0);
  });

  test("and a secret that the port does not ask for sends nothing to it", async () => {
    const port = await openPort();
    const told = await ask(port, { secret: SECRET, isNative });
    expect(told).toContain("left during the handshake: it may ask for no shared secret");
    await until(() => port.closed.length > 0);
    expect(port.closed[0]).toEndWith("uses a shared secret, and this side has none");
  });
});

test("a peer for the other link does not get in, whatever it knows", async () => {
  const port = await openPort({ secret: SECRET });
  const secret = handshakeKey(SECRET?.secret, "worker");
  expect(await ask(port, { secret })).toContain("has another shared secret");
});

const raw = async (port: number): Promise<Socket> => {
  const socket = connectRaw({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  cleanups.push(() => socket.destroy());
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
};

test("those who say nothing are few at a time, and keep nobody out", async () => {
  const port = await openPort({ secret: SECRET });
  const silent = await Promise.all(Array.from({ length: 300 }, () => raw(port.listener.port)));
  for (const socket of silent) socket.resume();
  expect(await ask(port, { secret: SECRET })).toBe("answered");
  // 300 − 256 had to go, and one more for the one that got in.
  await until(() => silent.filter(({ destroyed }) => destroyed).length >= 44);
  expect(silent.at(-1)?.destroyed).toBe(false);
  await until(() => port.refused.length >= 44);
  expect(port.refused[0]).toEndWith("left during the handshake");
});

test("a handshake that takes too long ends, and its socket with it", async () => {
  const port = await openPort();
  const dialed = await dialUntil({ host: "127.0.0.1", port: port.listener.port, timeoutMs: 5_000 });
  if (!dialed.ok || SECRET === null) throw new Error("no connection");
  const gone = new Promise<void>((resolve) => dialed.value.once("close", () => resolve()));
  expect(await runHandshake(dialed.value, listeningSide(SECRET), 20)).toEqual({
    ok: false,
    error: "took longer than 20 ms for the handshake",
  });
  await gone;
});

describe("an allow-list", () => {
  const listOf = (text: string): AllowList => {
    const list = AllowList.parse(text);
    if (!list.ok) throw new Error(list.error);
    return list.value;
  };

  test("lets in who is on it", async () => {
    const port = await openPort({ allow: listOf("10.0.0.0/8,127.0.0.0/8") });
    expect(await ask(port)).toBe("answered");
  });

  test("sends away who is not, before anything is said", async () => {
    const port = await openPort({ allow: listOf("10.0.0.0/8,::1"), secret: SECRET });
    const socket = connectRaw({ host: "127.0.0.1", port: port.listener.port });
    socket.on("error", () => {});
    let heard = 0;
    socket.on("data", (bytes) => (heard += bytes.length));
    await new Promise((resolve) => socket.once("close", resolve));
    expect(heard).toBe(0);
    await until(() => port.refused.length > 0);
    expect(port.refused[0]).toEndWith("is not on the allow-list");
    expect(port.accepted).toBe(0);
  });

  test.skipIf(!hasIpv6)("knows IPv4 peers of a port for both families", async () => {
    const port = await openPort({ allow: listOf("127.0.0.1") }, "::");
    expect(await ask(port)).toBe("answered");
    expect(await ask(port, { host: "::1" })).not.toBe("answered");
  });
});

test.skipIf(!hasIpv6)("a port listens on IPv6, and is reached there", async () => {
  const port = await openPort({}, "::1");
  expect(await ask(port, { host: "::1" })).toBe("answered");
  expect(await ask(port, { host: "::1", isNative: true })).toBe("answered");
});

test("an exposed port without a secret is worth a warning", () => {
  const bare = { secret: null, allow: null };
  expect(exposureWarning("127.0.0.1", bare)).toBeNull();
  expect(exposureWarning("0.0.0.0", bare)).toContain("0.0.0.0 is open to whoever can reach it");
  expect(exposureWarning("::", { ...bare, allow: 1 })).toContain("whoever is on the allow-list");
  expect(exposureWarning("0.0.0.0", { ...bare, secret: 1 })).toBeNull();
});
