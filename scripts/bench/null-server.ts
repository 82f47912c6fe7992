/**
 * A controller that costs almost nothing: loads every model at once and answers every inference request with the same
 * bytes, as soon as it has read it. Run as a process of its own; prints its port and ends with its standard input.
 */
import { startClock, toAbsolute } from "#host/clock.ts";
import { requestFromWire, responseToWire } from "#host/wire-mapping.ts";
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import { NO_DELTA } from "#wire/clock-sync.ts";
import { encodeHead, FrameDecoder, PRE_HEADER_BYTES } from "#wire/framing.ts";
import { REQUESTS, RESPONSES } from "#wire/messages.ts";

const INFERENCE_REQUEST = 2;
/** Answers of one chunk of requests are put together here; a chunk holds no more requests than fit. */
const OUT_BYTES = 2 ** 22;

interface Connection {
  /** Bytes of a request that has not arrived whole. */
  rest: Uint8Array;
  /** What the kernel has not taken yet. */
  unsent: Uint8Array;
}

const clock = startClock();
const models: { modelId: number; path: string; inputBytes: number; outputBytes: number }[] = [];

const answer = (request: ClientRequest): ClientResponse => {
  const header = { userRequestId: request.userRequestId, status: 0, message: "" };
  if (request.kind !== "load_model") return { ...header, kind: "ls", models };
  const modelId = models.length;
  const sizes = { inputBytes: 100, outputBytes: 10 };
  for (let i = 0; i < request.copies; i++)
    models.push({ modelId: modelId + i, path: request.path, ...sizes });
  return { ...header, kind: "load_model", modelId, ...sizes, copies: request.copies };
};

const encode = (response: ClientResponse, messageId: number): Uint8Array => {
  const sendTimeNs = toAbsolute(clock, clock.now());
  return encodeHead(RESPONSES, responseToWire(response, messageId), {
    sendTimeNs,
    localDeltaNs: NO_DELTA,
  });
};

const TEMPLATE = encode(
  {
    kind: "infer",
    userRequestId: 0,
    status: 0,
    message: "",
    modelId: 0,
    batchSize: 1,
    output: null,
  },
  0,
);

const out = new Uint8Array(OUT_BYTES);
const outView = new DataView(out.buffer);

/** The answer to a request that is not for an inference: they are few. */
const answerSlowly = (frame: Uint8Array): Uint8Array => {
  const decoder = new FrameDecoder(REQUESTS);
  decoder.push(frame, 0);
  const read = decoder.next();
  if (read === null || !read.ok) throw new Error("a request cannot be read");
  const { messageId, message } = requestFromWire(read.value.frame);
  return encode(answer(message), messageId);
};

/** Answers every whole request in `bytes` into `out`; returns how much of either was used. */
const answerAll = (bytes: Uint8Array): { read: number; written: number } => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sendTimeNs = toAbsolute(clock, clock.now());
  let read = 0;
  let written = 0;
  while (bytes.length - read >= PRE_HEADER_BYTES) {
    const length = PRE_HEADER_BYTES + view.getUint32(read, true) + view.getUint32(read + 8, true);
    if (bytes.length - read < length || OUT_BYTES - written < 2 ** 16) break;
    if (view.getUint32(read + 16, true) === INFERENCE_REQUEST) {
      out.set(TEMPLATE, written);
      outView.setUint32(written + 24, view.getUint32(read + 24, true), true);
      outView.setBigUint64(written + 32, sendTimeNs, true);
      written += TEMPLATE.length;
    } else {
      const slow = answerSlowly(bytes.subarray(read, read + length));
      out.set(slow, written);
      written += slow.length;
    }
    read += length;
  }
  return { read, written };
};

const join = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  if (a.length === 0) return b;
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
};

const server = Bun.listen<Connection>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(socket) {
      socket.data = { rest: new Uint8Array(0), unsent: new Uint8Array(0) };
      socket.setNoDelay(true);
    },
    data(socket, chunk) {
      const connection = socket.data;
      let bytes = join(connection.rest, chunk);
      for (;;) {
        const { read, written } = answerAll(bytes);
        if (read === 0) break;
        bytes = bytes.subarray(read);
        const taken =
          connection.unsent.length > 0 ? 0 : Math.max(0, socket.write(out.subarray(0, written)));
        if (taken < written) connection.unsent = join(connection.unsent, out.slice(taken, written));
      }
      connection.rest = bytes.slice();
    },
    drain(socket) {
      const taken = Math.max(0, socket.write(socket.data.unsent));
      socket.data.unsent = socket.data.unsent.subarray(taken);
    },
  },
});

process.stdout.write(`${server.port}\n`);
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
