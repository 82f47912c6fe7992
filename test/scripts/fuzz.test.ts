/** A slice of the fuzzing that `./run fuzz` does at length, always the same; and what it would notice. */
import { expect, test } from "bun:test";
import { Rng } from "#stdx/rng.ts";
import { FrameDecoder } from "#wire/framing.ts";
import { ACTIONS, REQUESTS, RESPONSES, RESULTS } from "#wire/messages.ts";
import { Answers } from "../../scripts/fuzz/answers.ts";
import { capturedFrames, generateFrame, typeIdOf } from "../../scripts/fuzz/frames.ts";
import { FUZZ_LINKS, LinkFuzzer } from "../../scripts/fuzz/link-fuzzer.ts";
import { mutate } from "../../scripts/fuzz/mutate.ts";

for (const link of FUZZ_LINKS) {
  test(`20,000 damaged frames of the ${link}' link break nothing, and everybody gets one answer`, () => {
    const fuzzer = new LinkFuzzer(link, 1);
    for (let round = 0; round < 10; round++) fuzzer.run(round);
    const { frames, read, short, refused } = fuzzer.tally;
    expect(frames).toBe(20_000);
    // Neither would mean much alone.
    expect(read).toBeGreaterThan(frames / 10);
    expect(refused).toBeGreaterThan(frames / 4);
    if (link === "client") expect(short).toBeGreaterThan(100);
  }, 60_000);
}

test("what is damaged was whole before: every made-up frame of every kind is read", () => {
  const rng = Rng.of(1, "frames");
  let kinds = 0;
  for (const set of [REQUESTS, RESPONSES, ACTIONS, RESULTS]) {
    const frames = [
      ...capturedFrames(set, 1000),
      ...set.types.flatMap((type) =>
        Array.from({ length: 50 }, () => generateFrame(set, type, rng)),
      ),
    ];
    kinds += new Set(frames.map(typeIdOf)).size;
    for (const frame of frames) {
      const decoder = new FrameDecoder(set);
      decoder.push(frame, 0);
      expect(decoder.next()?.ok).toBe(true);
      expect(decoder.isAtBoundary).toBe(true);
    }
  }
  // 5 requests, 5 responses, 6 actions, 7 results.
  expect(kinds).toBe(23);
});

test("the same seed damages a frame in the same way, another in another", () => {
  const [frame, other] = capturedFrames(REQUESTS, 1000) as [Uint8Array, Uint8Array];
  const damaged = (seed: number): string =>
    Array.from({ length: 20 }, (_, index) =>
      mutate(frame, other, Rng.of(seed, String(index))).toHex(),
    ).join();
  const before = frame.toHex();
  expect(damaged(1)).toBe(damaged(1));
  expect(damaged(1)).not.toBe(damaged(2));
  expect(frame.toHex()).toBe(before);
});

test("a request without an answer and an answer too many are noticed", () => {
  const header = { userId: 0, userRequestId: 0 };
  const infer = {
    kind: "infer",
    ...header,
    modelId: 0,
    batchSize: 1,
    input: { sizeBytes: 0 },
  } as const;
  const answers = new Answers();
  answers.ask(1, 7, { kind: "ls", ...header });
  expect(() => answers.assertNoneDue()).toThrow("message 7 of client 1 has no response");
  answers.answer(1, 7);
  answers.assertNoneDue();
  expect(() => answers.answer(1, 7)).toThrow("once too often");
  // One that has days is not due yet; one of a client that has left never is.
  answers.ask(1, 8, { ...infer, sloFactor: 1e9 });
  answers.ask(2, 9, { ...infer, sloFactor: 0 });
  answers.close(2);
  expect(answers.areDue).toBe(false);
});
