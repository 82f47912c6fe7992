/** A client that sends one request after the other and hands out each one's response. */
import { startClock } from "#host/clock.ts";
import { connect } from "#host/link.ts";
import { EMPTY_PAYLOAD, requestToWire, responseFromWire } from "#host/wire-mapping.ts";
import type { ClientRequest, ClientResponse, ModelInfo } from "#serving/messages.ts";
import { ENDPOINTS } from "#wire/messages.ts";

export interface PlainClient {
  send(request: ClientRequest): Promise<ClientResponse>;
  infer(modelId: number, sloFactor?: number): Promise<ClientResponse>;
  /** Asks until the controller serves. */
  list(): Promise<readonly ModelInfo[]>;
  /** Responses so far, those to nothing that was asked included. */
  readonly responses: () => number;
  close(): Promise<void>;
}

export const connectClient = async (port: number): Promise<PlainClient> => {
  const waiting = new Map<number, (response: ClientResponse) => void>();
  let nextMessageId = 0;
  let responses = 0;
  const connected = await connect({
    endpoint: ENDPOINTS.client,
    clock: startClock(),
    host: "127.0.0.1",
    port,
    timeoutMs: 10_000,
    accept: () => ({
      onMessage: (frame) => {
        const { messageId, message } = responseFromWire(frame);
        responses += 1;
        waiting.get(messageId)?.(message);
      },
    }),
  });
  if (!connected.ok) throw new Error(connected.error.message);
  const send = (request: ClientRequest): Promise<ClientResponse> => {
    const messageId = nextMessageId++;
    const { promise, resolve } = Promise.withResolvers<ClientResponse>();
    waiting.set(messageId, resolve);
    connected.value.send(requestToWire(request, messageId));
    return promise;
  };
  const header = { userId: 0, userRequestId: 0 };
  return {
    send,
    infer: (modelId, sloFactor = 0) =>
      send({ ...header, kind: "infer", modelId, batchSize: 1, sloFactor, input: EMPTY_PAYLOAD }),
    list: async () => {
      for (;;) {
        const response = await send({ ...header, kind: "ls" });
        if (response.kind === "ls" && response.status === 0) return response.models;
      }
    },
    responses: () => responses,
    close: () => connected.value.close(),
  };
};
