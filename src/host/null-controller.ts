/**
 * A controller that costs almost nothing: it loads every model at once, and answers every inference request with the
 * same bytes as soon as it has read it. What a load generator can do is measured against it.
 */
import { type Clock, toAbsolute } from "#host/clock.ts";
import { requestFromWire, responseToWire } from "#host/wire-mapping.ts";
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import { NO_DELTA } from "#wire/clock-sync.ts";
import { encodeHead, FrameDecoder, PRE_HEADER_BYTES } from "#wire/framing.ts";
import { REQUESTS, RESPONSES } from "#wire/messages.ts";

const INFERENCE_REQUEST = 2;
/** Answers are put together here; what does not fit is answered in the next round. */
const OUT_BYTES = 2 ** 20;
/** No answer to another request is longer. */
const ANSWER_BYTES_MAX = 2 ** 17;

const EMPTY = new Uint8Array(0);

interface Connection {
  /** Bytes of a request that has not arrived whole. */
  rest: Uint8Array;
  /** Answers that the kernel has not taken yet. */
  unsent: Uint8Array;
}

export interface NullController {
  readonly port: number;
  /** Inference requests answered so far, and the time that went into reading and answering, in ns. */
  readonly totals: () => { readonly answered: number; readonly busyNs: number };
  readonly close: () => void;
}

const join = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  if (a.length === 0) return b;
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
};

class Answers {
  readonly #clock: Clock;
  readonly #models: { modelId: number; path: string; inputBytes: number; outputBytes: number }[] =
    [];
  readonly #template: Uint8Array;
  readonly out = new Uint8Array(OUT_BYTES);
  readonly #outView = new DataView(this.out.buffer);
  count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    const header = { userRequestId: 0, status: 0, message: "" };
    const answer = { kind: "infer", ...header, modelId: 0, batchSize: 1, output: null } as const;
    this.#template = this.#encode(answer, 0);
  }

  /** Answers every whole request in `bytes` into `out`; returns how much of either was used. */
  fill(bytes: Uint8Array): { readonly read: number; readonly written: number } {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const sendTimeNs = this.#now();
    let [read, written] = [0, 0];
    while (bytes.length - read >= PRE_HEADER_BYTES && OUT_BYTES - written >= ANSWER_BYTES_MAX) {
      const length = PRE_HEADER_BYTES + view.getUint32(read, true) + view.getUint32(read + 8, true);
      if (bytes.length - read < length) break;
      if (view.getUint32(read + 16, true) === INFERENCE_REQUEST) {
        this.out.set(this.#template, written);
        this.#outView.setUint32(written + 24, view.getUint32(read + 24, true), true);
        this.#outView.setBigUint64(written + 32, sendTimeNs, true);
        written += this.#template.length;
        this.count += 1;
      } else {
        const answer = this.#answerOther(bytes.subarray(read, read + length));
        this.out.set(answer, written);
        written += answer.length;
      }
      read += length;
    }
    return { read, written };
  }

  #now(): bigint {
    return toAbsolute(this.#clock, this.#clock.now());
  }

  /** There are few of these: models are loaded and listed once. */
  #answerOther(bytes: Uint8Array): Uint8Array {
    const decoder = new FrameDecoder(REQUESTS);
    decoder.push(bytes, 0);
    const read = decoder.next();
    if (read === null || !read.ok) throw new Error("a request cannot be read");
    const { messageId, message } = requestFromWire(read.value.frame);
    return this.#encode(this.#toResponse(message), messageId);
  }

  #toResponse(request: ClientRequest): ClientResponse {
    const header = { userRequestId: request.userRequestId, status: 0, message: "" };
    if (request.kind !== "load_model") return { ...header, kind: "ls", models: this.#models };
    const modelId = this.#models.length;
    const sizes = { inputBytes: 100, outputBytes: 10 };
    const { copies, path } = request;
    for (let i = 0; i < copies; i++) this.#models.push({ modelId: modelId + i, path, ...sizes });
    return { ...header, kind: "load_model", modelId, ...sizes, copies };
  }

  #encode(response: ClientResponse, messageId: number): Uint8Array {
    const stamps = { sendTimeNs: this.#now(), localDeltaNs: NO_DELTA };
    return encodeHead(RESPONSES, responseToWire(response, messageId), stamps);
  }
}

/** Listens on a free port of the loopback interface. */
export const startNullController = (clock: Clock): NullController => {
  const answers = new Answers(clock);
  let busyNs = 0;
  const server = Bun.listen<Connection>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { rest: EMPTY, unsent: EMPTY };
        socket.setNoDelay(true);
      },
      data(socket, chunk) {
        const startedAt = clock.now();
        const connection = socket.data;
        let bytes = join(connection.rest, chunk);
        for (;;) {
          const { read, written } = answers.fill(bytes);
          if (read === 0) break;
          bytes = bytes.subarray(read);
          const isFree = connection.unsent.length === 0;
          const taken = isFree ? Math.max(0, socket.write(answers.out, 0, written)) : 0;
          if (taken < written)
            connection.unsent = join(connection.unsent, answers.out.slice(taken, written));
        }
        // Not `slice`: of a Buffer that is a view, which would keep the whole chunk alive.
        connection.rest = new Uint8Array(bytes);
        busyNs += clock.now() - startedAt;
      },
      drain(socket) {
        const taken = Math.max(0, socket.write(socket.data.unsent));
        socket.data.unsent = socket.data.unsent.subarray(taken);
      },
    },
  });
  return {
    port: server.port,
    totals: () => ({ answered: answers.count, busyNs }),
    close: () => server.stop(true),
  };
};
