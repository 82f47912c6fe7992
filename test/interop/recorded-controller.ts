/** The original's controller as it was recorded: the same actions, with windows that lie as far ahead as they did. */
import { connect } from "node:net";
import { type ACTIONS, ENDPOINTS, type IncomingFrame, type RESULTS } from "#wire/messages.ts";
import { PeerSocket, wallNs } from "./peer-socket.ts";
import type { RecordedSession } from "./recorded-session.ts";
import { pairKeyOf } from "./recorded-worker.ts";

type Action = IncomingFrame<typeof ACTIONS>;
type Result = IncomingFrame<typeof RESULTS>;

/** Longer pauses of the recording mean nothing here, and are made this short. */
const PAUSE_NS_MAX = 50_000_000n;
/** Windows close later than they did: how quick this machine is does not matter, and nothing recorded was too late. */
const SLACK_NS = 10_000_000_000n;
const ANSWER_MS_MAX = 20_000;
const OPEN_END = 2n ** 64n - 1n;

/** Where the models' files lay on the recorded machine, in place of which ours has another folder. */
const RECORDED_FOLDER = "/srv/cwtests";

interface Window {
  readonly earliest?: bigint;
  readonly latest?: bigint;
}

const isOpen = (end: bigint): boolean => end === 0n || end === OPEN_END;

/** Timers are good to a millisecond or so; the rest is waited for awake. */
const sleepUntil = async (atNs: bigint): Promise<void> => {
  const aheadMs = Number(atNs - wallNs()) / 1e6;
  if (aheadMs > 2) await Bun.sleep(aheadMs - 1.5);
  while (wallNs() < atNs) await Promise.resolve();
};

export class RecordedController {
  readonly #peer: PeerSocket<typeof ENDPOINTS.controllerForWorkers>;
  readonly #session: RecordedSession;
  readonly #folder: string;
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  /** What was sent, in order. */
  readonly actions: Action[] = [];

  constructor(port: number, session: RecordedSession, folder = RECORDED_FOLDER) {
    this.#session = session;
    this.#folder = folder;
    const socket = connect({ host: "127.0.0.1", port });
    this.#peer = new PeerSocket(socket, ENDPOINTS.controllerForWorkers, (result) => {
      this.#waiting.get(pairKeyOf(result))?.resolve();
    });
  }

  /** What our worker answered, in order, with the recorded machine's folder in its texts. */
  get results(): readonly Result[] {
    return this.#peer.received.map((result) =>
      result.name === "ErrorResult"
        ? {
            ...result,
            fields: {
              ...result.fields,
              message: result.fields.message.replaceAll(this.#folder, RECORDED_FOLDER),
            },
          }
        : result,
    );
  }

  /**
   * Sends each action when its turn comes: as long after the last one as it was, but not before the worker has answered
   * what it had answered then. Settles once everything is answered.
   */
  async play(): Promise<void> {
    const answers = new Map<string, Promise<void>>();
    const results = [...this.#session.results];
    let shiftNs = wallNs() - (this.#session.actions[0]?.sendTimeNs ?? 0n);
    for (const { frame, sendTimeNs } of this.#session.actions) {
      for (let next = results[0]; next !== undefined && next.sendTimeNs < sendTimeNs; ) {
        await answers.get(pairKeyOf(next.frame));
        results.shift();
        next = results[0];
      }
      const aheadNs = sendTimeNs + shiftNs - wallNs();
      if (aheadNs > PAUSE_NS_MAX) shiftNs -= aheadNs - PAUSE_NS_MAX;
      if (aheadNs < 0n) shiftNs -= aheadNs;
      await sleepUntil(sendTimeNs + shiftNs);
      answers.set(pairKeyOf(frame), this.#send(frame, shiftNs));
    }
    await Promise.all(answers.values());
  }

  close(): void {
    this.#peer.close();
  }

  #send(action: Action, shiftNs: bigint): Promise<void> {
    const answer = Promise.withResolvers<void>();
    this.#waiting.set(pairKeyOf(action), answer);
    const late = setTimeout(
      () => answer.reject(new Error(`no result of ${action.name} ${action.fields.actionId}`)),
      ANSWER_MS_MAX,
    );
    const { earliest = 0n, latest = OPEN_END } = action.fields as Window;
    const shift = (end: bigint, slackNs: bigint): bigint =>
      isOpen(end) ? end : end + shiftNs + slackNs;
    const path =
      action.name === "LoadModelFromDiskAction"
        ? { modelPath: action.fields.modelPath.replaceAll(RECORDED_FOLDER, this.#folder) }
        : {};
    this.actions.push(action);
    const window = { earliest: shift(earliest, 0n), latest: shift(latest, SLACK_NS) };
    this.#peer.send(action, { ...window, ...path });
    return answer.promise.finally(() => clearTimeout(late));
  }
}
