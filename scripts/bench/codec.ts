/** How many frames a second the codec writes and reads, kind by kind and direction by direction, on one core. */
import { Rng } from "#stdx/rng.ts";
import { encodeHead, FrameDecoder } from "#wire/framing.ts";
import {
  ACTIONS,
  type IncomingFrame,
  type MessageSet,
  type MessageType,
  REQUESTS,
  RESPONSES,
  RESULTS,
} from "#wire/messages.ts";
import { capturedFrames, generateFrame, typeIdOf } from "../fuzz/frames.ts";
import type { Series } from "./summary.ts";

/** Bytes handed to the decoder at a time, about what a socket gives. */
const CHUNK_BYTES = 64 * 1024;
const MEASURED_S = 0.3;
const WARM_UP_S = 0.1;

const DIRECTIONS: readonly (readonly [string, MessageSet])[] = [
  ["client to controller", REQUESTS],
  ["controller to client", RESPONSES],
  ["controller to worker", ACTIONS],
  ["worker to controller", RESULTS],
];

/** Processor time, so that a busy machine counts less. */
const cpuS = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Calls `work`, which handles so many frames as it returns, for a while; frames per second of processor time. */
const measure = (work: () => number): number => {
  for (const startS = cpuS(); cpuS() - startS < WARM_UP_S; ) work();
  let frames = 0;
  const startS = cpuS();
  for (;;) {
    frames += work();
    const spentS = cpuS() - startS;
    if (spentS >= MEASURED_S) return frames / spentS;
  }
};

/** The longest captured frame of a kind, since what is short is cheap; a made-up one where none was captured. */
const sampleOf = (set: MessageSet, type: MessageType): Uint8Array => {
  const captured = capturedFrames(set, CHUNK_BYTES).filter((each) => typeIdOf(each) === type.id);
  const [longest] = captured.toSorted((a, b) => b.length - a.length);
  return longest ?? generateFrame(set, type, Rng.of(1, type.schema.name));
};

const decodeAll = (set: MessageSet, chunk: Uint8Array): readonly IncomingFrame<MessageSet>[] => {
  const decoder = new FrameDecoder(set);
  decoder.push(chunk, 0);
  const frames: IncomingFrame<MessageSet>[] = [];
  for (let step = decoder.next(); step !== null; step = decoder.next()) {
    if (!step.ok) throw new Error(step.error.message);
    frames.push(step.value.frame);
  }
  return frames;
};

const repeat = (frame: Uint8Array): Uint8Array => {
  const count = Math.max(1, Math.floor(CHUNK_BYTES / frame.length));
  const chunk = new Uint8Array(count * frame.length);
  for (let index = 0; index < count; index++) chunk.set(frame, index * frame.length);
  return chunk;
};

/** Frames per second that are written and read. */
const measureKind = (set: MessageSet, type: MessageType): readonly [number, number] => {
  const chunk = repeat(sampleOf(set, type));
  const frames = decodeAll(set, chunk).map((frame) => ({ ...frame, body: [frame.body] }));
  const stamps = { sendTimeNs: 1_795_450_677_000_000_000n, localDeltaNs: 250_432n };
  const encode = (): number => {
    for (const frame of frames) encodeHead(set, frame, stamps);
    return frames.length;
  };
  return [measure(encode), measure(() => decodeAll(set, chunk).length)];
};

/** Two series for every kind of message of both links. */
export const benchCodec = async (repetitions: number): Promise<readonly Series[]> =>
  DIRECTIONS.flatMap(([direction, set]) =>
    set.types.flatMap((type) => {
      const runs = Array.from({ length: repetitions }, () => measureKind(set, type));
      const unit = "k frames/s";
      const name = `${direction}: ${type.schema.name}`;
      return [
        { name: `${name}, write`, unit, values: runs.map(([write]) => write / 1000) },
        { name: `${name}, read`, unit, values: runs.map(([, read]) => read / 1000) },
      ];
    }),
  );
