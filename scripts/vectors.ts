/** Checks captured streams frame by frame, and writes the trimmed goldens: `vectors DIR [--golden OUT]`. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { Rng } from "#stdx/rng.ts";
import {
  type CapturedFrame,
  type FrameRecord,
  messageSetOf,
  readCapture,
  rebuildHead,
} from "#wire/capture.ts";
import { PRE_HEADER_BYTES } from "#wire/framing.ts";
import type { MessageSet } from "#wire/messages.ts";

const USAGE = "usage: vectors DIR [--golden OUT]   (DIR holds *.bin, or folders of them)";

interface Stream {
  readonly scenario: string;
  readonly name: string;
  readonly set: MessageSet;
  readonly bytes: Uint8Array;
  readonly expected: readonly (FrameRecord & { readonly body_sha256: string | null })[];
}

interface StreamReport {
  readonly frames: readonly CapturedFrame[];
  readonly problems: readonly string[];
}

const findStreams = (dir: string): readonly Stream[] => {
  const files = readdirSync(dir, { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".bin"))
    .sort()
    .flatMap((file) => {
      const set = messageSetOf(basename(file));
      if (set === null) return [];
      const path = join(dir, file);
      const lines = readFileSync(path.replace(/\.bin$/, ".frames.jsonl"), "utf8").trimEnd();
      const expected = lines.split("\n").map((line) => JSON.parse(line));
      const scenario = basename(resolve(path, ".."));
      const name = basename(file, ".bin");
      return [{ scenario, name, set, bytes: new Uint8Array(readFileSync(path)), expected }];
    });
};

const sha256 = (bytes: Uint8Array): string | null =>
  bytes.length === 0 ? null : new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

const chunkings = (): ReadonlyMap<string, () => number> => {
  const rng = Rng.of(1, "vectors");
  return new Map([
    ["in one piece", () => Number.MAX_SAFE_INTEGER],
    ["byte by byte", () => 1],
    ["7 bytes at a time", () => 7],
    ["in random pieces", () => 1 + rng.below(2000)],
  ]);
};

const checkFrame = (stream: Stream, index: number, frame: CapturedFrame): readonly string[] => {
  const where = `frame ${index} (${frame.record.message} at ${frame.record.offset})`;
  const problems: string[] = [];
  const seen = { ...frame.record, body_sha256: sha256(frame.body) };
  const expected = stream.expected[index];
  if (!Bun.deepEquals(seen, expected, true)) {
    problems.push(`${where}: got ${JSON.stringify(seen)}, expected ${JSON.stringify(expected)}`);
  }
  const { offset, header_len: headerBytes } = frame.record;
  const original = stream.bytes.subarray(offset, offset + PRE_HEADER_BYTES + headerBytes);
  // The text in between proves that the record alone holds everything.
  const record = JSON.parse(JSON.stringify(frame.record)) as FrameRecord;
  const rebuilt = rebuildHead(stream.set, record, frame.body);
  if (Buffer.compare(rebuilt, original) !== 0) {
    problems.push(`${where}: rebuilt ${rebuilt.toHex()}, captured ${original.toHex()}`);
  }
  return problems;
};

const checkStream = (stream: Stream): StreamReport => {
  const problems: string[] = [];
  let frames: readonly CapturedFrame[] = [];
  for (const [name, nextChunkBytes] of chunkings()) {
    const read = readCapture(stream.set, stream.bytes, nextChunkBytes);
    if (!read.ok) {
      problems.push(`${name}: ${read.error}`);
      continue;
    }
    if (frames.length > 0 && !Bun.deepEquals(read.value, frames)) {
      problems.push(`${name}: other frames than in one piece`);
    }
    if (frames.length === 0) frames = read.value;
  }
  if (frames.length !== stream.expected.length) {
    problems.push(`${frames.length} frames, expected ${stream.expected.length}`);
  }
  for (const [index, frame] of frames.entries()) problems.push(...checkFrame(stream, index, frame));
  return { frames, problems };
};

/** Frames kept per stream and per kind; a kind is a message type with its status. */
const GOLDEN_FRAMES_PER_KIND = 2;

const kindOf = (record: FrameRecord): string => {
  const fields = record.fields as { status?: number; header?: { status?: number } };
  return `${record.message}/${fields.status ?? fields.header?.status ?? 0}`;
};

/** A few frames of every kind, spread over the stream: the first and the last ones. */
const trim = (frames: readonly CapturedFrame[]): readonly CapturedFrame[] => {
  const byKind = Map.groupBy(frames, (frame) => kindOf(frame.record));
  return [...byKind.values()]
    .flatMap((kind) => [...kind.slice(0, GOLDEN_FRAMES_PER_KIND - 1), ...kind.slice(-1)])
    .filter((frame, index, all) => all.indexOf(frame) === index)
    .sort((a, b) => a.record.offset - b.record.offset);
};

const goldenLines = (stream: Stream, frames: readonly CapturedFrame[]): readonly string[] =>
  trim(frames).map(({ record }) => {
    const end = record.offset + PRE_HEADER_BYTES + record.header_len;
    const head = stream.bytes.subarray(record.offset, end).toHex();
    return JSON.stringify({ stream: stream.name, ...record, head });
  });

const writeGoldens = (out: string, lines: ReadonlyMap<string, readonly string[]>): void => {
  mkdirSync(out, { recursive: true });
  for (const [scenario, of] of lines) {
    writeFileSync(join(out, `${scenario}.jsonl`), `${of.join("\n")}\n`);
  }
};

const main = (args: readonly string[]): number => {
  const [dir, flag, out] = args;
  const isValid =
    dir !== undefined && (flag === undefined || (flag === "--golden" && out !== undefined));
  if (!isValid || args.length > 3) {
    console.error(USAGE);
    return 2;
  }
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) {
    console.error(`${dir} is not a folder`);
    return 5;
  }
  const goldens = new Map<string, string[]>();
  let frameCount = 0;
  let problemCount = 0;
  const streams = findStreams(dir);
  for (const stream of streams) {
    const { frames, problems } = checkStream(stream);
    frameCount += frames.length;
    problemCount += problems.length;
    const verdict = problems.length === 0 ? "ok" : `${problems.length} PROBLEMS`;
    console.log(
      `${`${stream.scenario}/${stream.name}`.padEnd(40)} ${String(frames.length).padStart(5)} frames  ${verdict}`,
    );
    for (const problem of problems.slice(0, 5)) console.error(`  ${problem}`);
    const lines = goldens.get(stream.scenario) ?? [];
    lines.push(...goldenLines(stream, frames));
    goldens.set(stream.scenario, lines);
  }
  console.log(`${streams.length} streams, ${frameCount} frames, ${problemCount} problems`);
  if (streams.length === 0) {
    console.error(`no captured streams in ${dir}`);
    return 5;
  }
  if (problemCount > 0) return 1;
  if (out !== undefined) {
    writeGoldens(out, goldens);
    console.log(`goldens written to ${relative(process.cwd(), out) || out}`);
  }
  return 0;
};

process.exitCode = main(process.argv.slice(2));
