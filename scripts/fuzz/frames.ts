/** Valid frames of every message kind: captured ones, and ones with made-up fields, extremes among them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Rng } from "#stdx/rng.ts";
import { messageSetOf } from "#wire/capture.ts";
import { encodeHead } from "#wire/framing.ts";
import type { MessageSet, MessageType, OutgoingFrame } from "#wire/messages.ts";
import type { NamedField, ScalarType, Schema } from "#wire/schema.ts";
import { ROOT } from "../step.ts";

const GOLDEN = "test/golden/wire";
const UINT64_MAX = 2n ** 64n - 1n;
/** Some instant of the captures' year, in ns since the Unix epoch. */
export const FUZZ_EPOCH_NS = 1_795_450_677_000_000_000n;

interface GoldenLine {
  readonly stream: string;
  readonly body_len: number;
  readonly head: string;
}

const withBody = (head: Uint8Array, bodyBytes: number): Uint8Array => {
  const frame = new Uint8Array(head.length + bodyBytes);
  frame.set(head);
  return frame;
};

/** Every golden frame of one direction, its body as zeros; those with the longest bodies are left out when `bodyBytesMax` says so. */
export const capturedFrames = (
  set: MessageSet,
  bodyBytesMax = Number.POSITIVE_INFINITY,
): readonly Uint8Array[] => {
  const dir = join(ROOT, GOLDEN);
  const lines = readdirSync(dir)
    .filter((file) => file.endsWith(".jsonl"))
    .sort()
    .flatMap((file) => readFileSync(join(dir, file), "utf8").trimEnd().split("\n"));
  return lines
    .map((line) => JSON.parse(line) as GoldenLine)
    .filter(
      ({ stream, body_len }) => messageSetOf(`${stream}.`) === set && body_len <= bodyBytesMax,
    )
    .map(({ head, body_len }) => withBody(Uint8Array.fromHex(head), body_len));
};

/** The type id of a whole frame. */
export const typeIdOf = (frame: Uint8Array): number =>
  Number(new DataView(frame.buffer, frame.byteOffset).getBigUint64(16, true));

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.below(values.length)] as T;

const int32 = (rng: Rng): number =>
  pick(rng, [rng.below(4), rng.below(40), rng.uint32() | 0, 0, -1, 2 ** 31 - 1, -(2 ** 31)]);

const uint32 = (rng: Rng): number =>
  pick(rng, [rng.below(4), rng.below(40), rng.uint32(), 0, 1, 2 ** 31, 2 ** 32 - 1]);

const uint64 = (rng: Rng): bigint =>
  pick(rng, [
    BigInt(rng.below(1e6)),
    FUZZ_EPOCH_NS + BigInt(rng.below(1e9)),
    (BigInt(rng.uint32()) << 32n) | BigInt(rng.uint32()),
    0n,
    2n ** 53n + 1n,
    2n ** 63n,
    UINT64_MAX,
  ]);

const TEXTS = ["", "/zoo/0/model", "/zoo/2/model", "ü\u0000\n\t", "x".repeat(300)];
const FLOATS = [0, 0.1, 1, 4, -1, 1e30, Number.NaN, Number.POSITIVE_INFINITY];

const scalar = (rng: Rng, type: ScalarType): number | bigint | string => {
  switch (type) {
    case "int32":
      return int32(rng);
    case "uint32":
      return uint32(rng);
    case "uint64":
    case "fixed64":
      return uint64(rng);
    case "float":
      return pick(rng, FLOATS);
    case "string":
      return pick(rng, TEXTS);
  }
};

const valueOf = (rng: Rng, { type }: NamedField): unknown =>
  typeof type === "string" ? scalar(rng, type) : fieldsOf(rng, type);

const fieldsOf = (rng: Rng, of: Schema): Record<string, unknown> => {
  const fields: Record<string, unknown> = {};
  for (const field of of.ordered) {
    if (field.presence === "repeated")
      fields[field.key] = Array.from({ length: rng.below(4) }, () => valueOf(rng, field));
    else if (field.presence === "required" || rng.below(5) > 0)
      fields[field.key] = valueOf(rng, field);
  }
  return fields;
};

/** A valid frame of this kind with fields drawn from `rng`. */
export const generateFrame = (set: MessageSet, type: MessageType, rng: Rng): Uint8Array => {
  const bodyBytes = type.mayHaveBody ? pick(rng, [0, 0, 1, 16, 4000]) : 0;
  const frame = {
    name: type.schema.name,
    messageId: uint64(rng),
    fields: fieldsOf(rng, type.schema),
    body: bodyBytes === 0 ? [] : [new Uint8Array(bodyBytes)],
  } as unknown as OutgoingFrame<MessageSet>;
  const localDeltaNs = BigInt.asIntN(64, uint64(rng));
  const head = encodeHead(set, frame, { sendTimeNs: uint64(rng), localDeltaNs });
  return withBody(head, bodyBytes);
};
