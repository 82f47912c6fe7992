/** Feeds damaged frames of one link, both ways, to what reads them and to what acts on what was read. */
import { MILLISECOND, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { FrameDecoder, PRE_HEADER_BYTES, type ReceivedFrame } from "#wire/framing.ts";
import { emptyInferenceResponse, readInferenceResponse } from "#wire/inference.ts";
import { ACTIONS, type MessageSet, REQUESTS, RESPONSES, RESULTS } from "#wire/messages.ts";
import { capturedFrames, generateFrame } from "./frames.ts";
import { chunksOf, mutate } from "./mutate.ts";
import { FuzzWorld } from "./world.ts";

export const FUZZ_LINKS = ["client", "workers"] as const;
export type FuzzLink = (typeof FUZZ_LINKS)[number];

/** Damaged frames of a round, which has a world of its own and is repeated from its number alone. */
export const FRAMES_PER_ROUND = 2000;
/** Captured inputs of megabytes would only slow everything down. */
const BODY_BYTES_MAX = 4096;

const DIRECTIONS: Readonly<Record<FuzzLink, readonly MessageSet[]>> = {
  client: [REQUESTS, RESPONSES],
  workers: [RESULTS, ACTIONS],
};
const TYPES = ["INFER4", "INFER5", "INFER4", "INFER5", "ECHO", "DIRECT"];
const STEPS_NS = [0, 0, 0, 1000, 1000, 50_000, 50_000, MILLISECOND];

/** What became of a round's frames. */
export interface FuzzTally {
  /** Damaged frames handed over. */
  frames: number;
  bytes: number;
  /** Messages that were read all the same, and acted on. */
  read: number;
  /** Streams that were refused. */
  refused: number;
}

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.below(values.length)] as T;

export class LinkFuzzer {
  readonly #link: FuzzLink;
  readonly #seed: number;
  readonly #captured: ReadonlyMap<MessageSet, readonly Uint8Array[]>;
  readonly tally: FuzzTally = { frames: 0, bytes: 0, read: 0, refused: 0 };

  constructor(link: FuzzLink, seed: number) {
    this.#link = link;
    this.#seed = seed;
    this.#captured = new Map(
      DIRECTIONS[link].map((set) => [set, capturedFrames(set, BODY_BYTES_MAX)]),
    );
  }

  /** One round; throws what is wrong. The same (link, seed, round) does the same. */
  run(round: number, frames = FRAMES_PER_ROUND): void {
    const rng = Rng.of(this.#seed, `${this.#link} ${round}`);
    const world = new FuzzWorld(TYPES[round % TYPES.length] as string);
    // Every third round begins with the start-up, the others once all is running.
    if (round % 3 !== 0) world.advance(ns(500 * MILLISECOND));
    for (let index = 0; index < frames; index++) {
      this.#feed(world, pick(rng, DIRECTIONS[this.#link]), rng);
      world.advance(ns(pick(rng, STEPS_NS)));
      if (rng.below(200) === 0) world.hangUp();
    }
    world.settle();
  }

  #feed(world: FuzzWorld, set: MessageSet, rng: Rng): void {
    const damaged = mutate(this.#frameOf(world, set, rng), this.#frameOf(world, set, rng), rng);
    const whole = (): Uint8Array => this.#frameOf(world, set, rng);
    const parts = [
      ...(rng.below(8) === 0 ? [whole()] : []),
      damaged,
      ...(rng.below(8) === 0 ? [whole()] : []),
    ];
    const stream = new Uint8Array(Buffer.concat(parts));
    const { tally } = this;
    tally.frames++;
    tally.bytes += stream.length;
    if (set === RESPONSES) compareInferenceResponse(damaged);
    for (const received of this.#decode(set, stream, rng)) {
      tally.read++;
      world.deliver(set, received.frame);
    }
  }

  #frameOf(world: FuzzWorld, set: MessageSet, rng: Rng): Uint8Array {
    const known = pick(rng, [this.#captured.get(set) ?? [], world.live.get(set) ?? []]);
    const isMadeUp = known.length === 0 || rng.below(3) === 0;
    return isMadeUp ? generateFrame(set, pick(rng, set.types), rng) : pick(rng, known);
  }

  #decode(set: MessageSet, stream: Uint8Array, rng: Rng): readonly ReceivedFrame<MessageSet>[] {
    const decoder = new FrameDecoder(set);
    const received: ReceivedFrame<MessageSet>[] = [];
    for (const chunk of chunksOf(stream, rng)) {
      decoder.push(chunk, 0);
      for (let step = decoder.next(); step !== null; step = decoder.next()) {
        if (!step.ok) {
          this.tally.refused++;
          return received;
        }
        received.push(step.value);
        // Every message takes at least a pre-header out of the stream.
        if (received.length * PRE_HEADER_BYTES > stream.length)
          throw new Error("more messages than the stream has room for");
      }
    }
    return received;
  }
}

const scratch = emptyInferenceResponse();

/** What the short way takes, the codec must take too, and read the same. */
const compareInferenceResponse = (bytes: Uint8Array): void => {
  const length = readInferenceResponse(bytes, 0, scratch);
  if (length === 0) return;
  const decoder = new FrameDecoder(RESPONSES);
  decoder.push(bytes.subarray(0, length), 0);
  const step = decoder.next();
  if (step?.ok !== true) throw new Error("the short way takes a frame that the codec refuses");
  const { frame, sendTimeNs, localDeltaNs } = step.value;
  if (frame.name !== "ModelInferenceRsp") throw new Error(`the short way takes a ${frame.name}`);
  const { header, modelId, batchSize } = frame.fields;
  const toUint64 = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low);
  const { messageId, sendTimeHigh, sendTimeLow, localDeltaHigh, localDeltaLow, ...short } = scratch;
  const shortStamps = [
    BigInt(messageId),
    toUint64(sendTimeHigh, sendTimeLow),
    BigInt.asIntN(64, toUint64(localDeltaHigh, localDeltaLow)),
  ];
  const { userRequestId = 0, status = 0 } = header;
  const long = { userRequestId, status, modelId, batchSize, bodyBytes: frame.body.length };
  const longStamps = [frame.messageId, sendTimeNs, localDeltaNs];
  if (!Bun.deepEquals([short, shortStamps], [long, longStamps]))
    throw new Error(
      `the short way reads ${JSON.stringify(short)}, the codec ${JSON.stringify(long)}`,
    );
};
