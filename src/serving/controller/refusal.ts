/** The response that turns a request down: of the request's own kind, with a status, and zeros for all the rest. */
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import { assertNever } from "#stdx/assert.ts";

export const refusalOf = (
  request: ClientRequest,
  how: { readonly status: number; readonly message: string },
): ClientResponse => {
  const { userRequestId } = request;
  const header = { userRequestId, status: how.status, message: how.message };
  switch (request.kind) {
    case "infer": {
      const { kind, modelId, batchSize } = request;
      return { kind, ...header, modelId, batchSize, output: null };
    }
    case "load_model":
      return {
        kind: "load_model",
        ...header,
        modelId: 0,
        inputBytes: 0,
        outputBytes: 0,
        copies: 0,
      };
    case "ls":
      return { kind: "ls", ...header, models: [] };
    case "evict":
    case "upload":
      return { kind: request.kind, ...header };
    default:
      return assertNever(request);
  }
};
