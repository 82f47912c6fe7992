/** Feeds damaged frames of one link, both ways, to what reads them and to what acts on what was read. */
import { MILLISECOND, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { FrameDecoder, PRE_HEADER_BYTES, type ReceivedFrame } from "#wire/framing.ts";
import { ACTIONS, type MessageSet, REQUESTS, RESPONSES, RESULTS } from "#wire/messages.ts";
import { capturedFrames, generateFrame } from "./frames.ts";
import { chunksOf, mutate } from "./mutate.ts";
import { compareShortWay } from "./short-ways.ts";
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
  /** Damaged frames that the short way of frequent messages took. */
  short: number;
  /** Streams that were refused. */
  refused: number;
}

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.below(values.length)] as T;

export class LinkFuzzer {
  readonly #link: FuzzLink;
  readonly #seed: number;
  readonly #captured: ReadonlyMap<MessageSet, readonly Uint8Array[]>;
  readonly tally: FuzzTally = { frames: 0, bytes: 0, read: 0, short: 0, refused: 0 };

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
    if (compareShortWay(set, damaged)) tally.short++;
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
