/** The trimmed captured frames of the original, in every clone: decoded, rebuilt from JSON text, compared. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type FrameRecord, messageSetOf, readCapture, rebuildHead } from "#wire/capture.ts";
import type { MessageSet } from "#wire/messages.ts";

type GoldenFrame = FrameRecord & { readonly stream: string; readonly head: string };

const folder = join(import.meta.dir, "../golden/wire");
const files = readdirSync(folder);
const goldens: readonly GoldenFrame[] = files.flatMap((file) =>
  readFileSync(join(folder, file), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line)),
);

const setOf = (golden: GoldenFrame): MessageSet => {
  const set = messageSetOf(`${golden.stream}.bin`);
  if (set === null) throw new Error(`${golden.stream} names no stream`);
  return set;
};

test("the goldens cover every scenario and every kind of message that was captured", () => {
  expect(files).toHaveLength(14);
  expect(goldens.length).toBeGreaterThan(300);
  // Uploads, evictions by clients and cleared caches do not occur in the captures.
  expect([...new Set(goldens.map((golden) => golden.message))].sort()).toEqual([
    "ErrorResultProto",
    "EvictWeightsActionProto",
    "EvictWeightsResultProto",
    "GetWorkerStateActionProto",
    "GetWorkerStateResultProto",
    "InferActionProto",
    "InferResultProto",
    "LSReqProto",
    "LSRspProto",
    "LoadModelFromDiskActionProto",
    "LoadModelFromDiskReqProto",
    "LoadModelFromDiskResultProto",
    "LoadModelFromDiskRspProto",
    "LoadWeightsActionProto",
    "LoadWeightsResultProto",
    "ModelInferenceReqProto",
    "ModelInferenceRspProto",
  ]);
  const bytes = files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  expect(bytes).toBeLessThan(400_000);
});

test("every captured frame decodes to its recorded fields", () => {
  for (const golden of goldens) {
    // Bodies are not kept; their length is all that the pre-header says of them.
    const bytes = Buffer.concat([Buffer.from(golden.head, "hex"), new Uint8Array(golden.body_len)]);
    const read = readCapture(setOf(golden), bytes, () => bytes.length);
    if (!read.ok) throw new Error(`${golden.stream} at ${golden.offset}: ${read.error}`);
    const { stream: _, head: __, ...record } = golden;
    expect(read.value.map((frame) => frame.record)).toStrictEqual([{ ...record, offset: 0 }]);
  }
});

test("every captured frame is rebuilt to the byte from its fields alone", () => {
  for (const golden of goldens) {
    const body = new Uint8Array(golden.body_len);
    expect(rebuildHead(setOf(golden), golden, body).toHex()).toBe(golden.head);
  }
});

test("a changed field changes the rebuilt bytes, so the comparison can fail", () => {
  const golden = goldens.find((each) => each.message === "InferActionProto");
  if (golden === undefined) throw new Error("no infer action among the goldens");
  const fields = { ...(golden.fields as object), gpu_id: 9 };
  const rebuilt = rebuildHead(
    setOf(golden),
    { ...golden, fields },
    new Uint8Array(golden.body_len),
  );
  expect(rebuilt.toHex()).not.toBe(golden.head);
});
