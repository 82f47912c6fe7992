/** Captured streams: which messages a file holds, its frames as JSON records, and the frames' bytes from the records. */
import { assert } from "#stdx/assert.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { NO_DELTA } from "#wire/clock-sync.ts";
import { encodeHead, FrameDecoder, PRE_HEADER_BYTES, type ReceivedFrame } from "#wire/framing.ts";
import { fieldsFromJson, fieldsToJson, integerToJson } from "#wire/json.ts";
import {
  ACTIONS,
  type MessageSet,
  type OutgoingFrame,
  REQUESTS,
  RESPONSES,
  RESULTS,
} from "#wire/messages.ts";

/** One frame without its body's bytes; keys and number formats are those of the capturing proxy. */
export interface FrameRecord {
  /** Bytes from the start of the stream to the pre-header. */
  readonly offset: number;
  readonly msg_type: number;
  /** The original's name, with the suffix `Proto`. */
  readonly message: string;
  readonly msg_id: number | string;
  /** Decimal ns since the Unix epoch. */
  readonly send_time: string;
  /** Decimal ns; null when the sender had none yet. */
  readonly local_delta: string | null;
  readonly header_len: number;
  readonly body_len: number;
  readonly fields: unknown;
}

export interface CapturedFrame {
  readonly record: FrameRecord;
  readonly body: Uint8Array;
}

/** What travels in a file named like `client-ctl.0.up.bin` or `ctl-worker1.0.down.bin`; null for other names. */
export const messageSetOf = (fileName: string): MessageSet | null => {
  const match = /^(client-ctl|ctl-worker\d+)\.\d+\.(up|down)\./.exec(fileName);
  if (match === null) return null;
  const isUp = match[2] === "up";
  if (match[1] === "client-ctl") return isUp ? REQUESTS : RESPONSES;
  return isUp ? ACTIONS : RESULTS;
};

const toRecord = (
  set: MessageSet,
  received: ReceivedFrame<MessageSet>,
  offset: number,
): FrameRecord => {
  const { frame, sendTimeNs, localDeltaNs, headerBytes } = received;
  const type = set.byName.get(frame.name);
  assert(type !== undefined, `${frame.name} came out of a set that lacks it`);
  return {
    offset,
    msg_type: type.id,
    message: `${frame.name}Proto`,
    msg_id: integerToJson(frame.messageId),
    send_time: sendTimeNs.toString(),
    local_delta: localDeltaNs === NO_DELTA ? null : localDeltaNs.toString(),
    header_len: headerBytes,
    body_len: frame.body.byteLength,
    fields: fieldsToJson(type.schema, frame.fields),
  };
};

/** Cuts a stream into frames, feeding the decoder chunks of `nextChunkBytes()` bytes each; the stream must end at a frame's end. */
export const readCapture = (
  set: MessageSet,
  stream: Uint8Array,
  nextChunkBytes: () => number,
): Result<readonly CapturedFrame[], string> => {
  const decoder = new FrameDecoder(set);
  const frames: CapturedFrame[] = [];
  let frameOffset = 0;
  for (let offset = 0; offset < stream.length; ) {
    const end = Math.min(stream.length, offset + nextChunkBytes());
    decoder.push(stream.subarray(offset, end), end);
    offset = end;
    for (let step = decoder.next(); step !== null; step = decoder.next()) {
      if (!step.ok) return err(`frame ${frames.length} at ${frameOffset}: ${step.error.message}`);
      const record = toRecord(set, step.value, frameOffset);
      frames.push({ record, body: step.value.frame.body });
      frameOffset += PRE_HEADER_BYTES + record.header_len + record.body_len;
    }
  }
  return decoder.isAtBoundary ? ok(frames) : err(`the stream ends inside frame ${frames.length}`);
};

/** Pre-header and header from a record alone, as it was read back from JSON; `body` fills in the length only. */
export const rebuildHead = (set: MessageSet, record: FrameRecord, body: Uint8Array): Uint8Array => {
  const type = set.byId.get(record.msg_type);
  assert(type !== undefined, `message type ${record.msg_type} is not among those of this stream`);
  const frame = {
    name: type.schema.name,
    messageId: BigInt(record.msg_id),
    fields: fieldsFromJson(type.schema, record.fields),
    body: body.byteLength === 0 ? [] : [body],
  } as unknown as OutgoingFrame<MessageSet>;
  return encodeHead(set, frame, {
    sendTimeNs: BigInt(record.send_time),
    localDeltaNs: record.local_delta === null ? NO_DELTA : BigInt(record.local_delta),
  });
};
