/** A compiled model's file as the original writes it (worker.md §6), field by field. */

const u32 = (value: number): string => Buffer.from(Uint32Array.of(value).buffer).toString("hex");
const u64 = (value: number): string =>
  Buffer.from(BigUint64Array.of(BigInt(value)).buffer).toString("hex");

/** base_offset, page, page_offset, size, shape (count, elements), code, bits, lanes. */
const tensor = (size: number): string =>
  u64(0) +
  u32(2) +
  u64(64) +
  u64(size) +
  u32(2) +
  u64(1) +
  u64(size / 4) +
  u32(2) +
  u32(32) +
  u32(1);
const tensors = (...sizes: readonly number[]): string =>
  u32(1) + u32(sizes.length) + sizes.map(tensor).join("");

interface Parts {
  readonly version?: number;
  readonly pageSize?: number;
  readonly pages?: number;
  readonly inputs?: readonly number[];
  readonly outputs?: readonly number[];
}

/** A model with two functions, two operations, two inputs and one output, field by field. */
const specHex = ({
  version = 1,
  pageSize = 10,
  pages = 3,
  inputs = [8, 4],
  outputs = [12],
}: Parts = {}): string =>
  [
    u32(version),
    u64(25), // weights_memory
    u64(30), // weights_memory_paged
    u64(7), // workspace_memory
    u64(20), // io_memory
    u32(2) + u32(3) + "616263" + u32(1) + "7a", // so_functions "abc", "z"
    u32(1) + u32(2), // ops: version, count
    tensors(8) + u32(0) + u32(1) + u32(1) + (u32(1) + u64(0) + u64(7)), // inputs, so_function, one workspace
    tensors() + u32(1) + u32(1) + u32(0),
    tensors(...inputs),
    tensors(...outputs),
    u64(pageSize),
    u32(1) + u32(pages) + (u64(0) + u64(10)).repeat(pages),
  ].join("");

export const specBytes = (parts?: Parts): Uint8Array => Buffer.from(specHex(parts), "hex");
