/** The lines of a text that comes in pieces, with the few liberties that spreadsheets take. */

/** A text that is read piece by piece, from the start; null after the last piece. */
export interface TextSource {
  read(): string | null;
}

/** A longer line is no row of a trace; reading on would gather the rest of the file. */
export const LINE_LENGTH_MAX = 1_000_000;

/** Lines without their ends; a byte order mark before the first is left out. */
export class TraceLines {
  readonly #source: TextSource;
  #piece = "";
  #at = 0;
  #ended = false;
  /** 1-based number of the line that `next` gave last. */
  line = 0;
  /** Whether a line was too long: nothing follows it. */
  isTooLong = false;

  constructor(source: TextSource) {
    this.#source = source;
  }

  /** The next line; null at the end, and at a line that is too long. */
  next(): string | null {
    let end = this.#piece.indexOf("\n", this.#at);
    while (end < 0 && !this.#ended) {
      this.#piece = this.#piece.slice(this.#at);
      this.#at = 0;
      if (this.#piece.length > LINE_LENGTH_MAX) {
        this.isTooLong = true;
        this.line++;
        return null;
      }
      const more = this.#source.read();
      if (more === null) this.#ended = true;
      else this.#piece += more;
      end = this.#piece.indexOf("\n");
    }
    if (end < 0 && this.#at >= this.#piece.length) return null;
    const stop = end < 0 ? this.#piece.length : end;
    const text = this.#piece.slice(this.#at, stop);
    this.#at = stop + 1;
    this.line++;
    const bare = text.endsWith("\r") ? text.slice(0, -1) : text;
    return this.line === 1 && bare.startsWith("\uFEFF") ? bare.slice(1) : bare;
  }
}
