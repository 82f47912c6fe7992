/** The `vectors` command: on all captured streams where they are at hand, and on damaged ones always. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCapture } from "#wire/capture.ts";
import { encodeHead } from "#wire/framing.ts";
import { REQUESTS } from "#wire/messages.ts";

const root = join(import.meta.dir, "../..");
const shared = process.env["ESCAPEMENT_SHARED"] ?? join(root, "../shared");
const vectors = join(shared, "vectors");
const hasVectors = existsSync(vectors);
if (!hasVectors)
  console.warn(`SKIPPED: no captured streams at ${vectors}; only the goldens are checked`);

const scratch = mkdtempSync(join(tmpdir(), "escapement-vectors-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const runVectors = (...args: readonly string[]) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [process.execPath, join(root, "scripts/vectors.ts"), ...args],
    { cwd: root },
  );
  return { exitCode, out: stdout.toString(), error: stderr.toString() };
};

test.skipIf(!hasVectors)(
  "all captured streams decode, compare and rebuild without a problem",
  () => {
    const golden = join(scratch, "golden");
    const { exitCode, out } = runVectors(vectors, "--golden", golden);
    expect(out).toContain("60 streams, 5562 frames, 0 problems");
    expect(exitCode).toBe(0);
    // What is in the repository is what the script writes.
    for (const file of ["simple.jsonl", "evict.jsonl", "raw.jsonl"]) {
      const kept = readFileSync(join(root, "test/golden/wire", file), "utf8");
      expect(readFileSync(join(golden, file), "utf8")).toBe(kept);
    }
  },
);

/** A stream of one listing request, with its record. */
const makeStream = () => {
  const frame = {
    name: "LSReq",
    messageId: 1n,
    fields: { header: { userId: 0, userRequestId: 1 } },
    body: [],
  } as const;
  const bytes = encodeHead(REQUESTS, frame, { sendTimeNs: 5n, localDeltaNs: 6n });
  const read = readCapture(REQUESTS, bytes, () => bytes.length);
  if (!read.ok) throw new Error(read.error);
  return { bytes, line: JSON.stringify({ ...read.value[0]?.record, body_sha256: null }) };
};

const writeStream = (dir: string, bytes: Uint8Array, line: string): void => {
  writeFileSync(join(dir, "client-ctl.0.up.bin"), bytes);
  writeFileSync(join(dir, "client-ctl.0.up.frames.jsonl"), `${line}\n`);
};

test("a sound stream passes; a wrong record, a changed byte and a cut end do not", () => {
  const { bytes, line } = makeStream();
  const dir = mkdtempSync(join(scratch, "own-"));
  writeStream(dir, bytes, line);
  expect(runVectors(dir)).toMatchObject({ exitCode: 0, error: "" });
  writeStream(dir, bytes, line.replace('"user_request_id":1', '"user_request_id":2'));
  expect(runVectors(dir)).toMatchObject({ exitCode: 1 });
  writeStream(dir, bytes.with(40, 7), line);
  expect(runVectors(dir)).toMatchObject({ exitCode: 1 });
  writeStream(dir, bytes.subarray(0, -1), line);
  const cut = runVectors(dir);
  expect(cut.exitCode).toBe(1);
  expect(cut.error).toContain("the stream ends inside frame 0");
});

test("bad arguments are told apart", () => {
  expect(runVectors()).toMatchObject({ exitCode: 2 });
  expect(runVectors(scratch, "--golden")).toMatchObject({ exitCode: 2 });
  expect(runVectors(join(scratch, "absent"))).toMatchObject({ exitCode: 5 });
  expect(runVectors(mkdtempSync(join(scratch, "empty-")))).toMatchObject({ exitCode: 5 });
});
