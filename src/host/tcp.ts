/** Opens one TCP connection, and says in plain words why a port could not be opened or reached. */
import { lookup } from "node:dns/promises";
import { isIP, type Server, Socket } from "node:net";
import { connectingSide, type HandshakeKey, runHandshake } from "#host/handshake.ts";
import { NativeSocket, type StreamSocket } from "#host/stream-socket.ts";
import { err, ok, type Result } from "#stdx/result.ts";

/** Why a port could not be opened or reached; `message` says what to do about it. */
export interface LinkError {
  readonly code: string;
  readonly message: string;
}

const codeOf = (error: Error): string => ("code" in error ? String(error.code) : "UNKNOWN");

/** The error of a port that could not be opened. */
export const explainListen = (error: Error, host: string, port: number): LinkError => {
  const code = codeOf(error);
  const where = `${host}:${port}`;
  const hints: Readonly<Record<string, string>> = {
    EADDRINUSE: `${where} is in use by another process; choose another port, or 0 for any free one`,
    EADDRNOTAVAIL: `${host} is not an address of this machine`,
    EACCES: `this user may not open ${where}; ports below 1024 are reserved`,
    ENOTFOUND: `${host} is not a known host name`,
  };
  return { code, message: `cannot listen: ${hints[code] ?? `${where}: ${error.message}`}` };
};

/** The port that a server listens on. */
export const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /** How long to go on trying while nobody listens there yet; at least one attempt is made. */
  readonly timeoutMs: number;
  /** How long an attempt may take although that is over. */
  readonly attemptMs?: number;
  readonly signal?: AbortSignal;
  /** With a socket of the runtime's own, which makes little garbage: for those who must not pause. */
  readonly isNative?: boolean;
  /** Shared with the other side, which must prove that it has it, too; without one there is no handshake. */
  readonly secret?: HandshakeKey | null;
  /** The addresses of a name; the system's unless said. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

/** Failures that may pass when the other side starts later. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
]);
const RETRY_MS = 50;

const DIAL_HINTS: Readonly<Record<string, string>> = {
  // Bun reports hosts that cannot be reached under this code too.
  ECONNREFUSED: "nobody listens there, or the host cannot be reached",
  ENOTFOUND: "no such host name",
};

/** One attempt to connect to an address, which ends after `timeoutMs` or with the signal. */
type Dial<S extends StreamSocket> = (
  options: DialOptions,
  timeoutMs: number,
) => Promise<Result<S, LinkError>>;

/** IPv4 first, as the original has nothing else. */
const addressesOf = async (host: string): Promise<readonly string[]> => {
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true });
  return found.toSorted((a, b) => a.family - b.family).map(({ address }) => address);
};

/** Tries every address of the host in turn; what is left of the time is for all of them. The error is the last one's. */
const dialAny = async (
  options: DialOptions,
  timeoutMs: number,
): Promise<Result<StreamSocket, LinkError>> => {
  const dial: Dial<StreamSocket> = options.isNative === true ? dialNative : dialNode;
  if (options.signal?.aborted === true) return err({ code: "ABORTED", message: "aborted" });
  let addresses: readonly string[];
  try {
    addresses = await (options.resolve ?? addressesOf)(options.host);
  } catch (error) {
    const code = codeOf(error as Error);
    return err({ code, message: DIAL_HINTS[code] ?? String(error) });
  }
  let last: Result<StreamSocket, LinkError> = err({ code: "ENOTFOUND", message: "no address" });
  const endMs = performance.now() + timeoutMs;
  for (const [index, host] of addresses.entries()) {
    const shareMs = (endMs - performance.now()) / (addresses.length - index);
    last = await dial({ ...options, host }, Math.max(shareMs, RETRY_MS));
    if (last.ok || last.error.code === "ABORTED") return last;
  }
  return last;
};

/** The handshake on a new connection, where there is a secret. */
const prove = async (
  socket: StreamSocket,
  { secret = null, host, port }: DialOptions,
): Promise<Result<StreamSocket, LinkError>> => {
  if (secret === null) return ok(socket);
  const proven = await runHandshake(socket, connectingSide(secret));
  if (proven.ok) return ok(socket);
  return err({ code: "HANDSHAKE", message: `${host}:${port} ${proven.error}` });
};

/** Connects, trying again while nobody listens; the socket is then the caller's, and hands out nothing before it is asked to. */
export const dialUntil = async (options: DialOptions): Promise<Result<StreamSocket, LinkError>> => {
  const { timeoutMs } = options;
  const startMs = performance.now();
  const where = `${options.host}:${options.port}`;
  for (;;) {
    const leftMs = timeoutMs - (performance.now() - startMs);
    const attempt = await dialAny(options, Math.max(leftMs, options.attemptMs ?? RETRY_MS));
    if (attempt.ok) return await prove(attempt.value, options);
    const { code, message } = attempt.error;
    const waitedMs = Math.round(performance.now() - startMs);
    if (code === "ABORTED") return err({ code, message: `gave up connecting to ${where}` });
    if (!PASSING_CODES.has(code)) {
      return err({ code, message: `cannot connect to ${where}: ${message}` });
    }
    if (waitedMs + RETRY_MS > timeoutMs) {
      const text = `cannot connect to ${where} (tried for ${waitedMs} ms): ${message}`;
      return err({ code, message: text });
    }
    await Bun.sleep(RETRY_MS);
  }
};

/** One of Node's sockets. */
const dialNode: Dial<Socket> = (options, timeoutMs) => {
  const { host, port, signal } = options;
  const { promise, resolve } = Promise.withResolvers<Result<Socket, LinkError>>();
  const socket = new Socket();
  const settle = (result: Result<Socket, LinkError>): void => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    socket.removeListener("error", onError);
    socket.removeListener("connect", onConnect);
    if (!result.ok) {
      // A late error of a socket that was given up must not end the process.
      socket.on("error", () => {});
      socket.destroy();
    }
    resolve(result);
  };
  const onConnect = (): void => settle(ok(socket));
  const onError = (error: Error): void => {
    const code = codeOf(error);
    settle(err({ code, message: DIAL_HINTS[code] ?? error.message }));
  };
  const onAbort = (): void => settle(err({ code: "ABORTED", message: "aborted" }));
  const onTimeout = (): void => settle(err({ code: "ETIMEDOUT", message: "no answer" }));
  const timer = setTimeout(onTimeout, timeoutMs);
  signal?.addEventListener("abort", onAbort);
  socket.once("error", onError);
  socket.once("connect", onConnect);
  socket.connect({ host, port, family: isIP(host) });
  if (signal?.aborted) onAbort();
  return promise;
};

/** One of the runtime's own sockets. */
const dialNative: Dial<NativeSocket> = (options, timeoutMs) => {
  const { host, port, signal } = options;
  const { promise, resolve } = Promise.withResolvers<Result<NativeSocket, LinkError>>();
  let isSettled = false;
  const settle = (result: Result<NativeSocket, LinkError>): void => {
    // A connection that comes too late is nobody's.
    if (isSettled && result.ok) result.value.destroy();
    isSettled = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    resolve(result);
  };
  const onAbort = (): void => settle(err({ code: "ABORTED", message: "aborted" }));
  const onTimeout = (): void => settle(err({ code: "ETIMEDOUT", message: "no answer" }));
  const timer = setTimeout(onTimeout, timeoutMs);
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  else NativeSocket.connect(host, port).then((socket) => settle(ok(socket)), onFailure);
  function onFailure(error: Error): void {
    const code = codeOf(error);
    settle(err({ code, message: DIAL_HINTS[code] ?? error.message }));
  }
  return promise;
};
