/** Requests and responses as the roles know them, to and from messages of the client link; and payloads in bytes. */

import type {
  ClientRequest,
  ClientResponse,
  ModelInfo,
  OutputSlice,
  Payload,
  RequestHeader,
  ResponseHeader,
} from "#serving/messages.ts";
import { assert, assertNever } from "#stdx/assert.ts";
import type { IncomingFrame, OutgoingFrame, REQUESTS, RESPONSES } from "#wire/messages.ts";

// ---- Payloads ----

/** Bytes that travel with a message; they are never changed once here. */
export class BytesPayload implements Payload {
  readonly data: Uint8Array;

  constructor(data: Uint8Array) {
    this.data = data;
  }

  get sizeBytes(): number {
    return this.data.byteLength;
  }
}

export const EMPTY_PAYLOAD = new BytesPayload(new Uint8Array(0));

export const toPayload = (data: Uint8Array): BytesPayload =>
  data.byteLength === 0 ? EMPTY_PAYLOAD : new BytesPayload(data);

/** Makes payloads of zeros, which share their bytes. */
export const zeroPayloads = (): ((sizeBytes: number) => Payload) => {
  let zeros = new Uint8Array(0);
  return (sizeBytes) => {
    if (zeros.length < sizeBytes) zeros = new Uint8Array(sizeBytes);
    return toPayload(zeros.subarray(0, sizeBytes));
  };
};

/** The bytes of a payload; one of size 0 may be of any kind, others must have come from here. */
export const bytesOf = (payload: Payload): Uint8Array => {
  if (payload instanceof BytesPayload) return payload.data;
  assert(payload.sizeBytes === 0, "a payload that crosses a process holds its bytes");
  return EMPTY_PAYLOAD.data;
};

/** Payloads as the parts of a body, in order. */
export const toBody = (payloads: readonly Payload[]): readonly Uint8Array[] =>
  payloads.map(bytesOf).filter((bytes) => bytes.byteLength > 0);

/** A slice's bytes: pieces have floor(size / count) bytes, a remainder belongs to none, as in the original. */
export const sliceBytes = (slice: OutputSlice): Uint8Array => {
  const bytes = bytesOf(slice.payload);
  const pieceBytes = Math.floor(bytes.byteLength / slice.count);
  return bytes.subarray(slice.index * pieceBytes, (slice.index + 1) * pieceBytes);
};

// ---- Numbers ----

/** A size or count as uint64. */
export const toUint64 = (value: number): bigint => BigInt.asUintN(64, BigInt(value));

/** A uint64 as a number; what a double cannot hold exactly is held at 2^53 − 1. */
export const fromUint64 = (value: bigint): number =>
  value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);

/** The original narrows a client's message id to 32 signed bits on its way through the controller. */
const fromMessageId = (messageId: bigint): number => Number(BigInt.asIntN(32, messageId));
const toMessageId = (messageId: number): bigint => BigInt.asUintN(64, BigInt(messageId));

// ---- Client link ----

/** A request or response with the client's correlation id, which is unique on its connection. */
export interface Correlated<T> {
  readonly messageId: number;
  readonly message: T;
}

const toRequestHeader = ({ userId, userRequestId }: RequestHeader): RequestHeader => ({
  userId,
  userRequestId,
});

/** Client side: a request to send. */
export const requestToWire = (
  request: ClientRequest,
  messageId: number,
): OutgoingFrame<typeof REQUESTS> => {
  const common = { messageId: toMessageId(messageId), body: [] };
  const header = toRequestHeader(request);
  switch (request.kind) {
    case "infer": {
      const { modelId, batchSize, sloFactor } = request;
      const fields = { header, modelId, batchSize, sloFactor };
      return { ...common, name: "ModelInferenceReq", fields, body: toBody([request.input]) };
    }
    case "load_model": {
      const fields = { header, remotePath: request.path, noOfCopies: request.copies };
      return { ...common, name: "LoadModelFromDiskReq", fields };
    }
    case "ls":
      return { ...common, name: "LSReq", fields: { header } };
    case "evict":
      return { ...common, name: "EvictReq", fields: { header, modelId: request.modelId } };
    case "upload": {
      const fields = { header, batchsize: 0, soLen: 0n, clockworkLen: 0n, paramsLen: 0n };
      return { ...common, name: "ModelUploadReq", fields };
    }
    default:
      return assertNever(request);
  }
};

/** Controller side: a request that was received. Total: absent optional fields count as 0. */
export const requestFromWire = (
  frame: IncomingFrame<typeof REQUESTS>,
): Correlated<ClientRequest> => ({
  messageId: fromMessageId(frame.messageId),
  message: toRequest(frame),
});

