/** Inputs for requests that carry one: bytes that look like no other, in the form a real worker unpacks. */
import { Rng } from "#stdx/rng.ts";

/** A length that needs more than four bits goes on in bytes of up to 255. */
const NIBBLE_MAX = 15;

const lengthBytes = (literals: number): number =>
  literals < NIBBLE_MAX ? 0 : Math.floor((literals - NIBBLE_MAX) / 255) + 1;

/**
 * One raw LZ4 block that unpacks to exactly `data`: a single sequence of literals, without any match, as the format
 * asks of a block's last sequence. Random inputs would not shrink anyway.
 */
export const lz4LiteralsBlock = (data: Uint8Array): Uint8Array => {
  const extra = lengthBytes(data.length);
  const block = new Uint8Array(1 + extra + data.length);
  block[0] = Math.min(data.length, NIBBLE_MAX) << 4;
  if (extra > 0) {
    block.fill(255, 1, extra);
    block[extra] = (data.length - NIBBLE_MAX) % 255;
  }
  block.set(data, 1 + extra);
  return block;
};

/** Makes inputs by size; one block per size is made and sent again and again, since models differ in size only. */
export class InputBlocks {
  readonly #seed: number;
  readonly #blocks = new Map<number, Uint8Array>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The block of an input that has `inputBytes` once unpacked; shared, not to be changed. */
  block(inputBytes: number): Uint8Array {
    const known = this.#blocks.get(inputBytes);
    if (known !== undefined) return known;
    const rng = Rng.of(this.#seed, `inputs/${inputBytes}`);
    const block = lz4LiteralsBlock(Uint8Array.from({ length: inputBytes }, () => rng.below(256)));
    this.#blocks.set(inputBytes, block);
    return block;
  }
}
