/** Connecting to a side that is not there yet, never comes, or is no longer wanted. */
import { describe, expect, test } from "bun:test";
import { connect as connectRaw, createServer, type Server } from "node:net";
import { dialUntil, explainListen } from "#host/tcp.ts";

const HOST = "127.0.0.1";

const startServer = async (port: number): Promise<Server> => {
  const server = createServer((socket) => socket.end("hello"));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, HOST, () => resolve());
  await promise;
  return server;
};

/** A port that was free a moment ago. */
const freePort = async (): Promise<number> => {
  const server = await startServer(0);
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
};

describe.each([
  ["one of Node's sockets", false],
  ["the runtime's own socket", true],
])("with %s", (_name, isNative) => {
  test("nobody there: fails after the time allowed, and says so", async () => {
    const port = await freePort();
    const dialed = await dialUntil({ host: HOST, port, timeoutMs: 120, isNative });
    if (dialed.ok) throw new Error("connected to nobody");
    expect(dialed.error.code).toBe("ECONNREFUSED");
    expect(dialed.error.message).toMatch(
      new RegExp(
        `^cannot connect to 127.0.0.1:${port} \\(tried for \\d+ ms\\): nobody listens there`,
      ),
    );
  });

  test("an address of the name where nobody listens is passed over for the next one", async () => {
    const server = await startServer(0);
    const { port } = server.address() as { readonly port: number };
    const resolve = (): Promise<readonly string[]> => Promise.resolve(["127.0.0.2", HOST]);
    const dialed = await dialUntil({ host: "two", port, timeoutMs: 5_000, isNative, resolve });
    expect(dialed.ok).toBe(true);
    if (dialed.ok) dialed.value.destroy();
    server.close();
  });

  test("no time allowed: one attempt is made", async () => {
    const server = await startServer(0);
    const { port } = server.address() as { readonly port: number };
    const dialed = await dialUntil({ host: HOST, port, timeoutMs: 0, isNative });
    expect(dialed.ok).toBe(true);
    if (dialed.ok) dialed.value.destroy();
    server.close();
  });

  test("there later: goes on until the other side has started, and loses nothing that it says first", async () => {
    const port = await freePort();
    const dialing = dialUntil({ host: HOST, port, timeoutMs: 10_000, isNative });
    // An attempt made later has been refused, so the first one has been too.
    const refused = connectRaw({ host: HOST, port });
    await new Promise((resolve) => refused.once("error", resolve));
    const server = await startServer(port);
    const dialed = await dialing;
    if (!dialed.ok) throw new Error(dialed.error.message);
    const text = await new Promise((resolve) =>
      dialed.value.on("data", (data) => resolve(String(data))),
    );
    expect(text).toBe("hello");
    dialed.value.destroy();
    server.close();
  });

  test.each([
    ["while it waits", false],
    ["before it starts", true],
  ])("given up %s: ends at once", async (_, isAbortedFirst) => {
    const port = await freePort();
    const abort = new AbortController();
    if (isAbortedFirst) abort.abort();
    const dialing = dialUntil({
      host: HOST,
      port,
      timeoutMs: 3_600_000,
      signal: abort.signal,
      isNative,
    });
    abort.abort();
    const message = `gave up connecting to 127.0.0.1:${port}`;
    expect(await dialing).toEqual({ ok: false, error: { code: "ABORTED", message } });
  });

  test("an address that does not answer is passed over for the next one of the name", async () => {
    const server = await startServer(0);
    const { port } = server.address() as { readonly port: number };
    // Nobody listens on the first two; the third is the server's.
    const resolve = async () => ["127.0.0.3", "::1", HOST];
    const dialed = await dialUntil({ host: "a-name", port, timeoutMs: 0, isNative, resolve });
    expect(dialed.ok).toBe(true);
    if (dialed.ok) dialed.value.destroy();
    server.close();
    const none = await dialUntil({ host: "a-name", port: 1, timeoutMs: 0, isNative, resolve });
    expect(none.ok ? "" : none.error.message).toContain("cannot connect to a-name:1 (tried for");
  });

  test("a failure that will not pass is not tried again", async () => {
    // No name has a space: no time passes, although an hour is allowed.
    const dialed = await dialUntil({ host: "no host", port: 1, timeoutMs: 3_600_000, isNative });
    const message = "cannot connect to no host:1: no such host name";
    expect(dialed).toEqual({ ok: false, error: { code: "ENOTFOUND", message } });
  });
});

test.each([
  ["EADDRINUSE", "cannot listen: 10.0.0.1:80 is in use by another process"],
  ["EADDRNOTAVAIL", "cannot listen: 10.0.0.1 is not an address of this machine"],
  ["EACCES", "cannot listen: this user may not open 10.0.0.1:80"],
  ["EOTHER", "cannot listen: 10.0.0.1:80: odd"],
])("%s is put in words", (code, text) => {
  const error = Object.assign(new Error("odd"), { code });
  expect(explainListen(error, "10.0.0.1", 80).message).toStartWith(text);
});
