/** The original's worker as it was recorded: answers actions by what they ask for, with ids and times of now. */
import { createServer, type Server } from "node:net";
import { portOf } from "#host/tcp.ts";
import { type ACTIONS, ENDPOINTS, type IncomingFrame, type RESULTS } from "#wire/messages.ts";
import { PeerSocket, wallNs } from "./peer-socket.ts";
import type { RecordedSession } from "./recorded-session.ts";

type Action = IncomingFrame<typeof ACTIONS>;
type Result = IncomingFrame<typeof RESULTS>;

/** Of the three id spaces of the original, each counting from 0. */
const stageOf = (frame: Action | Result): string => {
  if (frame.name === "ErrorResult") {
    const { actionType } = frame.fields;
    return actionType === 0 ? "load" : actionType === 5 ? "state" : "scheduled";
  }
  if (frame.name.startsWith("LoadModelFromDisk")) return "load";
  return frame.name.startsWith("GetWorkerState") ? "state" : "scheduled";
};

/** The same for an action and its result, and for no other of a session. */
export const pairKeyOf = (frame: Action | Result): string =>
  `${stageOf(frame)} ${frame.fields.actionId}`;

interface About {
  readonly modelId?: number;
  readonly gpuId?: number;
  readonly batchSize?: number;
}

/** What an action asks for, from everything to only its kind: the first that was recorded decides. */
const meaningsOf = (action: Action): readonly string[] => {
  const { modelId, gpuId, batchSize } = action.fields as About;
  const all = [action.name, batchSize, gpuId, modelId];
  return [all, all.slice(0, 3), all.slice(0, 2), all.slice(0, 1)].map((parts) => parts.join(" "));
};

/** Times of one result, moved so that it ends at `endNs`. */
const moved = (timing: unknown, endNs: bigint): unknown => {
  const { begin, end, duration } = timing as { begin: bigint; end: bigint; duration: bigint };
  return { begin: endNs - (end - begin), end: endNs, duration };
};

const execNs = (result: Result): bigint => {
  if (result.name === "InferResult") return result.fields.execTiming.duration;
  return result.name === "LoadWeightsResult" ? result.fields.timing.duration : 0n;
};

const toMs = (durationNs: bigint): number => Number(durationNs) / 1e6;

interface Answer {
  readonly result: Result;
  /** Of the recorded action. */
  readonly batchSize: number;
}

const batchSizeOf = ({ fields }: Action): number => (fields as About).batchSize ?? 1;

/** An output for another batch than the recorded one: each input of it gets what the first one got. */
const withOutputs = ({ result, batchSize }: Answer, action: Action): Result => {
  const wanted = batchSizeOf(action);
  if (result.name !== "InferResult" || wanted === batchSize) return result;
  const one = result.body.subarray(0, result.body.length / batchSize);
  const body = new Uint8Array(one.length * wanted);
  for (let index = 0; index < wanted; index++) body.set(one, index * one.length);
  return { ...result, body };
};

export class RecordedWorker {
  readonly #server: Server;
  /** Recorded results by the meaning of their actions, each to be given in turn. */
  readonly #results = new Map<string, Answer[]>();
  readonly #peers: PeerSocket<typeof ENDPOINTS.worker>[] = [];
  /** When each GPU is free again, by what it does. */
  readonly #freeNs = new Map<string, bigint>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  private constructor(session: RecordedSession) {
    const byKey = new Map(session.results.map(({ frame }) => [pairKeyOf(frame), frame]));
    for (const { frame } of session.actions) {
      const result = byKey.get(pairKeyOf(frame));
      if (result === undefined) continue;
      for (const meaning of meaningsOf(frame))
        this.#results.set(meaning, [
          ...(this.#results.get(meaning) ?? []),
          { result, batchSize: batchSizeOf(frame) },
        ]);
    }
    this.#server = createServer((socket) => {
      const peer = new PeerSocket(socket, ENDPOINTS.worker, (action) => this.#answer(peer, action));
      this.#peers.push(peer);
    });
  }

  static async listen(session: RecordedSession): Promise<RecordedWorker> {
    const worker = new RecordedWorker(session);
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return worker;
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** What our controller sent, in order. */
  get actions(): readonly Action[] {
    return this.#peers.flatMap(({ received }) => received);
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const peer of this.#peers) peer.close();
    this.#server.close();
  }

  #answer(peer: PeerSocket<typeof ENDPOINTS.worker>, action: Action): void {
    const known = meaningsOf(action).find((meaning) => this.#results.has(meaning));
    // Nothing like it was recorded: the action stays without a result, as its own would in a recording that ends.
    const answers = known === undefined ? undefined : this.#results.get(known);
    const answer = answers?.shift();
    if (answers === undefined || answer === undefined) return;
    answers.push(answer);
    const result = withOutputs(answer, action);
    const endNs = this.#endOf(action, result);
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        peer.send(result, this.#rewritten(action, result, endNs));
      },
      Math.max(0, toMs(endNs - wallNs())),
    );
    this.#timers.add(timer);
  }

  /** A GPU does one thing of a kind at a time, and none before its window opens. */
  #endOf(action: Action, result: Result): bigint {
    const { gpuId = 0, earliest = 0n } = action.fields as { gpuId?: number; earliest?: bigint };
    const lane = `${action.name} ${gpuId}`;
    const begin = [wallNs(), earliest, this.#freeNs.get(lane) ?? 0n].reduce((a, b) =>
      a > b ? a : b,
    );
    const end = begin + execNs(result);
    if (execNs(result) > 0n) this.#freeNs.set(lane, end);
    return end;
  }

  #rewritten(action: Action, result: Result, endNs: bigint): Readonly<Record<string, unknown>> {
    const timings = Object.entries(result.fields as Record<string, unknown>)
      .filter(([key]) => /timing$/i.test(key))
      .map(([key, timing]) => {
        const isBefore = key === "copyInputTiming";
        return [key, moved(timing, isBefore ? endNs - execNs(result) : endNs)];
      });
    const { actionId } = action.fields;
    const { gpuId } = action.fields as About;
    const own = result.name === "InferResult" && gpuId !== undefined ? { gpuId } : {};
    return { ...Object.fromEntries(timings), ...own, actionId, resultSent: wallNs() };
  }
}
