/** The original's client as it was recorded: the same requests, in the same order, at about the same pace. */
import { connect } from "node:net";
import { ENDPOINTS, type IncomingFrame, type REQUESTS, type RESPONSES } from "#wire/messages.ts";
import { PeerSocket } from "./peer-socket.ts";
import type { ClientStream } from "./recorded-session.ts";

type Request = IncomingFrame<typeof REQUESTS>;
type Response = IncomingFrame<typeof RESPONSES>;

/** Longer pauses of the recording mean nothing here. */
const PAUSE_MS_MAX = 50;
/** How long ours may take to answer; far more than any SLO. */
const ANSWER_MS_MAX = 20_000;

export class RecordedClient {
  readonly #peer: PeerSocket<typeof ENDPOINTS.client>;
  readonly #stream: ClientStream;
  readonly #waiting = new Map<bigint, PromiseWithResolvers<Response>>();
  /** What was sent, in order. */
  readonly requests: Request[] = [];

  constructor(port: number, stream: ClientStream) {
    this.#stream = stream;
    const socket = connect({ host: "127.0.0.1", port });
    this.#peer = new PeerSocket(socket, ENDPOINTS.client, (response) => {
      this.#waiting.get(response.messageId)?.resolve(response);
    });
  }

  /** What our controller answered, in order. */
  get responses(): readonly Response[] {
    return this.#peer.received;
  }

  /** Sends everything; settles once everything is answered. Loads and lists are waited for one by one. */
  async play(): Promise<void> {
    const answers: Promise<Response>[] = [];
    let lastNs: bigint | null = null;
    for (const { frame, sendTimeNs } of this.#stream.requests) {
      const pauseMs = lastNs === null ? 0 : Number(sendTimeNs - lastNs) / 1e6;
      lastNs = sendTimeNs;
      if (pauseMs >= 1) await Bun.sleep(Math.min(pauseMs, PAUSE_MS_MAX));
      const answer = this.#send(frame);
      if (frame.name === "ModelInferenceReq") answers.push(answer);
      else await answer;
    }
    await Promise.all(answers);
  }

  close(): void {
    this.#peer.close();
  }

  #send(frame: Request): Promise<Response> {
    const answer = Promise.withResolvers<Response>();
    this.#waiting.set(frame.messageId, answer);
    const late = setTimeout(
      () => answer.reject(new Error(`no response to message ${frame.messageId} (${frame.name})`)),
      ANSWER_MS_MAX,
    );
    this.requests.push(frame);
    this.#peer.send(frame, {});
    return answer.promise.finally(() => clearTimeout(late));
  }
}
