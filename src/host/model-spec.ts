/**
 * The original's compiled models, `P.<batch size>.clockwork`: little-endian; a struct begins with its version, a vector
 * of structs with their version and their count, any other vector with its count.
 */
import { err, ok, type Result } from "#stdx/result.ts";

/** What a worker has to know of a compiled model; sizes are those of the whole batch that it was compiled for. */
export interface ModelSpec {
  /** Without the gaps that pages make. */
  readonly weightsBytes: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly pageSizeBytes: number;
  readonly weightsPages: number;
}

/** Signals a mistake inside the reader; never leaves this file. */
class Refusal extends Error {}

const VERSION = 1;

class SpecReader {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#take(4, what), true);
  }

  u64(what: string): number {
    const at = this.#take(8, what);
    const value = Number(this.#view.getBigUint64(at, true));
    if (!Number.isSafeInteger(value)) throw new Refusal(`byte ${at}: ${what} is ${value}`);
    return value;
  }

  skip(size: number, what: string): void {
    this.#take(size, what);
  }

  version(what: string): void {
    const at = this.#at;
    const version = this.u32(what);
    if (version !== VERSION)
      throw new Refusal(`byte ${at}: ${what} has version ${version}; known is ${VERSION}`);
  }

  /** Elements have at least a few bytes each, so that an absurd count ends at the end of the file. */
  each(what: string, read: () => void): number {
    const count = this.u32(what);
    for (let index = 0; index < count; index++) read();
    return count;
  }

  structs(what: string, read: () => void): number {
    this.version(what);
    return this.each(what, read);
  }

  end(): void {
    const rest = this.#view.byteLength - this.#at;
    if (rest > 0) throw new Refusal(`byte ${this.#at}: ${rest} bytes follow the end of the model`);
  }

  #take(size: number, what: string): number {
    const at = this.#at;
    if (at + size > this.#view.byteLength) {
      throw new Refusal(`byte ${at}: the file ends within ${what}`);
    }
    this.#at += size;
    return at;
  }
}

const SCALAR_BYTES = { u32: 4, u64: 8 } as const;

/** A tensor; returns its size. */
const readTensor = (reader: SpecReader, what: string): number => {
  // base_offset, page, page_offset
  reader.skip(2 * SCALAR_BYTES.u64 + SCALAR_BYTES.u32, what);
  const size = reader.u64(what);
  reader.each(what, () => reader.skip(SCALAR_BYTES.u64, what)); // shape
  reader.skip(3 * SCALAR_BYTES.u32, what); // code, bits, lanes
  return size;
};

const readTensors = (reader: SpecReader, what: string): number => {
  let bytes = 0;
  reader.structs(what, () => {
    bytes += readTensor(reader, what);
  });
  return bytes;
};

const readOp = (reader: SpecReader): void => {
  readTensors(reader, "an operation's inputs");
  reader.skip(SCALAR_BYTES.u32, "an operation"); // so_function
  reader.structs("an operation's workspace", () =>
    // page, page_offset, size
    reader.skip(SCALAR_BYTES.u32 + 2 * SCALAR_BYTES.u64, "an operation's workspace"),
  );
};

const readSpec = (reader: SpecReader): ModelSpec => {
  reader.version("the model");
  const weightsBytes = reader.u64("weights_memory");
  reader.skip(3 * SCALAR_BYTES.u64, "the model's sizes"); // paged weights, workspace, io
  reader.each("so_functions", () => reader.skip(reader.u32("a name"), "the name of a function"));
  reader.structs("ops", () => readOp(reader));
  const inputBytes = readTensors(reader, "inputs");
  const outputBytes = readTensors(reader, "outputs");
  const pageSizeBytes = reader.u64("configured_weights_page_size");
  const weightsPages = reader.structs("weights_pages", () =>
    reader.skip(2 * SCALAR_BYTES.u64, "weights_pages"),
  );
  reader.end();
  return { weightsBytes, inputBytes, outputBytes, pageSizeBytes, weightsPages };
};

/** Reads a compiled model to its last byte; fails with the place and what is wrong there. */
export const parseModelSpec = (bytes: Uint8Array): Result<ModelSpec, string> => {
  try {
    return ok(readSpec(new SpecReader(bytes)));
  } catch (error) {
    if (error instanceof Refusal) return err(error.message);
    throw error;
  }
};
