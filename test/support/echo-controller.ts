/** A controller that loads every model at once and answers every request as a test or a measurement wants it to. */
import type { Clock } from "#host/clock.ts";
import type { Link } from "#host/link.ts";
import { listen } from "#host/listener.ts";
import { requestFromWire, responseToWire } from "#host/wire-mapping.ts";
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import { ENDPOINTS } from "#wire/messages.ts";

export interface EchoControllerOptions {
  readonly clock: Clock;
  /** Status of the answer to an inference request, or null for no answer; success when absent. */
  readonly answer?: (request: Extract<ClientRequest, { kind: "infer" }>) => number | null;
  /** Listings answered with "initializing" before the first real one (default 0). */
  readonly listRefusals?: number;
  /** Status of the answer to a load (default 0). */
  readonly loadStatus?: number;
}

export interface EchoController {
  readonly port: number;
  /** Every request received, in order. */
  readonly requests: ClientRequest[];
  /** Cuts all connections. */
  readonly hangUp: () => void;
  readonly close: () => Promise<void>;
}

const INPUT_BYTES = 100;

/** Listens on a free port of the loopback interface. */
export const startEchoController = async (
  options: EchoControllerOptions,
): Promise<EchoController> => {
  const requests: ClientRequest[] = [];
  const links: Link<typeof ENDPOINTS.controllerForClients>[] = [];
  const models: { modelId: number; path: string; inputBytes: number; outputBytes: number }[] = [];
  let refusalsLeft = options.listRefusals ?? 0;
  const respond = (request: ClientRequest): ClientResponse | null => {
    const { userRequestId } = request;
    const header = { userRequestId, status: 0, message: "" };
    if (request.kind === "load_model") {
      const status = options.loadStatus ?? STATUS.SUCCESS;
      const modelId = models.length;
      const sizes = { inputBytes: INPUT_BYTES, outputBytes: 10 };
      for (let i = 0; i < request.copies; i++) {
        models.push({ modelId: modelId + i, path: request.path, ...sizes });
      }
      const { copies } = request;
      return { ...header, status, message: "", kind: "load_model", modelId, ...sizes, copies };
    }
    if (request.kind === "ls") {
      if (refusalsLeft-- > 0)
        return { ...header, kind: "ls", status: STATUS.INITIALIZING, models: [] };
      return { ...header, kind: "ls", models };
    }
    if (request.kind !== "infer") throw new Error(`unexpected ${request.kind}`);
    const status = options.answer === undefined ? STATUS.SUCCESS : options.answer(request);
    if (status === null) return null;
    const { modelId } = request;
    return { ...header, kind: "infer", status, modelId, batchSize: 1, output: null };
  };
  const listening = await listen({
    endpoint: ENDPOINTS.controllerForClients,
    clock: options.clock,
    host: "127.0.0.1",
    port: 0,
    accept: (link) => {
      links.push(link);
      return {
        onMessage: (frame) => {
          const { messageId, message } = requestFromWire(frame);
          requests.push(message);
          const response = respond(message);
          if (response !== null) link.send(responseToWire(response, messageId));
        },
      };
    },
  });
  if (!listening.ok) throw new Error(listening.error.message);
  return {
    port: listening.value.port,
    requests,
    hangUp: () => {
      for (const link of links) link.abort("closed_here", "hung up");
    },
    close: () => listening.value.close(),
  };
};
