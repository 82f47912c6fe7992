/** Serves one page of numbers over HTTP, for systems that collect such pages; it can be read and nothing else. */
import { createServer, type Server } from "node:http";
import { explainListen, type LinkError, portOf } from "#host/tcp.ts";
import { err, ok, type Result } from "#stdx/result.ts";

export interface MetricsEndpointOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Makes the page, anew for each reader. */
  readonly page: () => string;
}

/** An open endpoint; whoever opened it closes it. */
export interface MetricsEndpoint {
  readonly port: number;
  /** Ends connections that are still open. */
  close(): Promise<void>;
}

/** Readers come every few seconds: more connections than this are a mistake, and must not take the role's memory. */
const CONNECTIONS_MAX = 32;
const READER_TIMEOUT_MS = 10_000;
const PAGE = "/metrics";

const closeServer = (server: Server): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  return promise;
};

/** Opens the port; fails with a message that names it. */
export const openMetrics = (
  options: MetricsEndpointOptions,
): Promise<Result<MetricsEndpoint, LinkError>> => {
  const { host, port, page } = options;
  const { promise, resolve } = Promise.withResolvers<Result<MetricsEndpoint, LinkError>>();
  const server = createServer((request, response) => {
    request.resume();
    const isKnown = request.url?.split("?")[0] === PAGE;
    if (request.method !== "GET" || !isKnown) {
      response.writeHead(isKnown ? 405 : 404, { "content-type": "text/plain" });
      response.end(`GET ${PAGE} is all there is\n`);
      return;
    }
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
    response.end(page());
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.requestTimeout = READER_TIMEOUT_MS;
  server.on("error", (error: Error) => resolve(err(explainListen(error, host, port))));
  server.listen(port, host, () =>
    resolve(ok({ port: portOf(server), close: () => closeServer(server) })),
  );
  return promise;
};
