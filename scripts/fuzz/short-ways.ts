/** The readers of the most frequent messages, held against the codec: what they take it must take, and read the same. */
import type { ReceivedStamps } from "#wire/direct-fields.ts";
import { FrameDecoder, type ReceivedFrame } from "#wire/framing.ts";
import {
  emptyAction,
  emptyResult,
  type Halves,
  readInferAction,
  readInferResult,
  type TimingFields,
} from "#wire/infer-messages.ts";
import { emptyInferenceResponse, readInferenceResponse } from "#wire/inference.ts";
import { emptyRequest, readInferenceRequest } from "#wire/inference-answers.ts";
import { ACTIONS, type MessageSet, REQUESTS, RESPONSES, RESULTS } from "#wire/messages.ts";

type Plain = Readonly<Record<string, unknown>>;

/** What a reader took: its length, and what it read without the stamps. */
interface Taken {
  readonly length: number;
  readonly stamps: ReceivedStamps;
  readonly read: Plain;
}

const request = emptyRequest();
const response = emptyInferenceResponse();
const action = emptyAction();
const result = emptyResult();

const toUint64 = (high: number, low: number): bigint =>
  (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

const stampsOf = (read: ReceivedStamps): ReceivedStamps => {
  const { sendTimeHigh, sendTimeLow, localDeltaHigh, localDeltaLow } = read;
  return { sendTimeHigh, sendTimeLow, localDeltaHigh, localDeltaLow };
};

const takeRequest = (bytes: Uint8Array): Taken => {
  const length = readInferenceRequest(bytes, 0, request);
  const { messageId, userId, userRequestId, modelId, batchSize, sloFactor, inputBytes } = request;
  const read = { messageId, userId, userRequestId, modelId, batchSize, sloFactor, inputBytes };
  return { length, stamps: stampsOf(request), read };
};

const takeResponse = (bytes: Uint8Array): Taken => {
  const length = readInferenceResponse(bytes, 0, response);
  const { messageId, userRequestId, status, modelId, batchSize, bodyBytes } = response;
  const read = { messageId, userRequestId, status, modelId, batchSize, bodyBytes };
  return { length, stamps: stampsOf(response), read };
};

const whole = ({ high, low }: Halves): bigint => toUint64(high, low);

const takeAction = (bytes: Uint8Array): Taken => {
  const length = readInferAction(bytes, 0, action);
  const { earliest, latest, expectedDuration, ...fields } = action;
  const { actionId, modelId, gpuId, batchSize, inputSizes } = fields;
  const window = { earliest: whole(earliest), latest: whole(latest) };
  const read = { actionId, modelId, gpuId, batchSize, inputSizes: [...inputSizes], ...window };
  const duration = { expectedDuration: BigInt(expectedDuration) };
  return { length, stamps: stampsOf(action), read: { ...read, ...duration, bodyBytes: 0 } };
};

const timing = ({ begin, end, duration }: TimingFields): Plain => ({
  begin: whole(begin),
  end: whole(end),
  duration: BigInt(duration),
});

const takeResult = (bytes: Uint8Array): Taken => {
  const length = readInferResult(bytes, 0, result);
  const { actionId, gpuId, gpuClockBefore, gpuClock, outputBytes } = result;
  const timings = {
    copyInputTiming: timing(result.copyInput),
    execTiming: timing(result.exec),
    copyOutputTiming: timing(result.copyOutput),
  };
  const instants = {
    actionReceived: whole(result.actionReceived),
    resultSent: whole(result.resultSent),
  };
  const read = { actionId, gpuId, gpuClockBefore, gpuClock, bodyBytes: outputBytes };
  return { length, stamps: stampsOf(result), read: { ...read, ...timings, ...instants } };
};

/** The same of a frame that the codec read; null for a kind that has no short way. */
const toPlain = ({ frame }: ReceivedFrame<MessageSet>): Plain | null => {
  const { name, body } = frame;
  const messageId = Number(frame.messageId);
  const { header, modelId, batchSize, sloFactor } = frame.fields as unknown as Record<
    string,
    Plain
  >;
  if (name === "ModelInferenceReq") {
    const { userId = 0, userRequestId = 0 } = header ?? {};
    const inputBytes = body.length;
    return { messageId, userId, userRequestId, modelId, batchSize, sloFactor, inputBytes };
  }
  if (name === "InferAction" || name === "InferResult")
    return { ...frame.fields, bodyBytes: body.length };
  if (name !== "ModelInferenceRsp") return null;
  const { userRequestId = 0, status = 0 } = header ?? {};
  return { messageId, userRequestId, status, modelId, batchSize, bodyBytes: body.length };
};

const isSame = (taken: Taken, received: ReceivedFrame<MessageSet>): boolean => {
  const { sendTimeHigh, sendTimeLow, localDeltaHigh, localDeltaLow } = taken.stamps;
  return (
    Bun.deepEquals(taken.read, toPlain(received)) &&
    toUint64(sendTimeHigh, sendTimeLow) === received.sendTimeNs &&
    BigInt.asIntN(64, toUint64(localDeltaHigh, localDeltaLow)) === received.localDeltaNs
  );
};

const TAKERS = new Map<MessageSet, (bytes: Uint8Array) => Taken>([
  [REQUESTS, takeRequest],
  [RESPONSES, takeResponse],
  [ACTIONS, takeAction],
  [RESULTS, takeResult],
]);

/** Throws when a short way and the codec disagree about the message at the beginning of `bytes`. True when one took it. */
export const compareShortWay = (set: MessageSet, bytes: Uint8Array): boolean => {
  const taken = TAKERS.get(set)?.(bytes);
  if (taken === undefined || taken.length === 0) return false;
  const decoder = new FrameDecoder(set);
  decoder.push(bytes.subarray(0, taken.length), 0);
  const step = decoder.next();
  if (step?.ok !== true || !decoder.isAtBoundary)
    throw new Error(`the short way takes ${bytes.toHex()}, which the codec refuses`);
  if (!isSame(taken, step.value))
    throw new Error(`the short way reads ${Bun.inspect(taken.read)} in ${bytes.toHex()}`);
  return true;
};
