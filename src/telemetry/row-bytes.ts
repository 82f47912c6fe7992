/** Rows of a log as bytes: the same that `encodeCells` gives as text, several times as fast. */
import { assert } from "#stdx/assert.ts";
import { InstantBytes, putBytes, putNumber, textBytes } from "#telemetry/decimal-bytes.ts";
import type { Cell } from "#telemetry/schema.ts";

const TAB = 9;
const NEWLINE = 10;
/** Longer than any number that a double or an uint64 prints as. */
const CELL_BYTES_MAX = 25;

/** For logs whose cells are numbers. */
export class RowBytes<Row> {
  /** No row is longer, its newline included. */
  readonly bytesMax: number;
  readonly #cells: readonly Cell<Row>[];
  readonly #epochNs: bigint;
  readonly #instants: InstantBytes;

  constructor(cells: readonly Cell<Row>[], epochNs: bigint) {
    this.bytesMax = cells.length * (CELL_BYTES_MAX + 1);
    this.#cells = cells;
    this.#epochNs = epochNs;
    this.#instants = new InstantBytes(epochNs);
  }

  /** Writes a row with its newline at `offset`, where there is room for it, and returns where it ends. */
  put(row: Row, target: Uint8Array, offset: number): number {
    let at = offset;
    for (const cell of this.#cells) {
      if (cell.instant === undefined) at = this.#putValue(cell(row, this.#epochNs), target, at);
      else at = this.#instants.put(target, at, cell.instant(row));
      target[at++] = TAB;
    }
    target[at - 1] = NEWLINE;
    return at;
  }

  #putValue(value: string | number, target: Uint8Array, offset: number): number {
    if (typeof value === "number") return putNumber(target, offset, value);
    const text = textBytes(value);
    assert(text.length <= CELL_BYTES_MAX, `a number takes ${text.length} bytes: ${value}`);
    return putBytes(target, offset, text);
  }
}
