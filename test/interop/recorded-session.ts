/** What client, controller and worker of the original said to each other: whole streams, or the trimmed ones kept here. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageSetOf } from "#wire/capture.ts";
import { FrameDecoder } from "#wire/framing.ts";
import type {
  ACTIONS,
  IncomingFrame,
  MessageSet,
  REQUESTS,
  RESPONSES,
  RESULTS,
} from "#wire/messages.ts";

const root = resolve(import.meta.dir, "../..");
const vectors = join(process.env["ESCAPEMENT_SHARED"] ?? join(root, "../shared"), "vectors");

/** Whether there are no whole streams on this machine. */
export const areVectorsAbsent = !existsSync(vectors);

export interface Sent<M extends MessageSet> {
  readonly frame: IncomingFrame<M>;
  /** In ns since the Unix epoch. */
  readonly sendTimeNs: bigint;
}

/** One client's connection. */
export interface ClientStream {
  readonly requests: readonly Sent<typeof REQUESTS>[];
  readonly responses: readonly Sent<typeof RESPONSES>[];
}

/** One controller with one worker; each list in the order of sending. */
export interface RecordedSession {
  readonly clients: readonly ClientStream[];
  readonly actions: readonly Sent<typeof ACTIONS>[];
  readonly results: readonly Sent<typeof RESULTS>[];
}

const decode = <M extends MessageSet>(set: M, bytes: Uint8Array): readonly Sent<M>[] => {
  const decoder = new FrameDecoder(set);
  decoder.push(bytes, 0);
  const sent: Sent<M>[] = [];
  for (let step = decoder.next(); step !== null; step = decoder.next()) {
    if (!step.ok) throw new Error(step.error.message);
    sent.push({ frame: step.value.frame, sendTimeNs: step.value.sendTimeNs });
  }
  return sent;
};

/** The bytes of a stream by its name, such as "client-ctl.0.up"; null where there is none. */
type Streams = (name: string) => Uint8Array | null;

const readSession = (streams: Streams): RecordedSession => {
  const read = <M extends MessageSet>(name: string): readonly Sent<M>[] => {
    const set = messageSetOf(`${name}.`) as M;
    const bytes = streams(name);
    return bytes === null ? [] : decode(set, bytes);
  };
  const clients = [0, 1].map((index) => ({
    requests: read<typeof REQUESTS>(`client-ctl.${index}.up`),
    responses: read<typeof RESPONSES>(`client-ctl.${index}.down`),
  }));
  return {
    clients: clients.filter(({ requests }) => requests.length > 0),
    actions: read<typeof ACTIONS>("ctl-worker0.0.up"),
    results: read<typeof RESULTS>("ctl-worker0.0.down"),
  };
};

/** A whole recorded session; only where the captures are. */
export const wholeSession = (scenario: string): RecordedSession =>
  readSession((name) => {
    const path = join(vectors, scenario, `${name}.bin`);
    return existsSync(path) ? new Uint8Array(readFileSync(path)) : null;
  });

interface GoldenLine {
  readonly stream: string;
  readonly body_len: number;
  readonly head: string;
}

/** The first and the last frame of every kind, which are in this repository; without bodies. */
export const trimmedSession = (scenario: string): RecordedSession => {
  const text = readFileSync(join(root, `test/golden/wire/${scenario}.jsonl`), "utf8").trimEnd();
  const lines = text.split("\n").map((line) => JSON.parse(line) as GoldenLine);
  if (lines.some(({ body_len }) => body_len > 0)) throw new Error(`${scenario} has bodies`);
  return readSession((name) => {
    const heads = lines.filter(({ stream }) => stream === name).map(({ head }) => head);
    return heads.length === 0 ? null : Uint8Array.fromHex(heads.join(""));
  });
};