const toRequest = (frame: IncomingFrame<typeof REQUESTS>): ClientRequest => {
  const { userId = 0, userRequestId = 0 } = frame.fields.header;
  const header = { userId, userRequestId };
  switch (frame.name) {
    case "ModelInferenceReq": {
      const { modelId, batchSize, sloFactor } = frame.fields;
      return {
        ...header,
        kind: "infer",
        modelId,
        batchSize,
        sloFactor,
        input: toPayload(frame.body),
      };
    }
    case "LoadModelFromDiskReq": {
      const { remotePath, noOfCopies } = frame.fields;
      return { ...header, kind: "load_model", path: remotePath, copies: noOfCopies };
    }
    case "LSReq":
      return { ...header, kind: "ls" };
    case "EvictReq":
      return { ...header, kind: "evict", modelId: frame.fields.modelId };
    case "ModelUploadReq":
      return { ...header, kind: "upload" };
    default:
      return assertNever(frame);
  }
};

/** Controller side: a response to send; its output becomes a slice of the worker's, uncopied. */
export const responseToWire = (
  response: ClientResponse,
  messageId: number,
): OutgoingFrame<typeof RESPONSES> => {
  const common = { messageId: toMessageId(messageId), body: [] };
  const { userRequestId, status, message } = response;
  const header = { userRequestId, status, message };
  switch (response.kind) {
    case "infer": {
      const fields = { header, modelId: response.modelId, batchSize: response.batchSize };
      const output = response.output === null ? EMPTY_PAYLOAD.data : sliceBytes(response.output);
      const body = output.byteLength === 0 ? [] : [output];
      return { ...common, name: "ModelInferenceRsp", fields, body };
    }
    case "load_model": {
      const { modelId, copies } = response;
      const fields = { header, modelId, ...toSizes(response), copiesCreated: copies };
      return { ...common, name: "LoadModelFromDiskRsp", fields };
    }
    case "ls": {
      const models = response.models.map(toModelInfo);
      return { ...common, name: "LSRsp", fields: { header, models } };
    }
    case "evict":
      return { ...common, name: "EvictRsp", fields: { header } };
    case "upload": {
      const fields = { header, modelId: 0, inputSize: 0n, outputSize: 0n };
      return { ...common, name: "ModelUploadRsp", fields };
    }
    default:
      return assertNever(response);
  }
};

const toSizes = (sizes: { readonly inputBytes: number; readonly outputBytes: number }) => ({
  inputSize: toUint64(sizes.inputBytes),
  outputSize: toUint64(sizes.outputBytes),
});

const toModelInfo = (model: ModelInfo) => ({
  modelId: model.modelId,
  remotePath: model.path,
  ...toSizes(model),
});

/** Client side: a response that was received. Total: absent optional fields count as 0 and "". */
export const responseFromWire = (
  frame: IncomingFrame<typeof RESPONSES>,
): Correlated<ClientResponse> => ({
  messageId: fromMessageId(frame.messageId),
  message: toResponse(frame),
});

const toResponse = (frame: IncomingFrame<typeof RESPONSES>): ClientResponse => {
  const { userRequestId = 0, status = 0, message = "" } = frame.fields.header;
  const header: ResponseHeader = { userRequestId, status, message };
  switch (frame.name) {
    case "ModelInferenceRsp": {
      const { modelId, batchSize } = frame.fields;
      const output =
        frame.body.byteLength === 0 ? null : { payload: toPayload(frame.body), index: 0, count: 1 };
      return { ...header, kind: "infer", modelId, batchSize, output };
    }
    case "LoadModelFromDiskRsp": {
      // The original leaves these uninitialised in failed responses.
      if (status !== 0) {
        return {
          ...header,
          kind: "load_model",
          modelId: 0,
          inputBytes: 0,
          outputBytes: 0,
          copies: 0,
        };
      }
      const { modelId, inputSize, outputSize, copiesCreated } = frame.fields;
      const sizes = { inputBytes: fromUint64(inputSize), outputBytes: fromUint64(outputSize) };
      return { ...header, kind: "load_model", modelId, ...sizes, copies: copiesCreated };
    }
    case "LSRsp": {
      const models = frame.fields.models.map((model) => ({
        modelId: model.modelId,
        path: model.remotePath,
        inputBytes: fromUint64(model.inputSize),
        outputBytes: fromUint64(model.outputSize),
      }));
      return { ...header, kind: "ls", models };
    }
    case "EvictRsp":
      return { ...header, kind: "evict" };
    case "ModelUploadRsp":
      return { ...header, kind: "upload" };
    default:
      return assertNever(frame);
  }
};
