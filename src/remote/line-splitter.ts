/** Cuts a stream of bytes into whole lines, so that two streams can share a file without tearing each other's lines. */

/** Longer lines of output are passed on in pieces of this many characters. */
const LINE_LENGTH_MAX = 64 * 1024;

/** Feeds decoded lines to a callback; a final line without newline is passed on at `end`. */
export class LineSplitter {
  readonly #onLine: (text: string) => void;
  readonly #lengthMax: number;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(onLine: (text: string) => void, lengthMax: number = LINE_LENGTH_MAX) {
    this.#onLine = onLine;
    this.#lengthMax = lengthMax;
  }

  push(chunk: Uint8Array): void {
    this.#rest += this.#decoder.decode(chunk, { stream: true });
    for (let at = this.#rest.indexOf("\n"); at >= 0; at = this.#rest.indexOf("\n")) {
      const line = this.#rest.slice(0, at);
      this.#rest = this.#rest.slice(at + 1);
      this.#emit(line);
    }
    while (this.#rest.length > this.#lengthMax) {
      this.#onLine(this.#rest.slice(0, this.#lengthMax));
      this.#rest = this.#rest.slice(this.#lengthMax);
    }
  }

  end(): void {
    this.#rest += this.#decoder.decode();
    if (this.#rest !== "") this.#emit(this.#rest);
    this.#rest = "";
  }

  #emit(line: string): void {
    let rest = line;
    while (rest.length > this.#lengthMax) {
      this.#onLine(rest.slice(0, this.#lengthMax));
      rest = rest.slice(this.#lengthMax);
    }
    this.#onLine(rest);
  }
}
