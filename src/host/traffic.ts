/** What went over the controller's worker links, counted as the original counts it. */

/** Bytes of a message that the original's statistics count beside its body. */
const COUNTED_HEAD_BYTES = 48;

/** Messages and bytes of the worker links since the last line about them. */
export class Traffic {
  #sentBytes = 0;
  #sentMessages = 0;
  #receivedBytes = 0;
  #receivedMessages = 0;

  sent(bodyBytes: number): void {
    this.#sentMessages += 1;
    this.#sentBytes += COUNTED_HEAD_BYTES + bodyBytes;
  }

  received(bodyBytes: number): void {
    this.#receivedMessages += 1;
    this.#receivedBytes += COUNTED_HEAD_BYTES + bodyBytes;
  }

  takeLine(seconds: number): string {
    const flow = (bytes: number, messages: number): string =>
      `${(bytes / 2 ** 20 / seconds).toFixed(1)}MB/s (${Math.floor(messages / seconds)} msgs)`;
    const line =
      `Network->Workers: ${flow(this.#sentBytes, this.#sentMessages)} snd,` +
      ` ${flow(this.#receivedBytes, this.#receivedMessages)} rcv, `;
    this.#sentBytes = 0;
    this.#sentMessages = 0;
    this.#receivedBytes = 0;
    this.#receivedMessages = 0;
    return line;
  }
}
