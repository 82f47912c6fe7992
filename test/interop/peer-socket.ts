/** A recorded peer's end of a connection: frames in and out of a plain socket. */
import type { Socket } from "node:net";
import { NO_DELTA } from "#wire/clock-sync.ts";
import { encodeHead, FrameDecoder } from "#wire/framing.ts";
import type { Endpoint, IncomingFrame, MessageSet, OutgoingFrame } from "#wire/messages.ts";

/** The wall clock of this machine, which ours go by, too. */
export const wallNs = (): bigint =>
  BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;

export class PeerSocket<E extends Endpoint> {
  readonly #socket: Socket;
  readonly #sends: E["sends"];
  /** Everything that came in, in order. */
  readonly received: IncomingFrame<E["receives"]>[] = [];

  constructor(
    socket: Socket,
    { receives, sends }: E,
    onFrame: (frame: IncomingFrame<E["receives"]>) => void,
  ) {
    this.#socket = socket;
    this.#sends = sends;
    const decoder = new FrameDecoder<E["receives"]>(receives);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Uint8Array) => {
      decoder.push(chunk, 0);
      for (let step = decoder.next(); step !== null; step = decoder.next()) {
        if (!step.ok) throw new Error(`ours sent an invalid message: ${step.error.message}`);
        this.received.push(step.value.frame);
        onFrame(step.value.frame);
      }
    });
  }

  /** Sends a recorded frame with some of its fields rewritten. */
  send(frame: IncomingFrame<E["sends"]>, rewritten: Readonly<Record<string, unknown>>): void {
    const fields = { ...(frame.fields as Record<string, unknown>), ...rewritten };
    const whole = { ...frame, fields, body: [frame.body] } as unknown as OutgoingFrame<MessageSet>;
    const stamps = { sendTimeNs: wallNs(), localDeltaNs: NO_DELTA };
    this.#socket.write(encodeHead<MessageSet>(this.#sends, whole, stamps));
    if (frame.body.length > 0) this.#socket.write(frame.body);
  }

  close(): void {
    this.#socket.destroy();
  }
}
